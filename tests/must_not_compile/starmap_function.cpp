// expect: starmap: the function must be callable with the members of an element
// SPDX-License-Identifier: BSL-1.0
#include <utility>

#include "penstock/core.hpp"

int main() {
  penstock::Stream<std::pair<int, int>> source;
#ifdef BAD
  source.apply(penstock::starmap([](int a) { return a; }));
#else
  auto sums = source.starmap([](int a, int b) { return a + b; }).stream();
#endif
}
