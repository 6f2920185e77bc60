// expect: print: fmt cannot format the elements; include fmt/ranges\.h, fmt/chrono\.h or fmt/std\.h for those of the standard library
// SPDX-License-Identifier: BSL-1.0
#include "penstock/sinks/print.hpp"

struct Point {
  int x;
};

int main() {
#ifdef BAD
  const penstock::Stream<Point> source;
#else
  const penstock::Stream<int> source;
#endif
  source.print();
}
