// SPDX-License-Identifier: BSL-1.0
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"

using namespace penstock;

namespace {

/// What a slice of 0, 1, 2 ... lets through.
template <class Operator>
std::vector<int> of_first(int count, Operator op) {
  Stream<int> source;
  std::vector<int> out;
  (source | op).sink([&](int x) { out.push_back(x); });
  for (int i = 0; i < count; ++i) source.emit(i);
  return out;
}

}  // namespace

TEST_CASE("row 55: slice takes a start, an end and a step") {
  REQUIRE(of_first(6, slice()) == std::vector{0, 1, 2, 3, 4, 5});
  REQUIRE(of_first(6, slice(std::nullopt, std::nullopt, std::nullopt)) == std::vector{0, 1, 2, 3, 4, 5});
  REQUIRE(of_first(6, slice(1)) == std::vector{1, 2, 3, 4, 5});
  REQUIRE(of_first(6, slice(std::nullopt, 4)) == std::vector{0, 1, 2, 3});
  REQUIRE(of_first(6, slice(std::nullopt, 4, 2)) == std::vector{0, 2});
  REQUIRE(of_first(6, slice(3, 1)).empty());
}

TEST_CASE("row 56: slice refuses what is negative, and a step of 0, when it is written") {
  REQUIRE_THROWS_AS(slice(Slice{.end = -1}), std::invalid_argument);
  REQUIRE_THROWS_AS(slice(-1), std::invalid_argument);
  REQUIRE_THROWS_AS(slice(0, 4, -2), std::invalid_argument);
  REQUIRE_THROWS_WITH(slice(0, 4, 0), penstock::test::containing("slice: step must be at least 1, not 0"));
  REQUIRE_THROWS_WITH(Stream<int>().slice({.end = -1}),
                      penstock::test::containing("slice: end must be at least 0, not -1"));
}

TEST_CASE("D10: slice counts the step from the start, and an end of 0 lets nothing pass") {
  // Streamz counts the phase from 0, which gives 2, 4, 6 for the first case, and takes an end of 0 for no
  // end.
  REQUIRE(of_first(8, slice(1, std::nullopt, 2)) == std::vector{1, 3, 5, 7});
  REQUIRE(of_first(8, slice(3, std::nullopt, 2)) == std::vector{3, 5, 7});
  REQUIRE(of_first(6, slice(Slice{.end = 0})).empty());
}

TEST_CASE("slice does what a slice of a list does") {
  for (int start = 0; start < 6; ++start) {
    for (int end = 0; end < 8; ++end) {
      for (int step = 1; step < 5; ++step) {
        std::vector<int> expected;
        for (int i = start; i < end && i < 7; i += step) expected.push_back(i);
        REQUIRE(of_first(7, slice(start, end, step)) == expected);
      }
    }
  }
}

TEST_CASE("slice is written in three ways") {
  Stream<int> source;
  std::vector<int> braces;
  std::vector<int> named;
  std::vector<int> numbers;
  source.slice({.start = 1, .step = 2}).sink([&](int x) { braces.push_back(x); });
  source.slice(Slice{.start = 1, .step = 2}).sink([&](int x) { named.push_back(x); });
  source.slice(1, std::optional<std::int64_t>(), 2).sink([&](int x) { numbers.push_back(x); });
  for (int i = 0; i < 6; ++i) source.emit(i);
  REQUIRE(braces == std::vector{1, 3, 5});
  REQUIRE(named == braces);
  REQUIRE(numbers == braces);
}

TEST_CASE("slice survives steps that lead beyond every position") {
  REQUIRE(of_first(5, slice(1, std::nullopt, std::int64_t{1} << 62)) == std::vector{1});
  REQUIRE(of_first(3, slice(std::numeric_limits<std::int64_t>::max())).empty());
}

TEST_CASE("slice leaves elements out as done and passes the others on with their Refs") {
  Stream<std::unique_ptr<int>> source;
  std::vector<int> passed;
  std::vector<Outcome> ends;
  const auto sliced = source.slice(1, 2).stream();
  sliced.sink([&](const std::unique_ptr<int>& x) { passed.push_back(*x); });
  for (int i = 0; i < 4; ++i) {
    source.emit(std::make_unique<int>(i),
                Context{Ref([&](const Ending& end) { ends.push_back(end.outcome); })});
  }
  REQUIRE(passed == std::vector{1});
  REQUIRE(ends == std::vector<Outcome>(4, Outcome::done));
  REQUIRE(sliced.info().left_out.get() == 3);
}

TEST_CASE("slice shows its bounds") {
  Stream<int> source;
  REQUIRE(source.slice(1, 4, 2).stream().info().detail == "1:4:2");
  REQUIRE(source.slice().stream().info().detail == ":");
}

TEST_CASE("slice can be kept and used for several streams, each with positions of its own") {
  const auto second = slice(1, 2);
  REQUIRE(of_first(3, second) == std::vector{1});
  REQUIRE(of_first(3, second) == std::vector{1});
}
