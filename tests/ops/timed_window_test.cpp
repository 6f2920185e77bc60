// SPDX-License-Identifier: BSL-1.0
#include "penstock/ops/timed_window.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "catch.hpp"
#include "penstock/core/feedback.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/testing/ledger.hpp"
#include "penstock/testing/marbles.hpp"
#include "penstock/testing/probe.hpp"
#include "penstock/testing/scripted_sink.hpp"
#include "penstock/testing/states.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace penstock;
using namespace penstock::testing;
using namespace std::chrono_literals;
using penstock::test::containing;
using Ids = std::vector<Ledger::Id>;
using Windows = std::vector<std::vector<int>>;
using Metadata = std::vector<std::vector<std::int64_t>>;

TEST_CASE("timed_window gathers what comes in each interval") {
  VirtualLoop loop{GENERATE(std::uint64_t{0}, 1, 2, 3)};
  auto source = marbles(loop, "-12--3-------4-|");
  auto windows = source.timed_window(4ms);
  Marbles out{windows, {{'a', {}}, {'b', {1, 2}}, {'c', {3}}, {'e', {4}}}};
  loop.run();
  REQUIRE_NOTHROW(out.expect("a---b---c---a--e|"));
}

TEST_CASE("row 45 timed_window loses nothing, and an interval without elements is an empty window") {
  VirtualLoop loop{GENERATE(std::uint64_t{0}, 1, 2, 3)};
  Stream<int> source{loop};
  const Stream<std::vector<int>> windows = source.timed_window(10ms);
  REQUIRE(windows.loop() == &loop);
  Probe out{windows};
  for (int i = 0; i < 10; ++i) {
    source.emit(i);
    loop.run_for(4ms);
  }
  loop.run_for(60ms);
  std::vector<int> all;
  std::size_t longest = 0;
  for (const std::vector<int>& window : out.values()) {
    all.insert(all.end(), window.begin(), window.end());
    longest = std::max(longest, window.size());
    REQUIRE(window.size() <= 3);
  }
  REQUIRE(all == std::vector{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  REQUIRE(longest >= 2);
  REQUIRE(out.values().back().empty());
}

TEST_CASE("row 46, row 47 timed_window tells its interval") {
  VirtualLoop loop;
  Stream<int> source{loop};
  REQUIRE(source.timed_window(50ms).info().label() == "timed_window");
  REQUIRE(source.timed_window(50ms).info().detail == "50ms");
  REQUIRE(source.timed_window(2min).info().detail == "120s");
  REQUIRE(source.timed_window(1500us).info().detail == "1500us");
}

TEST_CASE("row 48 timed_window holds the Refs of the window that fills") {
  VirtualLoop loop;
  Stream<int> source{loop};
  const auto windows = source.timed_window(10ms);
  loop.run_for(0ms);
  const Ref first = Ref::with(1);
  const Ref second = Ref::with(2);
  source.emit(1, first);
  REQUIRE(first.use_count() - 1 == 1);
  loop.run_for(50ms);
  source.emit(2, second);
  REQUIRE(first.use_count() - 1 == 0);
  REQUIRE(second.use_count() - 1 == 1);
}

TEST_CASE("row 49 timed_window joins the metadata of its elements") {
  VirtualLoop loop;
  Stream<int> source{loop};
  Probe out{source.timed_window(60ms, {.empty = false}).stream()};
  const auto with = [](std::int64_t v) { return Ref::with(v); };
  source.emit(0);
  source.emit(1, with(1));
  loop.run_for(100ms);
  source.emit(2, with(2));
  source.emit(3, with(3));
  loop.run_for(100ms);
  REQUIRE(out.values() == Windows{{0, 1}, {2, 3}});
  REQUIRE(out.metadata() == Metadata{{1}, {2, 3}});
}

TEST_CASE("row 50 one window may be on its way and one fills; what comes then waits") {
  VirtualLoop loop;
  Stream<int> source{loop};
  ScriptedSink<std::vector<int>> slow{source.timed_window(10ms), {.takes = 100ms}};
  for (int i = 0; i < 5; ++i) {
    source.emit(i);
    loop.run_for(10ms);
  }
  // The window of 0 leaves at 0 and takes until 100; emit(1) waits for it. The window of 1 leaves at 110,
  // when emit(2) comes, which waits until 210.
  REQUIRE(loop.now() > TimePoint{200ms});
  REQUIRE(slow.most_open() == 1);
  source.close();
  std::vector<int> all;
  for (const std::vector<int>& window : slow.completed()) all.insert(all.end(), window.begin(), window.end());
  REQUIRE(all == std::vector{0, 1, 2, 3, 4});
}

TEST_CASE("row 71 a timed window runs on the loop of its source, and needs one") {
  VirtualLoop loop;
  Stream<int> with{loop};
  REQUIRE(with.timed_window(1ms).loop() == &loop);
  Stream<int> without;
  REQUIRE(without.loop() == nullptr);
  REQUIRE_THROWS_WITH(without.timed_window(1ms), containing("timed_window needs an event loop"));
  Stream<int> joined;
  with.connect(joined);
  REQUIRE(joined.timed_window(1ms).loop() == &loop);
}

// Streamz: the period is the interval and the time that what is behind takes, 0.152 s with 0.1 s and a sink
// of 50 ms.
TEST_CASE("P21 the first window is emitted at once and empty, and the boundaries do not drift") {
  VirtualLoop loop{GENERATE(std::uint64_t{0}, 1, 2, 3)};
  Stream<int> source{loop};
  const auto windows = source.timed_window(100ms).stream();
  Probe out{windows};
  ScriptedSink<std::vector<int>> slow{windows, {.takes = 50ms}};
  loop.run_for(50ms);
  for (int i = 0; i < 5; ++i) {
    source.emit(i);
    loop.run_for(100ms);
  }
  REQUIRE(out.values() == Windows{{}, {0}, {1}, {2}, {3}, {4}});
  REQUIRE(out.times() == std::vector<Duration>{0ms, 100ms, 200ms, 300ms, 400ms, 500ms});
}

TEST_CASE("a window that is stuck makes the next one longer, and the grid stays") {
  VirtualLoop loop;
  Stream<int> source{loop};
  const auto windows = source.timed_window(10ms, {.empty = false}).stream();
  Probe out{windows};
  ScriptedSink<std::vector<int>> slow{windows, {.takes = 25ms}};
  for (int i = 0; i < 6; ++i) {
    static_cast<void>(source.push(i));
    loop.run_for(7ms);
  }
  loop.run();
  // Elements at 0, 7, 14, …, 35. {0, 1} leaves at 10 and takes until 35.
  REQUIRE(out.values() == Windows{{0, 1}, {2, 3, 4, 5}});
  REQUIRE(out.times() == std::vector<Duration>{10ms, 40ms});
}

// Streamz: a timed window goes on emitting after it was destroyed and collected.
TEST_CASE("D20 the timer of a window ends with its graph, and with its stream") {
  VirtualLoop loop;
  Ledger ledger;
  SECTION("with the graph") {
    {
      Stream<int> source{loop};
      const auto windows = source.timed_window(10ms);
      source.emit(1, ledger.issue(1));
      source.emit(2, ledger.issue(2));
      REQUIRE(loop.next_deadline() == TimePoint{});
    }
    REQUIRE_FALSE(loop.next_deadline());
    loop.run();
    REQUIRE(ledger.dropped() == Ids{1, 2});
    REQUIRE(ledger[1].reason == "the window was stopped before its end");
  }
  SECTION("with destroy") {
    Stream<int> source{loop};
    const auto windows = source.timed_window(10ms);
    Probe out{windows};
    loop.run_for(25ms);
    REQUIRE(out.size() == 3);
    windows.destroy();
    REQUIRE_FALSE(loop.next_deadline());
    loop.run_for(100ms);
    REQUIRE(out.size() == 3);
  }
  SECTION("with the end of the stream") {
    Stream<int> source{loop};
    Probe out{source.timed_window(10ms)};
    source.emit(1, ledger.issue(1));
    source.close();
    REQUIRE_FALSE(loop.next_deadline());
    REQUIRE(out.values() == Windows{{1}});
    REQUIRE(out.ended());
    REQUIRE(loop.now() == TimePoint{});
    loop.run();
    REQUIRE(ledger.open().empty());
  }
}

TEST_CASE("D6 timed_window survives what goes wrong behind it, and the window's elements have failed") {
  VirtualLoop loop;
  Stream<int> source{loop};
  int errors = 0;
  source.on_background_error([&](const std::exception_ptr&, const Info&) { ++errors; });
  Ledger ledger;
  Probe out{source.timed_window(10ms, {.empty = false}).map([](const std::vector<int>& window) {
    if (window.front() == 0) throw std::domain_error("zero");
    return window;
  })};
  for (int i = 0; i < 4; ++i) {
    source.emit(i, ledger.issue(i));
    loop.run_for(5ms);
  }
  loop.run();
  REQUIRE(errors == 1);
  REQUIRE(out.values() == Windows{{2, 3}});
  REQUIRE(ledger.failed() == Ids{0, 1});
}

TEST_CASE("without empty windows no timer runs while nothing comes, and the grid is the same") {
  VirtualLoop loop;
  Stream<int> source{loop};
  Probe out{source.timed_window(10ms, {.empty = false})};
  loop.run();
  REQUIRE(loop.now() == TimePoint{});
  loop.run_until(TimePoint{1234ms});
  source.emit(1);
  loop.run();
  REQUIRE(out.values() == Windows{{1}});
  REQUIRE(out.times() == std::vector<Duration>{1240ms});
}

TEST_CASE("timed_window with the longest of all intervals emits what it has at the end") {
  VirtualLoop loop;
  loop.run_for(1h);
  Stream<int> source{loop};
  Probe out{source.timed_window(Duration::max(), {.empty = false})};
  source.emit(1);
  loop.run_for(24h * 365 * 100);
  source.emit(2);
  source.close();
  REQUIRE(out.values() == std::vector<std::vector<int>>{{1, 2}});
}

TEST_CASE("a timed_window with the longest of all intervals goes on where it was saved") {
  std::vector<std::string> saved;
  std::size_t elements = 0;
  for (const auto started : {1ms, 10ms}) {
    VirtualLoop loop;
    loop.run_for(started);
    Stream<int> source{loop};
    source.timed_window(Duration::max(), TimedWindow{.empty = false}).sink([&](const auto& window) {
      elements += window.size();
    });
    States states{source.graph()};
    if (!saved.empty()) states.load(saved);
    source.emit(1);
    saved = states.now();
    loop.run_for(1h);
    REQUIRE(elements == 0);
    if (started == 10ms) source.close();
    states.detach();
  }
  REQUIRE(elements == 2);
}

TEST_CASE("a watermark does not overtake the window of the elements before it") {
  VirtualLoop loop;
  Stream<int> source{loop};
  std::vector<std::int64_t> out;
  struct Log final : Node, Receiver<std::vector<int>, Log> {
    explicit Log(std::vector<std::int64_t>& into) : Node(Info{"log"}), into_(into) {
      port(static_cast<InletBase&>(*this));
    }
    Pending* take(const std::vector<int>& value, const Context*) {
      into_.push_back(static_cast<std::int64_t>(value.size()));
      return nullptr;
    }
    Pending* take_signal(const Signal& signal) override {
      into_.push_back(-signal.value);
      return nullptr;
    }
    std::vector<std::int64_t>& into_;
  };
  attach<Log>(source.timed_window(10ms, {.empty = false}).stream(), out);
  const auto watermark = [&](std::int64_t time) {
    source.graph()
        .strand()
        .descend([&] {
          return Receipt{source.outlet().signal({Signal::watermark, time})};
        })
        .get();
  };
  watermark(100);
  source.emit(1);
  watermark(200);
  watermark(300);
  source.emit(2);
  REQUIRE(out == std::vector<std::int64_t>{-100});
  loop.run();
  REQUIRE(out == std::vector<std::int64_t>{-100, 2, -300});
}

TEST_CASE("timed_window moves what cannot be copied") {
  VirtualLoop loop;
  Stream<std::unique_ptr<int>> source{loop};
  std::vector<std::size_t> sizes;
  source.timed_window(10ms).sink(
      [&](const std::vector<std::unique_ptr<int>>& window) { sizes.push_back(window.size()); });
  for (int i = 0; i < 3; ++i) source.emit(std::make_unique<int>(i));
  source.close();
  REQUIRE(sizes == std::vector<std::size_t>{3});
}

TEST_CASE("wiring: timed_window refuses a wrong interval") {
  REQUIRE_THROWS_WITH(timed_window(0ms), containing("timed_window: the interval must be longer than 0"));
  REQUIRE_THROWS_AS(timed_window(-1ms), std::invalid_argument);
}
