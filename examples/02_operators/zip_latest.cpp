// SPDX-License-Identifier: BSL-1.0
// Every element of one stream with the newest of another.
#include <fmt/core.h>

#include <tuple>

#include "penstock/core.hpp"

int main() {
  penstock::Stream<int> orders;
  penstock::Stream<double> rate;

  // Every order, with the exchange rate of the moment; orders before the first rate wait for it.
  orders.zip_latest(rate).sink([](const std::tuple<int, double>& both) {
    fmt::print("{} at {} is {}\n", std::get<0>(both), std::get<1>(both), std::get<0>(both) * std::get<1>(both));
  });

  orders.emit(100);
  orders.emit(200);
  rate.emit(1.5);
  rate.emit(2);
  orders.emit(300);
}
