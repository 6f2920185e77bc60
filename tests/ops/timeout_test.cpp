// SPDX-License-Identifier: BSL-1.0
#include "penstock/ops/timeout.hpp"

#include <chrono>
#include <cstdint>
#include <vector>

#include "catch.hpp"
#include "penstock/testing/marbles.hpp"
#include "penstock/testing/probe.hpp"
#include "penstock/testing/scripted_sink.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace penstock;
using namespace penstock::testing;
using namespace std::chrono_literals;
using penstock::test::containing;

TEST_CASE("timeout reports a silence once and passes on what comes after it") {
  VirtualLoop loop{GENERATE(std::uint64_t{0}, 1, 2, 3)};
  auto source = marbles(loop, "-1-2-------3-|");
  Marbles out{source.timeout(4ms)};
  loop.run();
  REQUIRE_NOTHROW(out.expect("-1-2---#---3-|"));
}

TEST_CASE("timeout counts from the wiring, and its error comes out of run") {
  VirtualLoop loop;
  Stream<int> source{loop};
  Probe out{source.timeout(4ms)};
  REQUIRE_THROWS_AS(loop.run(), TimedOut);
  REQUIRE(loop.now() == TimePoint{4ms});
  REQUIRE_FALSE(loop.next_deadline());
  source.emit(1);
  REQUIRE_THROWS_WITH(loop.run(), containing("timeout: no element for 4ms"));
  REQUIRE(out.values() == std::vector{1});
}

TEST_CASE("timeout does not count the time in which the pipeline itself is slow") {
  VirtualLoop loop;
  Stream<int> source{loop};
  std::vector<TimePoint> reported;
  source.on_background_error([&](const std::exception_ptr&, const Info& where) {
    reported.push_back(loop.now());
    REQUIRE(where.op == std::string{"timeout"});
  });
  ScriptedSink<int> slow{source.timeout(4ms), {.takes = 20ms}};
  for (int i = 0; i < 3; ++i) source.emit(i);  // each waits for the sink
  REQUIRE(loop.now() == TimePoint{60ms});
  loop.run();
  REQUIRE(reported == std::vector{TimePoint{64ms}});
}

TEST_CASE("timeout that is told the longest of all times never reports") {
  VirtualLoop loop;
  loop.run_for(1h);
  Stream<int> source{loop};
  Probe out{source.timeout(Duration::max())};
  source.emit(1);
  loop.run_for(24h * 365 * 100);
  source.emit(2);
  REQUIRE(out.values() == std::vector{1, 2});
}

TEST_CASE("timeout rests after the end") {
  VirtualLoop loop;
  Stream<int> source{loop};
  Probe out{source.timeout(4ms)};
  source.emit(1);
  source.close();
  loop.run();
  REQUIRE(loop.now() == TimePoint{});
  REQUIRE(out.ended());
}

TEST_CASE("wiring: timeout refuses a wrong limit and a graph without a loop") {
  REQUIRE_THROWS_WITH(timeout(0ms), containing("timeout: the limit must be longer than 0"));
  REQUIRE_THROWS_AS(timeout(-1ms), std::invalid_argument);
  Stream<int> source;
  REQUIRE_THROWS_WITH(source.timeout(1ms), containing("timeout needs an event loop"));
}
