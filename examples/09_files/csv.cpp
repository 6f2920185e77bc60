// SPDX-License-Identifier: BSL-1.0
// Reads events from a CSV file, sets damaged rows aside, and writes what was bought to another one.
#include <fmt/core.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>

#include <penstock/penstock.hpp>

enum class Type { view, cart, purchase };
BOOST_DESCRIBE_ENUM(Type, view, cart, purchase)

struct Event {
  std::chrono::sys_seconds event_time;
  Type event_type;
  std::string product;
  double price;
  std::optional<int> user_id;
};
BOOST_DESCRIBE_STRUCT(Event, (), (event_time, event_type, product, price, user_id))

int main() {
  const std::filesystem::path folder = std::filesystem::temp_directory_path();
  const std::filesystem::path in = folder / "penstock_events.csv";
  const std::filesystem::path out = folder / "penstock_purchases.csv";
  std::ofstream{in} << "event_type,event_time,product,price,user_id\n"
                       "view,2019-10-01 00:00:00 UTC,\"nail, long\",0.05,7\n"
                       "purchase,2019-10-01 00:00:01 UTC,\"nail, long\",0.05,\n"
                       "purchase,2019-10-01 00:00:02 UTC,saw,7.5O,8\n"
                       "purchase,2019-10-01 00:00:03 UTC,saw,7.50,8\n";

  const auto events = penstock::from_csv<Event>(in);
  events.bad_rows().sink([](const penstock::BadRow& row) {
    fmt::print("line {}, {}: {}\n", row.line, row.column, row.reason);
  });
  events.filter([](const Event& event) { return event.event_type == Type::purchase; })
      .sink_to_csv(out, {.append = false});
  events.start();
  fmt::print("read {} bytes; bought:\n", events.position().offset);
  std::cout << std::ifstream{out}.rdbuf();

  std::filesystem::remove(in);
  std::filesystem::remove(out);
}
