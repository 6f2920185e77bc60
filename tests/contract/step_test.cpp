// SPDX-License-Identifier: BSL-1.0
#include <tuple>
#include <utility>

#include "contract/contract.hpp"
#include "penstock/ops/filter.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/ops/skip.hpp"
#include "penstock/ops/slice.hpp"
#include "penstock/ops/starmap.hpp"
#include "penstock/ops/take.hpp"
#include "penstock/ops/tap.hpp"
#include "penstock/ops/tee.hpp"
#include "penstock/sinks/sink.hpp"

using namespace penstock;
using namespace penstock::test;

// Operators that pass elements on one by one, in the emit that brought them.

namespace {

constexpr auto even = [](const auto& x) { return x.value() % 2 == 0; };

constexpr const char* no_function = "takes no function";

/// What holds for all that leaves elements out and changes none.
Contract selects(Contract contract) {
  contract.claims.leaves_out = true;
  contract.claims.moves = 0;
  return contract;
}

}  // namespace

CONTRACT(map) {
  return Contract{"map", [](auto& s) { return s.source().map(s.calls(same)); }};
}
CONTRACT(filter) {
  return selects(Contract{"filter", [](auto& s) { return s.source().filter(s.calls(even)); }});
}
CONTRACT(remove) {
  const auto odd = [](const auto& x) { return x.value() % 2 == 1; };
  return selects(Contract{"remove", [odd](auto& s) { return s.source().remove(s.calls(odd)); }});
}
CONTRACT(starmap) {
  const auto pair = [](auto&& x) { return std::tuple{std::forward<decltype(x)>(x), 0}; };
  const auto first = [](auto&& x, int) { return std::forward<decltype(x)>(x); };
  Contract contract{"starmap", [=](auto& s) { return s.source().map(pair).starmap(s.calls(first)); }};
  contract.claims.moves = 2;            // one is map's
  contract.claims.counts_input = false;  // behind map it takes what map makes
  return contract;
}
CONTRACT(tap) {
  Contract contract{"tap", [](auto& s) { return s.source().tap(s.calls([](const auto&) {})); }};
  contract.claims.moves = 0;
  return contract;
}
CONTRACT(tee) {
  Contract contract{"tee", [](auto& s) {
                      const auto ignore = [](const auto&) {};
                      const auto rest = [ignore](auto branch) { return branch.filter(even).sink(ignore); };
                      return s.source().tee([f = s.calls(ignore)](auto branch) { return branch.sink(f); },
                                            rest);
                    }};
  contract.claims.moves = 0;
  return contract;
}
CONTRACT(slice) {
  return selects(Contract{"slice", [](auto& s) { return s.source().slice(1, 1000, 2); }})
      .without(Check::function_throws, no_function);
}
CONTRACT(take) {
  return selects(Contract{"take", [](auto& s) { return s.source().take(11); }})
      .without(Check::function_throws, no_function);
}
CONTRACT(take_while) {
  const auto early = [](const auto& x) { return x.value() < 35; };
  return selects(Contract{"take_while", [early](auto& s) { return s.source().take_while(s.calls(early)); }});
}
CONTRACT(skip) {
  return selects(Contract{"skip", [](auto& s) { return s.source().skip(2); }})
      .without(Check::function_throws, no_function);
}
