// SPDX-License-Identifier: BSL-1.0
// A running total, and a running mean whose state is not what comes out.
#include <fmt/core.h>

#include <functional>
#include <utility>

#include "penstock/core.hpp"

struct Mean {
  double sum = 0;
  int count = 0;
};

int main() {
  penstock::Stream<double> prices;

  prices.accumulate(std::plus{}, 0.0).sink([](double total) { fmt::print("total {}\n", total); });

  auto mean = [](const Mean& before, double price) {
    const Mean now{before.sum + price, before.count + 1};
    return std::pair(now, now.sum / now.count);
  };
  prices.accumulate(mean, Mean{}, penstock::returns_state).sink([](double m) { fmt::print("mean  {}\n", m); });

  for (const double price : {2.0, 4.0, 9.0}) prices.emit(price);
}
