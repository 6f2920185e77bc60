// expect: take_while: the predicate must be callable with a const element
// SPDX-License-Identifier: BSL-1.0
#include "penstock/core.hpp"

int main() {
  penstock::Stream<int> source;
#ifdef BAD
  source.apply(penstock::take_while([](int a, int b) { return a < b; }));
#else
  auto first = source.take_while([](int a, int b) { return a < b; }, 3).stream();
#endif
}
