// SPDX-License-Identifier: BSL-1.0
#include <cstddef>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/sinks/sink_to_csv.hpp"
#include "penstock/sinks/sink_to_textfile.hpp"
#include "penstock/state/checkpoints.hpp"
#include "temporary_directory.hpp"

// Sinks that write files, and snapshots. A run that is destroyed before its end has written everything that it was given: more
// than one that was killed, and all of what came after the last snapshot has to go.

using penstock::CheckpointOptions;
using penstock::Checkpoints;
using penstock::Guarantee;
using penstock::StateError;
using penstock::Stream;
using penstock::TextFile;
using penstock::test::TemporaryDirectory;

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
  // What a run that died before its first snapshot has written stays.
  CHECK_FALSE(exact({}));
  CHECK_FALSE(exact({.append = false, .rotate = {.bytes = 4}}));
}
