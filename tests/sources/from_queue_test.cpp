// SPDX-License-Identifier: BSL-1.0
#include "penstock/sources/from_queue.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/testing/testing.hpp"

using namespace penstock;
using namespace std::chrono_literals;
using penstock::testing::Probe;
using penstock::testing::ScriptedSink;

TEST_CASE("from_queue emits what was pushed, in order, and ends when the queue is closed and empty") {
  VirtualLoop loop;
  const Queue<std::string> queue{10};
  const auto source = from_queue(loop, queue);
  const Probe<std::string> probe{source};
  CHECK(queue.push("a"));
  source.start();
  loop.run();
  CHECK(probe.values() == std::vector<std::string>{"a"});
  CHECK(queue.push("b"));
  CHECK(queue.try_push("c"));
  CHECK(probe.size() == 1);
  loop.run();
  CHECK(probe.values() == std::vector<std::string>{"a", "b", "c"});
  CHECK(queue.push("d"));
  queue.close();
  CHECK(queue.closed());
  CHECK_FALSE(queue.push("e"));
  CHECK_FALSE(queue.try_push("e"));
  loop.run();
  CHECK(probe.values().back() == "d");
  CHECK(probe.ended());
  CHECK(source.stopped());
}

TEST_CASE("from_queue wakes the loop once for all that came meanwhile") {
  VirtualLoop loop;
  const Queue<int> queue{100};
  const auto source = from_queue(loop, queue);
  const Probe<int> probe{source};
  source.start();
  loop.run();
  for (int i = 0; i < 50; ++i) queue.push(i);
  // The call, and the pump's turn.
  CHECK(loop.run() == 2);
  CHECK(probe.size() == 50);
}

TEST_CASE("a full queue refuses, and a push that would block the loop itself is a mistake") {
  VirtualLoop loop;
  const Queue<std::unique_ptr<int>> queue{2};
  CHECK(queue.capacity() == 2);
  CHECK(queue.try_push(std::make_unique<int>(1)));
  CHECK(queue.try_push(std::make_unique<int>(2)));
  auto third = std::make_unique<int>(3);
  CHECK_FALSE(queue.try_push(std::move(third)));
  REQUIRE(third);
  CHECK(queue.size() == 2);

  const auto source = from_queue(loop, queue);
  const Sink sink = source.sink([&](std::unique_ptr<int> x) {
    if (*x != 1) return;
    CHECK_FALSE(queue.try_push(std::make_unique<int>(4)));  // this one counts until it is through
    queue.push(std::make_unique<int>(5));
  });
  source.start();
  CHECK_THROWS_WITH(loop.run(),
                    "Queue::push: the queue is full, and waiting for room here would block the loop that "
                    "makes it; use try_push");
  CHECK(queue.size() == 0);
}

TEST_CASE("the capacity counts what the source has taken out and not emitted") {
  VirtualLoop loop;
  const Queue<int> queue{4};
  const auto source = from_queue(loop, queue);
  ScriptedSink<int> sink{source, {.stalled = true}};
  for (int i = 0; i < 4; ++i) CHECK(queue.try_push(i));
  source.start();
  loop.run();
  CHECK(sink.taken() == 1);
  CHECK(queue.size() == 3);
  CHECK(queue.try_push(4));
  CHECK_FALSE(queue.try_push(5));
  sink.complete();
  loop.run();
  CHECK(queue.try_push(5));
  CHECK_FALSE(queue.try_push(6));
  while (sink.open() != 0) {
    sink.complete();
    loop.run();
  }
  CHECK(sink.completed() == std::vector{0, 1, 2, 3, 4, 5});
}

TEST_CASE("a queue keeps its elements while its source is stopped") {
  VirtualLoop loop;
  const Queue<int> queue{10};
  const auto source = from_queue(loop, queue);
  const Probe<int> probe{source};
  source.start();
  loop.run();
  source.stop();
  queue.push(1);
  loop.run();
  CHECK(probe.size() == 0);
  source.start();
  loop.run();
  CHECK(probe.values() == std::vector{1});
  queue.push(2);
  loop.run();
  CHECK(probe.values() == std::vector{1, 2});
}

TEST_CASE("when its source goes away a queue is closed, and what was lost is counted") {
  VirtualLoop loop;
  const Queue<int> queue{10};
  {
    const auto source = from_queue(loop, queue);
    ScriptedSink<int> sink{source, {.stalled = true}};
    source.start();
    for (int i = 0; i < 3; ++i) queue.push(i);
    loop.run();
    queue.push(3);
    CHECK(sink.taken() == 1);
    source.destroy();
    CHECK(source.info().dropped.get() == 3);
  }
  CHECK(queue.closed());
  CHECK(queue.size() == 0);
  CHECK_FALSE(queue.push(4));
  loop.run();
}

TEST_CASE("a call that is under way outlives source and queue") {
  VirtualLoop loop;
  {
    const Queue<int> queue{10};
    const auto source = from_queue(loop, queue);
    source.start();
    loop.run();
    queue.push(1);
  }
  loop.run();
  SUCCEED("nothing runs that is gone");
}

TEST_CASE("a queue has room for one element at least, and one source at most") {
  VirtualLoop loop;
  CHECK_THROWS_WITH(Queue<int>(0), "Queue: the capacity must be at least 1");
  const Queue<int> queue{1};
  const auto source = from_queue(loop, queue);
  CHECK_THROWS_WITH(from_queue(loop, queue), "from_queue: the queue has a source already");
}

TEST_CASE("threads push into a small queue and nothing is lost, doubled or out of their order") {
  for (const std::size_t capacity : {1U, 3U, 64U}) {
    VirtualLoop loop;
    const Queue<int> queue{capacity};
    const auto source = from_queue(loop, queue);
    constexpr int threads = 4;
    constexpr int each = 2000;
    std::vector<std::vector<int>> seen(threads);
    const Sink sink =
        source.sink([&](int x) { seen[static_cast<std::size_t>(x / each)].push_back(x % each); });
    source.start();
    std::atomic<int> open{threads};
    std::vector<std::thread> pushing;
    for (int t = 0; t < threads; ++t) {
      pushing.emplace_back([&, t] {
        for (int i = 0; i < each; ++i) queue.push(t * each + i);
        if (--open == 0) queue.close();
      });
    }
    loop.run_with_threads();  // until the queue is closed
    for (std::thread& thread : pushing) thread.join();
    std::vector<int> in_order(each);
    for (int i = 0; i < each; ++i) in_order[static_cast<std::size_t>(i)] = i;
    CHECK(seen == std::vector<std::vector<int>>(threads, in_order));
    CHECK(source.stopped());
  }
}

TEST_CASE("a push that waits is freed when the queue is closed or its source goes away") {
  VirtualLoop loop;
  const Queue<int> queue{1};
  auto source = std::make_unique<Source<int>>(from_queue(loop, queue));
  queue.push(1);
  std::atomic<bool> pushed{true};
  std::thread pushing{[&] { pushed = queue.push(2); }};
  SECTION("closed") { queue.close(); }
  SECTION("gone") { source.reset(); }
  pushing.join();
  CHECK_FALSE(pushed);
}
