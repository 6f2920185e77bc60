// SPDX-License-Identifier: BSL-1.0
// The area of every rectangle, from pairs of sides.
#include <fmt/core.h>

#include <functional>
#include <utility>

#include "penstock/core.hpp"

int main() {
  penstock::Stream<std::pair<int, int>> sides;
  sides.starmap(std::multiplies{}).sink([](int area) { fmt::print("{}\n", area); });

  sides.emit({2, 3});
  sides.emit({4, 5});
}
