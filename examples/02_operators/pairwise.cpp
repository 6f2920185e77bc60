// SPDX-License-Identifier: BSL-1.0
// The change from each reading to the next.
#include <fmt/core.h>

#include "penstock/core.hpp"

int main() {
  penstock::Stream<int> readings;
  readings.pairwise().starmap([](int before, int now) { return now - before; }).sink([](int change) {
    fmt::print("{:+}\n", change);
  });

  for (const int reading : {20, 23, 21}) readings.emit(reading);
}
