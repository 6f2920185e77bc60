// SPDX-License-Identifier: BSL-1.0
// A program of its own, for the whole of which failpoints are on.
#define PENSTOCK_FAILPOINTS
#include "penstock/state/failpoint.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "catch.hpp"
#include "penstock/state/directory_store.hpp"
#include "state/store_lockstep.hpp"
#include "temporary_directory.hpp"

using namespace penstock;
using namespace penstock::test;

namespace {

constexpr const char* directory_of_child = "PENSTOCK_TEST_STATE";

std::uint64_t number_in(const std::string& path) {
  std::uint64_t number = 0;
  std::ifstream{path} >> number;
  return number;
}

/// Runs this program again, which writes epochs and dies on its way. @return whether it was killed.
bool killed_at(const std::string& failpoint, const TemporaryDirectory& directory) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv("PENSTOCK_FAILPOINT", failpoint.c_str(), 1);
    ::setenv(directory_of_child, directory.path().c_str(), 1);
    ::execl("/proc/self/exe", "test_failpoint", "[child]", static_cast<char*>(nullptr));
    ::_exit(2);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  if (WIFSIGNALED(status)) {
    REQUIRE(WTERMSIG(status) == SIGKILL);
    return true;
  }
  REQUIRE(WEXITSTATUS(status) == 0);
  return false;
}

}  // namespace

TEST_CASE("writes epochs until it is killed", "[.][child]") {
  SUCCEED("for the case below alone");
  const char* path_of_parent = std::getenv(directory_of_child);
  if (!path_of_parent) return;
  const std::string path = path_of_parent;
  DirectoryStore store{path + "/state", {.keep = 2}};
  for (std::uint64_t epoch = 1; epoch <= 6; ++epoch) {
    std::ofstream{path + "/tried"} << epoch << std::flush;
    store.write(snapshot_of(epoch));
    std::ofstream{path + "/durable"} << epoch << std::flush;
  }
  REQUIRE(store.epochs().size() == 2);
}

TEST_CASE("every failpoint of a program is known before it has come there") {
  const std::vector<std::string> names = Failpoints::names();
  REQUIRE(std::is_sorted(names.begin(), names.end()));
  for (const char* name : {"store.create.before", "store.write.half", "store.sync.before", "store.rename.before", "store.rename.after",
                           "store.durable", "store.forget.before", "store.forget.after"}) {
    REQUIRE(std::count(names.begin(), names.end(), name) == 1);
  }
}

TEST_CASE("a hook sees every failpoint, and may throw") {
  const TemporaryDirectory directory;
  std::vector<std::string> seen;
  Failpoints::hook([&](std::string_view name) {
    seen.emplace_back(name);
    if (name == "store.rename.before" && seen.size() > 8) throw std::runtime_error("no more");
  });
  const std::size_t before = Failpoints::hits("store.durable");
  {
    DirectoryStore store{directory.path() / "state"};
    store.write(snapshot_of(1));
    REQUIRE(seen == std::vector<std::string>{"store.create.before", "store.write.half", "store.sync.before", "store.rename.before",
                                             "store.rename.after", "store.durable", "store.forget.after"});
    REQUIRE_THROWS_WITH(store.write(snapshot_of(2)), "no more");
    REQUIRE(store.epochs().size() == 1);
  }
  Failpoints::hook(nullptr);
  REQUIRE(Failpoints::hits("store.durable") == before + 1);
}

TEST_CASE("killed at any failpoint of a store, for the first, second or third time, a process has lost nothing that was durable") {
  std::size_t kills = 0;
  for (const std::string& name : Failpoints::names()) {
    if (!name.starts_with("store.")) continue;
    for (const char* hit : {"", ":1", ":2", ":3"}) {
      const TemporaryDirectory directory;
      REQUIRE(killed_at(name + hit, directory));
      ++kills;
      StoreModel model;
      model.durable = number_in(directory / "durable");
      model.tried = number_in(directory / "tried");
      DirectoryStore store{directory.path() / "state", {.keep = 2}};
      INFO(name << hit);
      model.check(store, 0);
      model.work(store);
      model.check(store, 0);
    }
  }
  REQUIRE(kills == 4 * 8);
  const TemporaryDirectory directory;
  REQUIRE_FALSE(killed_at("store.no_such_place", directory));
  REQUIRE(number_in(directory / "durable") == 6);
}
