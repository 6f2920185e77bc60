// SPDX-License-Identifier: BSL-1.0
#include "penstock/sources/filenames.hpp"

#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "catch.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/testing/testing.hpp"
#include "temporary_directory.hpp"

using namespace penstock;
using namespace std::chrono_literals;
using penstock::detail::matches_glob;
using penstock::test::TemporaryDirectory;
using penstock::testing::Probe;
using Paths = std::vector<std::filesystem::path>;

TEST_CASE("row 117 filenames emits the files of a directory in order, and new ones when it looks again") {
  const TemporaryDirectory dir;
  dir.write("b", "");
  dir.write("a", "");
  VirtualLoop loop;
  const auto source = filenames(loop, dir.path(), {.follow = true, .poll = 10ms});
  const Probe<std::filesystem::path> probe{source};
  source.start();
  loop.run_for(50ms);
  CHECK(probe.values() == Paths{dir / "a", dir / "b"});
  dir.write("c", "");
  loop.run_for(50ms);
  CHECK(probe.values() == Paths{dir / "a", dir / "b", dir / "c"});
  CHECK(probe.times() == std::vector<Duration>{0ms, 0ms, 60ms});
  CHECK_FALSE(probe.ended());
}

TEST_CASE("filenames without follow looks once and ends; started again it emits what is new") {
  const TemporaryDirectory dir;
  dir.write("a", "");
  const auto source = filenames(dir.path());
  const Probe<std::filesystem::path> probe{source};
  source.start();
  CHECK(probe.values() == Paths{dir / "a"});
  CHECK(probe.ended());
  dir.write("b", "");
  source.start();
  CHECK(probe.values() == Paths{dir / "a", dir / "b"});
}

TEST_CASE("filenames expands patterns in all parts of a path, without hidden files and directories") {
  const TemporaryDirectory dir;
  for (const std::string shop : {"north", "south", ".hidden"}) {
    std::filesystem::create_directories(dir / shop / "events_dir.csv");
    dir.write(shop + "/events_1.csv", "");
    dir.write(shop + "/events_2.csv", "");
    dir.write(shop + "/.events_3.csv", "");
    dir.write(shop + "/items.csv", "");
  }
  const auto expand = [&](const std::filesystem::path& pattern) {
    const auto source = filenames(pattern);
    const Probe<std::filesystem::path> probe{source};
    source.start();
    return probe.values();
  };
  CHECK(expand(dir / "*" / "events_*.csv") == Paths{dir / "north/events_1.csv", dir / "north/events_2.csv",
                                                    dir / "south/events_1.csv", dir / "south/events_2.csv"});
  CHECK(expand(dir / "n?rth" / "*[!1].csv") == Paths{dir / "north/events_2.csv", dir / "north/items.csv"});
  CHECK(expand(dir / "north" / ".ev*") == Paths{dir / "north/.events_3.csv"});
  CHECK(expand(dir / "south" / "items.csv") == Paths{dir / "south/items.csv"});
  CHECK(expand(dir / "*" / "none").empty());
  CHECK(expand(dir / "west*" / "*").empty());
}

TEST_CASE("glob patterns match as in a shell") {
  CHECK(matches_glob("*", "abc"));
  CHECK(matches_glob("a*c", "abc"));
  CHECK(matches_glob("a*c", "ac"));
  CHECK(matches_glob("*a*b*", "xxaxxbxx"));
  CHECK(matches_glob("*.csv", "a.csv.csv"));
  CHECK(matches_glob("a?c", "abc"));
  CHECK(matches_glob("[a-c]x", "bx"));
  CHECK(matches_glob("[!a-c]x", "dx"));
  CHECK(matches_glob("[]]x", "]x"));
  CHECK(matches_glob("[x", "[x"));
  CHECK(matches_glob("[a-]", "-"));
  CHECK_FALSE(matches_glob("a*c", "abcd"));
  CHECK_FALSE(matches_glob("a?c", "ac"));
  CHECK_FALSE(matches_glob("[!a-c]x", "bx"));
  CHECK_FALSE(matches_glob("*a*b*", "xxbxxaxx"));
  CHECK_FALSE(matches_glob("", "a"));
  CHECK_FALSE(matches_glob("*", ".hidden"));
  CHECK_FALSE(matches_glob("?hidden", ".hidden"));
  CHECK(matches_glob(".*", ".hidden"));
  CHECK(matches_glob("", ""));
}

// Streamz remembers every name that it ever saw.
TEST_CASE("D22 filenames forgets names that went away, and emits them again when they come back") {
  const TemporaryDirectory dir;
  dir.write("a", "");
  VirtualLoop loop;
  const auto source = filenames(loop, dir.path(), {.follow = true, .poll = 10ms});
  const Probe<std::filesystem::path> probe{source};
  source.start();
  loop.run_for(15ms);
  std::filesystem::remove(dir / "a");
  loop.run_for(10ms);
  dir.write("a", "");
  loop.run_for(10ms);
  CHECK(probe.values() == Paths{dir / "a", dir / "a"});
}

TEST_CASE("filenames that follows finishes with a last look") {
  const TemporaryDirectory dir;
  VirtualLoop loop;
  const auto source = filenames(loop, dir / "*.csv", {.follow = true, .poll = 1h});
  const Probe<std::filesystem::path> probe{source};
  source.start();
  loop.run_for(1s);
  dir.write("last.csv", "");
  source.finish();
  loop.run();
  CHECK(probe.values() == Paths{dir / "last.csv"});
  CHECK(probe.ended());
  CHECK(loop.now() == TimePoint{1s});
}

TEST_CASE("filenames waits for a directory that is not there yet when it follows, and else says so") {
  const TemporaryDirectory dir;
  VirtualLoop loop;
  const auto source = filenames(loop, dir / "later", {.follow = true, .poll = 10ms});
  const Probe<std::filesystem::path> probe{source};
  source.start();
  loop.run_for(100ms);
  std::filesystem::create_directory(dir / "later");
  dir.write("later/x", "");
  loop.run_for(10ms);
  CHECK(probe.values() == Paths{dir / "later/x"});

  const auto none = filenames(dir / "none");
  CHECK_THROWS_AS(none.start(), std::filesystem::filesystem_error);
  CHECK_THROWS_WITH(none.start(), penstock::test::containing("filenames: nothing at"));
}

TEST_CASE("D7 filenames goes on after a name that fails") {
  const TemporaryDirectory dir;
  for (const std::string name : {"a", "b", "c"}) dir.write(name, "");
  std::vector<std::string> seen;
  const auto source = filenames(dir.path());
  const Sink sink = source.sink([&](const std::filesystem::path& path) {
    if (path.filename() == "b") throw std::runtime_error("b");
    seen.push_back(path.filename().string());
  });
  CHECK_THROWS_WITH(source.start(), "b");
  CHECK(seen == std::vector<std::string>{"a", "c"});
}

TEST_CASE("filenames says what is wrong with its options") {
  VirtualLoop loop;
  CHECK_THROWS_WITH(filenames("x", {.follow = true}),
                    "filenames: looking for new names needs an event loop: filenames(loop, path)");
  CHECK_THROWS_WITH(filenames(loop, "x", {.poll = 0ms}), "filenames: the poll interval must be more than 0");
}
