// SPDX-License-Identifier: BSL-1.0
#include "catch.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>

#include "penstock/core.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace std::chrono_literals;
using penstock::asio::awaitable;
using penstock::Duration;
using penstock::FunctionTask;
using penstock::Position;
using penstock::Task;
using penstock::Timer;
using penstock::TimePoint;
using penstock::VirtualLoop;
namespace asio = boost::asio;

namespace {

struct Note final : Timer {
  Note(std::vector<int>& l, int i) : log(l), id(i) {}
  void run() override { log.push_back(id); }
  std::vector<int>& log;
  int id;
};

template <class Fn>
Task& task(Fn fn) {
  return *new FunctionTask<Fn>(std::move(fn));
}

}  // namespace

TEST_CASE("tasks run in the order in which they were posted, never inside post") {
  VirtualLoop loop;
  std::vector<int> log;
  for (int i = 0; i < 5; ++i) loop.post(task([&log, i] { log.push_back(i); }));
  REQUIRE(log.empty());
  REQUIRE(loop.run() == 5);
  REQUIRE(log == std::vector<int>{0, 1, 2, 3, 4});
  REQUIRE(loop.now() == TimePoint{});
}

TEST_CASE("timers run at their deadlines, those of one deadline in the order in which they were set") {
  VirtualLoop loop;
  std::vector<int> log;
  Note a{log, 1}, b{log, 2}, c{log, 3}, d{log, 4};
  loop.set(a, TimePoint{30ms});
  loop.set(b, TimePoint{10ms});
  loop.set(c, TimePoint{30ms});
  loop.set(d, TimePoint{20ms});
  REQUIRE(a.active());
  REQUIRE(loop.next_deadline() == TimePoint{10ms});
  loop.run_for(10ms);
  REQUIRE(log == std::vector<int>{2});
  REQUIRE(loop.now() == TimePoint{10ms});
  loop.set(a, TimePoint{30ms});  // moved behind c, which was set for the same time before
  loop.run();
  REQUIRE(log == std::vector<int>{2, 4, 3, 1});
  REQUIRE(loop.now() == TimePoint{30ms});
  REQUIRE_FALSE(a.active());
}

TEST_CASE("a cancelled or destroyed timer does not run, whether its time had come or not") {
  VirtualLoop loop;
  std::vector<int> log;
  Note a{log, 1}, b{log, 2};
  {
    Note c{log, 3};
    loop.set(c, TimePoint{1ms});
  }
  loop.set(a, TimePoint{2ms});
  loop.set(b, TimePoint{2ms});
  loop.post(task([&] { a.cancel(); }));
  loop.run();
  REQUIRE(log == std::vector<int>{2});
  log.clear();
  loop.set(a, loop.now());
  loop.set(b, loop.now());
  loop.post(task([&] { a.cancel(); }));  // runs first: timers become ready behind what was posted before
  loop.run();
  REQUIRE(log == std::vector<int>{2});
}

TEST_CASE("a thousand timers in any order come out sorted, also when some are moved and cancelled") {
  VirtualLoop loop;
  std::vector<int> log;
  std::vector<std::unique_ptr<Note>> timers;
  std::vector<std::pair<int, int>> model;  // deadline, order of the last set
  std::uint64_t random = 7;
  auto next = [&random](int below) {
    random = random * 6364136223846793005U + 1442695040888963407U;
    return static_cast<int>((random >> 33) % static_cast<std::uint64_t>(below));
  };
  int order = 0;
  for (int i = 0; i < 1000; ++i) {
    timers.push_back(std::make_unique<Note>(log, i));
    const int at = next(50);
    loop.set(*timers.back(), TimePoint{std::chrono::seconds(at)});
    model.emplace_back(at, order++);
  }
  for (int k = 0; k < 500; ++k) {
    const int i = next(1000);
    const int at = next(50);
    loop.set(*timers[static_cast<std::size_t>(i)], TimePoint{std::chrono::seconds(at)});
    model[static_cast<std::size_t>(i)] = {at, order++};
  }
  for (int k = 0; k < 200; ++k) {
    const int i = next(1000);
    timers[static_cast<std::size_t>(i)]->cancel();
    model[static_cast<std::size_t>(i)].first = -1;
  }
  std::vector<int> expected;
  for (int i = 0; i < 1000; ++i) {
    if (model[static_cast<std::size_t>(i)].first >= 0) expected.push_back(i);
  }
  std::sort(expected.begin(), expected.end(), [&](int a, int b) {
    return model[static_cast<std::size_t>(a)] < model[static_cast<std::size_t>(b)];
  });
  loop.run();
  REQUIRE(log == expected);
}

TEST_CASE("run_until runs what is due and leaves the clock there; run_ready does not move it") {
  VirtualLoop loop;
  std::vector<int> log;
  Note a{log, 1}, b{log, 2};
  loop.set(a, TimePoint{5ms});
  loop.set(b, TimePoint{9ms});
  REQUIRE(loop.run_ready() == 0);
  REQUIRE(loop.now() == TimePoint{});
  loop.run_until(TimePoint{7ms});
  REQUIRE(log == std::vector<int>{1});
  REQUIRE(loop.now() == TimePoint{7ms});
  loop.run_for(2ms);
  REQUIRE(log == std::vector<int>{1, 2});
}

TEST_CASE("run_for the longest time there is runs everything") {
  VirtualLoop loop;
  std::vector<int> log;
  Note a{log, 1};
  loop.run_for(1ms);
  loop.set(a, TimePoint{9ms});
  loop.run_for(penstock::Duration::max());
  REQUIRE(log == std::vector<int>{1});
}

TEST_CASE("a seed decides the order of ready tasks, and the same seed gives the same run") {
  auto play = [](std::uint64_t seed) {
    VirtualLoop loop{seed};
    std::vector<int> log;
    for (int i = 0; i < 50; ++i) loop.post(task([&log, i] { log.push_back(i); }));
    loop.run();
    return std::pair{log, loop.trace_hash()};
  };
  const auto [first, first_hash] = play(1);
  const auto [again, again_hash] = play(1);
  const auto [other, other_hash] = play(2);
  REQUIRE(first == again);
  REQUIRE(first_hash == again_hash);
  REQUIRE(first != other);
  std::vector<int> sorted = first;
  std::sort(sorted.begin(), sorted.end());
  std::vector<int> all(50);
  std::iota(all.begin(), all.end(), 0);
  REQUIRE(sorted == all);
  REQUIRE(play(0).first == all);
  REQUIRE(other_hash == play(2).second);
}

TEST_CASE("what a task throws comes out of run, after everything has run") {
  VirtualLoop loop;
  std::vector<int> log;
  loop.post(task([] { throw std::runtime_error("first"); }));
  loop.post(task([] { throw std::runtime_error("second"); }));
  loop.post(task([&] { log.push_back(1); }));
  REQUIRE_THROWS_WITH(loop.run(), "first");
  REQUIRE(log == std::vector<int>{1});
  REQUIRE(loop.run() == 0);
  loop.report(std::make_exception_ptr(std::runtime_error("reported")));
  REQUIRE_THROWS_WITH(loop.run_ready(), "reported");
}

TEST_CASE("position is idle outside and inside within a task; run and wait inside throw") {
  VirtualLoop loop;
  REQUIRE(loop.position() == Position::idle);
  Position inside{};
  std::string run_said;
  std::string wait_said;
  loop.post(task([&] {
    inside = loop.position();
    penstock::Flag done;
    try {
      loop.run();
    } catch (const std::logic_error& error) {
      run_said = error.what();
    }
    try {
      loop.wait(done);
    } catch (const std::logic_error& error) {
      wait_said = error.what();
    }
  }));
  loop.run();
  REQUIRE(inside == Position::inside);
  REQUIRE_THAT(run_said, penstock::test::containing("run:"));
  REQUIRE_THAT(wait_said, penstock::test::containing("wait:"));
}

TEST_CASE("wait runs the loop until it is woken, and says when it never will be") {
  VirtualLoop loop;
  penstock::Flag done;
  std::vector<int> log;
  Note later{log, 9};
  loop.set(later, TimePoint{2h});
  struct Wakes final : Timer {
    Wakes(VirtualLoop& l, penstock::Flag& d) : loop(l), done(d) {}
    void run() override { loop.wake(done); }
    VirtualLoop& loop;
    penstock::Flag& done;
  } wakes{loop, done};
  loop.set(wakes, TimePoint{1h});
  loop.wait(done);
  REQUIRE(loop.now() == TimePoint{1h});
  REQUIRE(log.empty());
  penstock::Flag never;
  REQUIRE_THROWS_AS(loop.wait(never), std::logic_error);
  REQUIRE(log == std::vector<int>{9});
}

TEST_CASE("other threads may hand over tasks, and run_with_threads waits for them") {
  VirtualLoop loop;
  std::atomic<int> ran{0};
  loop.work_started();
  std::thread other([&] {
    for (int i = 0; i < 100; ++i) loop.post_remote(task([&] { ++ran; }));
    loop.work_finished();
  });
  loop.run_with_threads();
  other.join();
  loop.run();
  REQUIRE(ran == 100);
}

TEST_CASE("coroutines run in virtual time") {
  VirtualLoop loop;
  std::vector<std::pair<int, Duration>> log;
  auto coroutine = [&](int id, Duration step) -> awaitable<void> {
    for (int i = 0; i < 3; ++i) {
      co_await loop.sleep(step);
      log.emplace_back(id, loop.now().time_since_epoch());
    }
  };
  asio::co_spawn(loop.executor(), coroutine(1, 10ms), asio::detached);
  asio::co_spawn(loop.executor(), coroutine(2, 1h), asio::detached);
  REQUIRE(log.empty());
  loop.run();
  REQUIRE(log ==
          std::vector<std::pair<int, Duration>>{{1, 10ms}, {1, 20ms}, {1, 30ms}, {2, 1h}, {2, 2h}, {2, 3h}});
}

TEST_CASE("a coroutine that loses against a faster one is cancelled") {
  using namespace asio::experimental::awaitable_operators;
  VirtualLoop loop;
  std::size_t winner = 9;
  auto race = [&]() -> awaitable<void> {
    auto result = co_await (loop.sleep(1h) || loop.sleep(1s));
    winner = result.index();
  };
  asio::co_spawn(loop.executor(), race(), asio::detached);
  loop.run();
  REQUIRE(winner == 1);
  REQUIRE(loop.now() == TimePoint{1s});
}

TEST_CASE("Asio's post and dispatch run on the loop") {
  VirtualLoop loop;
  std::vector<int> log;
  asio::any_io_executor executor = loop.executor();
  asio::post(executor, [&] {
    asio::post(executor, [&] { log.push_back(2); });
    asio::dispatch(executor, [&] { log.push_back(1); });
  });
  REQUIRE(log.empty());
  loop.run();
  REQUIRE(log == std::vector<int>{1, 2});
}

TEST_CASE("a loop that ends discards tasks, timers and coroutines without running them") {
  auto held = std::make_shared<int>(0);
  {
    VirtualLoop loop;
    auto coroutine = [&, held]() -> awaitable<void> {
      co_await loop.sleep(1h);
      ++*held;
    };
    auto spawned = coroutine();
    asio::co_spawn(loop.executor(), std::move(spawned), asio::detached);
    loop.run_for(1s);
    loop.post(task([held] { ++*held; }));
    REQUIRE(held.use_count() > 1);
  }
  REQUIRE(held.use_count() == 1);
  REQUIRE(*held == 0);
}
