// SPDX-License-Identifier: BSL-1.0
#include <fmt/core.h>

#include <string_view>

#include <penstock/penstock.hpp>
#include <penstock/version.hpp>

int sum_of_squares(const penstock::Stream<int>& numbers, int n);

int main() {
  static_assert(std::string_view{PENSTOCK_VERSION_STRING} == PACKAGE_VERSION);
  static_assert(PENSTOCK_VERSION ==
                PENSTOCK_VERSION_MAJOR * 10000 + PENSTOCK_VERSION_MINOR * 100 + PENSTOCK_VERSION_PATCH);

  penstock::EventLoop loop;
  penstock::Stream<int> numbers{loop, "numbers"};
  int seen = 0;
  numbers.buffer(2).sink([&seen](int x) { seen += x; });
  const int sum = sum_of_squares(numbers, 4);
  numbers.wait_idle();
  fmt::print("{} {} {}\n", PENSTOCK_VERSION_STRING, sum, seen);
  return sum == 30 && seen == 10 ? 0 : 1;
}
