// SPDX-License-Identifier: BSL-1.0
#include <memory>
#include <stdexcept>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"

using namespace penstock;

TEST_CASE("take passes on the first n") {
  for (const std::size_t n : {std::size_t{0}, std::size_t{2}, std::size_t{9}}) {
    Stream<int> source;
    std::vector<int> out;
    source.take(n).sink([&](int x) { out.push_back(x); });
    std::vector<int> expected;
    for (int i = 0; i < 4; ++i) {
      source.emit(i);
      if (expected.size() < n) expected.push_back(i);
    }
    REQUIRE(out == expected);
  }
}

TEST_CASE("take leaves out as done, and moves what it passes on") {
  Stream<std::unique_ptr<int>> source;
  std::vector<int> out;
  int done = 0;
  const auto first = source.take(1).stream();
  first.sink([&](std::unique_ptr<int> x) { out.push_back(*x); });
  for (int i = 0; i < 3; ++i) {
    source.emit(std::make_unique<int>(i),
                Context{Ref([&](const Ending& end) { done += end.outcome == Outcome::done ? 1 : 0; })});
  }
  REQUIRE(out == std::vector{0});
  REQUIRE(done == 3);
  REQUIRE(first.info().left_out.get() == 2);
  REQUIRE(first.info().detail == "1");
}

TEST_CASE("take_while passes on until the predicate fails, and nothing afterwards") {
  Stream<int> source;
  std::vector<int> out;
  int calls = 0;
  const auto below = [&](int x, int limit) {
    ++calls;
    return x < limit;
  };
  source.take_while(below, 3).sink([&](int x) { out.push_back(x); });
  for (const int x : {1, 2, 5, 1, 0}) source.emit(x);
  REQUIRE(out == std::vector{1, 2});
  REQUIRE(calls == 3);
}

TEST_CASE("take_while goes on after a predicate that threw") {
  Stream<int> source;
  std::vector<int> out;
  source
      .take_while([](int x) {
        if (x == 0) throw std::runtime_error("zero");
        return x < 3;
      })
      .sink([&](int x) { out.push_back(x); });
  source.emit(1);
  REQUIRE_THROWS_AS(source.emit(0), std::runtime_error);
  source.emit(2);
  source.emit(3);
  source.emit(1);
  REQUIRE(out == std::vector{1, 2});
}
