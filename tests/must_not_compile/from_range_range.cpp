// expect: from_range: the argument must be a range, something that a range-based for loop can go through
// SPDX-License-Identifier: BSL-1.0
#include "penstock/sources/from_range.hpp"

int main() {
#ifdef BAD
  penstock::from_range(3);
#else
  penstock::from_range({3});
#endif
}
