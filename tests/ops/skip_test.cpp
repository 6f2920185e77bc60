// SPDX-License-Identifier: BSL-1.0
#include <memory>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"

using namespace penstock;

TEST_CASE("skip leaves out the first n") {
  for (int n = 0; n < 6; ++n) {
    Stream<int> source;
    std::vector<int> out;
    source.skip(static_cast<std::size_t>(n)).sink([&](int x) { out.push_back(x); });
    std::vector<int> expected;
    for (int i = 0; i < 4; ++i) {
      source.emit(i);
      if (i >= n) expected.push_back(i);
    }
    REQUIRE(out == expected);
  }
}

TEST_CASE("skip leaves out as done, and moves what it passes on") {
  Stream<std::unique_ptr<int>> source;
  std::vector<int> out;
  int done = 0;
  const auto rest = source.skip(2).stream();
  rest.sink([&](std::unique_ptr<int> x) { out.push_back(*x); });
  for (int i = 0; i < 3; ++i) {
    source.emit(std::make_unique<int>(i),
                Context{Ref([&](const Ending& end) { done += end.outcome == Outcome::done ? 1 : 0; })});
  }
  REQUIRE(out == std::vector{2});
  REQUIRE(done == 3);
  REQUIRE(rest.info().left_out.get() == 2);
  REQUIRE(rest.info().detail == "2");
}
