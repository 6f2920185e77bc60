// SPDX-License-Identifier: BSL-1.0
// The newest of each of several streams that come and go.
#include <fmt/core.h>

#include <algorithm>
#include <vector>

#include "penstock/core.hpp"

int main() {
  penstock::Stream<double> cellar;
  penstock::Stream<double> attic;
  penstock::Stream<double> kitchen;

  const auto temperatures = penstock::combine_latest_all<double>({cellar, attic});
  temperatures.sink([](const std::vector<double>& all) {
    fmt::print("{} rooms, the warmest has {}\n", all.size(), *std::max_element(all.begin(), all.end()));
  });

  cellar.emit(12);
  attic.emit(26);
  temperatures.add(kitchen);
  kitchen.emit(21);
  temperatures.remove(attic);
  cellar.emit(13);
}
