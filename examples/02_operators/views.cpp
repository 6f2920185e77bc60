// SPDX-License-Identifier: BSL-1.0
// The range of the last four readings, and the sum of every three, without a vector: the operators lend what
// they hold.
#include <fmt/core.h>

#include <algorithm>
#include <numeric>
#include <span>
#include <vector>

#include "penstock/core.hpp"

double range(std::span<const double> window) {
  const auto [least, most] = std::minmax_element(window.begin(), window.end());
  return *most - *least;
}

int main() {
  using penstock::as_view;

  penstock::Stream<double> readings;
  readings.sliding_window(4, as_view, {.return_partial = false}).map(range).sink([](double r) {
    fmt::print("range {}\n", r);
  });
  readings.partition(3, as_view)
      .map([](penstock::View<double> three) { return std::accumulate(three.begin(), three.end(), 0.0); })
      .sink([](double sum) { fmt::print("sum {}\n", sum); });
  // Views are valid during the push only. A queue keeps elements, and wants values.
  readings.partition(2, as_view)
      .map([](auto view) { return std::vector(view.begin(), view.end()); })
      .buffer(10)
      .sink([](const std::vector<double>& pair) { fmt::print("kept {} and {}\n", pair[0], pair[1]); });

  for (const double reading : {1.0, 2.0, 6.0, 4.0, 5.0, 3.0}) readings.emit(reading);
}
