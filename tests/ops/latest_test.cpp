// SPDX-License-Identifier: BSL-1.0
#include "penstock/ops/latest.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "catch.hpp"
#include "fragile.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/testing/ledger.hpp"
#include "penstock/testing/marbles.hpp"
#include "penstock/testing/scripted_sink.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace penstock;
using namespace penstock::testing;
using namespace std::chrono_literals;
using Ids = std::vector<Ledger::Id>;

namespace {

/// Writes down elements and signals as they come.
struct Log final : Node, Receiver<int, Log> {
  explicit Log(std::vector<std::string>& into) : Node(Info{"log"}), into_(into) {
    port(static_cast<InletBase&>(*this));
  }
  Pending* take(int value, const Context*) {
    into_.push_back(std::to_string(value));
    return nullptr;
  }
  Pending* take_signal(const Signal& signal) override {
    const bool watermark = signal.kind == Signal::watermark;
    into_.push_back(watermark ? "watermark " + std::to_string(signal.value) : "kind " + std::to_string(signal.kind));
    return nullptr;
  }
  std::vector<std::string>& into_;
};

void tell(const Stream<int>& source, Signal signal) {
  source.graph().strand().descend([&] { return Receipt{source.outlet().signal(signal)}; }).get();
}

}  // namespace

TEST_CASE("latest keeps the newest while what is behind is busy") {
  VirtualLoop loop{GENERATE(std::uint64_t{0}, 1, 2, 3)};
  auto source = marbles(loop, "-1-23----4-|");
  auto newest = source.latest();
  Marbles out{newest};
  ScriptedSink<int> slow{newest, {.takes = 4ms}};
  loop.run();
  REQUIRE_NOTHROW(out.expect("-1---3---4---|"));
}

TEST_CASE("row 67 latest delivers the first and the last of a burst") {
  VirtualLoop loop{GENERATE(std::uint64_t{0}, 1, 2, 3)};
  Stream<int> source{loop};
  ScriptedSink<int> slow{source.map([](int x) { return x + 1; }).latest(), {.takes = 50ms}};
  source.emit(1);
  loop.run_for(10ms);
  source.emit(2);
  source.emit(3);
  loop.run();
  REQUIRE(slow.completed() == std::vector{2, 4});
  REQUIRE(loop.now() == TimePoint{100ms});
}

TEST_CASE("row 68 latest holds one element and gives up the one before it") {
  VirtualLoop loop;
  Stream<int> source{loop};
  auto newest = source.latest();
  newest.stream();
  const Ref first = Ref::with(1);
  const Ref second = Ref::with(2);
  source.emit(1, first);
  REQUIRE(first.use_count() - 1 == 1);
  source.emit(2, second);
  REQUIRE(first.use_count() - 1 == 0);
  REQUIRE(first.outcome() == Outcome::dropped);
  REQUIRE(second.use_count() - 1 == 1);
}

// Streamz: an element that comes while the worker is busy wakes nobody; of 1, 2, 3 only 1 comes out, until
// another comes.
TEST_CASE("D4 latest never loses the newest element") {
  VirtualLoop loop{GENERATE(std::uint64_t{0}, 1, 2, 3)};
  Stream<int> source{loop};
  Ledger ledger;
  auto newest = source.latest();
  ScriptedSink<int> slow{newest, {.takes = 50ms, .ledger = ledger}};
  source.emit(1, ledger.issue(1));
  loop.run_for(10ms);
  source.emit(2, ledger.issue(2));
  loop.run_for(10ms);
  source.emit(3, ledger.issue(3));
  loop.run_for(280ms);
  REQUIRE(slow.completed() == std::vector{1, 3});
  REQUIRE(ledger.dropped() == Ids{2});
  REQUIRE(ledger[2].reason == "a newer element came");
  REQUIRE(newest.stream().info().dropped.get() == 1);
  ledger.check();
}

TEST_CASE("D6 latest survives what goes wrong behind it") {
  VirtualLoop loop;
  Stream<int> source{loop};
  int errors = 0;
  source.on_background_error([&](const std::exception_ptr&, const Info&) { ++errors; });
  ScriptedSink<int> sink{source.latest(), {.fails = 1}};
  source.emit(1);
  loop.run();
  source.emit(2);
  loop.run();
  REQUIRE(errors == 1);
  REQUIRE(sink.completed() == std::vector{2});
}

TEST_CASE("latest without a loop passes elements on as they come to rest") {
  Stream<std::unique_ptr<int>> source;
  std::vector<int> out;
  source.latest().sink([&](const std::unique_ptr<int>& x) { out.push_back(*x); });
  for (int i = 0; i < 3; ++i) source.emit(std::make_unique<int>(i));
  REQUIRE(out == std::vector{0, 1, 2});
}

TEST_CASE("latest emits what it holds before the end") {
  VirtualLoop loop;
  Stream<int> source{loop};
  ScriptedSink<int> slow{source.latest(), {.takes = 5ms}};
  for (int i = 0; i < 3; ++i) source.emit(i);
  source.close();
  REQUIRE(slow.completed() == std::vector{2});
  REQUIRE(slow.ended());
}

TEST_CASE("latest keeps one watermark of several between which it drops, and other signals in their place") {
  std::vector<std::string> log;
  VirtualLoop loop{GENERATE(std::uint64_t{0}, 1, 2)};
  Stream<int> source{loop};
  auto newest = source.latest().stream();
  attach<Log>(newest, log);
  ScriptedSink<int> stuck{newest, {.stalled = true}};
  source.emit(0);
  loop.run();
  for (int i = 1; i <= 1000; ++i) {
    source.emit(i);
    tell(source, {Signal::watermark, i});
    if (i != 500) continue;
    tell(source, {Signal::idle});
    tell(source, {Signal::active});
  }
  for (; stuck.open() != 0; loop.run()) stuck.complete_all();
  const std::string idle = "kind " + std::to_string(Signal::idle);
  const std::string active = "kind " + std::to_string(Signal::active);
  REQUIRE(log ==
          std::vector<std::string>{"0", "watermark 500", idle, active, "watermark 999", "1000", "watermark 1000"});
  REQUIRE(newest.info().dropped.get() == 999);
}

TEMPLATE_TEST_CASE("latest keeps the older element when the newer one cannot be copied", "", test::Fragile<int>,
                   test::FragileCopy<int>) {
  bool copied = false;
  for (int copies = 0; !copied && copies < 10; ++copies) {
    std::vector<int> seen;
    Ledger ledger;
    VirtualLoop loop;
    Stream<TestType> source{loop};
    const auto newest = source.latest().stream();
    newest.sink([&](const TestType& x) { seen.push_back(x.value); });
    source.sink([](const TestType&) {});  // so that latest gets the elements to copy
    TestType::left = 1000;
    source.emit(TestType{1}, ledger.issue(1));
    TestType::left = copies;
    try {
      source.emit(TestType{2}, ledger.issue(2));
      copied = true;
    } catch (const std::runtime_error&) {
    }
    TestType::left = 1000;
    loop.run();
    REQUIRE(seen == std::vector{copied ? 2 : 1});
    REQUIRE(newest.info().dropped.get() == (copied ? 1 : 0));
    REQUIRE(ledger.dropped() == (copied ? Ids{1} : Ids{}));
    ledger.check();
  }
  REQUIRE(copied);
}
