// SPDX-License-Identifier: BSL-1.0
#include "penstock/sources/from_periodic.hpp"

#include <chrono>
#include <stdexcept>
#include <vector>

#include "catch.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/testing/testing.hpp"

using namespace penstock;
using namespace std::chrono_literals;
using penstock::testing::Probe;
using penstock::testing::ScriptedSink;

namespace {

auto counter() {
  return [n = 0]() mutable { return n++; };
}

}  // namespace

TEST_CASE("row 69 from_periodic emits what its function returns, at once and every interval") {
  VirtualLoop loop;
  const auto source = from_periodic(loop, counter(), 1ms);
  const Probe<int> probe{source};
  source.start();
  loop.run_for(50ms);
  CHECK(probe.size() == 51);
  CHECK(probe.values().front() == 0);
  CHECK(probe.values().back() == 50);
  CHECK(probe.times().front() == 0ms);
  CHECK(probe.times().back() == 50ms);
}

TEST_CASE("row 118 from_periodic is stopped at first, emits after start, and not after stop") {
  VirtualLoop loop;
  const auto source = from_periodic(loop, [] { return true; }, 100ms);
  const Probe<bool> probe{source};
  CHECK(source.stopped());
  loop.run_for(1s);
  CHECK(probe.size() == 0);
  source.start();
  loop.run_for(250ms);
  CHECK(probe.values() == std::vector{true, true, true});
  source.stop();
  loop.run_for(1s);
  CHECK(probe.size() == 3);
  CHECK_FALSE(loop.next_deadline());
}

// Streamz: 32 calls in a second instead of 10, because every old poller goes on.
TEST_CASE("D14 from_periodic that is stopped and started quickly keeps its rate") {
  VirtualLoop loop;
  const auto source = from_periodic(loop, counter(), 100ms);
  const Probe<int> probe{source};
  source.start();
  loop.run_ready();
  for (int i = 0; i < 3; ++i) {
    source.stop();
    source.start();
    loop.run_ready();
  }
  loop.run_until(TimePoint{999ms});
  CHECK(probe.size() == 10);
  CHECK(probe.times().back() == 900ms);
}

TEST_CASE("from_periodic started again after a pause emits at once, and counts the interval from there") {
  VirtualLoop loop;
  const auto source = from_periodic(loop, counter(), 10ms);
  const Probe<int> probe{source};
  source.start();
  loop.run_for(5ms);
  source.stop();
  loop.run_for(32ms);
  source.start();
  loop.run_for(15ms);
  CHECK(probe.times() == std::vector<Duration>{0ms, 37ms, 47ms});
}

TEST_CASE("from_periodic does not drift: the time that an element takes is not added to the interval") {
  VirtualLoop loop;
  const auto source = from_periodic(loop, counter(), 10ms);
  const Probe<int> probe{source};
  const ScriptedSink<int> sink{source, {.takes = 7ms}};
  source.start();
  loop.run_for(30ms);
  CHECK(probe.times() == std::vector<Duration>{0ms, 10ms, 20ms, 30ms});
}

TEST_CASE("from_periodic leaves out the turns that come while an element waits, but one") {
  VirtualLoop loop;
  const auto source = from_periodic(loop, counter(), 10ms);
  const Probe<int> probe{source};
  const ScriptedSink<int> sink{source, {.takes = 35ms}};
  source.start();
  loop.run_for(100ms);
  // Elements end at 35, 70, …; the turns of 10, 20 and 30 become one at 35.
  CHECK(probe.times() == std::vector<Duration>{0ms, 35ms, 70ms});
  CHECK(sink.most_open() == 1);
  CHECK(probe.values() == std::vector{0, 1, 2});
}

TEST_CASE("D7 from_periodic survives a function that throws, which costs that turn") {
  VirtualLoop loop;
  const auto source = from_periodic(
      loop,
      [n = 0]() mutable {
        if (++n == 2) throw std::runtime_error("sensor is off");
        return n;
      },
      10ms);
  const Probe<int> probe{source};
  source.start();
  CHECK_THROWS_WITH(loop.run_for(30ms), "sensor is off");
  CHECK(probe.values() == std::vector{1, 3, 4});
  CHECK(probe.times() == std::vector<Duration>{0ms, 20ms, 30ms});

  const auto stops = from_periodic(
      loop, []() -> int { throw std::runtime_error("off"); }, 10ms, OnFailure::stop);
  source.stop();
  stops.start();
  CHECK_THROWS_WITH(loop.run_for(50ms), "off");
  CHECK(stops.stopped());
  CHECK_FALSE(loop.next_deadline());
}

TEST_CASE("from_periodic with the longest of all intervals emits once") {
  VirtualLoop loop;
  loop.run_for(1ms);
  const auto source = from_periodic(loop, counter(), Duration::max());
  int emitted = 0;
  source.sink([&](int) {
    if (++emitted == 3) source.stop();
  });
  source.start();
  loop.run_for(10ms);
  CHECK(emitted == 1);
}

TEST_CASE("from_periodic wants an interval that is more than 0") {
  VirtualLoop loop;
  CHECK_THROWS_AS(from_periodic(loop, counter(), 0ms), std::invalid_argument);
  CHECK_THROWS_WITH(from_periodic(loop, counter(), -1ms), "from_periodic: the interval must be more than 0");
}
