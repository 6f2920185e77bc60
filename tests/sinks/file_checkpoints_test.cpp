// SPDX-License-Identifier: BSL-1.0
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/sinks/sink_to_csv.hpp"
#include "penstock/sinks/sink_to_jsonl.hpp"
#include "penstock/sinks/sink_to_textfile.hpp"
#include "penstock/state/checkpoints.hpp"
#include "temporary_directory.hpp"
#include "unlisted.hpp"
#include "watched_rename.hpp"

// Sinks that write files, and snapshots. A run that is destroyed before its end has written everything that it was given: more
// than one that was killed, and all of what came after the last snapshot has to go.

using penstock::CheckpointOptions;
using penstock::Checkpoints;
using penstock::Guarantee;
using penstock::StateError;
using penstock::Stream;
using penstock::TextFile;
using penstock::test::containing;
using penstock::test::TemporaryDirectory;
using penstock::test::Unlisted;

namespace {

std::size_t fails_at = 0;  // the n-th rename or removal from now on; 0: none

bool may_do() {
  if (fails_at == 0 || --fails_at != 0) return true;
  errno = EIO;
  return false;
}

}  // namespace

extern "C" int unlink(const char* path) noexcept { return may_do() ? static_cast<int>(::syscall(SYS_unlink, path)) : -1; }

namespace {

CheckpointOptions by_hand(const TemporaryDirectory& dir) {
  return {.directory = dir / "state", .every = penstock::Duration::zero(), .guarantee = Guarantee::at_most_once};
}

/// A run with what a snapshot says, and at its end one more.
struct Run {
  Run(const TemporaryDirectory& dir, const TextFile& options) {
    source.sink_to_textfile((dir / "out.txt").string(), options).named("out");
    checkpoints.emplace(source, by_hand(dir));
  }
  void emit(const std::vector<std::string>& lines) const {
    for (const std::string& line : lines) source.emit(line);
  }
  Stream<std::string> source;
  std::optional<Checkpoints> checkpoints;
};

using Files = std::map<std::string, std::string>;

/// What is in the directory, by name.
Files files(const TemporaryDirectory& dir) {
  Files found;
  for (const auto& entry : std::filesystem::directory_iterator{dir.path()}) {
    const std::string name = entry.path().filename().string();
    if (entry.is_regular_file()) found[name] = dir.read(name);
  }
  return found;
}

std::set<std::string> names(const TemporaryDirectory& dir) {
  std::set<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator{dir.path()}) {
    if (entry.is_regular_file()) found.insert(entry.path().filename().string());
  }
  return found;
}

}  // namespace

TEST_CASE("a text file goes back to where it was when the snapshot was taken") {
  for (const bool append : {true, false}) {
    const TemporaryDirectory dir;
    {
      Run run{dir, {.append = append}};
      run.emit({"a", "b"});
      run.checkpoints->take();
      CHECK(dir.read("out.txt") == "a\nb\n");
      run.emit({"c", "d"});
    }
    CHECK(dir.read("out.txt") == "a\nb\nc\nd\n");
    {
      Run run{dir, {.append = append}};
      CHECK(dir.read("out.txt") == "a\nb\n");
      run.emit({"c"});
      run.checkpoints->take();
      run.emit({"d"});
    }
    Run run{dir, {.append = append}};
    run.emit({"d", "e"});
    run.source.close();
    CHECK(dir.read("out.txt") == "a\nb\nc\nd\ne\n");
  }
}

TEST_CASE("a run that died before its first snapshot leaves nothing in a file that is to be replaced") {
  const TemporaryDirectory dir;
  Run{dir, {.append = false}}.emit({"a", "b"});
  Run run{dir, {.append = false}};
  run.emit({"a"});
  run.checkpoints->take();
  CHECK(dir.read("out.txt") == "a\n");
}

TEST_CASE("what a run wrote that died before its first snapshot is told from what the files held before") {
  const auto check = [](const TextFile& options, const Files& older, const Files& then) {
    const TemporaryDirectory dir;
    for (const auto& [name, text] : older) dir.write(name, text);
    for (int i = 0; i < 3; ++i) {
      Run run{dir, options};
      CHECK(run.checkpoints->stats().restored == 0);
      CHECK(run.checkpoints->stats().epoch == 0);
      CHECK(run.checkpoints->stats().taken == (i == 0 ? 1 : 0));  // a run that goes on from the beginning has one
      run.emit({"a", "b", "c"});
    }
    Run run{dir, options};
    run.emit({"a", "b"});
    run.source.close();
    CHECK(files(dir) == then);
  };
  const Files older{{"out.txt", "old\n"}};
  check({}, {}, {{"out.txt", "a\nb\n"}});
  check({}, older, {{"out.txt", "old\na\nb\n"}});
  check({.append = false}, older, {{"out.txt", "a\nb\n"}});
  check({.atomic = true}, older, {{"out.txt", "old\na\nb\n"}});
  check({.append = false, .atomic = true}, older, {{"out.txt", "a\nb\n"}});
  const Files several{{"out.000001.txt", "first\n"}, {"out.txt", "old\n"}};
  check({.rotate = {.bytes = 4}}, several, {{"out.000001.txt", "first\n"}, {"out.000002.txt", "old\n"}, {"out.txt", "a\nb\n"}});
  check({.append = false, .rotate = {.bytes = 2}}, several,
        {{"out.000001.txt", "first\n"}, {"out.000002.txt", "a\n"}, {"out.txt", "b\n"}});
}

TEST_CASE("rows are appended behind those of older runs, once, and the header with the first of all") {
  const TemporaryDirectory dir;
  using Row = std::tuple<int, int>;
  for (const int run : {1, 2}) {
    for (const int life : {1, 2}) {
      const Stream<Row> source;
      source.sink_to_csv((dir / "out.csv").string()).named("csv");
      source.sink_to_jsonl((dir / "out.jsonl").string()).named("jsonl");
      CheckpointOptions options = by_hand(dir);
      options.directory = dir / ("state of run " + std::to_string(run));
      Checkpoints checkpoints{source, options};
      source.emit({run, 1});
      if (life == 2) source.emit({run, 2});
    }
  }
  CHECK(dir.read("out.csv") == "1,2\n1,1\n1,2\n2,1\n2,2\n");
  CHECK(dir.read("out.jsonl") == "[1,1]\n[1,2]\n[2,1]\n[2,2]\n");
}

TEST_CASE("a snapshot before the first element has an empty file") {
  const TemporaryDirectory dir;
  dir.write("out.txt", "old\n");
  {
    Run run{dir, {.append = false}};
    run.checkpoints->take();
    run.emit({"a"});
  }
  Run run{dir, {.append = false}};
  run.source.close();
  CHECK(dir.read("out.txt").empty());
}

TEST_CASE("a file that is shorter than at the snapshot is told") {
  const TemporaryDirectory dir;
  {
    Run run{dir, {}};
    run.emit({"a", "b"});
    run.checkpoints->take();
  }
  dir.write("out.txt", "a\n");
  CHECK_THROWS_WITH((Run{dir, {}}), penstock::test::containing("out.txt has 2 bytes, and had 4 when the snapshot was taken"));
}

TEST_CASE("a file that is another one than at the snapshot is told, and left as it is") {
  const bool starts_alike = GENERATE(false, true);
  const TemporaryDirectory dir;
  {
    Run run{dir, {}};
    run.emit({"a", "b", "c"});
    run.checkpoints->take();
  }
  const std::string other = starts_alike ? "a\nb\nC\nand more\n" : "precious data of somebody else\n";
  dir.write("out.txt", other);
  CHECK_THROWS_AS(Run(dir, {}), StateError);
  CHECK_THROWS_WITH(Run(dir, {}), containing("out.txt is another file, or was changed, up to its byte 6"));
  CHECK(dir.read("out.txt") == other);
}

TEST_CASE("a snapshot is refused when somebody else has written to the file, and nobody's lines are cut off") {
  const TemporaryDirectory dir;
  Run run{dir, {}};
  run.emit({"a"});
  run.checkpoints->take();
  run.emit({"b"});
  {
    const Stream<std::string> other;
    other.sink_to_textfile((dir / "out.txt").string());
    other.emit("x");
  }
  CHECK_THROWS_WITH(run.checkpoints->take(), containing("somebody else writes to"));
  CHECK(dir.read("out.txt").find("x\n") != std::string::npos);
}

TEST_CASE("a snapshot that does not fit leaves the file of the last run as it is") {
  const TemporaryDirectory dir;
  {
    Run run{dir, {.append = false}};
    run.emit({"a", "b"});
    run.checkpoints->take();
  }
  {
    const Stream<std::string> source;
    source.sink_to_textfile((dir / "out.txt").string(), {.append = false}).named("another name");
    CHECK_THROWS_WITH((Checkpoints{source, by_hand(dir)}), penstock::test::containing("'out'"));
  }
  CHECK(dir.read("out.txt") == "a\nb\n");
}

TEST_CASE("finished files that are atomic have their names when the checkpoint is durable") {
  const TemporaryDirectory dir;
  const TextFile options{.rotate = {.bytes = 4}, .atomic = true};
  {
    Run run{dir, options};
    run.emit({"a", "b", "c"});  // the third does not fit into the first file
    CHECK(names(dir) == std::set<std::string>{"out.000001.txt.part", "out.txt.part"});
    run.checkpoints->take();
    CHECK(names(dir) == std::set<std::string>{"out.000001.txt", "out.000002.txt"});
    CHECK(dir.read("out.000001.txt") == "a\nb\n");
    CHECK(dir.read("out.000002.txt") == "c\n");
    run.emit({"d", "e", "f"});
  }
  {
    Run run{dir, options};
    CHECK(names(dir) == std::set<std::string>{"out.000001.txt", "out.000002.txt", "out.txt.part"});
    run.emit({"d", "e"});
    run.source.close();
    run.checkpoints->take();
  }
  CHECK(names(dir) == std::set<std::string>{"out.000001.txt", "out.000002.txt", "out.000003.txt"});
  CHECK(dir.read("out.000003.txt") == "d\ne\n");
}

TEST_CASE("finished files that are not atomic are taken back") {
  const TemporaryDirectory dir;
  const TextFile options{.rotate = {.bytes = 4}};
  {
    Run run{dir, options};
    run.emit({"a", "b", "c"});
    run.checkpoints->take();
    run.emit({"d", "e", "f", "g"});
    CHECK(names(dir) == std::set<std::string>{"out.000001.txt", "out.000002.txt", "out.000003.txt", "out.txt"});
  }
  Run run{dir, options};
  CHECK(names(dir) == std::set<std::string>{"out.000001.txt", "out.txt"});
  CHECK(dir.read("out.txt") == "c\n");
  run.emit({"d", "x"});
  run.source.close();
  CHECK(dir.read("out.000001.txt") == "a\nb\n");
  CHECK(dir.read("out.000002.txt") == "c\nd\n");
  CHECK(dir.read("out.txt") == "x\n");
}

TEST_CASE("to take files back can fail anywhere, and is done the next time") {
  bool failed = true;
  for (std::size_t n = 1; failed; ++n) {
    const TemporaryDirectory dir;
    const TextFile options{.rotate = {.bytes = 4}};
    {
      Run run{dir, options};
      run.emit({"a", "b", "c"});
      run.checkpoints->take();
      run.emit({"d", "e", "f", "g", "h", "i"});
    }
    fails_at = n;
    penstock::test::before_rename = [](const char*, const char*) { return may_do(); };
    try {
      Run run{dir, options};
    } catch (const std::system_error&) {
    }
    penstock::test::before_rename = nullptr;
    failed = std::exchange(fails_at, 0) == 0;
    CHECK((failed || n > 3));
    Run run{dir, options};
    CHECK(files(dir) == Files{{"out.000001.txt", "a\nb\n"}, {"out.txt", "c\n"}});
  }
}

TEST_CASE("a run whose finished files cannot be listed does not begin, so that none is left behind the snapshot") {
  for (const bool atomic : {false, true}) {
    const TemporaryDirectory dir;
    const TextFile options{.rotate = {.bytes = 4}, .atomic = atomic};
    {
      Run run{dir, options};
      run.emit({"a", "b", "c"});
      run.checkpoints->take();
      run.emit({"d", "e", "f", "g"});
    }
    const auto before = names(dir);
    {
      const Unlisted none{dir.path()};
      CHECK_THROWS_WITH(Run(dir, options), containing("cannot list " + dir.path().string()));
    }
    CHECK(names(dir) == before);
    Run run{dir, options};
    run.emit({"d", "e", "f", "g"});
    run.source.close();
    run.checkpoints->take();
    std::string all;
    for (const auto& [name, text] : files(dir)) all += text;
    CHECK(all == "a\nb\nc\nd\ne\nf\ng\n");
  }
}

TEST_CASE("a directory that cannot be listed makes a rotation wait, and numbers do not begin anew") {
  const TemporaryDirectory dir;
  dir.write("log.000007.txt", "");
  dir.write("log.000008.txt", "");
  dir.write("log.txt", "ab\n");
  const Stream<std::string> source;
  source.sink_to_textfile((dir / "log.txt").string(), {.rotate = {.bytes = 3, .keep = 2}});
  {
    const Unlisted none{dir.path()};
    for (int n = 0; n < 2; ++n) {
      CHECK_THROWS_WITH(source.emit("refused"), containing("sink_to_textfile: cannot list " + dir.path().string()));
    }
  }
  CHECK(names(dir) == std::set<std::string>{"log.000007.txt", "log.000008.txt", "log.txt"});
  source.emit("cd");
  source.emit("ef");
  source.close();
  CHECK(names(dir) == std::set<std::string>{"log.000009.txt", "log.000010.txt", "log.txt"});
  CHECK(dir.read("log.000009.txt") == "ab\n");
  CHECK(dir.read("log.000010.txt") == "cd\n");
  CHECK(dir.read("log.txt") == "ef\n");
}

TEST_CASE("of finished files those since the last snapshot are kept, however few there are to be") {
  const TemporaryDirectory dir;
  const TextFile options{.rotate = {.bytes = 2, .keep = 1}};
  {
    Run run{dir, options};
    run.emit({"a", "b", "c"});
    run.checkpoints->take();
    CHECK(files(dir) == Files{{"out.000002.txt", "b\n"}, {"out.txt", "c\n"}});
    run.emit({"d", "e", "f"});
    CHECK(names(dir) == std::set<std::string>{"out.000003.txt", "out.000004.txt", "out.000005.txt", "out.txt"});
  }
  Run run{dir, options};
  CHECK(dir.read("out.txt") == "c\n");
  run.emit({"d", "e"});
  run.checkpoints->take();
  CHECK(files(dir) == Files{{"out.000004.txt", "d\n"}, {"out.txt", "e\n"}});
}

TEST_CASE("an atomic file goes on where the snapshot was taken, also when it was finished since") {
  for (const bool finished : {false, true}) {
    const TemporaryDirectory dir;
    {
      Run run{dir, {.append = false, .atomic = true}};
      run.emit({"a"});
      run.checkpoints->take();
      run.emit({"b"});
      if (finished) run.source.close();
    }
    Run run{dir, {.append = false, .atomic = true}};
    run.emit({"b", "c"});
    run.source.close();
    CHECK(names(dir) == std::set<std::string>{"out.txt"});
    CHECK(dir.read("out.txt") == "a\nb\nc\n");
  }
}

TEST_CASE("a CSV file that goes back has one header") {
  const TemporaryDirectory dir;
  using Row = std::tuple<int, int>;
  for (int i = 0; i < 3; ++i) {
    const Stream<Row> source;
    source.sink_to_csv((dir / "out.csv").string(), {.append = false}).named("out");
    Checkpoints checkpoints{source, by_hand(dir)};
    source.emit({i, 1});
    checkpoints.take();
    source.emit({i, 2});
  }
  CHECK(dir.read("out.csv") == "1,2\n0,1\n1,1\n2,1\n2,2\n");
}

TEST_CASE("sinks that write files say what they promise") {
  const TemporaryDirectory dir;
  const auto exact = [&](const TextFile& options) {
    const Stream<std::string> source;
    const auto sink = source.sink_to_textfile((dir / "out").string(), options);
    return sink.info().guarantee == Guarantee::exactly_once;
  };
  CHECK(exact({.append = false}));
  CHECK(exact({.rotate = {.bytes = 4}, .atomic = true}));
  CHECK(exact({.append = false, .atomic = true}));
  CHECK(exact({}));
  CHECK(exact({.append = false, .rotate = {.bytes = 4}}));
  const Stream<std::string> source;
  CHECK(source.sink_to_textfile("/dev/null").info().guarantee == Guarantee::at_least_once);  // there is nothing to cut off
  CHECK(source.sink_to_textfile(stdout).info().guarantee == Guarantee::at_least_once);
}
