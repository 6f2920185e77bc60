// expect: accumulate: the function returns a floating-point number and the state is an integer
// SPDX-License-Identifier: BSL-1.0
#include "penstock/core.hpp"

int main() {
  penstock::Stream<double> source;
  const auto add = [](double sum, double x) { return sum + x; };
#ifdef BAD
  source.apply(penstock::accumulate(add, 0));
#else
  auto sums = source.accumulate(add, 0.0).stream();
#endif
}
