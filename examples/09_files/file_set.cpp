// SPDX-License-Identifier: BSL-1.0
// Reads a set of CSV files in order, stops, and goes on in the middle of one with another source.
#include <fmt/core.h>

#include <filesystem>
#include <fstream>
#include <string>

#include <penstock/penstock.hpp>

namespace fs = std::filesystem;

struct Sale {
  std::string item;
  double price;
};
BOOST_DESCRIBE_STRUCT(Sale, (), (item, price))

int main() {
  const fs::path folder = fs::temp_directory_path() / "penstock_file_set";
  fs::create_directories(folder);
  std::ofstream{folder / "2024_01.csv"} << "item,price\nnail,0.05\nsaw,7.50\n";
  std::ofstream{folder / "2024_02.csv"} << "price,item\n9.25,hammer\n0.07,nail\nmuch,pliers\n";
  std::ofstream{folder / "2024_03.csv"} << "item,price\nscrew,0.04\n";
  const std::string files = (folder / "*.csv").string();

  std::string place;
  {
    const auto sales = penstock::from_csv<Sale>(files);
    sales.sink([&](const Sale& sale) {
      fmt::print("{} {:.2f}\n", sale.item, sale.price);
      if (sale.item == "hammer") sales.stop();
    });
    sales.start();
    place = to_string(sales.position());
  }
  fmt::print("-- stopped, and later somebody else goes on --\n");

  const auto sales = penstock::from_csv<Sale>(files, {.from = penstock::RowPosition::parse(place)});
  sales.bad_rows().sink([](const penstock::BadRow& row) {
    fmt::print("{}, line {}: {}\n", fs::path{row.file}.filename().string(), row.line, row.reason);
  });
  sales.sink([](const Sale& sale) { fmt::print("{} {:.2f}\n", sale.item, sale.price); });
  sales.start();
  fs::remove_all(folder);
}
