// SPDX-License-Identifier: BSL-1.0
// Two streams become one: four ways to pair orders with prices.
#include <fmt/core.h>

#include <penstock/penstock.hpp>

#include <string>
#include <tuple>

int main() {
  penstock::Stream<std::string> orders{"orders"};
  penstock::Stream<int> prices{"prices"};

  const auto show = [](const char* how) {
    return [how](const std::tuple<std::string, int>& pair) {
      fmt::print("{:15} {} at {}\n", how, std::get<0>(pair), std::get<1>(pair));
    };
  };

  // The first with the first, the second with the second; the side that is ahead waits.
  orders.zip(prices).sink(show("zip"));
  // A tuple whenever either side has something new.
  orders.combine_latest(prices).sink(show("combine_latest"));
  // Every order once, with the newest price; orders wait for the first price.
  orders.zip_latest(prices).sink(show("zip_latest"));
  // No pairs: everything, as it comes. Both sides have to be of one type.
  auto priced = prices.map([](int price) { return fmt::format("price {}", price); });
  orders.merge(priced).sink([](const std::string& text) { fmt::print("{:15} {}\n", "merge", text); });

  orders.emit("mug");
  prices.emit(4);
  orders.emit("lamp");
  prices.emit(30);
}
