// SPDX-License-Identifier: BSL-1.0
//
// A shop whose orders come faster than they can be stored: who waits, how far the source gets ahead, and several at once.
#include <chrono>
#include <stdexcept>
#include <string>

#include <fmt/core.h>

#include <penstock/penstock.hpp>

using namespace std::chrono_literals;
namespace asio = boost::asio;

struct Order {
  int number;
  std::string item;
};

int main() {
  penstock::EventLoop loop;

  // Takes its time, as a database does.
  auto store = [&loop](Order order) -> asio::awaitable<void> {
    co_await loop.sleep(2ms);
    fmt::print("    {} is stored\n", order.number);
  };

  fmt::print("Each order waits until it is stored:\n");
  {
    penstock::Stream<Order> orders{loop, "orders"};
    orders.sink(store);
    for (int i = 1; i <= 3; ++i) {
      orders.emit({i, "mug"});
      fmt::print("{} is accepted\n", i);
    }
  }

  fmt::print("\nThe source may be two orders ahead:\n");
  {
    penstock::Stream<Order> orders{loop, "orders"};
    orders.buffer(2).sink(store);
    for (int i = 1; i <= 5; ++i) {
      orders.emit({i, "mug"});
      fmt::print("{} is accepted\n", i);
    }
    orders.close();
  }

  fmt::print("\nThree prices are asked for at once:\n");
  {
    penstock::Stream<Order> orders{loop, "orders"};
    auto price_of = [&loop](Order order) -> asio::awaitable<std::string> {
      co_await loop.sleep(order.number == 1 ? 10ms : 2ms);
      if (order.item == "moon") throw std::runtime_error("nobody sells a moon");
      co_return fmt::format("{}: a {} is {} euros", order.number, order.item, order.item.size());
    };
    auto prices = orders.map_async(price_of, {.parallelism = 3})
                      .on_error(penstock::OnError::skip)
                      .named("prices");
    prices.sink([](const std::string& line) { fmt::print("    {}\n", line); });

    orders.emit({1, "mug"});
    orders.emit({2, "moon"});
    orders.emit({3, "lamp"});
    orders.emit({4, "chair"});
    orders.close();
    fmt::print("\n{}", orders.describe());
  }
}
