// SPDX-License-Identifier: BSL-1.0
#include "penstock/ops/delay.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "catch.hpp"
#include "penstock/ops/accumulate.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/sinks/sink.hpp"
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

namespace {

int reciprocal(int x) {
  if (x == 0) throw std::domain_error("division by zero");
  return 60 / x;
}

}  // namespace

TEST_CASE("delay emits every element that much later") {
  VirtualLoop loop{GENERATE(std::uint64_t{0}, 1, 2, 3)};
  auto source = marbles(loop, "-12--3-|");
  Marbles out{source.delay(3ms)};
  loop.run();
  REQUIRE_NOTHROW(out.expect("----12--3|"));
}

// Streamz logs the exception and its delay is dead from then on.
TEST_CASE("row 22 an exception of a map behind a delay is reported, and the delay goes on") {
  VirtualLoop loop{GENERATE(std::uint64_t{0}, 1)};
  Stream<int> source{loop};
  Probe out{source.delay(1ms).map(reciprocal)};
  source.emit(0);
  REQUIRE_THROWS_AS(loop.run_for(100ms), std::domain_error);
  source.emit(2);
  loop.run();
  REQUIRE(out.values() == std::vector{30});
}

TEST_CASE("row 24 an exception of an accumulate behind a delay is reported, and its state stays") {
  VirtualLoop loop;
  Stream<int> source{loop};
  std::vector<std::string> errors;
  source.on_background_error([&](const std::exception_ptr& error, const Info&) {
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& e) {
      errors.push_back(e.what());
    }
  });
  const auto divide = [](int x, int y) {
    if (y == 0) throw std::domain_error("division by zero");
    return x / y;
  };
  Probe out{source.delay(1ms).accumulate(divide, 100)};
  for (const int x : {2, 0, 5}) source.emit(x);
  loop.run();
  REQUIRE(errors == std::vector<std::string>{"division by zero"});
  REQUIRE(out.values() == std::vector{50, 10});
}

TEST_CASE("row 62 delay delivers nothing at once and everything later") {
  VirtualLoop loop{GENERATE(std::uint64_t{0}, 1, 2)};
  Stream<int> source{loop};
  Probe out{source.delay(20ms)};
  for (int i = 0; i < 5; ++i) source.emit(i);
  REQUIRE(loop.now() == TimePoint{});
  REQUIRE(out.size() == 0);
  loop.run_for(20ms - 1ns);
  REQUIRE(out.size() == 0);
  loop.run_for(1ns);
  REQUIRE(out.values() == std::vector{0, 1, 2, 3, 4});
}

TEST_CASE("row 63 delay holds the Refs of what it delays") {
  VirtualLoop loop;
  Stream<int> source{loop};
  const Stream<int> delayed = source.delay(10ms);
  std::vector<Ref> refs;
  for (int i = 0; i < 5; ++i) {
    refs.push_back(Ref::with(i));
    source.push(i, refs.back()).get();
  }
  for (const Ref& ref : refs) REQUIRE(ref.use_count() - 1 == 1);
  loop.run_for(50ms);
  for (const Ref& ref : refs) REQUIRE(ref.use_count() - 1 == 0);
}

// Streamz only spaces elements out: after a rest the first two leave at once, both at +0.0 s with an interval
// of 0.2 s.
TEST_CASE("D5 delay delays, the first elements and those of a burst alike") {
  VirtualLoop loop{GENERATE(std::uint64_t{0}, 1, 2, 3)};
  Stream<int> source{loop};
  Probe out{source.delay(200ms)};
  loop.run_for(1s);
  source.emit(1);
  source.emit(2);
  loop.run_for(50ms);
  source.emit(3);
  loop.run();
  REQUIRE(out.values() == std::vector{1, 2, 3});
  REQUIRE(out.times() == std::vector<Duration>{1200ms, 1200ms, 1250ms});
}

TEST_CASE("D6 delay survives what goes wrong behind it") {
  VirtualLoop loop;
  Stream<int> source{loop};
  int errors = 0;
  source.on_background_error([&](const std::exception_ptr&, const Info&) { ++errors; });
  Probe out{source.delay(1ms).map(reciprocal)};
  for (const int x : {1, 0, 2, 3, 4, 5}) source.emit(x);
  loop.run();
  REQUIRE(out.values() == std::vector{60, 30, 20, 15, 12});
  REQUIRE(errors == 1);
}

TEST_CASE("delay keeps the order behind a slow sink, and is late only then") {
  VirtualLoop loop;
  Stream<int> source{loop};
  const Stream<int> delayed = source.delay(10ms);
  Probe out{delayed};
  ScriptedSink<int> slow{delayed, {.takes = 4ms}};
  for (int i = 0; i < 3; ++i) source.emit(i);
  loop.run_for(30ms);
  source.emit(3);
  loop.run();
  REQUIRE(out.times() == std::vector<Duration>{10ms, 14ms, 18ms, 40ms});
  REQUIRE(slow.completed() == std::vector{0, 1, 2, 3});
}

// Streamz keeps whatever comes, without a bound.
TEST_CASE("D22 delay with a bound makes its emitters wait") {
  VirtualLoop loop;
  Stream<int> source{loop};
  Probe out{source.delay(10ms, {.bound = 2})};
  std::vector<Duration> taken;
  for (int i = 0; i < 5; ++i) {
    source.emit(i);
    taken.push_back(loop.now().time_since_epoch());
  }
  // 2 came at 0 too and waits in emit until 0 leaves; 3 waits for 1, which leaves then as well, and 4 finds
  // room.
  REQUIRE(taken == std::vector<Duration>{0ms, 0ms, 10ms, 10ms, 10ms});
  loop.run();
  REQUIRE(out.times() == std::vector<Duration>{10ms, 10ms, 10ms, 20ms, 20ms});
}

TEST_CASE("a delay that goes away stops its timer, drops what it holds and releases who waits") {
  VirtualLoop loop;
  Ledger ledger;
  Receipt waits;
  {
    Stream<int> source{loop};
    Probe out{source.delay(10ms, {.bound = 1})};
    source.push(1, ledger.issue(1)).get();
    waits = source.push(2, ledger.issue(2));
    loop.run_for(1ms);
    REQUIRE(waits.pending());
  }
  REQUIRE_THROWS_AS(waits.get(), Stopped);
  REQUIRE_FALSE(loop.next_deadline());
  loop.run();
  REQUIRE(ledger.dropped() == Ids{1, 2});
}

TEST_CASE("delay moves what cannot be copied") {
  VirtualLoop loop;
  Stream<std::unique_ptr<int>> source{loop};
  std::vector<int> out;
  source.delay(1ms).sink([&](const std::unique_ptr<int>& x) { out.push_back(*x); });
  source.emit(std::make_unique<int>(3));
  loop.run();
  REQUIRE(out == std::vector{3});
}

TEST_CASE("wiring: delay refuses a wrong time or bound and a graph without a loop") {
  REQUIRE_THROWS_WITH(delay(0ms), containing("delay: the time must be longer than 0"));
  REQUIRE_THROWS_AS(delay(-1ms), std::invalid_argument);
  REQUIRE_THROWS_WITH(delay(1ms, DelayOptions{.bound = 0}),
                      containing("delay: the bound must be at least 1"));
  Stream<int> source;
  REQUIRE_THROWS_WITH(source.delay(1ms), containing("delay needs an event loop"));
}
