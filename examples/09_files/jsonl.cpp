// SPDX-License-Identifier: BSL-1.0
// Reads orders from a file of JSON lines, and writes one line for each thing that was ordered.
#include <fmt/core.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <boost/json/src.hpp>  // in one file of the program, unless it is linked with Boost::json
#include <penstock/penstock.hpp>
#include <penstock/sinks/sink_to_jsonl.hpp>
#include <penstock/sources/from_jsonl.hpp>

struct Item {
  std::string name;
  int count;
};
BOOST_DESCRIBE_STRUCT(Item, (), (name, count))
struct Order {
  int id;
  std::vector<Item> items;
};
BOOST_DESCRIBE_STRUCT(Order, (), (id, items))
struct Ordered {
  int order;
  std::string name;
  int count;
};
BOOST_DESCRIBE_STRUCT(Ordered, (), (order, name, count))

std::vector<Ordered> items_of(const Order& order) {
  std::vector<Ordered> all;
  for (const Item& item : order.items) all.push_back({order.id, item.name, item.count});
  return all;
}

int main() {
  const std::filesystem::path in = std::filesystem::temp_directory_path() / "penstock_orders.jsonl";
  std::ofstream{in} << R"({"id": 1, "items": [{"name": "nail", "count": 500}, {"name": "saw", "count": 1}]})" << '\n'
                    << R"({"id": 2, "items": [{"name": "nail", "count": "many"}]})" << '\n'
                    << R"({"id": 3, "items": [{"count": 2, "name": "\"best\" hammer"}]})" << '\n';

  const auto orders = penstock::from_jsonl<Order>(in);
  orders.bad_rows().sink([](const penstock::BadRow& row) {
    fmt::print("line {}, {}: {}\n", row.line, row.column, row.reason);
  });
  orders.map(items_of).flatten().sink_to_jsonl(stdout);
  orders.start();
  std::filesystem::remove(in);
}
