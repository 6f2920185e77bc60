// SPDX-License-Identifier: BSL-1.0
// Elements that pass a test, that fail it, and that are true by themselves.
#include <fmt/core.h>

#include "penstock/core.hpp"

int main() {
  penstock::Stream<int> source;
  const auto even = [](int x) { return x % 2 == 0; };
  source.filter(even).sink([](int x) { fmt::print("even  {}\n", x); });
  source.remove(even).sink([](int x) { fmt::print("odd   {}\n", x); });
  source.filter().sink([](int x) { fmt::print("not 0 {}\n", x); });

  for (int i = 0; i < 3; ++i) source.emit(i);
}
