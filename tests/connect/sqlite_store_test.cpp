// SPDX-License-Identifier: BSL-1.0
#include "penstock/connect/sqlite/sqlite_store.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "catch.hpp"
#include "connect/faulty_vfs.hpp"
#include "state/store_lockstep.hpp"
#include "temporary_directory.hpp"

using namespace penstock;
using namespace penstock::test;

namespace {

using Epochs = std::vector<std::uint64_t>;

std::string pragma(detail::SqliteDatabase& db, const std::string& name) {
  detail::SqliteStatement statement = db.prepare("PRAGMA " + name);
  statement.step();
  return std::string(statement.bytes(0));
}

}  // namespace

TEST_CASE("a database keeps the last snapshots, and gives the newest back") {
  const TemporaryDirectory directory;
  const std::string path = directory / "state.db";
  {
    SqliteStore store{path};
    REQUIRE(told(store.newest()) == "nothing");
    for (std::uint64_t epoch = 1; epoch <= 12; ++epoch) REQUIRE(store.write(snapshot_of(epoch)) > 100 + epoch);
    REQUIRE(store.epochs() == Epochs{10, 11, 12});
  }
  SqliteStore store{path, {.keep = 2}};
  REQUIRE(told(store.newest()) == told(snapshot_of(12)));
  REQUIRE(told(store.load(11)) == told(snapshot_of(11)));
  REQUIRE_THROWS_WITH(store.load(9), "the database '" + path + "' has no snapshot of epoch 9 (epochs there are: 10, 11, 12)");
  store.write(snapshot_of(13));
  REQUIRE(store.epochs() == Epochs{12, 13});
  REQUIRE_THROWS_AS((SqliteStore{directory / "other.db", {.keep = 1}}), std::invalid_argument);
}

TEST_CASE("a run that goes on from an older row takes the place of what came after it") {
  const TemporaryDirectory directory;
  SqliteStore store{directory / "state.db"};
  for (std::uint64_t epoch = 1; epoch <= 5; ++epoch) store.write(snapshot_of(epoch));
  store.write(snapshot_of(4, "again "));
  REQUIRE(store.epochs() == Epochs{3, 4});
  REQUIRE(told(store.newest()) == told(snapshot_of(4, "again ")));
}

TEST_CASE("savepoints in a database stay until they are removed") {
  const TemporaryDirectory directory;
  SqliteStore store{directory / "state.db"};
  store.save_as("b", snapshot_of(3));
  store.save_as("a", snapshot_of(2));
  for (std::uint64_t epoch = 4; epoch <= 9; ++epoch) store.write(snapshot_of(epoch));
  REQUIRE(store.savepoints() == std::vector<std::string>{"a", "b"});
  store.save_as("b", snapshot_of(9));
  REQUIRE(told(store.load_savepoint("b")) == told(snapshot_of(9)));
  store.remove_savepoint("a");
  REQUIRE_THROWS_WITH(store.load_savepoint("a"), containing("has no savepoint 'a' (savepoints there are: 'b')"));
  REQUIRE_THROWS_AS(store.remove_savepoint("a"), StateError);
  REQUIRE_THROWS_AS(store.save_as("'; DROP TABLE", snapshot_of(1)), std::invalid_argument);
}

TEST_CASE("a row that is damaged is refused, or an older one is taken when that is allowed") {
  const TemporaryDirectory directory;
  const std::string path = directory / "state.db";
  SqliteStore store{path};
  for (std::uint64_t epoch = 1; epoch <= 3; ++epoch) store.write(snapshot_of(epoch));
  detail::SqliteDatabase other{path};
  other.run("UPDATE penstock_snapshots SET bytes = substr(bytes, 1, 100) || x'00' || substr(bytes, 102) WHERE epoch = 3");
  REQUIRE_THROWS_WITH(store.newest(), containing("the snapshot of epoch 3 in the database '" + path + "' cannot be restored: it is damaged"));
  REQUIRE(told(store.newest(true)) == told(snapshot_of(2)));
}

TEST_CASE("a snapshot is durable when it has been written: WAL, and a sync at every commit") {
  const TemporaryDirectory directory;
  detail::SqliteDatabase db{directory / "x.db"};
  REQUIRE(pragma(db, "journal_mode") == "wal");
  REQUIRE(pragma(db, "synchronous") == "2");
}

TEST_CASE("two stores never share a database, also in different processes") {
  const TemporaryDirectory directory;
  const std::string path = directory / "state.db";
  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    SqliteStore store{path};
    store.write(snapshot_of(1));
    static_cast<void>(!::write(pipe[1], "!", 1));
    ::pause();
    ::_exit(1);
  }
  char ready = 0;
  REQUIRE(::read(pipe[0], &ready, 1) == 1);
  REQUIRE_THROWS_WITH(SqliteStore{path}, "the database '" + path + "' is in use by process " + std::to_string(child));
  ::kill(child, SIGKILL);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  ::close(pipe[0]);
  ::close(pipe[1]);
  SqliteStore store{path};
  REQUIRE(told(store.newest()) == told(snapshot_of(1)));
}

TEST_CASE("a file that is no database, and a directory that is not there, are told") {
  const TemporaryDirectory directory;
  directory.write("state.db", std::string(5000, 'x'));
  REQUIRE_THROWS_WITH(SqliteStore{directory / "state.db"}, containing("file is not a database"));
  REQUIRE_THROWS_AS(SqliteStore{directory / "none" / "state.db"}, std::system_error);
  detail::SqliteDatabase db{directory / "x.db"};
  try {
    db.run("SELECT * FROM missing");
    FAIL();
  } catch (const std::system_error& error) {
    REQUIRE(error.code() == std::error_code(SQLITE_ERROR, sqlite_category()));
    REQUIRE_THAT(error.what(), containing("cannot run \"SELECT * FROM missing\" in the database") && containing("no such table: missing"));
  }
}

namespace {

void fail_every_operation(VfsFault fault, bool power) {
  std::size_t faults = 0;
  for (std::size_t n = 1;; ++n) {
    const TemporaryDirectory directory;
    FaultyVfs vfs;
    const auto open = [&] { return std::make_unique<SqliteStore>(directory / "state.db", SqliteStoreOptions{.keep = 2, .vfs = vfs.name()}); };
    vfs.fail_at(n, fault);
    StoreModel model;
    bool failed = false;
    try {
      model.work(*open());
    } catch (const std::system_error&) {
      failed = true;
    }
    const bool over = vfs.operations() < n;
    power ? vfs.lose_power() : vfs.restart();
    model.check(*open(), n);
    model.work(*open());
    model.check(*open(), n);
    REQUIRE(model.durable == 6);
    if (over) {
      REQUIRE_FALSE(failed);
      break;
    }
    ++faults;
  }
  REQUIRE(faults > 60);
}

}  // namespace

TEST_CASE("over many faults and starts of all kinds nothing that was durable is lost: 40 random lives of a database") {
  constexpr VfsFault faults[] = {VfsFault::error, VfsFault::full, VfsFault::death};
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    std::mt19937_64 random{seed};
    const TemporaryDirectory directory;
    FaultyVfs vfs;
    const auto open = [&] { return std::make_unique<SqliteStore>(directory / "state.db", SqliteStoreOptions{.keep = 2, .vfs = vfs.name()}); };
    StoreModel model;
    for (int lives = 0; model.durable < 6; ++lives) {
      REQUIRE(lives < 1000);
      if (random() % 8 != 0) vfs.fail_at(1 + random() % 60, faults[random() % 3]);
      try {
        model.work(*open());
      } catch (const std::system_error&) {
      }
      random() % 2 ? vfs.lose_power() : vfs.restart();
      model.check(*open(), seed);
      // The next run goes on from what is there, as a graph does.
      const std::optional<Snapshot> newest = open()->newest();
      model.durable = newest ? newest->epoch : 0;
    }
  }
}
TEST_CASE("what a run goes on from stays when the power goes, though another run has died before it had synced it") {
  for (std::size_t n = 1;; ++n) {
    const TemporaryDirectory directory;
    FaultyVfs vfs;
    const auto open = [&] { return std::make_unique<SqliteStore>(directory / "state.db", SqliteStoreOptions{.keep = 2, .vfs = vfs.name()}); };
    open()->write(snapshot_of(1));
    auto store = open();
    const std::size_t before = vfs.operations();
    vfs.fail_at(n, VfsFault::death);
    try {
      store->write(snapshot_of(2));
    } catch (const std::system_error&) {
    }
    const bool over = vfs.operations() < before + n;
    store.reset();
    vfs.restart();
    store = open();
    const std::uint64_t seen = store->newest()->epoch;
    vfs.fail_at(1, VfsFault::death);
    store.reset();
    vfs.lose_power();
    REQUIRE(open()->newest()->epoch == seen);
    if (over) break;
  }
}
TEST_CASE("whichever operation of SQLite's the program dies in, nothing that was durable is lost") {
  fail_every_operation(VfsFault::death, false);
}
TEST_CASE("whichever operation of SQLite's the power goes in, nothing that was durable is lost") {
  fail_every_operation(VfsFault::death, true);
}
TEST_CASE("whichever operation of SQLite's fails, nothing that was durable is lost, and the store goes on") {
  fail_every_operation(VfsFault::error, false);
}
TEST_CASE("a disk that is full from any operation of SQLite's on loses nothing") {
  fail_every_operation(VfsFault::full, false);
}

TEST_CASE("whoever has a database is waited for as long as SQLite can count, and no shorter") {
  const TemporaryDirectory directory;
  const auto waits = [&](Duration busy) {
    detail::SqliteDatabase db{directory / "x.db", "", busy};
    detail::SqliteStatement told = db.prepare("PRAGMA busy_timeout");
    REQUIRE(told.step());
    return told.integer(0);
  };
  CHECK(waits(std::chrono::seconds{5}) == 5000);
  CHECK(waits(std::chrono::hours{720}) == 2147483647);  // milliseconds in an int
  CHECK(waits(Duration::max()) == 2147483647);
}
