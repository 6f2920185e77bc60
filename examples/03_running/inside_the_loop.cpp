// SPDX-License-Identifier: BSL-1.0
// A program that lives in its event loop: coroutines emit and wait for the pipeline, the loop runs in main.
#include <chrono>
#include <string>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/core.h>

#include <penstock/penstock.hpp>

using namespace std::chrono_literals;
namespace asio = boost::asio;

int main() {
  penstock::EventLoop loop;
  penstock::Stream<std::string> orders{loop};

  // Each order takes a while to be stored, one at a time.
  orders.sink([&](const std::string& order) -> asio::awaitable<void> {
    fmt::print("storing {}\n", order);
    co_await loop.sleep(2ms);
    fmt::print("stored {}\n", order);
  });

  auto customer = [&]() -> asio::awaitable<void> {
    for (const char* what : {"tea", "milk", "sugar"}) {
      co_await orders.async_emit(what, asio::use_awaitable);  // waits until the order is stored
      fmt::print("{} is done\n", what);
    }
  };
  asio::co_spawn(loop.executor(), customer(), asio::detached);

  loop.run();  // returns when there is nothing left to do
  fmt::print("the loop is out of work\n");
}
