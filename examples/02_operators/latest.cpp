// SPDX-License-Identifier: BSL-1.0
// A display that is drawn every 30 ms at most skips positions instead of falling behind.
#include <fmt/core.h>

#include <chrono>

#include "penstock/ops/latest.hpp"
#include "penstock/ops/rate_limit.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace std::chrono_literals;

int main() {
  penstock::VirtualLoop loop;
  penstock::Stream<int> position{loop};
  auto newest = position.latest();
  newest.rate_limit(30ms).sink(
      [&](int x) { fmt::print("{:3} ms  drawn at {}\n", loop.now().time_since_epoch() / 1ms, x); });

  for (int x = 0; x < 10; ++x) {
    position.emit(x);
    loop.run_for(10ms);
  }
  position.close();
  fmt::print("skipped: {}\n", newest.info().dropped.get());
}
