// SPDX-License-Identifier: BSL-1.0
#include <fmt/core.h>

#include <penstock/penstock.hpp>

int main() {
  penstock::Stream<int> source{"numbers"};
  auto even = source.map([](int x) { return x + 1; }).filter([](int x) { return x % 2 == 0; });

  even.accumulate(std::plus{}, 0).sink([](int total) { fmt::print("total {}\n", total); });
  even.partition(2).sink([](const std::vector<int>& pair) { fmt::print("pair {} {}\n", pair[0], pair[1]); });

  for (int i = 0; i < 8; ++i) source.emit(i);
  fmt::print("\n{}", source.describe());
}
