// expect: on the right stands an operator, not a stream
// SPDX-License-Identifier: BSL-1.0
#include "penstock/core.hpp"

int main() {
  penstock::Stream<int> a;
  penstock::Stream<int> b;
#ifdef BAD
  a | b;
#else
  a.connect(b);
#endif
}
