// SPDX-License-Identifier: BSL-1.0
#include "penstock/sources/filenames.hpp"

#include <sys/resource.h>

#include <chrono>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "catch.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/sources/from_textfile.hpp"
#include "penstock/testing/testing.hpp"
#include "temporary_directory.hpp"
#include "unlisted.hpp"

using namespace penstock;
using namespace std::chrono_literals;
using penstock::detail::matches_glob;
using penstock::test::containing;
using penstock::test::TemporaryDirectory;
using penstock::test::Unlisted;
using penstock::testing::Probe;
using Lines = std::vector<std::string>;
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

TEST_CASE("filenames with recursive looks into the folders below, but not into hidden ones and links") {
  const TemporaryDirectory dir;
  for (const char* folder : {"a", "a/b", ".hidden", "c.csv"}) std::filesystem::create_directory(dir / folder);
  for (const char* name : {"a/1.csv", "a/b/2.csv", ".hidden/3.csv", "c.csv/4.csv", "5.csv", "a/6.txt"}) {
    dir.write(name, "");
  }
  std::filesystem::create_directory_symlink(dir.path(), dir / "a" / "loop");
  const auto expand = [&](const std::filesystem::path& where) {
    const auto source = filenames(where, {.recursive = true});
    const Probe<std::filesystem::path> probe{source};
    source.start();
    return probe.values();
  };
  CHECK(expand(dir / "*.csv") ==
        Paths{dir / "5.csv", dir / "a/1.csv", dir / "a/b/2.csv", dir / "c.csv/4.csv"});
  CHECK(expand(dir / "a") == Paths{dir / "a/1.csv", dir / "a/6.txt", dir / "a/b/2.csv"});
}

TEST_CASE("filenames with only_new leaves out what is there, and what sorts up to the place to go on") {
  const TemporaryDirectory dir;
  for (const char* name : {"a", "b", "c"}) dir.write(name, "");
  VirtualLoop loop;
  const auto fresh = filenames(loop, dir.path(), {.follow = true, .poll = 10ms, .only_new = true});
  const Probe<std::filesystem::path> seen{fresh};
  const auto behind = filenames(loop, dir.path(), {.follow = true, .poll = 10ms, .after = dir / "b"});
  const Probe<std::filesystem::path> others{behind};
  fresh.start();
  behind.start();
  loop.run_for(15ms);
  dir.write("aa", "");
  dir.write("d", "");
  loop.run_for(10ms);
  CHECK(seen.values() == Paths{dir / "aa", dir / "d"});
  CHECK(others.values() == Paths{dir / "c", dir / "d"});
}

TEST_CASE("filenames with settle emits a name when nobody has written the file for so long") {
  const TemporaryDirectory dir;
  dir.write("slow", "1");
  dir.write("whole", "1");
  VirtualLoop loop;
  const auto source = filenames(loop, dir.path(), {.follow = true, .poll = 100ms, .settle = 250ms});
  const Probe<std::filesystem::path> probe{source};
  source.start();
  loop.run_for(150ms);  // looked at 0 and 100 ms
  CHECK(probe.size() == 0);
  dir.append("slow", "2");
  dir.write("gone", "");
  loop.run_for(60ms);  // at 200 ms: slow is another, and gone is there
  std::filesystem::remove(dir / "gone");
  loop.run_for(790ms);
  CHECK(probe.values() == Paths{dir / "whole", dir / "slow"});
  CHECK(probe.times() == std::vector<Duration>{250ms, 450ms});
  dir.append("slow", "3");  // what was emitted is not looked at any more
  loop.run_for(1s);
  CHECK(probe.size() == 2);
}

TEST_CASE("filenames with settle and without follow ends when all that is there has settled") {
  const TemporaryDirectory dir;
  dir.write("a", "1");
  dir.write("b", "1");
  VirtualLoop loop;
  const auto source = filenames(loop, dir.path(), {.poll = 1s, .settle = 300ms});
  const Probe<std::filesystem::path> probe{source};
  source.start();
  loop.run();
  CHECK(probe.values() == Paths{dir / "a", dir / "b"});
  CHECK(probe.ended());
  CHECK(loop.now() == TimePoint{300ms});
  CHECK_THROWS_WITH(filenames(dir.path(), {.settle = 1s}),
                    "filenames: waiting for files to settle needs an event loop: filenames(loop, path)");
  CHECK_THROWS_WITH(filenames(loop, dir.path(), {.settle = -1s}),
                    "filenames: the settle time must not be negative");
}

TEST_CASE("filenames refuses to remember more names than it may") {
  const TemporaryDirectory dir;
  for (const char* name : {"a", "b"}) dir.write(name, "");
  VirtualLoop loop;
  const auto source = filenames(loop, dir.path(), {.follow = true, .poll = 10ms, .max_names = 2});
  const Probe<std::filesystem::path> probe{source};
  source.start();
  loop.run_for(15ms);
  dir.write("c", "");
  CHECK_THROWS_WITH(loop.run_for(10ms),
                    "filenames: more than 2 files at " + dir.path().string());
  std::filesystem::remove(dir / "a");
  loop.run_for(10ms);
  CHECK(probe.values() == Paths{dir / "a", dir / "b", dir / "c"});
}

TEST_CASE("filenames that is stopped and started goes on with the names that it has not emitted") {
  const TemporaryDirectory dir;
  for (const char* name : {"a", "b", "c"}) dir.write(name, "");
  VirtualLoop loop;
  const auto source = filenames(loop, dir.path(), {.follow = true, .poll = 10ms});
  Paths seen;
  const Sink sink = source.sink([&](const std::filesystem::path& path) {
    seen.push_back(path);
    if (seen.size() == 2) source.stop();
  });
  source.start();
  loop.run();
  CHECK(seen == Paths{dir / "a", dir / "b"});
  std::filesystem::remove(dir / "a");
  dir.write("d", "");
  source.start();
  loop.run_for(30ms);
  CHECK(seen == Paths{dir / "a", dir / "b", dir / "c", dir / "d"});
}

TEST_CASE("filenames that follows reports a directory that cannot be listed for a moment, and forgets no name") {
  const TemporaryDirectory dir;
  std::filesystem::create_directory(dir / "in");
  for (const char* name : {"in/a", "in/b"}) dir.write(name, "");
  VirtualLoop loop;
  for (const bool glob : {false, true}) {
    const auto place = glob ? dir / "i*" / "*" : dir / "in";
    const auto source = filenames(loop, place, {.follow = true, .poll = 10ms});
    std::vector<std::string> errors;
    source.on_background_error([&](std::exception_ptr error, const Info&) {
      try {
        std::rethrow_exception(error);
      } catch (const std::system_error& caught) {
        if (caught.code() == std::errc::too_many_files_open) errors.push_back(caught.what());
      }
    });
    const Probe<std::filesystem::path> probe{source};
    source.start();
    loop.run_for(15ms);
    CHECK(probe.values() == Paths{dir / "in/a", dir / "in/b"});
    {
      const Unlisted none{glob ? dir.path() : dir / "in"};
      loop.run_for(20ms);
    }
    REQUIRE(errors.size() == 2);  // one each time it looks
    CHECK(errors[0].starts_with("filenames: cannot list " + (glob ? dir.path() : dir / "in").string()));
    dir.write("in/c", "");
    loop.run_for(20ms);
    CHECK(probe.values() == Paths{dir / "in/a", dir / "in/b", dir / "in/c"});
    CHECK(errors.size() == 2);
    CHECK_FALSE(source.stopped());
    std::filesystem::remove(dir / "in/c");
  }
}

TEST_CASE("filenames without follow fails when the directory cannot be listed") {
  const TemporaryDirectory dir;
  dir.write("a", "");
  for (const bool only_new : {false, true}) {
    const auto source = filenames(dir.path(), {.only_new = only_new});
    const Probe<std::filesystem::path> probe{source};
    {
      const Unlisted none{dir.path()};
      CHECK_THROWS_WITH(source.start(), containing("filenames: cannot list " + dir.path().string()));
    }
    CHECK(probe.size() == 0);
    CHECK(source.stopped());
    source.start();
    CHECK(probe.values() == (only_new ? Paths{} : Paths{dir / "a"}));
  }
}

TEST_CASE("a followed set of files whose directory cannot be listed for a moment says so, and calls no file late") {
  const TemporaryDirectory dir;
  for (const char* name : {"a", "b", "c"}) dir.write(name, std::string{name} + "\n");
  VirtualLoop loop;
  const auto source = from_textfile(loop, FileSet{dir.path(), {.follow = true, .poll = 10ms}}, {.poll = 10ms});
  Lines errors;
  source.on_background_error([&](std::exception_ptr error, const Info&) {
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& caught) {
      errors.push_back(caught.what());
    }
  });
  const Probe<std::string> lines{source};
  source.start();
  loop.run_for(15ms);
  CHECK(lines.values() == Lines{"a", "b", "c"});
  {
    const Unlisted none{dir.path()};
    loop.run_for(20ms);
  }
  loop.run_for(20ms);
  REQUIRE(errors.size() == 2);
  for (const std::string& error : errors) CHECK(error.starts_with("from_textfile: cannot list " + dir.path().string()));
  dir.append("c", "more\n");
  dir.write("d", "d\n");
  loop.run_for(20ms);
  CHECK(lines.values() == Lines{"a", "b", "c", "more", "d"});
  CHECK(errors.size() == 2);
}

TEST_CASE("a set of files that cannot be listed is a failure, and no empty set") {
  const TemporaryDirectory dir;
  dir.write("a", "one\n");
  const auto source = from_textfile(FileSet{dir.path()});
  const Probe<std::string> lines{source};
  {
    const Unlisted none{dir.path()};
    CHECK_THROWS_WITH(source.start(), containing("from_textfile: cannot list " + dir.path().string()));
  }
  source.start();
  CHECK(lines.values() == Lines{"one"});
}

TEST_CASE("filenames takes what it may not see, and links that lead nowhere, for places without names") {
  const TemporaryDirectory dir;
  std::filesystem::create_directory(dir / "in");
  dir.write("in/a", "");
  dir.write("file", "");
  std::filesystem::create_symlink("round", dir / "round");
  std::filesystem::create_symlink("none", dir / "dead");
  const std::string long_name(1000, 'n');
  for (const std::filesystem::path& pattern : {dir / "*" / "*", dir / "*" / "a", dir / "[!l]*" / "a*"}) {
    const auto source = filenames(pattern);
    const Probe<std::filesystem::path> probe{source};
    source.start();
    CHECK(probe.values() == Paths{dir / "in/a"});
  }
  const auto source = filenames(dir / "*" / long_name / "*");
  const Probe<std::filesystem::path> probe{source};
  source.start();
  CHECK(probe.size() == 0);
}

TEST_CASE("filenames finds files below more folders than a process has descriptors, in order") {
  const TemporaryDirectory dir;
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "d/";
  std::filesystem::create_directories(dir / deep / "e");
  std::filesystem::create_directory(dir / "b");
  for (const std::string name : {"a", "b/x", "c", "d/a"}) dir.write(name, "");
  for (const std::string name : {"e/z", "y"}) dir.write(deep + name, "");
  const Paths all{dir / "a", dir / "b/x", dir / "c", dir / "d/a", dir / (deep + "e/z"), dir / (deep + "y")};
  const auto source = filenames(dir.path(), {.recursive = true});
  const Probe<std::filesystem::path> probe{source};
  std::string pattern;
  for (int i = 0; i < 100; ++i) pattern += "[d]/";
  const auto globbed = filenames(dir / pattern / "*");
  const Probe<std::filesystem::path> there{globbed};
  ::rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const ::rlimit few{64, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  source.start();
  globbed.start();
  ::setrlimit(RLIMIT_NOFILE, &before);
  CHECK(probe.values() == all);
  CHECK(there.values() == Paths{dir / (deep + "y")});
}
