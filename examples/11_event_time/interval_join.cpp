// SPDX-License-Identifier: BSL-1.0
//
// Which click led to which order: an order within half a minute of a click by the same user. Clicks that led to none come out
// too.
#include <chrono>
#include <string>

#include <fmt/core.h>

#include <penstock/penstock.hpp>

using namespace std::chrono_literals;

struct Click {
  std::chrono::sys_seconds time;
  std::string user;
  std::string page;
};
struct Order {
  std::chrono::sys_seconds time;
  std::string user;
  int number;
};

int main() {
  const auto at = [](int seconds) { return std::chrono::sys_seconds{std::chrono::seconds{seconds}}; };
  const penstock::Stream<Click> clicks;
  const penstock::Stream<Order> orders;

  const auto by_user = clicks.event_time(&Click::time, penstock::bounded_disorder(5s)).key_by(&Click::user);
  const auto orders_by_user = orders.event_time(&Order::time, penstock::bounded_disorder(5s)).key_by(&Order::user);
  penstock::interval_join<penstock::Outer::left>(by_user, orders_by_user, penstock::between(0s, 30s))
      .sink([](const auto& row) {
        if (row.right) {
          fmt::print("{} on {} ordered {}\n", row.key, row.left.page, row.right->number);
        } else {
          fmt::print("{} on {} ordered nothing\n", row.key, row.left.page);
        }
      });

  clicks.emit({at(0), "ann", "lamps"});
  clicks.emit({at(3), "bob", "chairs"});
  orders.emit({at(20), "ann", 1});
  clicks.emit({at(60), "bob", "tables"});
  orders.emit({at(80), "bob", 2});  // now nothing can come any more for the click at 3
  clicks.close();
  orders.close();
}
