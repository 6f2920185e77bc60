// SPDX-License-Identifier: BSL-1.0
#include "catch.hpp"

#include <memory>
#include <optional>

#include <penstock/core.hpp>

using namespace penstock;

// Streamz keeps every sink in a global set until it is destroyed; here nobody but the graph and the handles does.
TEST_CASE("row 132 a sink that was destroyed is kept by nobody but its handle") {
  const auto token = std::make_shared<int>(0);
  const Stream<int> source;
  std::optional<Sink> sink = source.sink([token](int x) { *token += x; });
  source.emit(1);
  CHECK(*token == 1);
  CHECK(token.use_count() == 2);
  sink->destroy();
  source.emit(2);
  CHECK(*token == 1);
  sink.reset();
  CHECK(token.use_count() == 1);
  source.emit(3);
  CHECK(*token == 1);
}

TEST_CASE("row 132 a sink lives as long as its graph where nobody destroys it") {
  const auto token = std::make_shared<int>(0);
  {
    const Stream<int> source;
    source.sink([token](int x) { *token += x; });
    source.emit(1);
    CHECK(token.use_count() == 2);
  }
  CHECK(*token == 1);
  CHECK(token.use_count() == 1);
}
