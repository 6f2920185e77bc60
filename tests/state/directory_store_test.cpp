// SPDX-License-Identifier: BSL-1.0
#include "penstock/state/directory_store.hpp"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "catch.hpp"
#include "penstock/testing/faulty_file_system.hpp"
#include "state/store_lockstep.hpp"
#include "temporary_directory.hpp"

using namespace penstock;
using namespace penstock::test;
using namespace penstock::testing;

namespace {

using Epochs = std::vector<std::uint64_t>;

std::unique_ptr<DirectoryStore> open_store(FaultyFileSystem& files, std::size_t keep = 2) {
  return std::make_unique<DirectoryStore>("state", DirectoryStoreOptions{.keep = keep, .files = &files});
}
std::string newest_file(FaultyFileSystem& files) {
  std::string newest;
  for (const std::string& name : files.names("state")) {
    if (name.starts_with("epoch-")) newest = name;
  }
  return "state/" + newest;
}

}  // namespace

TEST_CASE("a directory keeps the last snapshots, and gives the newest back") {
  const TemporaryDirectory directory;
  {
    DirectoryStore store{directory.path() / "deep" / "state", {.keep = 3}};
    REQUIRE(told(store.newest()) == "nothing");
    for (std::uint64_t epoch = 1; epoch <= 12; ++epoch) REQUIRE(store.write(snapshot_of(epoch)) > 100 + epoch);
    REQUIRE(store.epochs() == Epochs{10, 11, 12});
  }
  DirectoryStore store{directory.path() / "deep" / "state", {.keep = 3}};
  REQUIRE(told(store.newest()) == told(snapshot_of(12)));
  REQUIRE(told(store.load(11)) == told(snapshot_of(11)));
  REQUIRE_THROWS_WITH(store.load(9), containing("has no snapshot of epoch 9 (epochs there are: 10, 11, 12)"));
}

TEST_CASE("keep below two is refused") {
  FaultyFileSystem files;
  REQUIRE_THROWS_AS(open_store(files, 1), std::invalid_argument);
}

TEST_CASE("a run that goes on from an older snapshot takes the place of what came after it") {
  FaultyFileSystem files;
  const auto store = open_store(files, 3);
  for (std::uint64_t epoch = 1; epoch <= 5; ++epoch) store->write(snapshot_of(epoch));
  store->write(snapshot_of(4, "again "));
  REQUIRE(store->epochs() == Epochs{3, 4});
  REQUIRE(told(store->newest()) == told(snapshot_of(4, "again ")));
  REQUIRE(told(store->load(4)) == told(snapshot_of(4, "again ")));
}

TEST_CASE("what a sink names stays until two later epochs are durable, also over starts that come to nothing") {
  FaultyFileSystem files;
  open_store(files)->write(snapshot_of(1));
  // Epoch 2 is written again and again, and dies before the sink has it: 1 is the one that is real.
  for (int run = 0; run < 5; ++run) {
    const auto store = open_store(files);
    REQUIRE(told(store->load(1)) == told(snapshot_of(1)));
    store->write(snapshot_of(2, std::to_string(run)));
  }
  const auto store = open_store(files);
  REQUIRE(store->epochs() == Epochs{1, 2});
  REQUIRE(told(store->load(2)) == told(snapshot_of(2, "4")));
}

TEST_CASE("what a sink names stays for as long as it names it") {
  FaultyFileSystem files;
  const auto store = open_store(files);
  for (std::uint64_t epoch = 1; epoch <= 7; ++epoch) {
    store->keep_from(epoch < 6 ? 2 : 5);
    store->write(snapshot_of(epoch));
    if (epoch == 5) REQUIRE(store->epochs() == Epochs{2, 3, 4, 5});
  }
  REQUIRE(store->epochs() == Epochs{5, 6, 7});
}

TEST_CASE("savepoints stay until they are removed") {
  FaultyFileSystem files;
  const auto store = open_store(files);
  for (std::uint64_t epoch = 1; epoch <= 3; ++epoch) store->write(snapshot_of(epoch));
  store->save_as("before-upgrade", snapshot_of(3));
  store->save_as("Q3_2024.final", snapshot_of(2));
  for (std::uint64_t epoch = 4; epoch <= 9; ++epoch) store->write(snapshot_of(epoch));
  REQUIRE(store->savepoints() == std::vector<std::string>{"Q3_2024.final", "before-upgrade"});
  REQUIRE(told(store->load_savepoint("before-upgrade")) == told(snapshot_of(3)));
  store->save_as("before-upgrade", snapshot_of(9));
  REQUIRE(told(store->load_savepoint("before-upgrade")) == told(snapshot_of(9)));
  store->remove_savepoint("Q3_2024.final");
  REQUIRE_THROWS_WITH(store->load_savepoint("Q3_2024.final"), containing("(savepoints there are: 'before-upgrade')"));
  REQUIRE(store->epochs() == Epochs{8, 9});
  for (const char* bad : {"", ".", "..", "a/b", "a b", "../x"}) {
    REQUIRE_THROWS_AS(store->save_as(bad, snapshot_of(1)), std::invalid_argument);
  }
}

TEST_CASE("a newest snapshot that is damaged is refused, or an older one is taken when that is allowed") {
  FaultyFileSystem files;
  const auto store = open_store(files, 3);
  for (std::uint64_t epoch = 1; epoch <= 3; ++epoch) store->write(snapshot_of(epoch));
  const std::string newest = newest_file(files);
  SECTION("by a bit") { files.flip_bit(newest, 1000); }
  SECTION("by a torn tail") { files.cut(newest, 50); }
  SECTION("to nothing") { files.cut(newest, 0); }
  SECTION("by another file") { files.rename("state/epoch-1.1.snapshot", newest); }
  REQUIRE_THROWS_AS(store->newest(), StateError);
  REQUIRE_THROWS_WITH(store->newest(), containing("'" + newest + "' cannot be restored: ") && containing("with allow_fallback"));
  REQUIRE(told(store->newest(true)) == told(snapshot_of(2)));
  // Written anew it takes the place of the damaged one.
  store->write(snapshot_of(3, "again "));
  REQUIRE(told(store->newest()) == told(snapshot_of(3, "again ")));
}

TEST_CASE("when nothing can be read, falling back does not help") {
  FaultyFileSystem files;
  const auto store = open_store(files);
  store->write(snapshot_of(1));
  files.cut(newest_file(files), 3);
  REQUIRE_THROWS_WITH(store->newest(true), containing("no older snapshot can be read either"));
}

TEST_CASE("two stores never share a directory, also in different processes") {
  const TemporaryDirectory directory;
  const std::string path = directory.path();
  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    DirectoryStore store{path};
    store.write(snapshot_of(1));
    static_cast<void>(::write(pipe[1], "!", 1));
    ::pause();
    ::_exit(1);
  }
  char ready = 0;
  REQUIRE(::read(pipe[0], &ready, 1) == 1);
  REQUIRE_THROWS_AS(DirectoryStore{path}, std::logic_error);
  REQUIRE_THROWS_WITH(DirectoryStore{path}, "the directory '" + path + "' is in use by process " + std::to_string(child));
  // However a process ends, its lock ends with it.
  ::kill(child, SIGKILL);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  ::close(pipe[0]);
  ::close(pipe[1]);
  DirectoryStore store{path};
  REQUIRE(told(store.newest()) == told(snapshot_of(1)));
  REQUIRE_THROWS_WITH(DirectoryStore{path}, containing("is in use by process " + std::to_string(::getpid())));
}

TEST_CASE("files that are no snapshots are left alone, and what a crash has left is removed") {
  const TemporaryDirectory directory;
  const auto put = [&](const char* name) { std::ofstream(directory.path() / name) << "x"; };
  put("notes.txt");
  put("epoch-7.snapshot");
  put("epoch-7.1.snapshot.bak");
  put("epoch-9.12.snapshot.unfinished");
  DirectoryStore store{directory.path()};
  REQUIRE(store.epochs().empty());
  REQUIRE(std::filesystem::exists(directory.path() / "notes.txt"));
  REQUIRE_FALSE(std::filesystem::exists(directory.path() / "epoch-9.12.snapshot.unfinished"));
}

TEST_CASE("a directory that cannot be used says so") {
  const TemporaryDirectory directory;
  std::ofstream(directory.path() / "file") << "x";
  REQUIRE_THROWS_AS(DirectoryStore{directory.path() / "file"}, std::system_error);
  REQUIRE_THROWS_WITH(DirectoryStore{directory.path() / "file"}, containing("cannot make directory"));
  if (::geteuid() == 0) return;  // whom no permission stops
  ::chmod(directory.path().c_str(), 0500);
  REQUIRE_THROWS_WITH(DirectoryStore{directory.path()}, containing("cannot open"));
  ::chmod(directory.path().c_str(), 0700);
}

TEST_CASE("a directory where none can be made is refused, also where its parent is there") {
  CHECK_THROWS_WITH(DirectoryStore{"/proc/penstock/state"}, containing("cannot make directory '/proc/penstock'"));
  CHECK_THROWS_WITH(DirectoryStore{""}, containing("cannot make directory"));
}

TEST_CASE("a full disk fails the write, and the next one once there is room") {
  FaultyFileSystem files;
  const auto store = open_store(files);
  store->write(snapshot_of(1));
  files.capacity(300);
  REQUIRE_THROWS_AS(store->write(snapshot_of(200)), std::system_error);
  REQUIRE(store->epochs() == Epochs{1});
  REQUIRE(files.names("state") == std::vector<std::string>{"epoch-1.1.snapshot", "lock"});
  files.capacity(100'000);
  store->write(snapshot_of(201));
  REQUIRE(told(store->newest()) == told(snapshot_of(201)));
}

TEST_CASE("short writes are gone on with") {
  FaultyFileSystem files;
  files.short_writes(3);
  const auto store = open_store(files);
  store->write(snapshot_of(1));
  REQUIRE(told(store->newest()) == told(snapshot_of(1)));
}

namespace {

void check(FaultyFileSystem& files, const StoreModel& model, std::size_t n) {
  model.check(*open_store(files), n);
  for (const std::string& name : files.names("state")) REQUIRE_FALSE(name.ends_with(".unfinished"));
}

/// @param after  what happens to the disk behind the fault.
void fail_every_operation(DiskFault fault, const std::function<void(FaultyFileSystem&, std::size_t)>& after) {
  std::size_t faults = 0;
  for (std::size_t n = 1;; ++n) {
    FaultyFileSystem files;
    files.make_directory("state");
    files.fail_at(n, fault);
    StoreModel model;
    bool failed = false;
    try {
      model.work(*open_store(files));
    } catch (const Died&) {
      failed = true;
    } catch (const std::system_error&) {
      failed = true;
    }
    const bool over = files.operations() < n + 1;
    after(files, n);
    check(files, model, n);
    model.work(*open_store(files));
    after(files, n);
    check(files, model, n);
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

TEST_CASE("whichever operation the program dies in, nothing that was durable is lost") {
  fail_every_operation(DiskFault::death, [](FaultyFileSystem& files, std::size_t) { files.restart(); });
}
TEST_CASE("whichever operation the power goes in, nothing that was durable is lost") {
  fail_every_operation(DiskFault::death, [](FaultyFileSystem& files, std::size_t) { files.lose_power(); });
}
TEST_CASE("whichever operation the power goes in, with any part of what was under way on the disk") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    fail_every_operation(DiskFault::death, [seed](FaultyFileSystem& files, std::size_t n) { files.lose_power(1000 * seed + n); });
  }
}
TEST_CASE("whichever operation fails, nothing that was durable is lost, and the store goes on") {
  fail_every_operation(DiskFault::error, [](FaultyFileSystem& files, std::size_t) { files.restart(); });
  fail_every_operation(DiskFault::error, [](FaultyFileSystem& files, std::size_t n) { files.lose_power(n); });
}
TEST_CASE("an operation that is done and fails all the same loses nothing") {
  fail_every_operation(DiskFault::late_error, [](FaultyFileSystem& files, std::size_t) { files.restart(); });
  fail_every_operation(DiskFault::late_error, [](FaultyFileSystem& files, std::size_t n) { files.lose_power(n); });
}
TEST_CASE("a disk that is full from any operation on loses nothing") {
  fail_every_operation(DiskFault::full, [](FaultyFileSystem& files, std::size_t) { files.restart(); });
}

TEST_CASE("over many faults and starts of all kinds nothing that was durable is lost: 2000 random lives of a directory") {
  constexpr DiskFault faults[] = {DiskFault::error, DiskFault::late_error, DiskFault::full, DiskFault::death};
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    std::mt19937_64 random{seed};
    FaultyFileSystem files;
    files.make_directory("state");
    if (random() % 3 == 0) files.short_writes(1 + random() % 50);
    StoreModel model;
    for (int lives = 0; model.durable < 6; ++lives) {
      REQUIRE(lives < 1000);
      if (random() % 8 != 0) files.fail_at(1 + random() % 60, faults[random() % 4]);
      try {
        model.work(*open_store(files));
      } catch (const Died&) {
      } catch (const std::system_error&) {
      }
      const std::uint64_t kind = random() % 4;
      if (kind == 0) {
        files.lose_power();
      } else if (kind == 1) {
        files.lose_power(random());
      } else {
        files.restart();
      }
      check(files, model, seed);
      // The next run goes on from what is there, as a graph does.
      const std::optional<Snapshot> newest = open_store(files)->newest();
      model.durable = newest ? newest->epoch : 0;
    }
  }
}

TEST_CASE("what a run goes on from stays when the power goes, though another run has died before it had synced it") {
  for (std::size_t n = 1;; ++n) {
    FaultyFileSystem files;
    open_store(files)->write(snapshot_of(1));
    auto store = open_store(files);
    const std::size_t before = files.operations();
    files.fail_at(n, DiskFault::death);
    try {
      store->write(snapshot_of(2));
    } catch (const Died&) {
    }
    const bool over = files.operations() < before + n;
    store.reset();
    files.restart();
    store = open_store(files);
    const std::uint64_t seen = store->newest()->epoch;
    store.reset();
    files.lose_power();
    REQUIRE(open_store(files)->newest()->epoch == seen);
    if (over) break;
  }
}
