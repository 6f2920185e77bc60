// SPDX-License-Identifier: BSL-1.0
//
// A job that may be killed at any moment and goes on where it was. `job FOLDER` keeps its files there; without a folder it
// takes one of its own, which it begins and ends without.
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include <boost/describe.hpp>
#include <fmt/core.h>
#include <penstock/penstock.hpp>
#include <penstock/state/checkpoints.hpp>

namespace fs = std::filesystem;
using namespace std::chrono_literals;

struct Sale {
  std::string shop;
  int cents = 0;
};
BOOST_DESCRIBE_STRUCT(Sale, (), (shop, cents))

struct Total {
  std::string shop;
  std::int64_t sales = 0;
  std::int64_t cents = 0;
};
BOOST_DESCRIBE_STRUCT(Total, (), (shop, sales, cents))

struct Totals {
  penstock::ValueState<Total> total{"total"};

  using output = Total;
  void element(const Sale& sale, auto& ctx) {
    Total now = total.value_or(Total{sale.shop});
    now.sales += 1;
    now.cents += sale.cents;
    total = now;
    ctx.emit(now);
  }
};

void count(const fs::path& folder, penstock::Duration each) {
  penstock::EventLoop loop;
  const auto sales = penstock::from_csv<Sale>(loop, (folder / "sales.csv").string()).named("sales");
  const auto totals = sales.rate_limit(each).key_by(&Sale::shop).process(Totals{}).named("totals");
  totals.upsert_csv((folder / "totals.csv").string(), &Total::shop).named("table");

  penstock::run(totals,
                {.directory = folder / "state", .every = 100ms, .guarantee = penstock::Guarantee::exactly_once});
}

void make_sales(const fs::path& file) {
  std::ofstream sales{file};
  sales << "shop,cents\n";
  for (int i = 0; i < 3000; ++i) sales << (i % 3 == 0 ? "north" : "south") << ',' << i % 100 << '\n';
}

int main(int argc, char** argv) {
  const bool given = argc > 1;
  const fs::path folder = given ? fs::path{argv[1]} : fs::temp_directory_path() / "penstock_tutorial_job";
  if (!given) fs::remove_all(folder);
  fs::create_directories(folder);
  if (!fs::exists(folder / "sales.csv")) make_sales(folder / "sales.csv");

  if (fs::exists(folder / "state")) fmt::print("going on\n");
  count(folder, given ? 1ms : 50us);

  std::ifstream totals{folder / "totals.csv"};
  for (std::string line; std::getline(totals, line);) fmt::print("{}\n", line);
  if (!given) fs::remove_all(folder);
}
