// SPDX-License-Identifier: BSL-1.0
// The smallest pipeline on an event loop: one of those whose compile cost tools/check_compile_cost.py tells.
#include <chrono>
#include <cstdio>

#include <penstock/core.hpp>
#include <penstock/exec/event_loop.hpp>

int main() {
  penstock::EventLoop loop;
  penstock::Stream<int> source{loop};
  source.map([](int x) { return x * 10; })
      .delay(std::chrono::milliseconds(1))
      .sink([](int x) { std::printf("%d\n", x); });
  for (int i = 0; i < 5; ++i) source.emit(i);
  loop.run();
}
