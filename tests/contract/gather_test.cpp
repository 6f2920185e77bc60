// SPDX-License-Identifier: BSL-1.0
#include <chrono>
#include <vector>

#include "contract/contract.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/ops/pairwise.hpp"
#include "penstock/ops/partition.hpp"
#include "penstock/ops/partition_unique.hpp"
#include "penstock/ops/sliding_window.hpp"
#include "penstock/ops/timed_window_unique.hpp"
#include "penstock/ops/unique.hpp"

using namespace penstock;
using namespace penstock::test;
using namespace std::chrono_literals;

// Operators that make one element of several, or remember elements.

namespace {

constexpr auto number = [](const auto& x) { return x.value(); };
constexpr auto parity = [](const auto& x) { return x.value() % 2; };

// Views are looked at by making vectors of them.
constexpr auto values = [](auto view) { return std::vector(view.begin(), view.end()); };

Contract behind_map(Contract contract) {
  contract.claims.copies = 1;
  return contract.without(Check::counters, "the counters that are looked at are the map's");
}

Contract gathers(Contract contract, std::size_t bound) {
  contract.claims.gathers = true;
  contract.claims.bound = bound;
  contract.claims.moves = 4;
  return contract;
}

}  // namespace

CONTRACT(partition) {
  return gathers(Contract{"partition", [](auto& s) { return s.source().partition(3); }}, 3)
      .without(Check::function_throws, "takes no function");
}
CONTRACT(partition_key) {
  return gathers(Contract{"partition key", [](auto& s) { return s.source().partition(2, s.calls(parity)); }},
                 3);
}
CONTRACT(partition_timeout) {
  Contract contract =
      gathers(Contract{"partition timeout", [](auto& s) { return s.source().partition(3, 2ms); }}, 7);
  contract.claims.needs_loop = true;
  return contract.without(Check::function_throws, "takes no function");
}
CONTRACT(partition_view) {
  const auto wire = [](auto& s) { return s.source().partition(3, as_view).map(values); };
  return behind_map(gathers(Contract{"partition as_view", wire, Contract::copyable}, 3))
      .without(Check::function_throws, "takes no function");
}
CONTRACT(partition_view_key) {
  const auto wire = [](auto& s) { return s.source().partition(2, as_view, s.calls(parity)).map(values); };
  return behind_map(gathers(Contract{"partition as_view key", wire, Contract::copyable}, 3));
}
CONTRACT(partition_unique) {
  Contract contract = gathers(
      Contract{"partition_unique", [](auto& s) { return s.source().partition_unique(3, s.calls(number)); }},
      3);
  contract.claims.moves = 5;
  return contract;
}
CONTRACT(sliding_window) {
  Contract contract = gathers(
      Contract{"sliding_window", [](auto& s) { return s.source().sliding_window(3); }, Contract::copyable},
      3);
  return contract.without(Check::function_throws, "takes no function");
}
CONTRACT(sliding_window_view) {
  const auto wire = [](auto& s) { return s.source().sliding_window(3, as_view).map(values); };
  Contract contract = behind_map(gathers(Contract{"sliding_window as_view", wire, Contract::copyable}, 3));
  contract.claims.copies = 3;
  return contract.without(Check::function_throws, "takes no function");
}
CONTRACT(pairwise) {
  Contract contract =
      gathers(Contract{"pairwise", [](auto& s) { return s.source().pairwise(); }, Contract::copyable}, 2);
  contract.claims.copies = 1;
  return contract.without(Check::function_throws, "takes no function");
}
CONTRACT(timed_window_unique) {
  Contract contract =
      gathers(Contract{"timed_window_unique",
                       [](auto& s) { return s.source().timed_window_unique(3ms, s.calls(number)); }},
              200);
  contract.claims.needs_loop = true;
  contract.claims.step = 1ms;
  contract.claims.moves = 5;  // one more into the table of keys
  return contract;
}
CONTRACT(unique) {
  Contract contract{"unique", [](auto& s) { return s.source().unique(s.calls(number)); }};
  contract.claims.moves = 0;
  return contract;
}
