// SPDX-License-Identifier: BSL-1.0
//
// Sales by brand and minute. Sales come late and out of order; a minute is told when it is over, and what comes after that is not
// lost.
#include <chrono>
#include <cstdint>
#include <string>

#include <fmt/core.h>

#include <penstock/penstock.hpp>

using namespace std::chrono_literals;

struct Sale {
  std::chrono::sys_seconds time;
  std::string brand;
  std::int64_t cents;
};

int main() {
  const auto at = [](int seconds) { return std::chrono::sys_seconds{1'600'000'020s + std::chrono::seconds{seconds}}; };
  const penstock::Stream<Sale> sales;

  auto minutes = sales.event_time(&Sale::time, penstock::bounded_disorder(10s))
                     .key_by(&Sale::brand)
                     .window(penstock::tumbling(1min))
                     .aggregate(penstock::all_of(penstock::count(), penstock::sum(&Sale::cents)));
  minutes.sink([&](const auto& minute) {
    const auto [number, cents] = minute.value;
    fmt::print("minute {}: {:5} sold {}, {} cents\n", (minute.window.start / 1'000'000 - 1'600'000'020) / 60, minute.key,
               number, cents);
  });
  minutes.late().sink([](const auto& late) {
    fmt::print("too late: {} by {} s\n", late.value.brand, late.lateness() / 1'000'000);
  });

  sales.emit({at(5), "acme", 300});
  sales.emit({at(58), "bell", 100});
  sales.emit({at(64), "acme", 500});  // the minute before waits for what may still come
  sales.emit({at(51), "acme", 200});  // and here it is
  sales.emit({at(75), "bell", 700});  // now that minute is over
  sales.emit({at(59), "bell", 100});
  sales.close();
}
