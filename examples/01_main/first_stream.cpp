// SPDX-License-Identifier: BSL-1.0
// The program of docs/tutorial/first_stream.md.
#include <fmt/core.h>

#include <penstock/penstock.hpp>

#include <string>
#include <vector>

struct Sale {
  std::string item;
  double price;
};

// A function takes and returns streams; what happens inside is its own affair.
penstock::Stream<double> running_total(penstock::Stream<double> prices) {
  return prices.accumulate([](double total, double price) { return total + price; });
}

int main() {
  penstock::Stream<std::string> lines{"lines"};

  auto sales = lines
                   .map([](const std::string& line) {
                     const auto comma = line.find(',');
                     return Sale{line.substr(0, comma), std::stod(line.substr(comma + 1))};
                   })
                   .named("parse");

  running_total(sales.map(&Sale::price)).sink([](double total) { fmt::print("total {:.2f}\n", total); });

  sales.filter([](const Sale& sale) { return sale.price >= 100; })
      .sink([](const Sale& sale) { fmt::print("a big one: {}\n", sale.item); });

  sales.map(&Sale::item).partition(3).sink([](const std::vector<std::string>& items) {
    fmt::print("{} more sold, the last one a {}\n", items.size(), items.back());
  });

  lines.emit("mug,4.50");
  lines.emit("lamp,120");

  try {
    lines.emit("chair,a lot");
  } catch (const std::invalid_argument&) {
    fmt::print("that was no sale\n");
  }

  lines.emit("chair,80");
  lines.emit("mug,4.50");

  lines.close();
  fmt::print("\n{}", lines.describe());
}
