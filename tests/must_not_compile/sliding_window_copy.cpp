// expect: sliding_window: the elements must be copyable
// SPDX-License-Identifier: BSL-1.0
#include <memory>

#include "penstock/core.hpp"

int main() {
#ifdef BAD
  penstock::Stream<std::unique_ptr<int>> source;
  source.apply(penstock::sliding_window(2));
#else
  penstock::Stream<std::shared_ptr<int>> source;
  auto windows = source.sliding_window(2).stream();
#endif
}
