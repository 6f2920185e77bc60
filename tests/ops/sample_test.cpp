// SPDX-License-Identifier: BSL-1.0
#include "penstock/ops/sample.hpp"

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

TEST_CASE("sample emits the newest of each interval and nothing for an empty one") {
  VirtualLoop loop{GENERATE(std::uint64_t{0}, 1, 2, 3)};
  auto source = marbles(loop, "-12--3------4-5-|");
  Marbles out{source.sample(4ms)};
  loop.run();
  REQUIRE_NOTHROW(out.expect("----2---3-------5|"));
}

TEST_CASE("sample keeps to its grid however long nothing came") {
  VirtualLoop loop;
  Stream<int> source{loop};
  Probe out{source.sample(10ms)};
  source.emit(1);
  loop.run();
  loop.run_until(TimePoint{1234ms});
  source.emit(2);
  loop.run();
  REQUIRE(out.times() == std::vector<Duration>{10ms, 1240ms});
}

TEST_CASE("sample drops what a newer element replaces, also while what is behind is busy") {
  VirtualLoop loop;
  Stream<int> source{loop};
  Ledger ledger;
  ScriptedSink<int> slow{source.sample(10ms), {.takes = 25ms, .ledger = ledger}};
  for (int i = 0; i < 5; ++i) {
    source.emit(i, ledger.issue(i));
    loop.run_for(10ms);
  }
  loop.run();
  // 0 goes at 10 and takes until 35; 3 goes at 40 and takes until 65; 4 goes at 70.
  REQUIRE(slow.completed() == std::vector{0, 3, 4});
  REQUIRE(ledger.dropped() == Ids{1, 2});
  REQUIRE(loop.now() == TimePoint{95ms});
  ledger.check();
}

TEST_CASE("a sample that goes away stops its timer and drops what it holds") {
  VirtualLoop loop;
  Ledger ledger;
  {
    Stream<int> source{loop};
    Probe out{source.sample(10ms)};
    source.emit(1, ledger.issue(1));
    REQUIRE(loop.next_deadline() == TimePoint{10ms});
  }
  REQUIRE_FALSE(loop.next_deadline());
  loop.run();
  REQUIRE(ledger.dropped() == Ids{1});
}

TEST_CASE("wiring: sample refuses a wrong interval and a graph without a loop") {
  REQUIRE_THROWS_WITH(sample(0ms), containing("sample: the interval must be longer than 0"));
  REQUIRE_THROWS_AS(sample(-1ms), std::invalid_argument);
  Stream<int> source;
  REQUIRE_THROWS_WITH(source.sample(1ms), containing("sample needs an event loop"));
}
