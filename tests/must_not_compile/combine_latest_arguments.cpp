// expect: combine_latest: the arguments must be streams, and at most one emit_on
// SPDX-License-Identifier: BSL-1.0
#include "penstock/ops/combine_latest.hpp"

int main() {
  penstock::Stream<int> a;
  penstock::Stream<int> b;
#ifdef BAD
  a.combine_latest(b, 0);
#else
  a.combine_latest(b, penstock::emit_on(0));
#endif
}
