// SPDX-License-Identifier: BSL-1.0
#include "penstock/connect/sqlite/sink_to_sqlite.hpp"
#include "penstock/connect/sqlite/upsert_sqlite.hpp"

#include <chrono>
#include <csignal>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include <boost/describe.hpp>

#include "catch.hpp"
#include "connect/faulty_vfs.hpp"
#include "penstock/penstock.hpp"
#include "penstock/state/checkpoints.hpp"
#include "penstock/testing/virtual_loop.hpp"
#include "temporary_directory.hpp"

using namespace penstock;
using namespace penstock::test;
using namespace std::chrono_literals;

namespace {

struct Sold {
  int brand = 0;
  std::int64_t number = 0;
};
BOOST_DESCRIBE_STRUCT(Sold, (), (brand, number))

/// All rows of a table in the order in which they were written.
std::vector<std::pair<std::int64_t, std::int64_t>> rows_of(const std::string& path, const std::string& table) {
  detail::SqliteDatabase db{path};
  std::vector<std::pair<std::int64_t, std::int64_t>> rows;
  detail::SqliteStatement found = db.prepare("SELECT brand, number FROM " + table + " ORDER BY rowid");
  while (found.step()) rows.emplace_back(found.integer(0), found.integer(1));
  return rows;
}
std::uint64_t marker_of(const std::string& path) {
  detail::SqliteDatabase db{path};
  detail::SqliteStatement found = db.prepare("SELECT epoch FROM penstock_epochs");
  return found.step() ? static_cast<std::uint64_t>(found.integer(0)) : 0;
}

constexpr int elements = 60;
constexpr int brands = 7;

/// What there has to be when all is over, computed without any of it.
struct Expected {
  std::vector<std::pair<std::int64_t, std::int64_t>> log;
  std::map<std::int64_t, std::int64_t> totals;
  Expected() {
    for (int i = 0; i < elements; ++i) {
      log.emplace_back(i % brands, i);
      totals[i % brands] += i;
    }
  }
};

using Kept = std::map<std::uint64_t, Snapshot>;

/// Outlives the runs.
class MemoryStore final : public SnapshotStore {
 public:
  explicit MemoryStore(Kept& kept) : kept_(kept) {}
  std::uint64_t write(const Snapshot& snapshot) override {
    kept_.erase(kept_.lower_bound(snapshot.epoch), kept_.end());
    kept_[snapshot.epoch] = snapshot;
    return 1;
  }
  std::optional<Snapshot> newest(bool) override {
    return kept_.empty() ? std::nullopt : std::optional<Snapshot>{kept_.rbegin()->second};
  }
  Snapshot load(std::uint64_t epoch) override { return kept_.at(epoch); }
  std::vector<std::uint64_t> epochs() override {
    std::vector<std::uint64_t> all;
    for (const auto& [epoch, snapshot] : kept_) all.push_back(epoch);
    return all;
  }
  void save_as(const std::string&, const Snapshot& snapshot) override { saved_ = snapshot; }
  Snapshot load_savepoint(const std::string& name) override { return kept_.at(std::stoull(name)); }
  void remove_savepoint(const std::string&) override {}
  std::vector<std::string> savepoints() override { return {}; }

 private:
  Kept& kept_;
  Snapshot saved_;
};

/// One life of a job with a sink of each kind, both in one database.
struct Job {
  Job(const std::string& path, const std::string& vfs, int n = elements) : events(numbers(n)) {
    const auto source = from_range(loop, events).named("events");
    const Stream<int> all = source.rate_limit(1ms);
    (all.map([](int i) { return Sold{i % brands, i}; }) | sink_to_sqlite(path, "log", {.vfs = vfs})).named("log");
    using Sums = std::map<int, std::int64_t>;
    const auto add = [](Sums sums, int i) {
      sums[i % brands] += i;
      const Sold total{i % brands, sums[i % brands]};
      return std::pair{std::move(sums), total};
    };
    const Stream<Sold> totals = all.accumulate(add, Sums{}, returns_state).named("totals");
    (totals | upsert_sqlite(path, "totals", &Sold::brand, SqliteSink{.batch = 4, .vfs = vfs}))
        .named("totals in the table");
    handle = source;
  }
  static std::vector<int> numbers(int n) {
    std::vector<int> all;
    for (int i = 0; i < n; ++i) all.push_back(i);
    return all;
  }
  void start(Kept& kept, std::string savepoint = {}) {
    CheckpointOptions options;
    options.every = 7ms;
    options.background = false;
    options.guarantee = Guarantee::exactly_once;
    options.savepoint = std::move(savepoint);
    checkpoints = std::make_unique<Checkpoints>(*handle, options, std::make_unique<MemoryStore>(kept));
    handle->start();
  }

  std::vector<int> events;
  VirtualLoop loop;
  std::optional<Handle> handle;
  std::unique_ptr<Checkpoints> checkpoints;
};

void check(const std::string& path) {
  const Expected expected;
  CHECK(rows_of(path, "log") == expected.log);
  std::map<std::int64_t, std::int64_t> totals;
  for (const auto& [brand, number] : rows_of(path, "totals")) totals[brand] = number;
  CHECK(totals == expected.totals);
}

}  // namespace

TEST_CASE("a run without a crash writes each row once, and the last one of a key") {
  const TemporaryDirectory directory;
  Kept kept;
  {
    Job job{directory / "x.db", ""};
    job.start(kept);
    job.checkpoints->wait_over();
    CHECK(job.checkpoints->stats().taken > 5);
  }
  check(directory / "x.db");
  CHECK(marker_of(directory / "x.db") == kept.rbegin()->first);
}

TEST_CASE("wherever a run is broken off, and again a bit later, the next ones come to the same tables") {
  for (int cut = 0; cut < elements + 5; ++cut) {
    const TemporaryDirectory directory;
    const FaultyVfs vfs;  // does not sync in earnest
    Kept kept;
    for (const int lives_for : {cut, 9}) {
      Job job{directory / "x.db", vfs.name()};
      job.start(kept);
      job.loop.run_for(std::chrono::milliseconds{lives_for} + 500us);
    }
    const auto log = rows_of(directory / "x.db", "log");
    std::vector<std::pair<std::int64_t, std::int64_t>> expected = Expected{}.log;
    expected.resize(log.size());
    CHECK(log == expected);
    Job job{directory / "x.db", vfs.name()};
    job.start(kept);
    job.checkpoints->wait_over();
    check(directory / "x.db");
  }
}

TEST_CASE("over many kills, errors and losses of power both tables come out right: random lives of a job") {
  constexpr VfsFault faults[] = {VfsFault::error, VfsFault::full, VfsFault::death};
  int failed = 0;
  for (unsigned seed = 0; seed < 120; ++seed) {
    std::mt19937 random{seed};
    const TemporaryDirectory directory;
    FaultyVfs vfs;
    Kept kept;
    bool over = false;
    for (int lives = 0; !over; ++lives) {
      REQUIRE(lives < 300);
      {
        std::unique_ptr<Job> job;
        if (random() % 8 != 0) vfs.fail_at(1 + random() % 250, faults[random() % 3]);
        try {
          job = std::make_unique<Job>(directory / "x.db", vfs.name());
          job->start(kept);
          if (random() % 3 == 0) {
            job->loop.run_for(std::chrono::milliseconds{random() % 40});
          } else {
            job->checkpoints->wait_over();
            over = true;
          }
        } catch (const std::system_error&) {
          ++failed;
        }
      }
      random() % 2 ? vfs.lose_power() : vfs.restart();
    }
    check(directory / "x.db");
  }
  CHECK(failed > 100);
}

TEST_CASE("whichever operation of SQLite's the program dies in, the next run comes to the same tables") {
  for (const bool power : {false, true}) {
    for (std::size_t n = 1;; n += 3) {
      const TemporaryDirectory directory;
      FaultyVfs vfs;
      Kept kept;
      vfs.fail_at(n, VfsFault::death);
      try {
        Job job{directory / "x.db", vfs.name()};
        job.start(kept);
        job.checkpoints->wait_over();
      } catch (const std::system_error&) {
      }
      const bool over = vfs.operations() < n;
      power ? vfs.lose_power() : vfs.restart();
      {
        Job job{directory / "x.db", vfs.name()};
        job.start(kept);
        job.checkpoints->wait_over();
      }
      check(directory / "x.db");
      if (over) break;
    }
  }
}

namespace {

/// The numbers up to `n`, from where the run before it was, into a text file and, under a name, into a table.
std::vector<std::string> live(const TemporaryDirectory& dir, const char* sink, int n, int snapshots = 1) {
  VirtualLoop loop;
  const std::vector<int> events = Job::numbers(n);
  const auto source = from_range(loop, events).named("events");
  const Stream<int> all = source.rate_limit(1ms);
  all.accumulate([](int sum, int i) { return sum + i; }, 0)
      .named("sum")
      .map([](int sum) { return std::to_string(sum); })
      .sink_to_textfile(dir / "sums.txt")
      .named("sums");
  if (sink) (all.map([](int i) { return Sold{i % brands, i}; }) | sink_to_sqlite(dir / "x.db", "log")).named(sink);
  Checkpoints checkpoints{source, {.directory = dir / "state", .guarantee = Guarantee::exactly_once, .background = false}};
  source.start();
  for (int i = 0; i < snapshots; ++i) {
    loop.run_for(2ms);
    checkpoints.take();
  }
  checkpoints.wait_over();
  return checkpoints.stats().anew;
}
std::string sums(int n) {
  std::string text;
  for (int i = 0, sum = 0; i < n; ++i) text += std::to_string(sum += i) + "\n";
  return text;
}

}  // namespace

TEST_CASE("a sink that decides and has another name than before is refused, and no row is written twice") {
  const int snapshots = GENERATE(0, 1, 5);  // the beginning is forgotten at some time
  const TemporaryDirectory dir;
  live(dir, "log", 20, snapshots);
  CHECK_THROWS_WITH(live(dir, "another", 40), containing("holds the state of 'log' (sink_to_sqlite), and nothing in the graph"));
  CHECK(rows_of(dir / "x.db", "log").size() == 20);
  CHECK(dir.read("sums.txt") == sums(20));
  live(dir, "log", 40);
  CHECK(rows_of(dir / "x.db", "log").size() == 40);
  CHECK(dir.read("sums.txt") == sums(40));
}

TEST_CASE("a sink that decides and is new begins where the others go on") {
  const int snapshots = GENERATE(0, 1, 5);
  const TemporaryDirectory dir;
  CHECK(live(dir, nullptr, 20, snapshots).empty());
  CHECK(live(dir, "log", 40) == std::vector<std::string>{"log"});
  CHECK(dir.read("sums.txt") == sums(40));
  const auto rows = rows_of(dir / "x.db", "log");
  REQUIRE(rows.size() == 20);
  CHECK(rows.front().second == 20);
  CHECK(live(dir, "log", 60).empty());
  CHECK(rows_of(dir / "x.db", "log").size() == 40);
  CHECK(dir.read("sums.txt") == sums(60));
}

TEST_CASE("a sink that decides and whose table was taken away is refused while the snapshots are there") {
  const TemporaryDirectory dir;
  live(dir, "log", 20, 5);
  for (const char* file : {"x.db", "x.db-wal", "x.db-shm"}) std::filesystem::remove(dir / file);
  CHECK_THROWS_WITH(live(dir, "log", 40), containing("rows would be missing"));
  CHECK(dir.read("sums.txt") == sums(20));
  std::filesystem::remove_all(dir / "state");
  std::filesystem::remove(dir / "sums.txt");
  live(dir, "log", 40);
  CHECK(rows_of(dir / "x.db", "log").size() == 40);
  CHECK(dir.read("sums.txt") == sums(40));
}

TEST_CASE("a process that is killed loses nothing and writes nothing twice") {
  const TemporaryDirectory directory;
  Kept kept;
  for (int cut = 5; cut < 60; cut += 9) {
    // The snapshots are the parent's: the child says by its status how many it took, and the parent does the same.
    const TemporaryDirectory fresh;
    const ::pid_t child = ::fork();
    if (child == 0) {
      Kept none;
      Job job{fresh / "x.db", ""};
      job.start(none);
      job.loop.run_for(std::chrono::milliseconds{cut});
      ::kill(::getpid(), SIGKILL);
    }
    REQUIRE(::waitpid(child, nullptr, 0) == child);
    Kept same;
    {
      Job job{directory / (std::to_string(cut) + ".db"), ""};
      job.start(same);
      job.loop.run_for(std::chrono::milliseconds{cut});
    }
    Job job{fresh / "x.db", ""};
    job.start(same);
    CHECK(job.checkpoints->stats().restored == marker_of(directory / (std::to_string(cut) + ".db")));
    job.checkpoints->wait_over();
    check(fresh / "x.db");
  }
}

TEST_CASE("the database names the snapshot that is real, and is told of it as often as one likes") {
  const TemporaryDirectory directory;
  Kept kept;
  {
    Job job{directory / "x.db", ""};
    job.start(kept);
    job.loop.run_for(30ms);
  }
  const std::uint64_t real = marker_of(directory / "x.db");
  REQUIRE(real > 2);
  kept[real + 1] = kept.at(real);  // durable, and its rows never committed
  kept[real + 1].epoch = real + 1;
  for (int i = 0; i < 3; ++i) {
    Job job{directory / "x.db", ""};
    job.start(kept);
    CHECK(job.checkpoints->stats().restored == real);
  }
}

TEST_CASE("a savepoint is good as long as no row was written behind it") {
  const TemporaryDirectory directory;
  Kept kept;
  {
    Job job{directory / "x.db", ""};
    job.start(kept);
    job.loop.run_for(20ms);
  }
  const std::uint64_t real = marker_of(directory / "x.db");
  REQUIRE(kept.contains(real - 1));
  {
    Job job{directory / "x.db", ""};
    CHECK_THROWS_WITH(job.start(kept, std::to_string(real - 1)),
                      containing("'log' had written") && containing("rows would be written twice"));
  }
  Job job{directory / "x.db", ""};
  job.start(kept, std::to_string(real));
  job.checkpoints->wait_over();
  check(directory / "x.db");
}

TEST_CASE("when another program has the database, that is said, and what waits is tried again") {
  const TemporaryDirectory directory;
  const std::string path = directory / "x.db";
  const Stream<Sold> source;
  source | upsert_sqlite(path, "sold", &Sold::brand, SqliteSink{.batch = 1, .busy = 1ms});
  source | sink_to_sqlite(path, "log", {.batch = 2, .busy = 1ms});
  source.emit({1, 1});
  {
    detail::SqliteDatabase other{path};
    const detail::SqliteTransaction taken{other};
    CHECK_THROWS_WITH(source.emit({2, 2}), containing("'" + path + "'") && containing("database is locked"));
    CHECK_THROWS_WITH(Stream<Sold>{} | sink_to_sqlite(path, "new", {.busy = 1ms}),
                      containing("CREATE TABLE") && containing("database is locked"));
  }
  source.emit({3, 3});
  source.close();
  CHECK(rows_of(path, "sold") == std::vector<std::pair<std::int64_t, std::int64_t>>{{1, 1}, {3, 3}});
}

TEST_CASE("two programs that write under one name are told of it before a row is there twice") {
  const TemporaryDirectory directory;
  Kept a;
  Kept b;
  Job one{directory / "x.db", ""};
  Job two{directory / "x.db", ""};
  one.start(a);
  two.start(b);
  one.loop.run_for(20ms);
  const auto log = rows_of(directory / "x.db", "log");
  CHECK_THROWS_WITH(two.loop.run_for(20ms), containing("another program writes to the table 'log'") && containing("as 'log' too"));
  CHECK(rows_of(directory / "x.db", "log") == log);
}

TEST_CASE("no more rows wait for a checkpoint than max_rows") {
  const TemporaryDirectory directory;
  Kept kept;
  const Stream<Sold> source;
  (source | sink_to_sqlite(directory / "x.db", "log", {.max_rows = 3})).named("log");
  CheckpointOptions options{.directory = {}, .every = Duration::zero(), .guarantee = Guarantee::at_most_once};
  Checkpoints checkpoints{source, options, std::make_unique<MemoryStore>(kept)};
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 3; ++i) source.emit({round, i});
    CHECK_THROWS_AS(source.emit({round, 3}), Overflow);
    checkpoints.take();
  }
  CHECK(rows_of(directory / "x.db", "log").size() == 9);
}

namespace {

enum class Size { small, large };
BOOST_DESCRIBE_ENUM(Size, small, large)

struct All {
  std::string text;
  Size size = Size::small;
  std::chrono::sys_time<std::chrono::milliseconds> when;
  std::optional<int> maybe;
  std::optional<std::string> words;
  bool yes = false;
  double real = 0;
  std::int64_t big = 0;
  std::uint64_t natural = 0;
};
BOOST_DESCRIBE_STRUCT(All, (), (text, size, when, maybe, words, yes, real, big, natural))

std::string python(const std::string& path, const std::string& sql) {
  const std::string command = "python3 -c 'import sqlite3, sys; [print(row) for row in sqlite3.connect(sys.argv[1]).execute(sys.argv[2])]' '" +
                              path + "' \"" + sql + "\"";
  std::string output;
  std::FILE* pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe);
  for (int c; (c = std::fgetc(pipe)) != EOF;) output += static_cast<char>(c);
  REQUIRE(::pclose(pipe) == 0);
  return output;
}

}  // namespace

TEST_CASE("Python reads every kind of value as it was") {
  const TemporaryDirectory directory;
  const std::string path = directory / "x.db";
  using std::chrono::milliseconds;
  const std::chrono::sys_time<milliseconds> when{milliseconds{1'569'888'000'123}};
  const All some{"it's \"ü\"\n", Size::large, when, 7, "", true, 0.1, std::numeric_limits<std::int64_t>::min(), 9};
  const All none{"", Size::small, {}, {}, {}, false, std::nan(""), 3, std::numeric_limits<std::int64_t>::max()};
  const Stream<All> source;
  source | upsert_sqlite(path, "all", &All::text, &All::size);
  source | sink_to_sqlite(path, "log \"x\"");
  source.emit(some);
  source.emit(none);
  All wrong = none;
  wrong.natural = std::uint64_t{1} << 63;
  CHECK_THROWS_AS(source.emit(wrong), std::out_of_range);
  wrong.natural = 0;
  wrong.size = static_cast<Size>(5);
  CHECK_THROWS_AS(source.emit(wrong), std::out_of_range);
  source.close();
  const std::string expected =
      "('it\\'s \"ü\"\\n', 'large', '2019-10-01T00:00:00.123Z', 7, '', 1, 0.1, -9223372036854775808, 9)\n"
      "('', 'small', '1970-01-01T00:00:00.000Z', None, None, 0, None, 3, 9223372036854775807)\n";
  CHECK(python(path, "SELECT * FROM 'all' ORDER BY rowid") == expected);
  CHECK(python(path, "SELECT * FROM 'log \\\"x\\\"' ORDER BY rowid") == expected);
}

TEST_CASE("upsert_sqlite keeps the last row of each key, whatever the transactions are") {
  for (const std::size_t n : std::vector<std::size_t>{1, 2, 3, 7, 100, 10'000}) {
    const TemporaryDirectory directory;
    const FaultyVfs vfs;
    std::mt19937 random{7};
    std::map<std::int64_t, std::int64_t> model;
    for (int run = 0; run < 3; ++run) {
      const Stream<Sold> source;
      source | upsert_sqlite(directory / "x.db", "sold", &Sold::brand, SqliteSink{.batch = n, .vfs = vfs.name()});
      for (int i = 0; i < 500; ++i) {
        const int brand = static_cast<int>(random() % 40);
        source.emit({brand, i});
        model[brand] = i;
      }
      if (run != 1) source.close();
    }
    std::map<std::int64_t, std::int64_t> found;
    for (const auto& [brand, number] : rows_of(directory / "x.db", "sold")) found[brand] = number;
    CHECK(found == model);
  }
}

TEST_CASE("rows are written when the first one has waited for so long") {
  const TemporaryDirectory directory;
  VirtualLoop loop;
  const Stream<Sold> source{loop};
  source | upsert_sqlite(directory / "x.db", "sold", &Sold::brand, SqliteSink{.every = 100ms});
  source | sink_to_sqlite(directory / "x.db", "log", {.batch = 10, .every = 100ms});
  source.emit({1, 1});
  loop.run_for(60ms);
  source.emit({2, 2});
  loop.run_for(39ms);
  CHECK(rows_of(directory / "x.db", "sold").empty());
  loop.run_for(1ms);
  CHECK(rows_of(directory / "x.db", "sold").size() == 2);
  CHECK(rows_of(directory / "x.db", "log").size() == 2);
  const Stream<Sold> without;
  CHECK_THROWS_WITH(without | upsert_sqlite(directory / "x.db", "sold", &Sold::brand, SqliteSink{.every = 1s}),
                    containing("upsert_sqlite: a transaction by time needs an event loop"));
}

TEST_CASE("a table with other columns is refused, and left as it is") {
  const TemporaryDirectory directory;
  const std::string path = directory / "x.db";
  detail::SqliteDatabase{path}.run(
      "CREATE TABLE a (brand INTEGER, number TEXT); CREATE TABLE b (brand INT PRIMARY KEY, number BIGINT); CREATE TABLE c (number INTEGER)");
  const Stream<Sold> source;
  const std::string of = " of the database '" + path + "' has the columns ";
  CHECK_THROWS_WITH(source | sink_to_sqlite(path, "a"),
                    "sink_to_sqlite: the table 'a'" + of + "(brand INTEGER, number TEXT) and not (brand INTEGER, number INTEGER)");
  CHECK_THROWS_WITH(source | upsert_sqlite(path, "a", &Sold::brand),
                    "upsert_sqlite: the table 'a'" + of + "(brand INTEGER, number TEXT) and not (brand INTEGER KEY, number INTEGER)");
  CHECK_THROWS_WITH(source | sink_to_sqlite(path, "b"), containing("(brand INTEGER KEY, number INTEGER) and not"));
  CHECK_THROWS_WITH(source | upsert_sqlite(path, "c", &Sold::brand), containing("(number INTEGER) and not"));
  CHECK_NOTHROW(source | upsert_sqlite(path, "b", &Sold::brand));
  CHECK_THROWS_WITH(source | upsert_sqlite(path, "", &Sold::brand), containing("the table needs a name"));
}

namespace {

struct Measured {
  double at = 0;
  double value = 0;
};
BOOST_DESCRIBE_STRUCT(Measured, (), (at, value))

}  // namespace

TEST_CASE("a key that is not a number is refused by itself, and not with all rows of its transaction") {
  const TemporaryDirectory directory;
  const std::string path = directory / "x.db";
  const Stream<Measured> source;
  source | upsert_sqlite(path, "measured", &Measured::at);
  source.emit({1, std::nan("")});
  CHECK_THROWS_AS(source.emit({std::nan(""), 1}), std::out_of_range);
  source.emit({2, 2});
  source.close();
  CHECK(python(path, "SELECT * FROM measured ORDER BY rowid") == "(1.0, None)\n(2.0, 2.0)\n");
}

TEST_CASE("Refs are held until their row is committed") {
  const TemporaryDirectory directory;
  Kept kept;
  const Stream<Sold> source;
  (source | sink_to_sqlite(directory / "x.db", "log")).named("log");
  const CheckpointOptions options{.directory = {}, .every = Duration::zero(), .guarantee = Guarantee::at_most_once};
  Checkpoints checkpoints{source, options, std::make_unique<MemoryStore>(kept)};
  const Ref before{[] {}};
  source.emit({1, 1}, Context{before});
  CHECK(before.use_count() - 1 == 1);
  checkpoints.take();
  CHECK(before.use_count() - 1 == 0);
}
