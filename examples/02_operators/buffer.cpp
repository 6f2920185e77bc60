// SPDX-License-Identifier: BSL-1.0
// A queue of two in front of something slow: the first emits return at once, the later ones wait for room.
#include <fmt/core.h>

#include <chrono>

#include "penstock/ops/buffer.hpp"
#include "penstock/ops/rate_limit.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace std::chrono_literals;

int main() {
  penstock::VirtualLoop loop;
  const auto now = [&] { return loop.now().time_since_epoch() / 1ms; };

  penstock::Stream<int> source{loop};
  source.buffer(2).rate_limit(10ms).sink([&](int x) { fmt::print("{:2} ms  out {}\n", now(), x); });

  for (int i = 1; i <= 5; ++i) {
    source.emit(i);
    fmt::print("{:2} ms  emitted {}\n", now(), i);
  }
  source.close();
}
