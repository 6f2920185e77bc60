// SPDX-License-Identifier: BSL-1.0
#include "penstock/testing/marbles.hpp"

#include <chrono>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "catch.hpp"
#include "penstock/ops/filter.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/testing/probe.hpp"
#include "penstock/testing/scripted_sink.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace penstock;
using namespace penstock::testing;
using namespace std::chrono_literals;
using penstock::test::containing;

TEST_CASE("marbles plays one character a tick") {
  VirtualLoop loop;
  auto source = marbles(loop, "1-2--3|");
  Probe probe{source};
  loop.run();
  REQUIRE(probe.values() == std::vector{1, 2, 3});
  REQUIRE(probe.times() == std::vector<Duration>{0ms, 2ms, 5ms});
  REQUIRE(probe.ended());
  REQUIRE(loop.now() == TimePoint{6ms});
}

TEST_CASE("marbles takes names for values and another tick") {
  VirtualLoop loop;
  loop.run_for(3ms);
  auto source = marbles<std::string>(loop, "-a-b", {{'a', "one"}, {'b', "two"}}, 10ms);
  Probe probe{source};
  loop.run();
  REQUIRE(probe.values() == std::vector<std::string>{"one", "two"});
  REQUIRE(probe.times() == std::vector<Duration>{13ms, 33ms});
  REQUIRE_FALSE(probe.ended());
}

TEST_CASE("the doc comments of map and filter as marbles") {
  VirtualLoop loop;
  auto source = marbles(loop, "-1-2-3-|");
  Marbles tens{source.map([](int x) { return x * 10; }).stream(), {{'a', 10}, {'b', 20}, {'c', 30}}};
  Marbles even{source.filter([](int x) { return x % 2 == 0; }).stream()};
  loop.run();
  REQUIRE(tens.text() == "-a-b-c-|");
  REQUIRE(even.text() == "---2---|");
}

TEST_CASE("elements of several characters push what follows to the right") {
  VirtualLoop loop;
  auto source = marbles(loop, "-12---3|");
  Marbles out{source.map([](int x) { return std::vector<int>(static_cast<std::size_t>(x), x); }).stream()};
  loop.run();
  REQUIRE_NOTHROW(out.expect("-122--333|"));
}

TEST_CASE("tuples are written as their members") {
  VirtualLoop loop;
  auto source = marbles(loop, "-1");
  Marbles out{source.map([](int x) { return std::tuple{x, 'b', 0.5, std::string{"s"}}; }).stream()};
  loop.run();
  REQUIRE(out.text() == "-1b0.5s");
}

TEST_CASE("a failure is a # in its column, and the source goes on") {
  VirtualLoop loop;
  auto source = marbles(loop, "-1-2-#-3");
  Marbles out{source.map([](int x) { return x == 2 ? throw std::runtime_error("two") : x; }).stream()};
  loop.run();
  REQUIRE(out.text() == "-1-#-#-3");
}

TEST_CASE("an element that waits makes those behind it late") {
  VirtualLoop loop;
  auto source = marbles(loop, "12---3");
  Marbles out{source};
  ScriptedSink<int> slow{source, {.takes = 3ms}};
  loop.run();
  REQUIRE(out.text() == "1--2--3");
}

TEST_CASE("a difference shows what was expected above what came") {
  VirtualLoop loop;
  auto source = marbles(loop, "-1-2-|");
  Marbles out{source};
  loop.run();
  REQUIRE_NOTHROW(out.expect("-1-2-|---"));
  REQUIRE_THROWS_AS(out.expect("-1-3-|"), MarblesDiffer);
  REQUIRE_THROWS_WITH(out.expect("-1-3-|"), containing("expected  -1-3-|\n     got  -1-2-|"));
}

TEST_CASE("a character that stands for nothing is refused when the source is made") {
  VirtualLoop loop;
  REQUIRE_THROWS_WITH(marbles(loop, "-x-"), containing("'x' stands for nothing"));
}
