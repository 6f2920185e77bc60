// expect: zip: at least one of the arguments must be a stream
// SPDX-License-Identifier: BSL-1.0
#include "penstock/ops/zip.hpp"

int main() {
  penstock::Stream<int> numbers;
#ifdef BAD
  penstock::zip(1, 2);
#else
  penstock::zip(numbers, 2);
#endif
}
