// SPDX-License-Identifier: BSL-1.0
#include "penstock/connect/sqlite.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/describe/class.hpp>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/state/checkpoints.hpp"
#include "temporary_directory.hpp"

using penstock::CheckpointOptions;
using penstock::Checkpoints;
using penstock::Guarantee;
using penstock::SqliteSink;
using penstock::Stream;
using penstock::detail::SqliteDatabase;
using penstock::detail::SqliteStatement;
using penstock::test::TemporaryDirectory;

namespace {

struct Sold {
  std::string brand;
  int hour = 0;
  double price = 0;
  std::optional<std::string> note;
};
BOOST_DESCRIBE_STRUCT(Sold, (), (brand, hour, price, note))

struct Big {
  std::uint64_t number = 0;
};
BOOST_DESCRIBE_STRUCT(Big, (), (number))

CheckpointOptions by_hand(const TemporaryDirectory& dir) {
  return {.directory = dir / "state", .every = penstock::Duration::zero(), .guarantee = Guarantee::at_most_once};
}

/// The rows as text, by another connection.
std::vector<std::string> rows(const TemporaryDirectory& dir) {
  SqliteDatabase db{(dir / "shop.db").string()};
  SqliteStatement read = db.prepare("SELECT brand || ' ' || hour || ' ' || price || ' ' || ifnull(note, '-') FROM sold ORDER BY rowid");
  std::vector<std::string> found;
  while (read.step()) found.emplace_back(read.bytes(0));
  return found;
}
using Rows = std::vector<std::string>;

/// A run with what the table says.
struct Run {
  explicit Run(const TemporaryDirectory& dir) {
    (source | penstock::sink_to_sqlite((dir / "shop.db").string(), "sold")).named("sold");
    checkpoints.emplace(source, by_hand(dir));
  }
  Stream<Sold> source;
  std::optional<Checkpoints> checkpoints;
};

}  // namespace

TEST_CASE("sink_to_sqlite makes the table and adds rows in transactions") {
  const TemporaryDirectory dir;
  const Stream<Sold> source;
  source | penstock::sink_to_sqlite((dir / "shop.db").string(), "sold", {.batch = 2});
  source.emit({"acme", 10, 0.5, {}});
  CHECK(rows(dir).empty());
  source.emit({"the \"other\"", -1, 2.25, "x"});
  CHECK(rows(dir) == Rows{"acme 10 0.5 -", "the \"other\" -1 2.25 x"});
  source.emit({"acme", 10, 0.5, ""});
  CHECK(rows(dir).size() == 2);
  source.close();
  CHECK(rows(dir) == Rows{"acme 10 0.5 -", "the \"other\" -1 2.25 x", "acme 10 0.5 "});
}

TEST_CASE("sink_to_sqlite writes what it has when it is destroyed") {
  const TemporaryDirectory dir;
  {
    const Stream<Sold> source;
    source | penstock::sink_to_sqlite((dir / "shop.db").string(), "sold");
    source.emit({"acme", 10, 0.5, {}});
  }
  CHECK(rows(dir).size() == 1);
}

TEST_CASE("upsert_sqlite keeps one row a key") {
  const TemporaryDirectory dir;
  for (int run = 0; run < 2; ++run) {
    const Stream<Sold> source;
    source | penstock::upsert_sqlite((dir / "shop.db").string(), "sold", &Sold::brand, &Sold::hour, SqliteSink{.batch = 3});
    source.emit({"acme", 10, 1, {}});
    source.emit({"bell", 10, 1, {}});
    source.emit({"acme", 10, 2, "now"});
    source.emit({"acme", 11, 3, {}});
    source.close();
    CHECK(rows(dir) == Rows{"acme 10 2.0 now", "bell 10 1.0 -", "acme 11 3.0 -"});
  }
}

TEST_CASE("a row that SQLite cannot have is refused and leaves the others") {
  const TemporaryDirectory dir;
  const Stream<Big> source;
  source | penstock::sink_to_sqlite((dir / "shop.db").string(), "big");
  CHECK_THROWS_AS(source.emit({std::numeric_limits<std::uint64_t>::max()}), std::out_of_range);
  source.emit({1});
  CHECK_THROWS_AS(source.emit({std::numeric_limits<std::uint64_t>::max()}), std::out_of_range);
  source.emit({2});
  source.close();
  SqliteDatabase db{(dir / "shop.db").string()};
  SqliteStatement read = db.prepare("SELECT sum(number) FROM big");
  CHECK(read.bind().step());
  CHECK(read.integer(0) == 3);
}

TEST_CASE("wrong tables and settings are told where they are wired") {
  const TemporaryDirectory dir;
  const std::string path = (dir / "shop.db").string();
  SqliteDatabase{path}.run("CREATE TABLE sold (brand TEXT)");
  const Stream<Sold> source;
  CHECK_THROWS_WITH(source | penstock::sink_to_sqlite(path, "sold"),
                    penstock::test::containing("has the columns (brand TEXT) and not (brand TEXT, hour INTEGER, price REAL, note TEXT)"));
  CHECK_THROWS_WITH(source | penstock::sink_to_sqlite(path, "other", {.batch = 0}), penstock::test::containing("at least one row"));
  CHECK_THROWS_WITH(source | penstock::sink_to_sqlite(path, ""), penstock::test::containing("needs a name"));
  CHECK_THROWS_WITH(source | penstock::sink_to_sqlite((dir / "nowhere" / "shop.db").string(), "sold"),
                    penstock::test::containing("cannot open"));
}

TEST_CASE("the rows of an epoch and its number are one transaction") {
  const TemporaryDirectory dir;
  {
    Run run{dir};
    CHECK(run.checkpoints->stats().restored == 0);
    run.source.emit({"a", 1, 1, {}});
    run.source.emit({"b", 1, 1, {}});
    CHECK(rows(dir).empty());
    run.checkpoints->take();
    CHECK(rows(dir).size() == 2);
    run.source.emit({"c", 1, 1, {}});
  }
  CHECK(rows(dir).size() == 2);  // what came after it comes again
  std::filesystem::copy_file(dir / "shop.db", dir / "before.db");
  {
    Run run{dir};
    CHECK(run.checkpoints->stats().restored == 1);
    run.source.emit({"c", 1, 1, {}});
    run.checkpoints->take();
    CHECK(rows(dir).size() == 3);
  }
  // Killed when the snapshot was durable and the transaction was not: the table says that the snapshot never was.
  for (const char* rest : {"shop.db-wal", "shop.db-shm"}) std::filesystem::remove(dir / rest);
  std::filesystem::copy_file(dir / "before.db", dir / "shop.db", std::filesystem::copy_options::overwrite_existing);
  {
    Run run{dir};
    CHECK(run.checkpoints->stats().restored == 1);
    run.source.emit({"c", 1, 1, {}});
    run.source.emit({"d", 1, 1, {}});
    run.checkpoints->take();
  }
  CHECK(rows(dir) == Rows{"a 1 1.0 -", "b 1 1.0 -", "c 1 1.0 -", "d 1 1.0 -"});
  const Run run{dir};
  CHECK(run.checkpoints->stats().restored == 2);
}

TEST_CASE("a run cannot go on from a savepoint that a table of sink_to_sqlite is ahead of") {
  const TemporaryDirectory dir;
  {
    Run run{dir};
    run.source.emit({"a", 1, 1, {}});
    run.checkpoints->savepoint("before");
    run.source.emit({"b", 1, 1, {}});
    run.checkpoints->take();
  }
  const Stream<Sold> source;
  (source | penstock::sink_to_sqlite((dir / "shop.db").string(), "sold")).named("sold");
  CheckpointOptions options = by_hand(dir);
  options.savepoint = "before";
  CHECK_THROWS_WITH((Checkpoints{source, options}),
                    penstock::test::containing("had written 1 rows in epoch 1, and the database has 2 of epoch 2: "
                                               "rows would be written twice"));
}

TEST_CASE("a snapshot has the rows of upsert_sqlite in the table") {
  const TemporaryDirectory dir;
  const Stream<Sold> source;
  (source | penstock::upsert_sqlite((dir / "shop.db").string(), "sold", &Sold::brand)).named("sold");
  Checkpoints checkpoints{source, by_hand(dir)};
  source.emit({"a", 1, 1, {}});
  CHECK(rows(dir).empty());
  checkpoints.take();
  CHECK(rows(dir).size() == 1);
}

TEST_CASE("Refs of rows end when their transaction is committed") {
  const TemporaryDirectory dir;
  const Stream<Sold> source;
  source | penstock::sink_to_sqlite((dir / "shop.db").string(), "sold", {.batch = 2});
  const penstock::Ref ref{[] {}};
  source.emit({"a", 1, 1, {}}, penstock::Context{ref});
  CHECK(ref.use_count() == 2);
  source.emit({"b", 1, 1, {}}, penstock::Context{ref});
  CHECK(ref.use_count() == 1);
}
