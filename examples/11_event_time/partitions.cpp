// SPDX-License-Identifier: BSL-1.0
//
// A log with two partitions, one of which is read an hour behind the other: no window is over before both have passed it, and
// what is more than half an hour ahead is held back, so that few windows are open at once.
#include <chrono>

#include <fmt/core.h>

#include <penstock/penstock.hpp>

using namespace std::chrono_literals;

struct Visit {
  std::chrono::sys_seconds time;
  int partition;
};

int main() {
  const auto at = [](int minutes) { return std::chrono::sys_seconds{std::chrono::minutes{minutes}}; };
  const penstock::Stream<Visit> visits;
  const auto clock = penstock::per_partition(&Visit::partition, penstock::ascending(),
                                             {.expected = 2, .max_drift = 30min, .wait_when_full = false});
  visits.event_time(&Visit::time, clock)
      .window(penstock::tumbling(10min))
      .aggregate(penstock::count())
      .sink([](const auto& result) {
        fmt::print("from minute {}: {} visits\n", result.window.start / 60'000'000, result.value);
      });

  for (const int minute : {60, 65, 70, 75}) visits.emit({at(minute), 0});
  fmt::print("the other partition has not come\n");
  for (const int minute : {2, 8, 14, 41, 66, 75}) visits.emit({at(minute), 1});
  visits.close();
}
