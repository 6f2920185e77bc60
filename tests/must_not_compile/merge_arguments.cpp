// expect: merge: all arguments must be streams
// SPDX-License-Identifier: BSL-1.0
#include "penstock/ops/merge.hpp"

int main() {
  penstock::Stream<int> a;
  penstock::Stream<int> b;
#ifdef BAD
  a.merge(1);
#else
  a.merge(b);
#endif
}
