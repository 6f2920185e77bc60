// SPDX-License-Identifier: BSL-1.0
//
// A minute of sales becomes a row of a table: several aggregates at once, one of them this program's own.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <fmt/core.h>

#include <penstock/penstock.hpp>

using namespace std::chrono_literals;

struct Sale {
  std::chrono::sys_seconds time;
  std::string user;
  double price;
  bool returned;
};

// How far the dearest sale is from the cheapest.
struct Spread {
  std::optional<double> least, greatest;

  void add(const Sale& sale) {
    least = std::min(least.value_or(sale.price), sale.price);
    greatest = std::max(greatest.value_or(sale.price), sale.price);
  }
  void merge(const Spread& later) {
    if (!later.least) return;
    least = std::min(least.value_or(*later.least), *later.least);
    greatest = std::max(greatest.value_or(*later.greatest), *later.greatest);
  }
  double result() const { return least ? *greatest - *least : 0; }
};

struct Minute {
  std::uint64_t sales = 0;
  std::uint64_t returns = 0;
  std::uint64_t users = 0;
  double revenue = 0;
  double mean_return = 0;  // and stays so where nothing was returned
  std::optional<double> median;
  std::string last_user;
  double spread = 0;
};

int main() {
  using namespace penstock;
  const auto kept = [](const Sale& sale) { return !sale.returned; };
  const auto minute_row = into<Minute>(
      &Minute::sales, count(),
      &Minute::returns, count_if(&Sale::returned),
      &Minute::users, distinct(&Sale::user),
      &Minute::revenue, sum(&Sale::price).where(kept),
      &Minute::mean_return, mean(&Sale::price).where(&Sale::returned),
      &Minute::median, quantile(0.5, &Sale::price),
      &Minute::last_user, last_by(&Sale::time, &Sale::user),
      &Minute::spread, Spread{});

  const Stream<Sale> sales;
  sales.event_time(&Sale::time, bounded_disorder(10s))
      .window(tumbling(1min))
      .aggregate(minute_row)
      .sink([](const auto& result) {
        const Minute& row = result.value;
        fmt::print("{} sales and {} returns of {} users, revenue {:.2f}, returns of {:.2f} each\n", row.sales,
                   row.returns, row.users, row.revenue, row.mean_return);
        fmt::print("  median {:.2f}, spread {:.2f}, the last by {}\n", *row.median, row.spread,
                   row.last_user);
      });

  const auto at = [](int seconds) {
    return std::chrono::sys_seconds{1'600'000'020s + std::chrono::seconds{seconds}};
  };
  sales.emit({at(5), "ann", 30.5, false});
  sales.emit({at(59), "bob", 12, false});
  sales.emit({at(52), "ann", 7.5, true});
  sales.emit({at(57), "cid", 20, false});
  sales.emit({at(65), "bob", 12, false});
  sales.close();
}
