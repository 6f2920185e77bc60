// SPDX-License-Identifier: BSL-1.0
// Numbers are read on one loop, factorised by a thread with a loop of its own, and printed on the first one.
#include <fmt/core.h>

#include <cstdint>
#include <string>

#include "penstock/exec/event_loop.hpp"
#include "penstock/ops/hop.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/sinks/sink.hpp"

std::string factorised(std::uint64_t n) {
  std::string text = fmt::format("{} =", n);
  for (std::uint64_t p = 2; n > 1; ++p) {
    for (; n % p == 0; n /= p) text += fmt::format(" {}", p);
  }
  return text;
}

int main() {
  penstock::EventLoop reading;
  penstock::EventLoop computing{penstock::background};

  penstock::Stream<std::uint64_t> numbers{reading};
  numbers.hop(computing, {.bound = 2}).map(factorised).hop(reading).sink([](const std::string& line) {
    fmt::print("{}\n", line);
  });

  for (const std::uint64_t n : {12ull, 97ull, 360360ull, 1000003ull * 7}) numbers.emit(n);
  numbers.close();
  reading.run();
}
