// SPDX-License-Identifier: BSL-1.0
// Updates of two sensors in one go, each with its newest reading.
#include <fmt/core.h>

#include <string>
#include <vector>

#include "penstock/core.hpp"

struct Reading {
  std::string sensor;
  int value;
};

int main() {
  penstock::Stream<Reading> readings;
  readings.partition_unique(2, &Reading::sensor, penstock::Keep::last)
      .sink([](const std::vector<Reading>& both) {
        for (const Reading& reading : both) fmt::print("{}={} ", reading.sensor, reading.value);
        fmt::print("\n");
      });

  for (const Reading& reading : {Reading{"in", 20}, Reading{"in", 21}, Reading{"out", 5}}) {
    readings.emit(reading);
  }
}
