// expect: pairwise: the elements must be copyable
// SPDX-License-Identifier: BSL-1.0
#include <memory>

#include "penstock/core.hpp"

int main() {
#ifdef BAD
  penstock::Stream<std::unique_ptr<int>> source;
  source.apply(penstock::pairwise());
#else
  penstock::Stream<std::shared_ptr<int>> source;
  auto pairs = source.pairwise().stream();
#endif
}
