// SPDX-License-Identifier: BSL-1.0
#include "property/random_graph.hpp"

#include "catch.hpp"

using namespace penstock::test;

// Replay one with PENSTOCK_SEED=n. Seed 0 would be first in, first out.
TEST_CASE("random graphs do what the model says, lose nothing, and do it again") {
  REQUIRE_NOTHROW(run_seeds(1, 10'000));
}
