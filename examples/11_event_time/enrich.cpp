// SPDX-License-Identifier: BSL-1.0
//
// Orders with the price that stands in the list when they come in. The list is a stream too: every change of a price.
#include <string>

#include <fmt/core.h>

#include <penstock/penstock.hpp>

struct Order {
  std::string article;
  int pieces;
};
struct Price {
  std::string article;
  int cents;
};

int main() {
  const penstock::Stream<Order> orders;
  const penstock::Stream<Price> prices;

  penstock::enrich<penstock::Outer::left>(orders.key_by(&Order::article), prices.key_by(&Price::article), penstock::rows_stay())
      .sink([](const auto& row) {
        if (row.right) {
          fmt::print("{} {} for {}\n", row.left.pieces, row.key, row.left.pieces * row.right->cents);
        } else {
          fmt::print("{} {}: no price\n", row.left.pieces, row.key);
        }
      });

  prices.emit({"lamp", 1900});
  orders.emit({"lamp", 2});
  orders.emit({"chair", 1});
  prices.emit({"chair", 4900});
  prices.emit({"lamp", 1700});
  orders.emit({"chair", 1});
  orders.emit({"lamp", 2});
}
