// expect: starmap: the elements must be tuples, pairs or arrays
// SPDX-License-Identifier: BSL-1.0
#include <utility>
#include <vector>

#include "penstock/core.hpp"

int main() {
  const auto add = [](int a, int b) { return a + b; };
#ifdef BAD
  penstock::Stream<std::vector<int>> source;
  source.apply(penstock::starmap(add));
#else
  penstock::Stream<std::pair<int, int>> source;
  auto sums = source.starmap(add).stream();
#endif
}
