// SPDX-License-Identifier: BSL-1.0
#include <utility>
#include <vector>

#include "contract/contract.hpp"
#include "penstock/ops/combine_latest_all.hpp"
#include "penstock/ops/zip_all.hpp"

using namespace penstock;
using namespace penstock::test;

// Operators with a number of inputs that changes.

namespace {

template <class S>
auto both(S& stage) {
  return std::vector{stage.source(0).stream(), stage.source(1).stream()};
}

}  // namespace

CONTRACT(zip_all) {
  Contract contract{"zip_all", [](auto& s) { return zip_all(both(s), ZipOptions{.maxsize = 3}); }};
  contract.claims.inputs = 2;
  contract.claims.bound = 2;
  contract.claims.moves = 3;
  return contract.without(Check::function_throws, "takes no function");
}
CONTRACT(combine_latest_all) {
  Contract contract{"combine_latest_all", [](auto& s) { return combine_latest_all(both(s)); }, Contract::copyable};
  contract.claims.inputs = 2;
  contract.claims.bound = 3;
  contract.claims.copies = 3;
  contract.claims.moves = 2;
  return contract.without(Check::function_throws, "takes no function");
}
