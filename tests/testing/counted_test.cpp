// SPDX-License-Identifier: BSL-1.0
#include "penstock/testing/counted.hpp"

#include <optional>
#include <stdexcept>
#include <unordered_set>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/sinks/sink.hpp"

using namespace penstock;
using namespace penstock::testing;

TEST_CASE("Counted counts what is made, copied and moved") {
  Counted::reset();
  REQUIRE(Counted::counts().alive == 0);
  {
    Counted a{1};
    Counted b = a;
    Counted c = std::move(a);
    b = c;
    b = std::move(c);
    REQUIRE(Counted::counts().made == 1);
    REQUIRE(Counted::counts().copies == 2);
    REQUIRE(Counted::counts().moves == 2);
    REQUIRE(Counted::counts().alive == 1);
    REQUIRE(b.value() == 1);
    REQUIRE_THROWS_AS(a.value(), std::logic_error);
  }
  REQUIRE(Counted::counts().alive == 0);
}

TEST_CASE("Counted starts anew at reset and keeps what is alive") {
  std::optional<Counted> kept{Counted{3}};
  Counted::reset();
  REQUIRE(Counted::counts().moves == 0);
  REQUIRE(Counted::counts().alive == 1);
  kept.reset();
  REQUIRE(Counted::counts().alive == 0);
}

TEST_CASE("MoveOnly has counters of its own and cannot be copied") {
  Counted::reset();
  MoveOnly::reset();
  std::vector<MoveOnly> numbers;
  numbers.emplace_back(1);
  REQUIRE(MoveOnly::counts().made == 1);
  REQUIRE(Counted::counts().made == 0);
  STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<MoveOnly>);
}

TEST_CASE("Counted can be a key") {
  std::unordered_set<Counted> seen;
  seen.emplace(1);
  REQUIRE(seen.count(Counted{1}) == 1);
  REQUIRE(seen.count(Counted{2}) == 0);
}

TEST_CASE("an element of two branches is copied for neither when both only look at it") {
  Counted::reset();
  Stream<Counted> source;
  std::int64_t sum = 0;
  source.sink([&](const Counted& c) { sum += c.value(); });
  source.sink([&](const Counted& c) { sum += c.value(); });
  source.emit(Counted{5});
  REQUIRE(sum == 10);
  REQUIRE(Counted::counts().copies == 0);
}
