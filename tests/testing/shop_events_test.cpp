// SPDX-License-Identifier: BSL-1.0
#include "penstock/testing/shop_events.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "catch.hpp"
#include "penstock/sources/csv.hpp"

using penstock::CsvRecord;
using penstock::testing::ShopEvent;
using penstock::testing::ShopEventOptions;
using penstock::testing::ShopEvents;

namespace {

std::vector<ShopEvent> events(ShopEventOptions options) {
  ShopEvents shop{options};
  std::vector<ShopEvent> events;
  while (!shop.done()) events.push_back(shop.next());
  return events;
}

std::vector<std::string> rows(ShopEventOptions options) {
  std::vector<std::string> rows;
  for (const ShopEvent& event : events(options)) rows.push_back(ShopEvents::csv(event));
  return rows;
}

}  // namespace

TEST_CASE("a seed makes the same shop again, and another seed another one") {
  CHECK(rows({.seed = 3, .events = 1000}) == rows({.seed = 3, .events = 1000}));
  CHECK(rows({.seed = 3, .events = 1000}) != rows({.seed = 4, .events = 1000}));
  CHECK(ShopEvents{{.seed = 3}}.items() == ShopEvents{{.seed = 3}}.items());
}

TEST_CASE("the events of a shop are uneven over brands and hours, and have the kinds of a shop") {
  std::map<std::uint64_t, int> brands;
  std::map<std::int64_t, int> hours;
  std::map<std::string, int> kinds;
  for (const ShopEvent& event : events({.seed = 1, .events = 100'000, .damaged_one_in = 0, .disorder = false})) {
    ++hours[event.time / 3'600 % 24];
    ++kinds[event.type];
    ++brands[(event.product - 5'700'000) / 7 / 4];
  }
  CHECK(kinds.size() == 4);
  CHECK(kinds["view"] > kinds["cart"]);
  CHECK(kinds["cart"] > kinds["purchase"]);
  CHECK(hours[20] > 5 * hours[3]);
  // Zipf over 1 000 brands: the first has 1 / H(1000) = 13.4 % of all events, the second half of that.
  CHECK(brands[0] > 12'800);
  CHECK(brands[0] < 14'000);
  CHECK(brands[1] > 6'200);
  CHECK(brands[1] < 7'200);
}

TEST_CASE("a day has as many events as it is to have") {
  const auto all = events({.seed = 1, .events = 100'000, .per_day = 50'000, .disorder = false});
  const double days = static_cast<double>(all.back().time - all.front().time) / 86'400;
  CHECK(days > 1.9);
  CHECK(days < 2.1);
}

TEST_CASE("events of a shop come in order, late and twice as often as they are to") {
  std::set<std::uint64_t> ids;
  int twice = 0;
  std::array<int, 4> kinds{};  // in order, less than ten minutes behind, less than two hours, more
  std::int64_t latest = 0;
  for (const ShopEvent& event : events({.seed = 1, .events = 1'000'000})) {
    if (!ids.insert(event.id).second) {
      ++twice;
      continue;
    }
    latest = std::max(latest, event.time);
    const std::int64_t behind = latest - event.time;
    ++kinds[behind <= 30 ? 0 : behind <= 600 + 30 ? 1 : behind <= 7'200 + 30 ? 2 : 3];
  }
  CHECK(twice > 9'500);
  CHECK(twice < 10'500);
  const double all = static_cast<double>(ids.size());
  CHECK(kinds[0] / all > 0.895);
  CHECK(kinds[0] / all < 0.92);
  CHECK(kinds[1] / all > 0.08);
  CHECK(kinds[2] / all > 0.0085);
  CHECK(kinds[2] / all < 0.0095);
  CHECK(kinds[3] / all > 0.0009);
  CHECK(kinds[3] / all < 0.0011);
}

TEST_CASE("without disorder the events of a shop come in order and once") {
  const auto all = events({.seed = 1, .events = 20'000, .disorder = false});
  CHECK(std::is_sorted(all.begin(), all.end(), [](auto& a, auto& b) { return a.time < b.time; }));
  std::set<std::uint64_t> ids;
  for (const ShopEvent& event : all) ids.insert(event.id);
  CHECK(ids.size() == all.size());
}

TEST_CASE("some rows are damaged, each in a way that can be seen, and none when there are to be none") {
  for (const std::size_t one_in : {std::size_t{100}, std::size_t{0}}) {
    int seen = 0;
    for (const std::string& text : rows({.seed = 1, .events = 50'000, .damaged_one_in = one_in, .disorder = false})) {
      const CsvRecord row{text};
      seen += row.size() != 8 || row[1].size() != 23 || row[2] == "veiw" || row[5].empty() || row[5][0] == '-' ||
              row[5] == "n/a";
    }
    CHECK(seen >= (one_in == 0 ? 0 : 400));
    CHECK(seen <= (one_in == 0 ? 0 : 600));
  }
}

TEST_CASE("an event of a shop is a record of CSV and a line of JSON") {
  const ShopEvent event{7, 1'709'251'205, "view", 5'700'000, "hair.care", "0.05", 400'000'001, "session-9"};
  CHECK(ShopEvents::event_header == "event_id,event_time,event_type,product_id,category_code,price,user_id,user_session");
  CHECK(ShopEvents::csv(event) == "7,2024-03-01 00:00:05 UTC,view,5700000,hair.care,0.05,400000001,session-9");
  CHECK(ShopEvents::json(event) ==
        R"({"event_id": 7, "event_time": "2024-03-01 00:00:05 UTC", "event_type": "view", "product_id": 5700000, )"
        R"("category_code": "hair.care", "price": "0.05", "user_id": 400000001, "user_session": "session-9"})");
}
