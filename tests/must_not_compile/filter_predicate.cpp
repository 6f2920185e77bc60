// expect: filter: the predicate must be callable with a const element of the stream and return bool
// SPDX-License-Identifier: BSL-1.0
#include <string>

#include "penstock/core.hpp"

int main() {
  penstock::Stream<int> numbers;
#ifdef BAD
  numbers.filter([](const std::string& text) { return text.empty(); });
#else
  numbers.filter([](int n) { return n > 1; }).sink([](int) {});
#endif
}
