// SPDX-License-Identifier: BSL-1.0
// The mean of the last three readings.
#include <fmt/core.h>

#include <numeric>
#include <vector>

#include "penstock/core.hpp"

double mean(const std::vector<double>& window) {
  return std::accumulate(window.begin(), window.end(), 0.0) / static_cast<double>(window.size());
}

int main() {
  penstock::Stream<double> readings;
  readings.sliding_window(3, {.return_partial = false}).map(mean).sink([](double m) { fmt::print("{}\n", m); });

  for (const double reading : {1.0, 2.0, 6.0, 4.0}) readings.emit(reading);
}
