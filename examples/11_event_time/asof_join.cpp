// SPDX-License-Identifier: BSL-1.0
//
// What each trade should have cost: the quote that stood when it was made, though quotes come late and out of order.
#include <chrono>
#include <string>

#include <fmt/core.h>

#include <penstock/penstock.hpp>

using namespace std::chrono_literals;

struct Quote {
  std::chrono::sys_seconds time;
  std::string stock;
  int cents;
};
struct Trade {
  std::chrono::sys_seconds time;
  std::string stock;
  int cents;
};

int main() {
  const auto at = [](int seconds) { return std::chrono::sys_seconds{std::chrono::seconds{seconds}}; };
  const penstock::Stream<Trade> trades;
  const penstock::Stream<Quote> quotes;

  const auto by_stock = trades.event_time(&Trade::time, penstock::bounded_disorder(5s)).key_by(&Trade::stock);
  const auto quotes_by_stock = quotes.event_time(&Quote::time, penstock::bounded_disorder(5s)).key_by(&Quote::stock);
  penstock::asof_join<penstock::Outer::left>(by_stock, quotes_by_stock, {.tolerance = 60s}).sink([](const auto& row) {
    if (row.right) {
      fmt::print("{} for {}, quoted {}\n", row.key, row.left.cents, row.right->cents);
    } else {
      fmt::print("{} for {}, no quote\n", row.key, row.left.cents);
    }
  });

  quotes.emit({at(10), "oak", 500});
  trades.emit({at(20), "oak", 505});
  trades.emit({at(22), "elm", 90});  // nobody has quoted it
  quotes.emit({at(30), "oak", 510});  // the frontier is 25: both trades are answered
  quotes.emit({at(26), "oak", 502});
  trades.emit({at(28), "oak", 503});
  quotes.emit({at(90), "elm", 95});   // the last trade took the quote at 26
  trades.emit({at(100), "oak", 511});
  trades.close();
  quotes.close();                     // the quote at 30 was too old for the trade at 100
}
