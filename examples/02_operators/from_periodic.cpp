// SPDX-License-Identifier: BSL-1.0
// Reads a sensor every 10 ms. The third reading takes 25 ms to store: what would have been read meanwhile is
// left out, and the next readings are back on the grid.
#include <fmt/core.h>

#include <chrono>

#include <penstock/penstock.hpp>
#include <penstock/testing/virtual_loop.hpp>

using namespace std::chrono_literals;

int main() {
  penstock::VirtualLoop loop;
  const auto now = [&] { return loop.now().time_since_epoch() / 1ms; };

  const auto sensor = penstock::from_periodic(loop, [n = 0]() mutable { return ++n; }, 10ms);
  sensor.sink([&](int reading) -> boost::asio::awaitable<void> {
    fmt::print("{:2} ms  reading {}\n", now(), reading);
    if (reading == 3) co_await loop.sleep(25ms);
  });
  sensor.start();
  loop.run_for(60ms);
}
