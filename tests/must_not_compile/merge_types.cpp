// expect: merge: all streams must have the same element type
// SPDX-License-Identifier: BSL-1.0
#include <string>

#include "penstock/ops/map.hpp"
#include "penstock/ops/merge.hpp"

int main() {
  penstock::Stream<int> numbers;
  penstock::Stream<std::string> texts;
#ifdef BAD
  texts.merge(numbers);
#else
  texts.merge(numbers.map([](int n) { return std::to_string(n); }));
#endif
}
