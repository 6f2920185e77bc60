// SPDX-License-Identifier: BSL-1.0
#include "penstock/sinks/upsert_csv.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <boost/describe/class.hpp>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/state/checkpoints.hpp"
#include "temporary_directory.hpp"

using penstock::Checkpoints;
using penstock::Guarantee;
using penstock::Stream;
using penstock::UpsertCsv;
using penstock::test::TemporaryDirectory;

namespace {

struct Sold {
  std::string brand;
  int hour = 0;
  int number = 0;
  std::optional<std::string> note;
};
BOOST_DESCRIBE_STRUCT(Sold, (), (brand, hour, number, note))

const std::string header = "brand,hour,number,note\n";

Stream<Sold> table(const TemporaryDirectory& dir, UpsertCsv options = {}) {
  Stream<Sold> source;
  source.upsert_csv((dir / "out.csv").string(), &Sold::brand, &Sold::hour, options).named("table");
  return source;
}
void write(const TemporaryDirectory& dir, const std::vector<Sold>& rows) {
  const auto source = table(dir);
  for (const Sold& row : rows) source.emit(row);
  source.close();
}

}  // namespace

TEST_CASE("upsert_csv keeps one record a key, in the order in which the keys came first") {
  const TemporaryDirectory dir;
  write(dir, {{"acme", 10, 3, {}}, {"bell", 10, 1, "x"}, {"acme", 11, 9, {}}, {"acme", 10, 4, {}}});
  CHECK(dir.read("out.csv") == header + "acme,10,4,\nbell,10,1,x\nacme,11,9,\n");
}

TEST_CASE("upsert_csv writes changes behind what is there, and what is the same not at all") {
  const TemporaryDirectory dir;
  const auto source = table(dir, {.flush = true});
  source.emit({"acme", 10, 3, {}});
  source.emit({"bell", 10, 1, {}});
  source.emit({"acme", 10, 3, {}});
  CHECK(dir.read("out.csv") == header + "acme,10,3,\nbell,10,1,\n");
  source.emit({"acme", 10, 4, {}});
  CHECK(dir.read("out.csv") == header + "acme,10,3,\nbell,10,1,\nacme,10,4,\n");
  source.close();
  CHECK(dir.read("out.csv") == header + "acme,10,4,\nbell,10,1,\n");
}

TEST_CASE("upsert_csv goes on with the table that is there") {
  const TemporaryDirectory dir;
  write(dir, {{"acme", 10, 3, {}}, {"bell", 10, 1, {}}});
  write(dir, {{"bell", 10, 2, {}}, {"cork", 1, 1, {}}, {"acme", 10, 3, {}}});
  CHECK(dir.read("out.csv") == header + "acme,10,3,\nbell,10,2,\ncork,1,1,\n");
}

TEST_CASE("upsert_csv takes texts apart as CSV does") {
  const TemporaryDirectory dir;
  write(dir, {{"a,b", 1, 1, {}}, {"the \"other\"", 1, 1, ""}, {"two\nlines", 1, 1, "x\ny"}, {"", 1, 1, {}}});
  write(dir, {{"a,b", 1, 2, {}}, {"the \"other\"", 1, 2, ""}, {"two\nlines", 1, 2, "x\ny"}, {"", 1, 2, {}}});
  CHECK(dir.read("out.csv") ==
        header + "\"a,b\",1,2,\n\"the \"\"other\"\"\",1,2,\"\"\n\"two\nlines\",1,2,\"x\ny\"\n,1,2,\n");
}

TEST_CASE("upsert_csv is right again wherever a dying process has torn its file") {
  const std::vector<Sold> rows{{"acme", 10, 3, {}}, {"two\nlines", 1, 1, "x\ny"}, {"bell, \"b\"", 7, 1, "note"}};
  const TemporaryDirectory whole;
  write(whole, rows);
  const std::string text = whole.read("out.csv");
  for (std::size_t size = 0; size <= text.size(); ++size) {
    const TemporaryDirectory dir;
    dir.write("out.csv", text.substr(0, size));
    dir.write("out.csv.part", "half of what was to take its place");
    write(dir, rows);
    CHECK(dir.read("out.csv") == text);
  }
}

TEST_CASE("upsert_csv reads records of any length that it has written") {
  // Readers of CSV refuse records over 1 MiB unless told otherwise; the last one must not be taken for a torn one either.
  const std::string note(2 << 20, 'n');
  const bool last = GENERATE(false, true);
  const TemporaryDirectory dir;
  std::vector<Sold> rows{{"long", 1, 1, note}};
  rows.insert(last ? rows.begin() : rows.end(), {"short", 1, 2, {}});
  write(dir, rows);
  const std::string before = dir.read("out.csv");
  write(dir, {{"new", 1, 3, {}}});
  CHECK((dir.read("out.csv") == before + "new,1,3,\n"));
  CHECK(before.size() > note.size());
}

TEST_CASE("upsert_csv does not write over what is no such table") {
  const TemporaryDirectory dir;
  for (const std::string text : {"brand,hour,number\nacme,1,2\n", "acme,10,3,\n", "some text\n"}) {
    dir.write("out.csv", text);
    CHECK_THROWS_WITH(table(dir), penstock::test::containing("and not \"brand,hour,number,note\""));
    CHECK(dir.read("out.csv") == text);
  }
  dir.write("out.csv", header + "acme,10,3\nbell,10,1,\n");
  CHECK_THROWS_WITH(table(dir), penstock::test::containing("out.csv:2: 3 fields where 4 belong"));
  dir.write("out.csv", header + "\"acme\"x,10,3,\nbell,10,1,\n");
  CHECK_THROWS_WITH(table(dir), penstock::test::containing("out.csv:2: text follows the quotes of field 1"));
}

TEST_CASE("a table of upsert_csv takes no more room than twice what it holds") {
  const TemporaryDirectory dir;
  std::mt19937 random{7};
  std::map<std::pair<std::string, int>, int> model;
  {
    const auto source = table(dir, {.flush = true});
    for (int i = 0; i < 20'000; ++i) {
      const std::string brand = "brand " + std::to_string(random() % 40);
      const int hour = static_cast<int>(random() % 3);
      source.emit({brand, hour, i, {}});
      model[{brand, hour}] = i;
      if (i % 500 == 0) CHECK(std::filesystem::file_size(dir / "out.csv") < 2'300 * 30);
    }
  }
  // Not closed: the last record of a key counts.
  std::map<std::pair<std::string, int>, int> found;
  std::istringstream lines{dir.read("out.csv")};
  std::string line;
  for (std::getline(lines, line); std::getline(lines, line);) {
    const penstock::CsvRecord record{line};
    found[{std::string(record[0]), std::stoi(std::string(record[1]))}] = std::stoi(std::string(record[2]));
  }
  CHECK(found == model);
}

TEST_CASE("upsert_csv knows a table that has lost what a snapshot knows of") {
  const TemporaryDirectory dir;
  const penstock::CheckpointOptions options{
      .directory = dir / "state", .every = penstock::Duration::zero(), .guarantee = Guarantee::at_most_once};
  {
    const auto source = table(dir);
    Checkpoints checkpoints{source, options};
    source.emit({"acme", 10, 3, {}});
    source.emit({"bell", 10, 3, {}});
    checkpoints.take();
    CHECK(dir.read("out.csv") == header + "acme,10,3,\nbell,10,3,\n");
  }
  {
    const auto source = table(dir);
    const Checkpoints checkpoints{source, options};
    CHECK(checkpoints.stats().restored == 1);
  }
  dir.write("out.csv", header + "acme,10,3,\n");
  const auto source = table(dir);
  CHECK_THROWS_WITH((Checkpoints{source, options}),
                    penstock::test::containing("out.csv has 1 keys, and had 2 when the snapshot was taken"));
}

TEST_CASE("who is refused leaves the files of the other as they are") {
  const TemporaryDirectory dir;
  const std::string torn = header + "acme,10,3,\nbell,1";
  dir.write("out.csv", torn);
  { const auto source = table(dir); }
  CHECK(dir.read("out.csv") == torn);
  dir.write("out.csv", "");
  { const auto source = table(dir); }
  CHECK(dir.read("out.csv").empty());
}
