// SPDX-License-Identifier: BSL-1.0
// Without an event loop a graph is a function call: everything runs inside emit, in the calling thread.
#include <chrono>
#include <stdexcept>

#include <fmt/core.h>

#include <penstock/core.hpp>

int main() {
  penstock::Stream<int> source;
  source.filter([](int x) { return x % 2 == 1; })
      .accumulate([](int sum, int x) { return sum + x; }, 0)
      .sink([](int sum) { fmt::print("sum of the odd ones so far: {}\n", sum); });

  for (int i = 1; i <= 5; ++i) {
    fmt::print("emit {}\n", i);
    source.emit(i);
  }

  // What needs time says so while the graph is built, not when the first element comes.
  try {
    static_cast<void>(source.delay(std::chrono::seconds(1)));
  } catch (const std::logic_error& error) {
    fmt::print("{}\n", error.what());
  }
}
