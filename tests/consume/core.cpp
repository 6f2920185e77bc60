// SPDX-License-Identifier: BSL-1.0
#include <penstock/core.hpp>

// Its half of a program whose other half includes everything.
int sum_of_squares(const penstock::Stream<int>& numbers, int n) {
  int sum = 0;
  numbers.map([](int x) { return x * x; }).accumulate([](int a, int b) { return a + b; }, 0).sink([&sum](int x) { sum = x; });
  for (int i = 1; i <= n; ++i) numbers.emit(i);
  return sum;
}
