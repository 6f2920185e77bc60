// SPDX-License-Identifier: BSL-1.0
//
// Thermometers that report out of order: the mean of each minute and place, when no more can come, and what came too late.
#include <chrono>
#include <string>

#include <fmt/core.h>

#include <penstock/penstock.hpp>

using namespace std::chrono_literals;

struct Reading {
  std::chrono::sys_seconds time;
  std::string place;
  double degrees;
};

/// 12:00 and that many seconds, on some day.
std::chrono::sys_seconds at(int seconds) { return std::chrono::sys_seconds{1'700'049'600s + std::chrono::seconds{seconds}}; }

std::string clock_time(std::int64_t microseconds) {
  const std::int64_t seconds = microseconds / 1'000'000 % 86'400;
  return fmt::format("{:02}:{:02}", seconds / 3600, seconds / 60 % 60);
}

int main() {
  const penstock::Stream<Reading> readings{"readings"};

  auto minutes = readings.event_time(&Reading::time, penstock::bounded_disorder(20s))
                     .key_by(&Reading::place)
                     .window(penstock::tumbling(1min))
                     .aggregate(penstock::mean(&Reading::degrees))
                     .named("minutes");

  minutes.sink([](const auto& minute) {
    fmt::print("    {} {}: {:.1f} degrees\n", clock_time(minute.window.start), minute.key, *minute.value);
  });
  minutes.late().sink([](const auto& late) {
    fmt::print("    {} is late by {} s\n", late.value.place, late.lateness() / 1'000'000);
  });

  const auto report = [&](const Reading& reading) {
    fmt::print("{} at second {}\n", reading.place, (reading.time - at(0)) / 1s);
    readings.emit(reading);
  };
  report({at(10), "roof", 20.0});
  report({at(50), "cellar", 12.0});
  report({at(65), "roof", 25.0});    // the first minute is not told yet
  report({at(30), "roof", 22.0});    // and this one still counts
  report({at(80), "roof", 27.0});    // 80 less 20 is 60: now it is over
  report({at(55), "cellar", 30.0});  // nobody waits for that any more
  readings.close();

  fmt::print("\n{}", readings.describe());
}
