// SPDX-License-Identifier: BSL-1.0
#include "catch.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "penstock/core/feedback.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/exec/async_emit.hpp"
#include "penstock/exec/await.hpp"
#include "penstock/exec/event_loop.hpp"
#include "penstock/ops/buffer.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/ops/map_async.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/sources/from_range.hpp"
#include "penstock/testing/probe.hpp"
#include "penstock/testing/scripted_sink.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace std::chrono_literals;
using penstock::Completion;
using penstock::Context;
using penstock::Duration;
using penstock::Ending;
using penstock::EventLoop;
using penstock::MapAsync;
using penstock::Outcome;
using penstock::Receipt;
using penstock::Ref;
using penstock::Signal;
using penstock::Stopped;
using penstock::Stream;
using penstock::VirtualLoop;
using penstock::test::containing;
using penstock::testing::Probe;
using penstock::testing::ScriptedSink;
namespace asio = boost::asio;

namespace {

/// Writes down elements and signals as they come.
struct Log final : penstock::Node, penstock::Receiver<int, Log> {
  explicit Log(std::vector<std::string>& into) : Node(penstock::Info{"log"}), into_(into) {
    port(static_cast<penstock::InletBase&>(*this));
  }
  penstock::Pending* take(int value, const Context*) {
    into_.push_back(std::to_string(value));
    return nullptr;
  }
  penstock::Pending* take_signal(const Signal& signal) override {
    into_.push_back(signal.kind == Signal::end ? "end" : "signal " + std::to_string(signal.value));
    return nullptr;
  }
  std::vector<std::string>& into_;
};

int ms(const VirtualLoop& loop) { return static_cast<int>(loop.now().time_since_epoch() / 1ms); }

// A coroutine that takes so many milliseconds and adds one.
auto slow_inc(VirtualLoop& loop, int time) {
  return [&loop, time](int x) -> asio::awaitable<int> {
    co_await loop.sleep(std::chrono::milliseconds(time));
    co_return x + 1;
  };
}

}  // namespace

TEST_CASE("row 13: two map_async in a row, the second one slow, give their results in order and overlapped") {
  // Streamz gets three slow calls into 0.1 s with parallelism 2, because it runs one call more than it says
  // (D16).
  VirtualLoop loop;
  Stream<int> source{loop};
  auto add = [](int x, int y) -> asio::awaitable<int> { co_return x + y; };
  auto slow_add = [&](int x, int y) -> asio::awaitable<int> {
    co_await loop.sleep(100ms);
    co_return x + y;
  };
  const Probe probe{source.map_async(add, 1).map_async(slow_add, MapAsync{.parallelism = 3}, 2)};
  auto emit = [&]() -> asio::awaitable<void> {
    for (int i = 0; i < 3; ++i) co_await source.async_emit(i, asio::use_awaitable);
  };
  asio::co_spawn(loop.executor(), emit(), asio::detached);
  loop.run();
  REQUIRE(probe.values() == std::vector<int>{3, 4, 5});
  REQUIRE(probe.times() == std::vector<Duration>{100ms, 100ms, 100ms});
}

TEST_CASE("row 14: the same with a buffer before the sink") {
  VirtualLoop loop;
  Stream<int> source{loop};
  auto slow_add = [&](int x, int y) -> asio::awaitable<int> {
    co_await loop.sleep(100ms);
    co_return x + y;
  };
  const Probe probe{source.map_async(slow_add, MapAsync{.parallelism = 3}, 3).buffer(1)};
  auto emit = [&]() -> asio::awaitable<void> {
    for (int i = 0; i < 3; ++i) co_await source.async_emit(i, asio::use_awaitable);
  };
  asio::co_spawn(loop.executor(), emit(), asio::detached);
  loop.run();
  REQUIRE(probe.values() == std::vector<int>{3, 4, 5});
  REQUIRE(ms(loop) == 100);
}

TEST_CASE("row 15: stop_on_exception stops at the failure, and start goes on behind it") {
  for (std::size_t parallelism : {std::size_t{1}, std::size_t{2}, std::size_t{4}}) {
    VirtualLoop loop;
    std::vector<int> numbers(20);
    for (int i = 0; i < 20; ++i) numbers[static_cast<std::size_t>(i)] = i;
    auto source = penstock::from_range(loop, numbers);
    auto f = [&](int x) -> asio::awaitable<int> {
      co_await loop.sleep(1ms);
      if (x == 2 || x > 4) throw std::runtime_error("refused");
      co_return x;
    };
    auto mapped = source.map_async(f, {.parallelism = parallelism, .stop_on_exception = true});
    const Probe probe{mapped};
    int errors = 0;
    source.on_background_error([&](const std::exception_ptr&, const penstock::Info&) { ++errors; });
    source.start();
    loop.run();
    REQUIRE(probe.values() == std::vector<int>{0, 1});
    REQUIRE(errors == 1);
    mapped.start();
    loop.run();
    REQUIRE(probe.values() == std::vector<int>{0, 1, 3, 4});
    REQUIRE(errors == 2);
  }
}

TEST_CASE("D16: exactly as many calls as it says are under way, and time does not pass by polling") {
  // Streamz runs 2, 3, 5 calls for parallelism 1, 2, 4, and looks 40 % of a core for a free slot.
  for (std::size_t parallelism : {std::size_t{1}, std::size_t{2}, std::size_t{4}}) {
    for (bool ordered : {true, false}) {
      VirtualLoop loop;
      Stream<int> source{loop};
      std::size_t now = 0;
      std::size_t most = 0;
      auto f = [&](int x) -> asio::awaitable<int> {
        most = std::max(most, ++now);
        co_await loop.sleep(10ms);
        --now;
        co_return x;
      };
      const Probe probe{source.map_async(f, {.parallelism = parallelism, .ordered = ordered})};
      for (int i = 0; i < 8; ++i) source.async_emit(i, asio::detached);
      loop.run();
      REQUIRE(most == parallelism);
      REQUIRE(probe.size() == 8);
      REQUIRE(ms(loop) == 80 / static_cast<int>(parallelism));
    }
  }
}

TEST_CASE("an element waits for a slot, not for its result") {
  VirtualLoop loop;
  Stream<int> source{loop};
  auto end = source.map_async(slow_inc(loop, 10), {.parallelism = 2});
  const Probe probe{end};
  std::vector<Receipt> receipts;
  for (int i = 0; i < 4; ++i) receipts.push_back(source.push(i));
  REQUIRE_FALSE(receipts[0].pending());
  REQUIRE_FALSE(receipts[1].pending());
  REQUIRE(receipts[2].pending());
  REQUIRE(end.info().held.get() == 4);
  loop.run_for(10ms);
  REQUIRE_FALSE(receipts[2].pending());
  REQUIRE_FALSE(receipts[3].pending());
  REQUIRE(probe.values() == std::vector<int>{1, 2});
  loop.run();
  REQUIRE(probe.values() == std::vector<int>{1, 2, 3, 4});
  REQUIRE(end.info().held.get() == 0);
}

TEST_CASE("ordered results wait for those before them, unordered ones come as they are ready") {
  for (bool ordered : {true, false}) {
    VirtualLoop loop;
    Stream<int> source{loop};
    auto f = [&](int x) -> asio::awaitable<int> {
      co_await loop.sleep(std::chrono::milliseconds(40 - 10 * x));
      co_return x;
    };
    const Probe probe{source.map_async(f, {.parallelism = 3, .ordered = ordered})};
    for (int i = 0; i < 3; ++i) static_cast<void>(source.push(i));
    loop.run();
    if (ordered) {
      REQUIRE(probe.values() == std::vector<int>{0, 1, 2});
      REQUIRE(probe.times() == std::vector<Duration>{40ms, 40ms, 40ms});
    } else {
      REQUIRE(probe.values() == std::vector<int>{2, 1, 0});
      REQUIRE(probe.times() == std::vector<Duration>{20ms, 30ms, 40ms});
    }
  }
}

TEST_CASE("a result that is not taken keeps its slot") {
  VirtualLoop loop;
  Stream<int> source{loop};
  ScriptedSink<int> stuck{source.map_async(slow_inc(loop, 10), {.parallelism = 2}), {.stalled = true}};
  int started = 0;
  for (int i = 0; i < 6; ++i) {
    source.async_emit(i, [&](const std::exception_ptr&) { ++started; });
  }
  loop.run();
  REQUIRE(stuck.taken() == 1);
  REQUIRE(started == 2);
  stuck.complete();
  loop.run();
  REQUIRE(stuck.taken() == 2);
  REQUIRE(started == 3);
  while (stuck.open() > 0) {
    stuck.complete();
    loop.run();
  }
  REQUIRE(stuck.completed() == std::vector<int>{1, 2, 3, 4, 5, 6});
}

TEST_CASE("D1: Refs are held from the moment the element comes in until its result is out") {
  // Streamz retains one turn of the loop late, after the callback has been told that all is done.
  VirtualLoop loop;
  Stream<int> source{loop};
  ScriptedSink<int> slow{source.map_async(slow_inc(loop, 10)), {.takes = 5ms}};
  std::vector<int> told;
  Ref ref{[&] { told.push_back(ms(loop)); }};
  static_cast<void>(source.push(1, Context{ref}));
  REQUIRE(ref.use_count() - 1 == 1);
  ref.reset();
  loop.run();
  REQUIRE(told == std::vector<int>{15});
}

TEST_CASE("a call that fails fails its element and no other; who waits gets the error, else it is reported") {
  VirtualLoop loop;
  Stream<int> source{loop};
  auto f = [&](int x) -> asio::awaitable<int> {
    if (x == 0) throw std::runtime_error("at once");
    co_await loop.sleep(10ms);
    if (x == 2) throw std::runtime_error("later");
    co_return x;
  };
  auto mapped = source.map_async(f, {.parallelism = 2});
  const Probe probe{mapped};
  std::vector<std::string> reported;
  source.on_background_error([&](const std::exception_ptr& error, const penstock::Info& where) {
    try {
      std::rethrow_exception(error);
    } catch (const std::runtime_error& thrown) {
      reported.push_back(std::string(where.op) + ": " + thrown.what());
    }
  });
  std::vector<Outcome> told(5, Outcome::dropped);
  auto context = [&](std::size_t i) {
    return Context{Ref{[&told, i](const Ending& ending) { told[i] = ending.outcome; }}};
  };
  REQUIRE_THROWS_WITH(source.push(0, context(0)), "at once");
  static_cast<void>(source.push(1, context(1)));
  static_cast<void>(source.push(2, context(2)));
  const Receipt waits = source.push(0, context(3));
  static_cast<void>(source.push(4, context(4)));
  REQUIRE(waits.pending());
  loop.run();
  REQUIRE_THROWS_WITH(waits.get(), "at once");
  REQUIRE(reported == std::vector<std::string>{"map_async: later"});
  REQUIRE(probe.values() == std::vector<int>{1, 4});
  REQUIRE(told == std::vector<Outcome>{Outcome::failed, Outcome::done, Outcome::failed, Outcome::failed,
                                       Outcome::done});
  REQUIRE(mapped.info().failed.get() == 3);
  REQUIRE(mapped.info().in.get() == 5);
  REQUIRE(mapped.info().out.get() == 2);
}

TEST_CASE("D6: an exception behind it is reported, and later elements come through") {
  // In Streamz it kills the worker, and the next emits hang.
  VirtualLoop loop;
  Stream<int> source{loop};
  std::vector<int> seen;
  static_cast<void>(source.map_async(slow_inc(loop, 10), {.parallelism = 1}).sink([&](int x) {
    if (x == 2) throw std::runtime_error("sink");
    seen.push_back(x);
  }));
  std::vector<Outcome> told;
  for (int i = 0; i < 3; ++i) {
    source.async_emit(i, Ref{[&](const Ending& ending) { told.push_back(ending.outcome); }}, asio::detached);
  }
  REQUIRE_THROWS_WITH(loop.run(), "sink");
  REQUIRE(seen == std::vector<int>{1, 3});
  REQUIRE(told == std::vector<Outcome>{Outcome::done, Outcome::failed, Outcome::done});
}

TEST_CASE("D7: an error of a sink behind it does not stop the source") {
  // In Streamz a failing sink kills the source for good, and start is ignored.
  VirtualLoop loop;
  auto source = penstock::from_range(loop, {0, 1, 2, 3, 4});
  std::vector<int> seen;
  static_cast<void>(source.map_async(slow_inc(loop, 1)).sink([&](int x) {
    if (x == 2) throw std::runtime_error("sink");
    seen.push_back(x);
  }));
  int errors = 0;
  source.on_background_error([&](const std::exception_ptr&, const penstock::Info&) { ++errors; });
  source.start();
  loop.run();
  REQUIRE(seen == std::vector<int>{1, 3, 4, 5});
  REQUIRE(errors == 1);
}

TEST_CASE("a coroutine that does not wait is passed on within emit") {
  VirtualLoop loop;
  Stream<int> source{loop};
  const Probe probe{source.map_async([](int x) -> asio::awaitable<int> { co_return 2 * x; })};
  for (int i = 0; i < 3; ++i) REQUIRE_FALSE(source.push(i).pending());
  REQUIRE(probe.values() == std::vector<int>{0, 2, 4});
}

TEST_CASE("a function with a Completion gives its result with it, also without a loop") {
  Stream<int> source;
  std::vector<std::pair<int, Completion<std::string>>> open;
  const Probe probe{
      source.map_async([&](int x, Completion<std::string> done) { open.emplace_back(x, std::move(done)); },
                       {.parallelism = 2})};
  std::vector<Receipt> receipts;
  for (int i = 0; i < 3; ++i) receipts.push_back(source.push(i));
  REQUIRE(open.size() == 2);
  open[1].second("one");
  REQUIRE(probe.size() == 0);
  open[0].second("zero");
  REQUIRE(probe.values() == std::vector<std::string>{"zero", "one"});
  REQUIRE(open.size() == 3);
  REQUIRE_FALSE(receipts[2].pending());
  open[2].second("two");
  REQUIRE(probe.values() == std::vector<std::string>{"zero", "one", "two"});
  source.emit(3);
  std::string said;
  source.on_background_error([&](const std::exception_ptr& error, const penstock::Info&) {
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& thrown) {
      said = thrown.what();
    }
  });
  open.clear();
  REQUIRE_THAT(said, containing("without having been called"));
}

TEST_CASE("other threads may do the work") {
  EventLoop loop;
  Stream<int> source{loop};
  std::vector<std::thread> workers;
  std::vector<int> seen;
  static_cast<void>(source
                        .map_async([&](int x, Completion<int> done) {
                          workers.emplace_back([x, done = std::move(done)]() mutable { done(x * x); });
                        })
                        .sink([&](int x) { seen.push_back(x); }));
  for (int i = 0; i < 20; ++i) source.emit(i);
  loop.run();
  for (std::thread& worker : workers) worker.join();
  std::vector<int> expected;
  for (int i = 0; i < 20; ++i) expected.push_back(i * i);
  REQUIRE(seen == expected);
}

TEST_CASE("elements and results may be move-only") {
  VirtualLoop loop;
  Stream<std::unique_ptr<int>> source{loop};
  std::vector<int> seen;
  static_cast<void>(source
                        .map_async([&](std::unique_ptr<int> x) -> asio::awaitable<std::unique_ptr<int>> {
                          co_await loop.sleep(1ms);
                          ++*x;
                          co_return x;
                        })
                        .sink([&](std::unique_ptr<int> x) { seen.push_back(*x); }));
  for (int i = 0; i < 3; ++i) static_cast<void>(source.push(std::make_unique<int>(i)));
  loop.run();
  REQUIRE(seen == std::vector<int>{1, 2, 3});
}

TEST_CASE("signals keep their place among the elements, and close waits for all results") {
  for (bool ordered : {true, false}) {
    VirtualLoop loop;
    Stream<int> source{loop};
    auto f = [&](int x) -> asio::awaitable<int> {
      co_await loop.sleep(std::chrono::milliseconds(40 - 10 * x));
      co_return x;
    };
    std::vector<std::string> log;
    const Probe probe{source.map_async(f, {.parallelism = 2, .ordered = ordered})};
    static_cast<void>(source.push(0));
    static_cast<void>(Receipt{source.outlet().signal({Signal::watermark, 7})});
    static_cast<void>(source.push(1));
    static_cast<void>(source.push(2));
    loop.run_for(30ms);
    REQUIRE(probe.size() == 0);  // 1 is ready, but the watermark and 0 are before it
    REQUIRE(probe.signals().empty());
    source.close();
    REQUIRE(probe.values() == std::vector<int>{0, 1, 2});
    REQUIRE(probe.signals().size() == 2);
    REQUIRE(probe.ended());
  }
}

TEST_CASE("of watermarks that come while a call is under way map_async keeps the last one of each place") {
  const bool ordered = GENERATE(true, false);
  std::vector<std::string> log;
  std::vector<penstock::Completion<int>> calls;
  const Stream<int> source;
  const auto f = [&](int, penstock::Completion<int> done) { calls.push_back(std::move(done)); };
  penstock::attach<Log>(source.map_async(f, {.parallelism = 2, .ordered = ordered}).stream(), log);
  for (int i = 0; i < 3; ++i) {
    static_cast<void>(source.push(i));  // the last one waits for a slot
    for (int time = 1; time <= 1000; ++time) {
      static_cast<void>(Receipt{source.outlet().signal({Signal::watermark, 1000 * i + time})});
    }
  }
  REQUIRE(calls.size() == 2);
  calls[1](20);
  REQUIRE(log.empty());
  calls[0](10);
  REQUIRE(calls.size() == 3);
  calls[2](30);
  REQUIRE(log == std::vector<std::string>{"10", "signal 1000", "20", "signal 2000", "30", "signal 3000"});
}

TEST_CASE("a graph that ends with calls under way: receipts stop, Refs are dropped, the function lives on") {
  VirtualLoop loop;
  auto used = std::make_shared<int>(0);
  std::vector<Outcome> told;
  Receipt waits;
  {
    Stream<int> source{loop};
    const Probe probe{source.map_async(
        [&loop, used](int x) -> asio::awaitable<int> {
          co_await loop.sleep(10ms);
          *used += x;
          co_return x;
        },
        {.parallelism = 2})};
    for (int i = 1; i <= 3; ++i) {
      waits = source.push(i, Context{Ref{[&](const Ending& ending) { told.push_back(ending.outcome); }}});
    }
    loop.run_for(1ms);
  }
  REQUIRE_THROWS_AS(waits.get(), Stopped);
  loop.run();
  REQUIRE(told == std::vector<Outcome>(3, Outcome::dropped));
  REQUIRE(*used == 3);  // the third never started
  REQUIRE(used.use_count() == 1);
}

TEST_CASE("stop_on_exception: a failure at once is told to the emitter, and what is before it comes out first") {
  VirtualLoop loop;
  Stream<int> source{loop};
  auto f = [&](int x) -> asio::awaitable<int> {
    if (x == 1) throw std::runtime_error("at once");
    co_await loop.sleep(10ms);
    co_return x;
  };
  auto mapped = source.map_async(f, {.stop_on_exception = true});
  const Probe probe{mapped};
  static_cast<void>(source.push(0));
  REQUIRE_THROWS_WITH(source.push(1), "at once");
  static_cast<void>(source.push(2));
  loop.run();
  REQUIRE(probe.values() == std::vector<int>{0});
  const Receipt waits = source.push(3);
  loop.run();
  REQUIRE(waits.pending());
  source.start();
  loop.run();
  REQUIRE(probe.values() == std::vector<int>{0, 2, 3});
  REQUIRE_FALSE(waits.pending());
}

TEST_CASE("map_async refuses parallelism 0, and an awaitable without a loop") {
  Stream<int> source;
  auto f = [](int x) -> asio::awaitable<int> { co_return x; };
  REQUIRE_THROWS_WITH(source.map_async(f, {.parallelism = 0}), containing("map_async: parallelism"));
  REQUIRE_THROWS_WITH(source.map_async(f),
                      containing("map_async: a function that returns an awaitable needs an event loop"));
}

TEST_CASE("under every order of tasks results keep the order, none is lost, every Ref ends once, wait_idle ends") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    VirtualLoop loop{seed};
    Stream<int> source{loop};
    auto f = [&](int x) -> asio::awaitable<int> {
      for (int i = 0; i < (x * 7) % 5; ++i) co_await asio::post(asio::use_awaitable);
      if (x % 10 == 9) throw std::runtime_error("nine");
      co_return x;
    };
    ScriptedSink<int> sink{source.map_async(f, {.parallelism = 1 + seed % 4}), {.takes = 3ms, .seed = seed}};
    source.on_background_error([](const std::exception_ptr&, const penstock::Info&) {});
    int done = 0;
    int failed = 0;
    auto emit = [&]() -> asio::awaitable<void> {
      for (int i = 0; i < 40; ++i) {
        Ref ref{[&](const Ending& ending) { ++(ending.outcome == Outcome::failed ? failed : done); }};
        try {
          co_await source.async_emit(i, std::move(ref), asio::use_awaitable);
        } catch (const std::runtime_error&) {
          // the Ref tells
        }
      }
    };
    asio::co_spawn(loop.executor(), emit(), asio::detached);
    loop.run();
    source.wait_idle();
    std::vector<int> expected;
    for (int i = 0; i < 40; ++i) {
      if (i % 10 != 9) expected.push_back(i);
    }
    REQUIRE(sink.completed() == expected);
    REQUIRE(done == 36);
    REQUIRE(failed == 4);
  }
}
