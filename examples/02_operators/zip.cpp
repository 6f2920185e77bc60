// SPDX-License-Identifier: BSL-1.0
// Pairs what two streams deliver, by position.
#include <fmt/core.h>

#include <string>
#include <tuple>

#include "penstock/core.hpp"

int main() {
  penstock::Stream<std::string> names;
  penstock::Stream<int> prices;

  // A tuple as soon as both sides have something; what is ahead waits for its partner.
  names.zip(prices).sink([](const std::tuple<std::string, int>& item) {
    fmt::print("{} costs {}\n", std::get<0>(item), std::get<1>(item));
  });
  // The same as a function, with a literal between the streams.
  penstock::zip(names, "->", prices).sink([](const auto& item) {
    fmt::print("  {} {} {}\n", std::get<0>(item), std::get<1>(item), std::get<2>(item));
  });

  names.emit("apple");
  names.emit("pear");
  prices.emit(3);
  prices.emit(5);
}
