// SPDX-License-Identifier: BSL-1.0
// A server that tells everybody prices, a client that listens to it, and a server that takes the client's orders.
#include <fmt/core.h>

#include <string>
#include <vector>

#include <penstock/connect/websocket.hpp>
#include <penstock/penstock.hpp>

using namespace std::chrono_literals;

int main() {
  penstock::EventLoop loop;
  const std::string here = "ws://127.0.0.1:";

  std::vector<std::string> taken;
  const auto orders = penstock::from_websocket(loop, 0, {.path = "/orders"});
  orders.sink([&](const std::string& order) { taken.push_back(order); });
  orders.start();

  // Whoever comes later gets the last price first; who does not read is dropped.
  penstock::Stream<double> prices{loop};
  const auto hub = prices.map([](double price) { return fmt::format("{:.2f}", price); }) |
                   penstock::broadcast_websocket(0, {.slow_client = penstock::SlowClient::drop, .replay = 1});
  prices.emit(14.0);
  prices.emit(12.5);

  // What is cheap is ordered. The queue of the sink is what the listener waits for when the orders' server is slow.
  const auto listener =
      penstock::from_websocket(loop, here + std::to_string(hub.port()), {.end = true});
  listener.tap([](const std::string& price) { fmt::print("price {}\n", price); })
          .filter([](const std::string& price) { return std::stod(price) < 13; })
          .map([](const std::string& price) { return "buy at " + price; }) |
      penstock::to_websocket(here + std::to_string(orders.port()) + "/orders", {.queue = 16});
  listener.start();
  while (hub.clients() == 0) loop.run_for(1ms);

  prices.emit(13.25);
  prices.emit(12.75);
  prices.close();        // all clients have all prices, and are told that there are no more
  listener.wait_idle();  // its orders are sent too
  orders.stop();
  loop.run();

  for (const std::string& order : taken) fmt::print("{}\n", order);
}
