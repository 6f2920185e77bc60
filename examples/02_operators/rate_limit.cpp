// SPDX-License-Identifier: BSL-1.0
// A service that allows one request a second: each emit returns when its request has gone out.
#include <fmt/core.h>

#include <chrono>
#include <string>

#include "penstock/ops/rate_limit.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace std::chrono_literals;

int main() {
  penstock::VirtualLoop loop;
  const auto now = [&] { return loop.now().time_since_epoch() / 1ms; };

  penstock::Stream<std::string> requests{loop};
  requests.rate_limit(1s).sink([&](const std::string& path) { fmt::print("{:4} ms  GET {}\n", now(), path); });

  for (const char* path : {"/a", "/b", "/c"}) requests.emit(path);
  loop.run_for(5s);
  requests.emit("/d");
  fmt::print("done at {} ms\n", now());
}
