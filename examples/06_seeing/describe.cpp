// SPDX-License-Identifier: BSL-1.0
// What a graph is and what has gone through it, as text: at any time, from any thread, without stopping it.
#include <fmt/core.h>

#include <penstock/penstock.hpp>

#include <string>
#include <tuple>

struct Order {
  std::string item;
  int pieces;
};

int main() {
  penstock::Stream<Order> orders{"orders"};
  penstock::Stream<double> prices{"prices"};

  auto valid = orders.filter([](const Order& order) { return order.pieces > 0; }).named("valid");
  valid.zip(prices)
      .map([](const std::tuple<Order, double>& sale) { return std::get<0>(sale).pieces * std::get<1>(sale); })
      .accumulate(std::plus{}, 0.0)
      .named("turnover")
      .sink([](double) {});
  valid.map(&Order::pieces).sink([](int) {}).named("stock");

  orders.emit({"mug", 2});
  orders.emit({"lamp", 0});
  orders.emit({"chair", 1});
  prices.emit(4.5);

  // Streams first, branches in the order of writing. The steps of one fused node stand below each other. What
  // is reached a second time is a reference; `held` says that a chair waits for its price.
  fmt::print("{}", orders.describe());

  // The same numbers for programs.
  for (const penstock::OperatorStats& stats : orders.stats()) {
    if (stats.held > 0) fmt::print("\n{} holds {}\n", stats.label(), stats.held);
    if (stats.left_out > 0) {
      fmt::print("\n{} left out {} of {}\n", stats.label(), stats.left_out, stats.in.value());
    }
  }

  // Counting costs at most about a nanosecond a node; it can be left off.
  orders.graph().counting(false);
  orders.emit({"mug", 1});
  fmt::print("\n{}", orders.describe());
}
