// SPDX-License-Identifier: BSL-1.0
//
// Which sensors of a room agree: the highest temperature of each minute beside the number of people in it. Minutes for which
// one of them is silent come out too.
#include <chrono>
#include <string>

#include <fmt/core.h>

#include <penstock/penstock.hpp>

using namespace std::chrono_literals;

struct Reading {
  std::chrono::sys_seconds time;
  std::string room;
  int value;
};

int main() {
  const auto at = [](int seconds) { return std::chrono::sys_seconds{std::chrono::seconds{seconds}}; };
  const penstock::Stream<Reading> degrees;
  const penstock::Stream<Reading> people;
  const auto by_room = [](const penstock::Stream<Reading>& readings) {
    return readings.event_time(&Reading::time, penstock::bounded_disorder(10s)).key_by(&Reading::room);
  };

  penstock::window_join<penstock::Outer::both>(by_room(degrees), by_room(people), penstock::tumbling(1min))
      .sink([](const auto& row) {
        const auto shown = [](const auto& reading) { return reading ? fmt::format("{}", reading->value) : "?"; };
        fmt::print("minute {} {}: {} degrees, {} people\n", row.window.start / 60'000'000, row.key, shown(row.left),
                   shown(row.right));
      });

  degrees.emit({at(15), "hall", 19});
  people.emit({at(5), "hall", 30});
  people.emit({at(40), "shop", 4});
  degrees.emit({at(70), "hall", 21});
  people.emit({at(75), "hall", 55});  // both frontiers have passed the first minute
  degrees.emit({at(95), "shop", 22});
  degrees.close();
  people.close();
}
