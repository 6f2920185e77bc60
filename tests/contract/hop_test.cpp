// SPDX-License-Identifier: BSL-1.0
#include "contract/contract.hpp"
#include "penstock/ops/hop.hpp"

using namespace penstock;
using namespace penstock::test;

// The operator that leads into another graph, here on the same loop.

CONTRACT(hop) {
  Contract contract{"hop", [](auto& s) { return s.source().hop(s.loop(), {.bound = 3}); }};
  contract.claims.needs_loop = true;
  contract.claims.unnamed = true;  // the Refs stay at home
  contract.claims.bound = 5;
  contract.claims.moves = 6;
  return contract.without(Check::function_throws, "takes no function")
      .without(Check::metadata, "the Refs stay at home")
      .without(Check::barrier, "a checkpoint is one graph's")
      .without(Check::restored, "a checkpoint is one graph's")
      .without(Check::resaved, "a checkpoint is one graph's");
}
