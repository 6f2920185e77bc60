// expect: flatten: the elements must be ranges
// SPDX-License-Identifier: BSL-1.0
#include <vector>

#include "penstock/core.hpp"

int main() {
#ifdef BAD
  penstock::Stream<int> source;
  source.apply(penstock::flatten());
#else
  penstock::Stream<std::vector<int>> source;
  auto items = source.flatten();
#endif
}
