// SPDX-License-Identifier: BSL-1.0
#include "catch.hpp"

#include <chrono>
#include <exception>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include "penstock/core/feedback.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/exec/async_emit.hpp"
#include "penstock/exec/event_loop.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/testing/probe.hpp"
#include "penstock/testing/scripted_sink.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace std::chrono_literals;
using penstock::background;
using penstock::Duration;
using penstock::EventLoop;
using penstock::Position;
using penstock::Ref;
using penstock::Stopped;
using penstock::Stream;
using penstock::VirtualLoop;
using penstock::testing::Probe;
using penstock::testing::ScriptedFailure;
using penstock::testing::ScriptedSink;
namespace asio = boost::asio;

TEST_CASE("a coroutine waits until its element has been taken") {
  VirtualLoop loop;
  Stream<int> source{loop};
  ScriptedSink<int> slow{source, {.takes = 50ms}};
  std::vector<Duration> taken;
  auto emit = [&]() -> asio::awaitable<void> {
    for (int i = 0; i < 3; ++i) {
      co_await source.async_emit(i, asio::use_awaitable);
      taken.push_back(loop.now().time_since_epoch());
    }
  };
  asio::co_spawn(loop.executor(), emit(), asio::detached);
  loop.run();
  REQUIRE(taken == std::vector<Duration>{50ms, 100ms, 150ms});
  REQUIRE(slow.completed() == std::vector<int>{0, 1, 2});
  REQUIRE(slow.most_open() == 1);
}

TEST_CASE("any completion token will do: callback, deferred, future") {
  VirtualLoop loop;
  Stream<std::unique_ptr<int>> source{loop};
  std::vector<int> seen;
  static_cast<void>(source.sink([&](std::unique_ptr<int> x) { seen.push_back(*x); }));
  std::vector<std::string> log;
  source.async_emit(std::make_unique<int>(1), [&](const std::exception_ptr& error) {
    log.push_back(error ? "error" : "called");
  });
  REQUIRE(seen == std::vector<int>{1});
  REQUIRE(log.empty());  // never inside the call
  auto later = source.async_emit(std::make_unique<int>(2), asio::deferred);
  REQUIRE(seen.size() == 1);
  std::move(later)([&](const std::exception_ptr&) { log.push_back("deferred"); });
  std::future<void> future = source.async_emit(std::make_unique<int>(3), asio::use_future);
  loop.run();
  future.get();
  REQUIRE(seen == std::vector<int>{1, 2, 3});
  REQUIRE(log == std::vector<std::string>{"called", "deferred"});
}

TEST_CASE("an exception of a function comes to the one who waits") {
  VirtualLoop loop;
  Stream<int> source{loop};
  static_cast<void>(source.sink([](int x) {
    if (x == 2) throw std::runtime_error("two");
  }));
  std::vector<std::string> log;
  auto emit = [&]() -> asio::awaitable<void> {
    for (int i = 1; i < 4; ++i) {
      try {
        co_await source.async_emit(i, asio::use_awaitable);
        log.push_back("taken");
      } catch (const std::runtime_error& error) {
        log.push_back(error.what());
      }
    }
  };
  asio::co_spawn(loop.executor(), emit(), asio::detached);
  loop.run();
  REQUIRE(log == std::vector<std::string>{"taken", "two", "taken"});
}

TEST_CASE("P1 what emit answers: nothing without a loop, a completion where one waits, and two sinks are waited for") {
  // Streamz returns the list of the sinks' results to who waits; an element here has no result, only an end.
  Stream<int> plain;
  int sum = 0;
  static_cast<void>(plain.sink([&](int x) { sum += x; }));
  static_assert(std::is_void_v<decltype(plain.emit(1))>);
  plain.emit(1);
  REQUIRE(sum == 1);

  VirtualLoop loop;
  Stream<int> source{loop};
  ScriptedSink<int> fast{source, {.takes = 10ms}};
  ScriptedSink<int> slow{source, {.takes = 30ms}};
  std::optional<Duration> taken;
  source.async_emit(1, [&](const std::exception_ptr& error) {
    REQUIRE(error == nullptr);
    taken = loop.now().time_since_epoch();
  });
  loop.run();
  REQUIRE(taken == 30ms);
}

TEST_CASE("P25 when one of two sinks fails later, the error comes after both have ended, also to another thread") {
  // In Streamz the threaded form gets it at once, while the other sink is still busy.
  VirtualLoop loop;
  Stream<int> source{loop};
  ScriptedSink<int> fails{source, {.stalled = true}};
  ScriptedSink<int> slow{source, {.takes = 30ms}};
  std::optional<Duration> ended;
  bool failed = false;
  source.async_emit(1, [&](const std::exception_ptr& error) {
    failed = error != nullptr;
    ended = loop.now().time_since_epoch();
  });
  fails.fail();
  loop.run_for(10ms);
  REQUIRE_FALSE(ended);
  loop.run();
  REQUIRE(ended == 30ms);
  REQUIRE(failed);
  REQUIRE(slow.completed() == std::vector<int>{1});
}

TEST_CASE("elements that nobody waits for keep their order, under every seed") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    VirtualLoop loop{seed};
    Stream<int> source{loop};
    const Probe probe{source};
    for (int i = 0; i < 5; ++i) source.async_emit(i, asio::detached);
    loop.run();
    REQUIRE(probe.values() == std::vector<int>{0, 1, 2, 3, 4});
  }
}

TEST_CASE("from another thread the element is handed over and the completion comes back to the handler's executor") {
  EventLoop loop{background};
  Stream<int> source{loop};
  std::thread::id worked{};
  static_cast<void>(source.sink([&](int) { worked = std::this_thread::get_id(); }));
  asio::io_context here;
  std::thread::id completed{};
  source.async_emit(1, asio::bind_executor(here.get_executor(), [&](const std::exception_ptr&) {
                      completed = std::this_thread::get_id();
                    }));
  here.run();  // the operation keeps it from returning
  REQUIRE(completed == std::this_thread::get_id());
  REQUIRE(worked != completed);
  source.async_emit(2, asio::use_future).get();
}

TEST_CASE("without a loop the element is through before async_emit returns") {
  Stream<int> source;
  std::vector<int> log;
  static_cast<void>(source.sink([&](int x) { log.push_back(x); }));
  source.async_emit(1, [&](const std::exception_ptr& error) { log.push_back(error ? -1 : 10); });
  REQUIRE(log == std::vector<int>{1, 10});
  asio::io_context context;
  auto emit = [&]() -> asio::awaitable<void> {
    co_await source.async_emit(2, asio::use_awaitable);
    log.push_back(20);
  };
  asio::co_spawn(context, emit(), asio::detached);
  context.run();
  REQUIRE(log == std::vector<int>{1, 10, 2, 20});
}

TEST_CASE("a Ref travels with it and ends when the element is through") {
  VirtualLoop loop;
  Stream<int> source{loop};
  ScriptedSink<int> slow{source, {.takes = 10ms}};
  std::optional<Duration> ended;
  source.async_emit(1, Ref{[&] { ended = loop.now().time_since_epoch(); }}, asio::detached);
  loop.run();
  REQUIRE(ended == 10ms);
}

TEST_CASE("a graph that ends completes with Stopped who still waits") {
  VirtualLoop loop;
  std::optional<Stream<int>> source{std::in_place, loop};
  ScriptedSink<int> stuck{*source, {.stalled = true}};
  bool stopped = false;
  source->async_emit(1, [&](const std::exception_ptr& error) {
    try {
      if (error) std::rethrow_exception(error);
    } catch (const Stopped&) {
      stopped = true;
    }
  });
  loop.run();
  REQUIRE_FALSE(stopped);
  source.reset();
  loop.run();
  REQUIRE(stopped);
}

TEST_CASE("async_close waits for what is flushed, async_wait_idle for work under way") {
  VirtualLoop loop;
  Stream<int> source{loop};
  ScriptedSink<int> slow{source, {.takes = 20ms}};
  std::vector<std::string> log;
  source.async_emit(1, asio::detached);
  auto idle = [&]() -> asio::awaitable<void> {
    co_await source.async_wait_idle(asio::use_awaitable);
    log.push_back("idle at " + std::to_string(loop.now().time_since_epoch() / 1ms));
    co_await source.async_close(asio::use_awaitable);
    log.push_back("closed");
    co_await source.async_wait_idle(asio::use_awaitable);
    log.push_back("idle");
  };
  asio::co_spawn(loop.executor(), idle(), asio::detached);
  loop.run();
  REQUIRE(log == std::vector<std::string>{"idle at 20", "closed", "idle"});
  REQUIRE(slow.ended());
}

TEST_CASE("row 72: emit from another thread blocks until the slow sink is through") {
  EventLoop loop{background};
  Stream<int> source{loop};
  const auto start = std::chrono::steady_clock::now();
  ScriptedSink<int> slow{source.map([](int x) { return x + 1; }).stream(), {.takes = 5ms}};
  source.emit(1);
  REQUIRE(std::chrono::steady_clock::now() - start >= 5ms);
  loop.join();
  REQUIRE(slow.completed() == std::vector<int>{2});
}

TEST_CASE("emit on an idle loop runs the loop until its element is through") {
  VirtualLoop loop;
  Stream<int> source{loop};
  ScriptedSink<int> slow{source, {.takes = 1h}};
  source.emit(1);
  REQUIRE(loop.now().time_since_epoch() == 1h);
  REQUIRE(slow.completed() == std::vector<int>{1});
}
