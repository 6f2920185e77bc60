// SPDX-License-Identifier: BSL-1.0
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"

using namespace penstock;

namespace {

bool even(int x) { return x % 2 == 0; }
bool divisible(int x, int n) { return x % n == 0; }

template <class Build>
std::vector<int> zero_to_nine(Build build) {
  Stream<int> source;
  std::vector<int> out;
  build(source).sink_to_vector(out);
  for (int i = 0; i < 10; ++i) source.emit(i);
  return out;
}

}  // namespace

TEST_CASE("row 5: filter passes on what its predicate accepts") {
  REQUIRE(zero_to_nine([](auto& s) { return s.filter(even); }) == std::vector{0, 2, 4, 6, 8});
}

TEST_CASE("row 6, row 7: filter binds further arguments") {
  REQUIRE(zero_to_nine([](auto& s) { return s.filter(divisible, 2); }) == std::vector{0, 2, 4, 6, 8});
}

TEST_CASE("row 8: filter without a predicate passes on what is true by itself") {
  REQUIRE(zero_to_nine([](auto& s) { return s.map([](int x) { return x % 3; }).filter(); }) ==
          std::vector{1, 2, 1, 2, 1, 2});

  Stream<std::optional<int>> maybe;
  std::vector<int> there;
  maybe.filter().map([](const std::optional<int>& x) { return *x; }).sink_to_vector(there);
  maybe.emit(1);
  maybe.emit(std::nullopt);
  maybe.emit(0);
  REQUIRE(there == std::vector{1, 0});
}

TEST_CASE("row 12: remove passes on what its predicate rejects") {
  REQUIRE(zero_to_nine([](auto& s) { return s.remove(even); }) == std::vector{1, 3, 5, 7, 9});
}

TEST_CASE("an element that filter leaves out is done, one whose predicate throws has failed") {
  Stream<int> source;
  std::vector<int> out;
  source
      .filter([](int x) {
        if (x < 0) throw std::invalid_argument("negative");
        return even(x);
      })
      .sink_to_vector(out);
  std::vector<Outcome> ends;
  const auto tell = [&](const Ending& ending) { ends.push_back(ending.outcome); };
  source.emit(2, Ref{tell});
  source.emit(3, Ref{tell});
  REQUIRE_THROWS_AS(source.emit(-1, Ref{tell}), std::invalid_argument);
  source.emit(4, Ref{tell});
  REQUIRE(ends == std::vector{Outcome::done, Outcome::done, Outcome::failed, Outcome::done});
  REQUIRE(out == std::vector{2, 4});
}

TEST_CASE("filter passes on elements that can only be moved") {
  Stream<std::unique_ptr<int>> source;
  std::vector<int> out;
  source.filter([](const std::unique_ptr<int>& p) { return *p > 1; })
      .map([](std::unique_ptr<int> p) { return *p; })
      .sink_to_vector(out);
  source.emit(std::make_unique<int>(1));
  source.emit(std::make_unique<int>(2));
  REQUIRE(out == std::vector{2});
}
