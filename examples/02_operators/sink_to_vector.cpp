// SPDX-License-Identifier: BSL-1.0
// Keeps what comes out, to look at it afterwards.
#include <fmt/core.h>

#include "penstock/core.hpp"

int main() {
  penstock::Stream<int> source;
  auto squares = source.map([](int x) { return x * x; }).sink_to_vector();

  for (int i = 1; i <= 4; ++i) source.emit(i);

  fmt::print("{} squares, the last is {}\n", squares->size(), squares->back());
  for (const int square : squares) fmt::print("{}\n", square);
}
