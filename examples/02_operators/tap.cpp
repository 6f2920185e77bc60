// SPDX-License-Identifier: BSL-1.0
// Looks at what goes by in the middle of a chain.
#include <fmt/core.h>

#include "penstock/core.hpp"

int main() {
  penstock::Stream<int> source;
  source.map([](int x) { return x * x; })
      .tap([](int x) { fmt::print("squared: {}\n", x); })
      .filter([](int x) { return x > 3; })
      .sink([](int x) { fmt::print("large:   {}\n", x); });

  for (const int x : {1, 2, 3}) source.emit(x);
}
