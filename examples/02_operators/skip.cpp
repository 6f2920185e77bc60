// SPDX-License-Identifier: BSL-1.0
// Leaves out what a sensor says while it warms up.
#include <fmt/core.h>

#include "penstock/core.hpp"

int main() {
  penstock::Stream<double> readings;
  readings.skip(2).sink([](double reading) { fmt::print("{}\n", reading); });

  for (const double reading : {0.0, 11.5, 20.5, 20.25}) readings.emit(reading);
}
