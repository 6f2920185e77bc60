// SPDX-License-Identifier: BSL-1.0
// The newest of each of two streams.
#include <fmt/core.h>

#include <tuple>

#include "penstock/core.hpp"

int main() {
  penstock::Stream<int> width;
  penstock::Stream<int> height;

  width.combine_latest(height).sink([](const std::tuple<int, int>& size) {
    fmt::print("{} x {}\n", std::get<0>(size), std::get<1>(size));
  });
  width.combine_latest(height, penstock::emit_on(height)).sink([](const std::tuple<int, int>& size) {
    fmt::print("  new height: {} x {}\n", std::get<0>(size), std::get<1>(size));
  });

  width.emit(640);
  height.emit(480);
  width.emit(800);
  height.emit(600);
}
