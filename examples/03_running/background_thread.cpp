// SPDX-License-Identifier: BSL-1.0
// A loop with a thread of its own: other threads emit, and each waits until its element has been taken.
#include <thread>
#include <vector>

#include <fmt/core.h>

#include <penstock/penstock.hpp>

int main() {
  penstock::EventLoop loop{penstock::background};
  penstock::Stream<int> source{loop};

  const std::thread::id main_thread = std::this_thread::get_id();
  bool in_main = false;
  long sum = 0;  // needs no lock: a graph's functions run one at a time
  source.sink([&](int x) {
    in_main = in_main || std::this_thread::get_id() == main_thread;
    sum += x;
  });

  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([source] {
      for (int x = 1; x <= 1000; ++x) source.emit(x);
    });
  }
  for (std::thread& thread : threads) thread.join();

  loop.join();  // throws here what went wrong in the background
  fmt::print("sum {}\n", sum);
  fmt::print("a function ran in the main thread: {}\n", in_main);
}
