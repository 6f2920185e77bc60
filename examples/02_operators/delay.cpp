// SPDX-License-Identifier: BSL-1.0
// A sentry hears of every event at once, the log a minute later.
#include <fmt/core.h>

#include <chrono>
#include <string>

#include "penstock/ops/delay.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace std::chrono_literals;

int main() {
  penstock::VirtualLoop loop;
  const auto now = [&] { return loop.now().time_since_epoch() / 1s; };

  penstock::Stream<std::string> events{loop};
  events.sink([&](const std::string& event) { fmt::print("{:3} s  sentry: {}\n", now(), event); });
  events.delay(1min).sink([&](const std::string& event) { fmt::print("{:3} s  log:    {}\n", now(), event); });

  events.emit("door");
  loop.run_for(20s);
  events.emit("window");
  loop.run();
}
