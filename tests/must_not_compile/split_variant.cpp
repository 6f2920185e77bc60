// expect: split: without predicates the elements must be of type std::variant
// SPDX-License-Identifier: BSL-1.0
#include <variant>

#include "penstock/ops/split.hpp"

int main() {
#ifdef BAD
  penstock::Stream<int> elements;
#else
  penstock::Stream<std::variant<int, char>> elements;
#endif
  elements.split();
}
