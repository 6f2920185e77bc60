// expect: pluck: the elements have no such members
// SPDX-License-Identifier: BSL-1.0
#include <utility>

#include "penstock/core.hpp"

int main() {
  penstock::Stream<std::pair<int, char>> source;
#ifdef BAD
  source.apply(penstock::pluck(1));
#else
  auto second = source.pluck<1>().stream();
#endif
}
