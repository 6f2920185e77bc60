// SPDX-License-Identifier: BSL-1.0
#include <penstock/core/stream.hpp>
#include <penstock/ops/map.hpp>
#include <penstock/sinks/sink.hpp>

int main() {
  penstock::Stream<int> numbers;
  int sum = 0;
  numbers.map([](int x) { return x + 1; }).sink([&sum](int x) { sum += x; });
  numbers.emit(1);
  return sum == 2 ? 0 : 1;
}
