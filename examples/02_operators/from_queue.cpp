// SPDX-License-Identifier: BSL-1.0
// Two threads push into a small queue, and wait when it is full; the loop's thread takes out.
#include <fmt/core.h>

#include <atomic>
#include <thread>

#include <penstock/penstock.hpp>

int main() {
  penstock::EventLoop loop;
  const penstock::Queue<int> queue{4};
  const auto source = penstock::from_queue(loop, queue);
  source.accumulate(std::plus{}, 0).slice({.start = 199}).sink([](int sum) { fmt::print("sum {}\n", sum); });
  source.start();

  std::atomic<int> at_work{2};
  const auto produce = [&](int first) {
    for (int i = first; i < first + 100; ++i) queue.push(i);
    if (--at_work == 0) queue.close();
  };
  std::thread low{produce, 1};
  std::thread high{produce, 101};
  loop.run();  // until the queue is closed and empty
  low.join();
  high.join();
}
