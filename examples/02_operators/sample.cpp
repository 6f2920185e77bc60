// SPDX-License-Identifier: BSL-1.0
// A thermometer that reports now and then, looked at once a second.
#include <fmt/core.h>

#include <chrono>
#include <utility>

#include "penstock/ops/sample.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace std::chrono_literals;

int main() {
  penstock::VirtualLoop loop;
  penstock::Stream<double> celsius{loop};
  celsius.sample(1s).sink([&](double t) { fmt::print("{} s  {:.1f}\n", loop.now().time_since_epoch() / 1s, t); });

  for (const auto& [at, t] : {std::pair{200ms, 20.1}, {700ms, 20.4}, {3100ms, 21.0}, {3800ms, 21.3}}) {
    loop.run_until(penstock::TimePoint{at});
    celsius.emit(t);
  }
  loop.run();
}
