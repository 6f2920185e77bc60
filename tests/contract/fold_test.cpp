// SPDX-License-Identifier: BSL-1.0
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "contract/contract.hpp"
#include "penstock/ops/accumulate.hpp"
#include "penstock/ops/collect.hpp"
#include "penstock/ops/filter.hpp"
#include "penstock/ops/flatten.hpp"
#include "penstock/ops/frequencies.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/ops/pluck.hpp"

using namespace penstock;
using namespace penstock::test;

// Operators that fold and collect elements, and that take them apart.

namespace {

constexpr auto add = [](std::int64_t sum, const auto& x) { return sum + x.value(); };
constexpr const char* no_function = "takes no function";
constexpr const char* emits_numbers = "emits numbers of its own";

}  // namespace

CONTRACT(accumulate) {
  Contract contract{"accumulate", [](auto& s) { return s.source().accumulate(s.calls(add), std::int64_t{0}); }};
  contract.claims.moves = 0;
  return contract.without(Check::metadata, emits_numbers);
}
CONTRACT(accumulate_list) {
  // The state is all elements so far: one that is not as before a throw would be seen.
  const auto append = [](const std::vector<Counted>& before, const Counted& x) {
    std::vector<Counted> after = before;
    after.push_back(x);
    return after;
  };
  const auto wire = [append](auto& s) { return s.source().accumulate(s.calls(append), std::vector<Counted>{}); };
  Contract contract{"accumulate list", wire, Contract::copyable};
  return contract.without(Check::metadata, "emits the state").without(Check::budget, "the function copies the state");
}
CONTRACT(scan) {
  Contract contract{"scan", [](auto& s) { return s.source().scan(s.calls(add), std::int64_t{0}); }};
  contract.claims.moves = 0;
  return contract.without(Check::metadata, emits_numbers);
}
CONTRACT(frequencies) {
  Contract contract{"frequencies", [](auto& s) { return s.source().frequencies(); }, Contract::copyable};
  contract.claims.copies = 1;  // of an element that has not come before
  return contract.without(Check::function_throws, no_function).without(Check::metadata, emits_numbers);
}
CONTRACT(pluck) {
  const auto pair = [](auto&& x) { return std::tuple{std::forward<decltype(x)>(x), 0}; };
  Contract contract{"pluck", [pair](auto& s) { return s.source().map(pair).template pluck<0>(); }};
  contract.claims.moves = 2;             // one is map's
  contract.claims.counts_input = false;  // behind map it takes what map makes
  return contract.without(Check::function_throws, no_function);
}
CONTRACT(flatten) {
  const auto twice = [](const auto& x) {
    std::vector<std::remove_cvref_t<decltype(x)>> both;
    both.reserve(2);
    both.emplace_back(x.value());
    both.emplace_back(x.value());
    return both;
  };
  Contract contract{"flatten", [twice](auto& s) { return s.source().map(twice).flatten(); }};
  contract.claims.unnamed = true;  // the Refs go with the last item
  contract.claims.moves = 2;
  return contract.without(Check::function_throws, no_function);
}
CONTRACT(collect) {
  const auto third = [](const auto& x) { return x.value() % 3 == 2; };
  const auto wire = [third](auto& s) {
    auto collected = s.source().collect();
    return collected.flush_on(s.source().filter(third));
  };
  Contract contract{"collect", wire, Contract::copyable};
  contract.claims.gathers = true;
  contract.claims.bound = 3;
  contract.claims.copies = 1;  // what flushes is a branch beside it
  contract.claims.moves = 3;
  return contract.without(Check::function_throws, no_function);
}
