// expect: zip_latest: the arguments must be at least two streams
// SPDX-License-Identifier: BSL-1.0
#include "penstock/ops/zip_latest.hpp"

int main() {
  penstock::Stream<int> a;
  penstock::Stream<int> b;
#ifdef BAD
  penstock::zip_latest(a);
#else
  penstock::zip_latest(a, b);
#endif
}
