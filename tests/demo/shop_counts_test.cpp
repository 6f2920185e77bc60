// SPDX-License-Identifier: BSL-1.0
#include <sys/wait.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "temporary_directory.hpp"

// The program examples/01_main/shop_counts against a count of its own, made here with nothing of the library.

namespace {

using penstock::test::TemporaryDirectory;
namespace fs = std::filesystem;

struct Ran {
  int code;
  std::string out;
  std::string err;
};

std::optional<fs::path> program() {
  const char* examples = std::getenv("PENSTOCK_EXAMPLES");
  const fs::path path = fs::path{examples ? examples : ""} / "01_main" / "shop_counts";
  return fs::exists(path) ? std::optional{path} : std::nullopt;
}

Ran run(const TemporaryDirectory& dir, const std::string& arguments) {
  const std::string out = (dir / "stdout").string();
  const std::string err = (dir / "stderr").string();
  const int status = std::system((program()->string() + " " + arguments + " >" + out + " 2>" + err).c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, dir.read("stdout"), dir.read("stderr")};
}

std::vector<std::string> split(const std::string& row) {
  std::vector<std::string> fields{""};
  for (const char c : row) {
    if (c == ',') {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  return fields;
}

struct Row {
  std::string hour, brand;
  int views = 0, carts = 0, purchases = 0;
  long cents = 0;
};

/// What the program must print for files without quotes and with nothing wrong but prices.
std::string expected_table(const fs::path& input, std::vector<std::string>& damaged) {
  std::map<std::string, std::string> brands;
  std::string line;
  std::ifstream items{input / "items.csv"};
  while (std::getline(items, line)) {
    const auto fields = split(line);
    if (fields.size() == 4 && !fields[3].empty() && !brands.count(fields[0])) brands[fields[0]] = fields[3];
  }
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator{input}) {
    if (entry.path().filename().string().rfind("events", 0) == 0) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::map<std::pair<std::string, std::string>, Row> rows;
  for (const fs::path& file : files) {
    std::ifstream events{file};
    for (int number = 1; std::getline(events, line); ++number) {
      if (number == 1) continue;
      const auto fields = split(line);
      const double price = std::strtod(fields.at(3).c_str(), nullptr);
      if (price <= 0) {
        damaged.push_back(file.string() + "," + std::to_string(number) + ",");
        continue;
      }
      if (fields[1] == "remove_from_cart") continue;
      const std::string hour = fields[0].substr(0, 13);
      const auto brand = brands.find(fields[2]);
      const std::string name = brand == brands.end() ? "(no brand)" : brand->second;
      Row& row = rows[{hour, name}];
      row.hour = hour;
      row.brand = name;
      if (fields[1] == "view") ++row.views;
      if (fields[1] == "cart") ++row.carts;
      if (fields[1] != "purchase") continue;
      ++row.purchases;
      row.cents += std::lround(price * 100);
    }
  }
  std::vector<Row> sorted;
  for (const auto& [key, row] : rows) sorted.push_back(row);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Row& a, const Row& b) { return a.cents > b.cents; });
  std::string text;
  for (std::size_t i = 0; i < std::min<std::size_t>(20, sorted.size()); ++i) {
    const Row& row = sorted[i];
    char buffer[200];
    std::snprintf(buffer, sizeof buffer, "%s:00  %-20.20s %7d %7d %9d %8ld.%02ld\n", row.hour.c_str(),
                  row.brand.c_str(), row.views, row.carts, row.purchases, row.cents / 100, row.cents % 100);
    text += buffer;
  }
  return text;
}

}  // namespace

TEST_CASE("shop_counts prints for the cosmetics shop what a count of its own finds") {
  if (!program()) PENSTOCK_SKIP("the examples are not built");
  const auto input = penstock::test::test_data("cosmetics");
  if (!input) PENSTOCK_SKIP("no test data");
  const TemporaryDirectory dir;
  const Ran ran = run(dir, "--input " + input->string() + " --dead-letter " + (dir / "letters.csv").string());
  CHECK(ran.code == 0);
  CHECK(ran.err.empty());
  std::vector<std::string> damaged;
  const std::string table = expected_table(*input, damaged);
  REQUIRE_FALSE(table.empty());
  CHECK_THAT(ran.out, penstock::test::containing("revenue\n" + table + "\n"));
  CHECK_THAT(ran.out, penstock::test::containing("A plain loop over the same files counts the same."));
  CHECK_THAT(ran.out, penstock::test::containing(" rows of 5 files, " + std::to_string(damaged.size()) +
                                                 " of them damaged: see " + (dir / "letters.csv").string()));

  std::istringstream letters{dir.read("letters.csv")};
  std::vector<std::string> found;
  for (std::string line; std::getline(letters, line);) {
    found.push_back(line);
    CHECK_THAT(line, penstock::test::containing("is not more than 0,\""));
  }
  std::sort(found.begin(), found.end());
  std::sort(damaged.begin(), damaged.end());
  REQUIRE(found.size() == damaged.size());
  for (std::size_t i = 0; i < found.size(); ++i) CHECK(found[i].substr(0, damaged[i].size()) == damaged[i]);
}

TEST_CASE("shop_counts follows the files of a made-up shop, the same one for the same seed") {
  if (!program()) PENSTOCK_SKIP("the examples are not built");
  const TemporaryDirectory dir;
  const std::string letters = " --dead-letter " + (dir / "letters.csv").string();
  const Ran first = run(dir, "--seed 7 --events 20000" + letters);
  CHECK(first.code == 0);
  CHECK_THAT(first.out, penstock::test::containing("A plain loop over the same files counts the same."));
  CHECK(first.err.empty());
  const Ran second = run(dir, "--seed 7 --events 20000" + letters);
  CHECK(second.out == first.out);
  CHECK(run(dir, "--seed 8 --events 20000" + letters).out != first.out);
}

TEST_CASE("shop_counts names each damaged row with its file, its line and what is wrong") {
  if (!program()) PENSTOCK_SKIP("the examples are not built");
  const TemporaryDirectory dir;
  const std::string good = "2024-01-01 10:00:00 UTC,purchase,7,2.50,1,s";
  dir.write("items.csv", "product_id,category_id,category_code,brand\n7,,,\n7,,,\"nails, inc\"\n7,,,other");
  dir.write("events_1.csv",
            "event_time,event_type,product_id,price,user_id,user_session\n" + good +
                "\n2024-01-01 10:00:00 UTC,veiw,7,2.50,1,s\n"
                "2024-01-01 10:00:00 UTC,view,7,,1,s\n"
                "2024-01-01 10:00:00 UTC,view,7,-1.00,1,s\n"
                "yesterday,view,7,2.50,1,s\n"
                "2024-01-01 10:00:00 UTC,\"view,7,2.50,1,s\n"
                "\n" +
                good);
  const Ran ran =
      run(dir, "--input " + dir.path().string() + " --dead-letter " + (dir / "letters.csv").string());
  CHECK(ran.code == 0);
  CHECK_THAT(ran.out, penstock::test::containing(
                          "2024-01-01 10:00  nails, inc                 0       0         2        5.00\n"));
  const std::string at = (dir / "events_1.csv").string() + ",";
  CHECK(dir.read("letters.csv") ==
        at + "3,\"\"\"veiw\"\" is not a type of event\",\"2024-01-01 10:00:00 UTC,veiw,7,2.50,1,s\"\n" +
        at + "4,\"\"\"\"\" is not a price\",\"2024-01-01 10:00:00 UTC,view,7,,1,s\"\n" +
        at + "5,the price -1.00 is not more than 0,\"2024-01-01 10:00:00 UTC,view,7,-1.00,1,s\"\n" +
        at + "6,\"\"\"yesterday\"\" is not a time\",\"yesterday,view,7,2.50,1,s\"\n" +
        at + "7,csv: the quote of field 2 is not closed,\"2024-01-01 10:00:00 UTC,\"\"view,7,2.50,1,s\"\n" +
        at + "8,1 fields where 6 belong,\n");
}

TEST_CASE("shop_counts explains itself, and refuses what it does not know") {
  if (!program()) PENSTOCK_SKIP("the examples are not built");
  const TemporaryDirectory dir;
  const Ran help = run(dir, "--help");
  CHECK(help.code == 0);
  CHECK_THAT(help.out, penstock::test::containing("usage: shop_counts"));
  const Ran unknown = run(dir, "--speed 3");
  CHECK(unknown.code == 2);
  CHECK_THAT(unknown.err, penstock::test::containing("no option --speed"));
  const Ran value = run(dir, "--input");
  CHECK(value.code == 2);
  CHECK_THAT(value.err, penstock::test::containing("--input needs a value"));
  for (const std::string number : {"-5", "0", "many", "5x", "99999999999999999999999"}) {
    const Ran wrong = run(dir, "--events " + number);
    CHECK(wrong.code == 2);
    CHECK_THAT(wrong.err,
               penstock::test::containing("--events needs a whole number from 1 on, not \"" + number + "\""));
  }
  const Ran nothing = run(dir, "--input " + dir.path().string());
  CHECK(nothing.code == 2);
  CHECK_THAT(nothing.err, penstock::test::containing("no events*.csv in " + dir.path().string()));
}
