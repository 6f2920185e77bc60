// SPDX-License-Identifier: BSL-1.0
#include "contract/contract.hpp"
#include "penstock/ops/filter.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/sinks/sink.hpp"

using namespace penstock::test;

// Operators that pass elements on one by one, in the emit that brought them.

namespace {

constexpr auto even = [](const auto& x) { return x.value() % 2 == 0; };

/// What holds for all that passes elements on at once, alone or left out.
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
