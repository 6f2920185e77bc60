// expect: map: the function must be callable with an element of the stream and return a value
// SPDX-License-Identifier: BSL-1.0
#include "penstock/core.hpp"

int main() {
  penstock::Stream<int> numbers;
#ifdef BAD
  numbers.map([](int) {});
#else
  numbers.tap([](int) {}).sink([](int) {});
#endif
}
