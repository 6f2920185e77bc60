// expect: map: the function must be callable with an element of the stream and return a value
// SPDX-License-Identifier: BSL-1.0
#include <string>

#include "penstock/core.hpp"

int main() {
  penstock::Stream<int> numbers;
#ifdef BAD
  numbers.map([](const std::string& text) { return text.size(); });
#else
  numbers.map([](int n) { return n + 1; }).sink([](int) {});
#endif
}
