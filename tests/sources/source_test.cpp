// SPDX-License-Identifier: BSL-1.0
#include "penstock/sources/source.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "penstock/core/feedback.hpp"
#include "penstock/ops/filter.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/testing/testing.hpp"

using namespace penstock;
using namespace std::chrono_literals;
using penstock::testing::Probe;
using penstock::testing::ScriptedSink;

namespace {

/// Counts up to `n`, and asks to be left alone for a tick before each multiple of `pause`.
class CountNode final : public SourceNode<int, CountNode> {
 public:
  CountNode(int n, int pause, OnFailure on_failure)
      : SourceNode(Info{"count"}, on_failure), n_(n), pause_(pause) {}

  void on_start() {
    ++starts;
    if (outlet.ended()) at_ = 0;
  }
  void on_stop() noexcept { ++stops; }
  std::optional<int> next() {
    ++asked;
    if (at_ == n_) return std::nullopt;
    if (pause_ != 0 && at_ % pause_ == 0 && clock().now() < due_ + 1ms) return later(due_ + 1ms);
    if (loop()) due_ = clock().now();
    if (at_ == bad) {
      ++at_;
      throw std::runtime_error("cannot count");
    }
    if (sees_refs) context = Context{Ref{[this] { ++refs_ended; }}};
    return at_++;
  }

  int starts = 0;
  int stops = 0;
  int asked = 0;
  int bad = -1;
  bool sees_refs = false;
  int refs_ended = 0;

 private:
  int n_;
  int pause_;
  int at_ = 0;
  TimePoint due_{};
};

struct Count : Source<int> {
  Count(Loop* loop, int n, int pause = 0, OnFailure on_failure = OnFailure::go_on)
      : Source(detail::make_source(loop, std::make_unique<CountNode>(n, pause, on_failure))) {}
  CountNode& made() const { return static_cast<CountNode&>(node()); }
};

}  // namespace

TEST_CASE("a source emits nothing before start, then everything, then the end") {
  VirtualLoop loop;
  const Count source{&loop, 5};
  const Probe<int> probe{source};
  loop.run();
  CHECK(probe.size() == 0);
  CHECK(source.stopped());
  source.start();
  CHECK(probe.size() == 0);
  CHECK_FALSE(source.stopped());
  loop.run();
  CHECK(probe.values() == std::vector{0, 1, 2, 3, 4});
  CHECK(probe.ended());
  CHECK(source.stopped());
  CHECK(source.info().out.get() == 5);
}

TEST_CASE("P22 a source that is started after its end reopens the stream") {
  VirtualLoop loop;
  const Count source{&loop, 2};
  const Probe<int> probe{source};
  source.start();
  loop.run();
  source.start();
  loop.run();
  CHECK(probe.values() == std::vector{0, 1, 0, 1});
  std::vector<Signal::Kind> kinds;
  for (const Signal& signal : probe.signals()) kinds.push_back(signal.kind);
  CHECK(kinds == std::vector{Signal::end, Signal::reopen, Signal::end});
}

TEST_CASE("a source waits until its element is taken") {
  VirtualLoop loop;
  const Count source{&loop, 3};
  ScriptedSink<int> sink{source, {.stalled = true}};
  source.start();
  loop.run();
  CHECK(sink.taken() == 1);
  CHECK(source.made().asked == 1);
  CHECK_FALSE(source.graph().idle());
  sink.complete();
  loop.run();
  CHECK(sink.taken() == 2);
  sink.complete();
  loop.run();
  sink.complete();
  loop.run();
  CHECK(sink.completed() == std::vector{0, 1, 2});
  CHECK(sink.ended());
  CHECK(source.graph().idle());
}

TEST_CASE("start and stop are the same when called twice, and tell the source once") {
  VirtualLoop loop;
  const Count source{&loop, 100, 1};
  const Probe<int> probe{source};
  source.stop();
  CHECK(source.made().stops == 0);
  source.start();
  source.start();
  CHECK(source.made().starts == 1);
  loop.run_for(3ms);
  CHECK(probe.size() == 3);
  source.stop();
  source.stop();
  CHECK(source.made().stops == 1);
  loop.run_for(100ms);
  CHECK(probe.size() == 3);
  CHECK_FALSE(probe.ended());
}

// Streamz: the old poller still sleeps when the new one is started, and both go on.
TEST_CASE("D14 stopping and starting quickly leaves one pump at work") {
  for (const std::uint64_t seed : {0U, 1U, 2U, 3U}) {
    VirtualLoop loop{seed};
    const Count source{&loop, 1000, 1};
    const Probe<int> probe{source};
    for (int i = 0; i < 3; ++i) {
      source.start();
      source.stop();
    }
    source.start();
    loop.run_for(5ms);
    for (int i = 0; i < 3; ++i) {
      source.stop();
      source.start();
    }
    loop.run_for(5ms);
    CHECK(probe.values() == std::vector{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  }
}

TEST_CASE("D14 stopping and starting while an element waits does not emit the next one before it is taken") {
  VirtualLoop loop;
  const Count source{&loop, 3};
  ScriptedSink<int> sink{source, {.stalled = true}};
  source.start();
  loop.run();
  source.stop();
  source.start();
  loop.run();
  CHECK(sink.taken() == 1);
  sink.complete();
  loop.run();
  CHECK(sink.taken() == 2);
}

TEST_CASE("a stopped source lets the element that waits be taken and makes no other") {
  VirtualLoop loop;
  const Count source{&loop, 3};
  ScriptedSink<int> sink{source, {.stalled = true}};
  source.start();
  loop.run();
  source.stop();
  sink.complete();
  loop.run();
  CHECK(sink.completed() == std::vector{0});
  CHECK(source.made().asked == 1);
  source.start();
  loop.run();
  CHECK(sink.taken() == 2);
}

TEST_CASE("stop takes effect within one element, also from inside the sink") {
  VirtualLoop loop;
  const Count source{&loop, 1000};
  std::vector<int> seen;
  const Sink sink = source.sink([&](int x) {
    seen.push_back(x);
    if (x == 2) source.stop();
  });
  source.start();
  loop.run();
  CHECK(seen == std::vector{0, 1, 2});
  CHECK(source.stopped());
  source.start();
  loop.run_ready();
  CHECK(seen.size() == 1000);
}

TEST_CASE("a sink may stop and start its source") {
  VirtualLoop loop;
  const Count source{&loop, 200};
  std::vector<int> seen;
  const Sink sink = source.sink([&](int x) {
    seen.push_back(x);
    source.stop();
    source.start();
  });
  source.start();
  loop.run();
  CHECK(seen.size() == 200);
  CHECK(seen.back() == 199);
}

// Streamz: the polling coroutine dies, `stopped` stays False and start() does nothing.
TEST_CASE("D7 a failing sink does not kill the source: it goes on, and the errors are reported") {
  VirtualLoop loop;
  const Count source{&loop, 10};
  std::vector<int> seen;
  const Sink sink = source.sink([&](int x) {
    if (x % 4 == 3) throw std::runtime_error("no " + std::to_string(x));
    seen.push_back(x);
  });
  std::vector<std::string> errors;
  source.on_background_error([&](std::exception_ptr error, const Info& where) {
    try {
      std::rethrow_exception(error);
    } catch (const std::runtime_error& caught) {
      errors.push_back(std::string{where.op} + ": " + caught.what());
    }
  });
  source.start();
  loop.run();
  CHECK(seen == std::vector{0, 1, 2, 4, 5, 6, 8, 9});
  CHECK(errors == std::vector<std::string>{"count: no 3", "count: no 7"});
  CHECK(source.info().late_errors.get() == 2);
}

TEST_CASE("D7 a source that stops on failures goes on behind the element that failed when it is started again") {
  VirtualLoop loop;
  const Count source{&loop, 5, 0, OnFailure::stop};
  std::vector<int> seen;
  const Sink sink = source.sink([&](int x) {
    if (x == 2) throw std::runtime_error("two");
    seen.push_back(x);
  });
  source.start();
  CHECK_THROWS_WITH(loop.run(), "two");
  CHECK(source.stopped());
  CHECK(seen == std::vector{0, 1});
  source.start();
  CHECK_FALSE(source.stopped());
  loop.run();
  CHECK(seen == std::vector{0, 1, 3, 4});
}

TEST_CASE("D7 a failure that comes later, in an asynchronous sink, is treated the same") {
  for (const OnFailure on_failure : {OnFailure::go_on, OnFailure::stop}) {
    VirtualLoop loop;
    const Count source{&loop, 3, 0, on_failure};
    const ScriptedSink<int> sink{source, {.takes = 10ms, .fails = 1, .fails_after = 1}};
    source.start();
    CHECK_THROWS_AS(loop.run(), penstock::testing::ScriptedFailure);
    if (on_failure == OnFailure::stop) {
      CHECK(sink.completed() == std::vector{0});
      CHECK(source.stopped());
      source.start();
      loop.run();
    }
    CHECK(sink.completed() == std::vector{0, 2});
    CHECK(sink.ended());
  }
}

TEST_CASE("what the source itself throws is reported, and it is asked again") {
  VirtualLoop loop;
  const Count source{&loop, 4};
  source.made().bad = 1;
  const Probe<int> probe{source};
  source.start();
  CHECK_THROWS_WITH(loop.run(), "cannot count");
  CHECK(probe.values() == std::vector{0, 2, 3});
  CHECK(probe.ended());
}

// Streamz overrides `asynchronous=True` for sources and runs them in a thread of its own.
TEST_CASE("D13 a source runs on the loop it was given, and nowhere else") {
  VirtualLoop loop;
  const Count source{&loop, 3};
  CHECK(source.loop() == &loop);
  std::vector<std::thread::id> threads;
  std::vector<Position> positions;
  const Sink sink = source.sink([&](int) {
    threads.push_back(std::this_thread::get_id());
    positions.push_back(loop.position());
  });
  source.start();
  CHECK(threads.empty());
  loop.run();
  CHECK(threads == std::vector(3, std::this_thread::get_id()));
  CHECK(positions == std::vector(3, Position::inside));
}

TEST_CASE("row 113 start on what is behind a source starts it, once") {
  VirtualLoop loop;
  const Count source{&loop, 2};
  Stream<int> twice = source.map([](int x) { return 2 * x; });
  const Probe<int> probe{twice};
  twice.start();
  CHECK(source.made().starts == 1);
  loop.run();
  CHECK(probe.values() == std::vector{0, 2});
}

TEST_CASE("row 113 start on a handle starts all sources of the graph, and start on a source that one") {
  VirtualLoop loop;
  const Count a{&loop, 2};
  const Count b{&loop, 2};
  const Stream<int> both{loop};
  a.connect(both);
  b.connect(both);
  const Probe<int> probe{both};
  a.start();
  CHECK(b.stopped());
  a.stop();
  both.start();
  CHECK_FALSE(a.stopped());
  CHECK_FALSE(b.stopped());
  loop.run();
  CHECK(probe.size() == 4);
  CHECK(probe.ended());
}

TEST_CASE("without a loop a source runs inside start, and throws from there") {
  const Count source{nullptr, 4};
  std::vector<int> seen;
  const Sink sink = source.sink([&](int x) {
    if (x == 1) throw std::runtime_error("one");
    seen.push_back(x);
  });
  CHECK_THROWS_WITH(source.start(), "one");
  CHECK(seen == std::vector{0, 2, 3});
  CHECK(source.stopped());

  const Count stops{nullptr, 4, 0, OnFailure::stop};
  seen.clear();
  const Sink other = stops.sink([&](int x) {
    if (x == 1) throw std::runtime_error("one");
    seen.push_back(x);
  });
  CHECK_THROWS_WITH(stops.start(), "one");
  CHECK(seen == std::vector{0});
  stops.start();
  CHECK(seen == std::vector{0, 2, 3});
}

TEST_CASE("without a loop what an element brings about comes before the next element") {
  const Count source{nullptr, 3};
  const Stream<int> all;
  source.connect(all);
  Stream<int> again = all.filter([](int x) { return x < 10; }).map([](int x) { return x + 10; });
  again.connect(all);
  const Probe<int> probe{all};
  source.start();
  // What a loop around emit gives: each element, then what it feeds back.
  CHECK(probe.values() == std::vector{0, 10, 1, 11, 2, 12});
}

TEST_CASE("without a loop a source waits for its element too") {
  const Count source{nullptr, 3};
  ScriptedSink<int> sink{source, {.stalled = true}};
  source.start();
  CHECK(sink.taken() == 1);
  sink.complete();
  CHECK(sink.taken() == 2);
  sink.complete();
  sink.complete();
  CHECK(sink.completed() == std::vector{0, 1, 2});
  CHECK(sink.ended());
}

TEST_CASE("what a source puts beside an element ends with it") {
  VirtualLoop loop;
  const Count source{&loop, 3};
  source.made().sees_refs = true;
  ScriptedSink<int> sink{source, {.stalled = true}};
  source.start();
  loop.run();
  CHECK(source.made().refs_ended == 0);
  sink.complete();
  loop.run();
  CHECK(source.made().refs_ended == 1);
  sink.complete();
  loop.run();
  sink.complete();
  loop.run();
  CHECK(source.made().refs_ended == 3);
}

TEST_CASE("other tasks of the loop get their turn while a source has much to emit") {
  VirtualLoop loop;
  const Count source{&loop, 100'000};
  std::size_t seen = 0;
  const Sink sink = source.sink([&](int) { ++seen; });
  struct Other final : Task {
    explicit Other(std::size_t& s) : seen(s) {}
    void run() override { seen_when_run = seen; }
    std::size_t& seen;
    std::size_t seen_when_run = 0;
  } other{seen};
  source.start();
  loop.post(other);
  loop.run();
  CHECK(seen == 100'000);
  CHECK(other.seen_when_run > 0);
  CHECK(other.seen_when_run <= 1000);
}

TEST_CASE("a source whose graph goes away is quiet") {
  VirtualLoop loop;
  SECTION("while it is about to run") {
    const Count source{&loop, 10};
    source.start();
  }
  SECTION("while it waits for its time") {
    const Count source{&loop, 10, 1};
    const Probe<int> probe{source};
    source.start();
    loop.run_for(2ms);
    CHECK(probe.size() == 2);
  }
  SECTION("while its element waits") {
    const Count source{&loop, 10};
    const ScriptedSink<int> sink{source, {.stalled = true}};
    source.start();
    loop.run();
    CHECK(sink.taken() == 1);
  }
  SECTION("by what its element does") {
    std::optional<Count> source{std::in_place, &loop, 10};
    int seen = 0;
    std::optional<Sink> sink = source->sink([&](int) {
      ++seen;
      source.reset();
      sink.reset();
    });
    source->start();
    loop.run();
    CHECK(seen == 1);
  }
  loop.run();
  SUCCEED("nothing runs that is gone");
}

TEST_CASE("a destroyed source makes nothing any more, and destroying it twice is once") {
  VirtualLoop loop;
  const Count source{&loop, 10, 1};
  const Probe<int> probe{source};
  source.start();
  loop.run_for(2ms);
  source.destroy();
  source.destroy();
  CHECK(source.stopped());
  loop.run();
  CHECK(probe.size() == 2);
}

TEST_CASE("wait_idle waits for a source that has something at hand, and not for one that waits for its time") {
  VirtualLoop loop;
  const Count busy{&loop, 5};
  const Probe<int> all{busy};
  busy.start();
  busy.wait_idle();
  CHECK(all.size() == 5);

  const Count patient{&loop, 5, 1};
  const Probe<int> some{patient};
  patient.start();
  patient.wait_idle();
  CHECK(some.size() == 0);
  CHECK(patient.graph().idle());
}
