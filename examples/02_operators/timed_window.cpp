// SPDX-License-Identifier: BSL-1.0
// Requests a second, from the requests as they come.
#include <fmt/core.h>

#include <chrono>
#include <string>
#include <vector>

#include "penstock/ops/timed_window.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace std::chrono_literals;

int main() {
  penstock::VirtualLoop loop;
  penstock::Stream<std::string> requests{loop};
  requests.timed_window(1s).sink([&](const std::vector<std::string>& window) {
    fmt::print("{} s  {} requests\n", loop.now().time_since_epoch() / 1s, window.size());
  });

  loop.run_for(100ms);
  for (int i = 0; i < 7; ++i) {
    requests.emit("GET /");
    loop.run_for(300ms);
  }
  loop.run_for(1s);
  requests.close();
}
