// SPDX-License-Identifier: BSL-1.0
//
// Sales go into one table of a database as they come, and into another with a row for each brand. With checkpoints a run that
// was killed goes on, and neither table has a sale twice.
#include <filesystem>
#include <string>

#include <boost/describe/class.hpp>
#include <fmt/core.h>
#include <sqlite3.h>

#include <penstock/connect/sqlite.hpp>
#include <penstock/penstock.hpp>
#include <penstock/state/checkpoints.hpp>

struct Sale {
  std::string brand;
  int cents = 0;
};
BOOST_DESCRIBE_STRUCT(Sale, (), (brand, cents))

struct Total {
  std::string brand;
  int sales = 0;
  int cents = 0;
};
BOOST_DESCRIBE_STRUCT(Total, (), (brand, sales, cents))

void print(const std::filesystem::path& database, const char* sql) {
  sqlite3* db = nullptr;
  sqlite3_open(database.c_str(), &db);
  const auto each = [](void*, int, char** columns, char**) { return fmt::print("  {}\n", columns[0]), 0; };
  sqlite3_exec(db, sql, each, nullptr, nullptr);
  sqlite3_close(db);
}

/// Sales of `from` to `to` - 1; the first run ends before it has taken its second checkpoint.
void run(const std::filesystem::path& folder, int from, int to, int checkpoint_at) {
  const penstock::Stream<Sale> sales;
  const auto total = [](Total sum, const Sale& sale) { return Total{sale.brand, sum.sales + 1, sum.cents + sale.cents}; };
  (sales | penstock::sink_to_sqlite((folder / "shop.db").string(), "sales")).named("sales");
  (sales.accumulate(total, Total{}).named("sum") | penstock::upsert_sqlite((folder / "shop.db").string(), "totals", &Total::brand))
      .named("totals");
  penstock::Checkpoints checkpoints{
      sales, {.directory = folder / "state", .every = penstock::Duration::zero(), .guarantee = penstock::Guarantee::at_most_once}};
  for (int i = from; i < to; ++i) {
    sales.emit({"acme", 100 * i});
    if (i == checkpoint_at) checkpoints.take();
  }
}

int main() {
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / "penstock_sqlite_example";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);

  run(folder, 1, 5, 3);
  fmt::print("a run of four sales, the last of them behind the checkpoint:\n");
  print(folder / "shop.db", "SELECT brand || ' ' || cents FROM sales");
  run(folder, 4, 6, 5);
  fmt::print("the next run goes on behind the third:\n");
  print(folder / "shop.db", "SELECT brand || ' ' || cents FROM sales");
  print(folder / "shop.db", "SELECT brand || ': ' || sales || ' sales, ' || cents || ' cents' FROM totals");
  std::filesystem::remove_all(folder);
}
