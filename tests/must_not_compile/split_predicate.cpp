// expect: split: every predicate must be callable with a const element of the stream and return bool
// SPDX-License-Identifier: BSL-1.0
#include <string>

#include "penstock/ops/split.hpp"

int main() {
  penstock::Stream<int> numbers;
#ifdef BAD
  numbers.split([](const std::string& text) { return text.empty(); });
#else
  numbers.split([](int n) { return n > 1; });
#endif
}
