// SPDX-License-Identifier: BSL-1.0
// The smallest pipeline that reads a file: one of those whose compile cost tools/check_compile_cost.py tells.
#include <cstdio>
#include <string>

#include <boost/describe/class.hpp>

#include <penstock/core.hpp>
#include <penstock/sources/from_csv.hpp>

struct Order {
  std::string item;
  int pieces;
};
BOOST_DESCRIBE_STRUCT(Order, (), (item, pieces))

int main(int count, char** names) {
  if (count < 2) return std::puts("usage: hello_csv FILE"), 1;
  const auto orders = penstock::from_csv<Order>(names[1]);
  orders.filter([](const Order& order) { return order.pieces > 1; })
      .sink([](const Order& order) { std::printf("%s %d\n", order.item.c_str(), order.pieces); });
  orders.start();
}
