// SPDX-License-Identifier: BSL-1.0
#include "penstock/testing/shop_events.hpp"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "catch.hpp"
#include "penstock/sources/csv.hpp"

using penstock::CsvError;
using penstock::CsvRecord;
using penstock::testing::ShopEventOptions;
using penstock::testing::ShopEvents;
using penstock::testing::ShopFiles;

namespace {

std::vector<std::string> rows(ShopEventOptions options) {
  ShopEvents shop{options};
  std::vector<std::string> rows;
  while (!shop.done()) rows.push_back(shop.next());
  return rows;
}

}  // namespace

TEST_CASE("a seed makes the same shop again, and another seed another one") {
  CHECK(rows({.seed = 3, .events = 1000}) == rows({.seed = 3, .events = 1000}));
  CHECK(rows({.seed = 3, .events = 1000}) != rows({.seed = 4, .events = 1000}));
  CHECK(ShopEvents{{.seed = 3}}.items() == ShopEvents{{.seed = 3}}.items());
}

TEST_CASE("the rows of a shop are in order, uneven over products and hours, and have the kinds of a shop") {
  std::map<std::string, int> products, hours, kinds;
  std::string last;
  for (const std::string& text : rows({.seed = 1, .events = 100'000, .damaged_one_in = 0})) {
    const CsvRecord row{text};
    REQUIRE(row.size() == 6);
    CHECK_FALSE(std::string(row[0]) < last);
    last = row[0];
    ++hours[std::string(row[0].substr(11, 2))];
    ++kinds[std::string(row[1])];
    ++products[std::string(row[2])];
  }
  CHECK(last > "2024-03-03");
  CHECK(kinds.size() == 4);
  CHECK(kinds["view"] > kinds["cart"]);
  CHECK(kinds["cart"] > kinds["purchase"]);
  CHECK(hours["20"] > 5 * hours["03"]);
  // Zipf over 2 000 products: the first has 1 / H(2000) = 12 % of all events, the second half of that.
  CHECK(products["5700000"] > 11'500);
  CHECK(products["5700000"] < 13'000);
  CHECK(products["5700007"] > 5'500);
  CHECK(products["5700007"] < 6'800);
}

TEST_CASE("some rows are damaged, each in a way that can be seen, and none when there are to be none") {
  std::size_t seen = 0;
  for (const std::string& text : rows({.seed = 1, .events = 50'000, .damaged_one_in = 100})) {
    bool bad = true;
    try {
      const CsvRecord row{text};
      bad = row.size() != 6 || row[0].size() != 23 || row[1] == "veiw" || row[3].empty() ||
            row[3][0] == '-' || row[3] == "n/a";
    } catch (const CsvError&) {
    }
    seen += bad;
  }
  CHECK(seen > 400);
  CHECK(seen < 600);
}

TEST_CASE("days follow each other as in the calendar") {
  ShopEvents shop{{.seed = 1, .events = 1'200'000, .products = 10}};
  std::vector<std::string> days;
  for (; !shop.done(); static_cast<void>(shop.next())) {
    if (days.empty() || days.back() != shop.day()) days.push_back(shop.day());
  }
  REQUIRE(days.size() >= 32);
  CHECK(days[0] == "2024_03_01");
  CHECK(days[30] == "2024_03_31");
  CHECK(days[31] == "2024_04_01");
}

TEST_CASE("shop files are one for each day with all rows, whatever the steps they are written in, and go away") {
  std::filesystem::path directory;
  std::string all[2];
  for (const std::size_t step : {std::size_t{7}, std::size_t{100'000}}) {
    ShopFiles shop{5, 40'000};
    directory = shop.directory();
    while (shop.write(step)) {
    }
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator{directory}) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    CHECK(files.size() >= 3);
    CHECK(files.back().filename() == "items.csv");
    files.pop_back();
    std::size_t count = 0;
    for (const auto& file : files) {
      std::ifstream in{file};
      std::string line;
      std::getline(in, line);
      CHECK(line == ShopEvents::event_header);
      while (std::getline(in, line)) {
        ++count;
        all[step == 7] += line + "\n";
      }
    }
    CHECK(count == 40'000);
  }
  CHECK(all[0] == all[1]);
  CHECK_FALSE(std::filesystem::exists(directory));
}
