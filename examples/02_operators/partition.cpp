// SPDX-License-Identifier: BSL-1.0
// Rows in pairs for a database, and orders gathered by customer. The end brings what is left.
#include <fmt/core.h>

#include <string>
#include <vector>

#include "penstock/core.hpp"

struct Order {
  std::string customer;
  int amount;
};

int main() {
  penstock::Stream<int> rows;
  rows.partition(2).sink([](const std::vector<int>& batch) {
    fmt::print("insert");
    for (const int row : batch) fmt::print(" {}", row);
    fmt::print("\n");
  });
  rows.emit_all(std::vector{1, 2, 3});
  static_cast<void>(rows.push_end());

  penstock::Stream<Order> orders;
  orders.partition(2, &Order::customer).sink([](const std::vector<Order>& two) {
    fmt::print("{}: {} and {}\n", two[0].customer, two[0].amount, two[1].amount);
  });
  for (const Order& order : {Order{"ann", 5}, Order{"bob", 7}, Order{"ann", 2}}) orders.emit(order);
}
