// SPDX-License-Identifier: BSL-1.0
// A sink that is slower than its source: who waits, and what a buffer changes.
#include <fmt/core.h>

#include <penstock/penstock.hpp>

#include <chrono>

namespace asio = boost::asio;
using namespace std::chrono_literals;

int main() {
  penstock::EventLoop loop;
  penstock::Stream<int> source{loop};

  // A coroutine is a sink. The element is through when the coroutine has ended.
  auto write = [&loop](int x) -> asio::awaitable<void> {
    co_await loop.sleep(5ms);
    fmt::print("    written {}\n", x);
  };
  source.buffer(2).sink(write);

  // Whoever emits in a coroutine waits by suspending. One element is on its way to the sink and two stand in
  // the queue, so 3 is the first one that has to wait.
  auto produce = [&source]() -> asio::awaitable<void> {
    for (int i = 0; i < 6; ++i) {
      co_await source.async_emit(i, asio::use_awaitable);
      fmt::print("taken {}\n", i);
    }
  };
  asio::co_spawn(loop.executor(), produce, asio::detached);
  loop.run();

  // In plain code `emit` waits too; here it runs the loop meanwhile.
  for (int i = 6; i < 9; ++i) source.emit(i);
  fmt::print("all taken, {} held\n", source.stats()[1].held);
  source.wait_idle();

  // `try_emit` never waits. It says no while an element that it let in still waits.
  int refused = 0;
  for (int i = 0; i < 10; ++i) refused += source.try_emit(100 + i) ? 0 : 1;
  fmt::print("refused {} of 10\n", refused);
  source.wait_idle();
}
