// SPDX-License-Identifier: BSL-1.0
#include "penstock/ops/debounce.hpp"

#include <chrono>
#include <cstdint>
#include <vector>

#include "catch.hpp"
#include "penstock/testing/ledger.hpp"
#include "penstock/testing/marbles.hpp"
#include "penstock/testing/probe.hpp"
#include "penstock/testing/scripted_sink.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace penstock;
using namespace penstock::testing;
using namespace std::chrono_literals;
using penstock::test::containing;
using Ids = std::vector<Ledger::Id>;

TEST_CASE("debounce emits the last element of every burst") {
  VirtualLoop loop{GENERATE(std::uint64_t{0}, 1, 2, 3)};
  auto source = marbles(loop, "-123------4-----|");
  Marbles out{source.debounce(3ms)};
  loop.run();
  REQUIRE_NOTHROW(out.expect("------3------4--|"));
}

TEST_CASE("debounce measures the quiet time from the last element, to the nanosecond") {
  VirtualLoop loop;
  Stream<int> source{loop};
  Probe out{source.debounce(5ms)};
  for (int i = 0; i < 4; ++i) {
    source.emit(i);
    loop.run_for(4999999ns);
  }
  loop.run();
  REQUIRE(out.values() == std::vector{3});
  REQUIRE(out.times() == std::vector<Duration>{3 * 4999999ns + 5ms});
}

TEST_CASE("debounce emits what it holds at the end, at once") {
  VirtualLoop loop;
  auto source = marbles(loop, "-12|");
  Marbles out{source.debounce(100ms)};
  loop.run();
  REQUIRE_NOTHROW(out.expect("---2|"));
}

TEST_CASE("debounce drops what is followed too soon, and keeps the newest while what is behind is busy") {
  VirtualLoop loop;
  Stream<int> source{loop};
  Ledger ledger;
  auto quiet = source.debounce(2ms);
  ScriptedSink<int> slow{quiet, {.takes = 10ms, .ledger = ledger}};
  for (int i = 0; i < 4; ++i) {
    source.emit(i, ledger.issue(i));
    loop.run_for(3ms);
  }
  loop.run();
  // 0 goes at 2 and takes until 12; 1 and 2 are quiet enough but replaced; 3 came at 9 and goes at 12.
  REQUIRE(slow.completed() == std::vector{0, 3});
  REQUIRE(ledger.dropped() == Ids{1, 2});
  REQUIRE(quiet.stream().info().dropped.get() == 2);
  REQUIRE(loop.now() == TimePoint{22ms});
  ledger.check();
}

TEST_CASE("wiring: debounce refuses a wrong time and a graph without a loop") {
  REQUIRE_THROWS_WITH(debounce(0ms), containing("debounce: the quiet time must be longer than 0"));
  REQUIRE_THROWS_AS(debounce(-1ms), std::invalid_argument);
  Stream<int> source;
  REQUIRE_THROWS_WITH(source.debounce(1ms), containing("debounce needs an event loop"));
}
