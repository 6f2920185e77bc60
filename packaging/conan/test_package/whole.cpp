// SPDX-License-Identifier: BSL-1.0
#include <fmt/core.h>

#include <penstock/penstock.hpp>

int main() {
  penstock::EventLoop loop;
  penstock::Stream<int> numbers{loop};
  int sum = 0;
  numbers.buffer(2).sink([&sum](int x) { sum += x; });
  for (int i = 1; i <= 4; ++i) numbers.emit(i);
  numbers.wait_idle();
  fmt::print("{}\n", sum);
  return sum == 10 ? 0 : 1;
}
