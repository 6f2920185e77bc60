// SPDX-License-Identifier: BSL-1.0
// Once a second the last price of every share that was traded; seconds without a trade are left out.
#include <fmt/core.h>

#include <chrono>
#include <string>
#include <vector>

#include "penstock/ops/timed_window_unique.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace std::chrono_literals;

struct Trade {
  std::string share;
  double price;
};

int main() {
  penstock::VirtualLoop loop;
  penstock::Stream<Trade> trades{loop};
  trades.timed_window_unique(1s, &Trade::share, penstock::Keep::last, penstock::TimedWindow{.empty = false})
      .sink([&](const std::vector<Trade>& window) {
        fmt::print("{} s ", loop.now().time_since_epoch() / 1s);
        for (const Trade& trade : window) fmt::print(" {} {:.2f}", trade.share, trade.price);
        fmt::print("\n");
      });

  for (const Trade& trade : {Trade{"ABC", 10.0}, Trade{"XYZ", 7.5}, Trade{"ABC", 10.2}}) trades.emit(trade);
  loop.run_until(penstock::TimePoint{3500ms});
  trades.emit({"XYZ", 7.6});
  loop.run();
}
