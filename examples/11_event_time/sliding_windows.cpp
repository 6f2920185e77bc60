// SPDX-License-Identifier: BSL-1.0
//
// With every payment what its card has spent in the last ten minutes, and the mean of its last three payments: what one looks
// at to find stolen cards.
#include <chrono>
#include <string>

#include <fmt/core.h>

#include <penstock/penstock.hpp>

using namespace std::chrono_literals;

struct Payment {
  std::chrono::sys_seconds time;
  std::string card;
  int euros;
};

int main() {
  const auto at = [](int minutes) { return std::chrono::sys_seconds{std::chrono::minutes{minutes}}; };
  const penstock::Stream<Payment> payments;
  const auto by_card = payments.event_time(&Payment::time, penstock::bounded_disorder(2min)).key_by(&Payment::card);

  by_card.window(penstock::sliding(10min)).aggregate(penstock::sum(&Payment::euros)).sink([](const auto& spent) {
    fmt::print("{} spent {} up to minute {}\n", spent.key, spent.value, spent.window.end / 60'000'000);
  });
  by_card.window(penstock::sliding(3)).aggregate(penstock::mean(&Payment::euros)).sink([](const auto& mean) {
    fmt::print("{} pays {:.0f}\n", mean.key, *mean.value);
  });

  payments.emit({at(1), "ann", 20});
  payments.emit({at(3), "bob", 9});
  payments.emit({at(2), "ann", 40});  // out of order: the sums are in the order of time
  payments.emit({at(12), "ann", 30});
  payments.emit({at(13), "ann", 500});
  payments.close();
}
