// SPDX-License-Identifier: BSL-1.0
#include "penstock/sources/from_textfile.hpp"

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "catch.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/testing/testing.hpp"
#include "temporary_directory.hpp"

using namespace penstock;
using namespace std::chrono_literals;
using penstock::test::TemporaryDirectory;
using penstock::testing::Probe;
using penstock::testing::ScriptedSink;
using Lines = std::vector<std::string>;

TEST_CASE("row 115 from_textfile emits lines once started, and those that are written later") {
  const TemporaryDirectory dir;
  dir.write("in.txt", "1\n2\n3\n");
  VirtualLoop loop;
  const auto source = from_textfile(loop, dir / "in.txt", {.follow = true, .poll = 10ms});
  const Probe<int> probe{source.map([](const std::string& line) { return std::stoi(line); })};
  loop.run();
  CHECK(probe.size() == 0);
  source.start();
  loop.run_for(10ms);
  CHECK(probe.values() == std::vector{1, 2, 3});
  dir.append("in.txt", "4\n5\n");
  loop.run_for(10ms);
  CHECK(probe.values() == std::vector{1, 2, 3, 4, 5});
  CHECK_FALSE(probe.ended());
  source.stop();
  CHECK_FALSE(loop.next_deadline());
}

TEST_CASE("row 116 from_textfile from the end leaves out what is in the file") {
  const TemporaryDirectory dir;
  dir.write("in.txt", "data\n");
  VirtualLoop loop;
  const auto source = from_textfile(loop, dir / "in.txt", {.follow = true, .from_end = true});
  const Probe<std::string> probe{source};
  source.start();
  loop.run_for(1s);
  CHECK(probe.size() == 0);
  CHECK(source.position() == 5);
  dir.append("in.txt", "data2\n");
  loop.run_for(1s);
  CHECK(probe.values() == Lines{"data2"});
}

TEST_CASE("P19 from_textfile with the delimiter kept emits what Streamz does, and the rest at the end") {
  const TemporaryDirectory dir;
  dir.write("lines", "a\nb\nc");
  dir.write("bars", "a|b||c|");
  VirtualLoop loop;
  const auto lines = from_textfile(loop, dir / "lines", {.keep_delimiter = true, .follow = true});
  const Probe<std::string> seen_lines{lines};
  const auto bars =
      from_textfile(loop, dir / "bars", {.delimiter = "|", .keep_delimiter = true, .follow = true});
  const Probe<std::string> seen_bars{bars};
  lines.start();
  bars.start();
  loop.run_for(1s);
  CHECK(seen_lines.values() == Lines{"a\n", "b\n"});
  CHECK(seen_bars.values() == Lines{"a|", "b|", "|", "c|"});
  lines.finish();
  loop.run_for(1s);
  CHECK(seen_lines.values() == Lines{"a\n", "b\n", "c"});
  CHECK(seen_lines.ended());
}

TEST_CASE("P19 from_textfile leaves the delimiter out unless told otherwise") {
  const TemporaryDirectory dir;
  dir.write("in.txt", "a|b||c|");
  const auto source = from_textfile(dir / "in.txt", {.delimiter = "|"});
  const Probe<std::string> probe{source};
  source.start();
  CHECK(probe.values() == Lines{"a", "b", "", "c"});
  CHECK(probe.ended());
}

// Streamz never emits a last record without a delimiter.
TEST_CASE("D15 from_textfile that does not follow emits the last record without a delimiter") {
  const TemporaryDirectory dir;
  VirtualLoop loop;
  for (const std::string text : {"a\nb", "a\nb\n"}) {
    dir.write("in.txt", text);
    const auto source = from_textfile(loop, dir / "in.txt");
    const Probe<std::string> probe{source};
    source.start();
    loop.run();
    CHECK(probe.values() == Lines{"a", "b"});
    CHECK(probe.ended());
  }
  dir.write("in.txt", "");
  const auto source = from_textfile(loop, dir / "in.txt");
  const Probe<std::string> probe{source};
  source.start();
  loop.run();
  CHECK(probe.size() == 0);
  CHECK(probe.ended());
}

// Streamz emits the rest of the chunk it has read: 20 lines at stop, 100 a second later.
TEST_CASE("D15 from_textfile that is stopped emits one more element at most") {
  const TemporaryDirectory dir;
  std::string text;
  for (int i = 0; i < 100; ++i) text += std::to_string(i) + "\n";
  dir.write("in.txt", text);
  VirtualLoop loop;
  const auto source = from_textfile(loop, dir / "in.txt");
  const ScriptedSink<std::string> sink{source, {.takes = 50ms}};
  source.start();
  loop.run_until(TimePoint{1s - 1ns});
  CHECK(sink.completed().size() == 19);
  source.stop();
  loop.run_for(1s);
  CHECK(sink.completed().size() == 20);
  CHECK(sink.taken() == 20);
  source.start();
  loop.run();
  CHECK(sink.completed().size() == 100);
  CHECK(sink.completed().back() == "99");
}

TEST_CASE("from_textfile finds delimiters of several characters wherever its reads cut them") {
  const TemporaryDirectory dir;
  // Reads are 64 KiB; the delimiters are laid around that border, and records that look like half a
  // delimiter.
  for (std::size_t length = 65530; length <= 65540; ++length) {
    const std::string text = std::string(length, 'x') + "<=><=<=>y<=";
    dir.write("in.txt", text);
    const auto source = from_textfile(dir / "in.txt", {.delimiter = "<=>"});
    const Probe<std::string> probe{source};
    source.start();
    CHECK(probe.values() == Lines{std::string(length, 'x'), "<=", "y<="});
    CHECK(source.position() == static_cast<std::int64_t>(text.size()));
  }
}

TEST_CASE("from_textfile waits for the rest of a delimiter that was written in parts") {
  const TemporaryDirectory dir;
  dir.write("in.txt", "a\r");
  VirtualLoop loop;
  const auto source = from_textfile(loop, dir / "in.txt", {.delimiter = "\r\n", .follow = true});
  const Probe<std::string> probe{source};
  source.start();
  loop.run_for(1s);
  CHECK(probe.size() == 0);
  dir.append("in.txt", "\nb\r\nc");
  loop.run_for(1s);
  CHECK(probe.values() == Lines{"a", "b"});
  dir.append("in.txt", "c\r\n");
  loop.run_for(1s);
  CHECK(probe.values() == Lines{"a", "b", "cc"});
}

TEST_CASE("from_textfile reads records that are longer than its reads") {
  const TemporaryDirectory dir;
  const std::string giant(1'000'000, 'g');
  dir.write("in.txt", giant + "\nsmall\n" + giant);
  const auto source = from_textfile(dir / "in.txt");
  const Probe<std::string> probe{source};
  source.start();
  CHECK(probe.values() == Lines{giant, "small", giant});
}

TEST_CASE("from_textfile tells its position, from which another source goes on") {
  const TemporaryDirectory dir;
  dir.write("in.txt", "one\ntwo\nthree\n");
  VirtualLoop loop;
  std::int64_t position = 0;
  {
    const auto source = from_textfile(loop, dir / "in.txt");
    const Sink sink = source.sink([&](const std::string& line) {
      if (line != "two") return;
      source.stop();
      position = source.position();
    });
    source.start();
    loop.run();
  }
  CHECK(position == 8);
  const auto source = from_textfile(loop, dir / "in.txt", {.position = position});
  const Probe<std::string> probe{source};
  source.start();
  loop.run();
  CHECK(probe.values() == Lines{"three"});
}

TEST_CASE("from_textfile started after its end emits what was written since") {
  const TemporaryDirectory dir;
  dir.write("in.txt", "a\n");
  const auto source = from_textfile(dir / "in.txt");
  const Probe<std::string> probe{source};
  source.start();
  source.start();
  CHECK(probe.values() == Lines{"a"});
  dir.append("in.txt", "b\n");
  source.start();
  CHECK(probe.values() == Lines{"a", "b"});
}

TEST_CASE("from_textfile started after its end says that the last record, which had no end, goes on") {
  const TemporaryDirectory dir;
  dir.write("in.txt", "a\npart");
  const auto source = from_textfile(dir / "in.txt");
  const Probe<std::string> probe{source};
  source.start();
  dir.append("in.txt", "\nb");
  source.start();
  CHECK(probe.values() == Lines{"a", "part", "b"});
  dir.append("in.txt", "c\nd\n");
  for (int i = 0; i < 2; ++i) {
    CHECK_THROWS_WITH(source.start(), "from_textfile: " + (dir / "in.txt").string() +
                                          ": the row before byte 8, which had no end when it was read, goes on");
    CHECK(source.position() == 8);
  }
  CHECK(probe.values() == Lines{"a", "part", "b"});
}

TEST_CASE("from_textfile that follows reads a file that became shorter from its start") {
  const TemporaryDirectory dir;
  dir.write("in.txt", "one\ntwo\nthr");
  VirtualLoop loop;
  const auto source = from_textfile(loop, dir / "in.txt", {.follow = true});
  const Probe<std::string> probe{source};
  source.start();
  loop.run_for(1s);
  dir.write("in.txt", "new\n");
  loop.run_for(1s);
  CHECK(probe.values() == Lines{"one", "two", "new"});
}

TEST_CASE("D7 from_textfile goes on after a failing sink, or stops and can be started again") {
  const TemporaryDirectory dir;
  dir.write("in.txt", "1\nx\n3\n");
  for (const OnFailure on_failure : {OnFailure::go_on, OnFailure::stop}) {
    VirtualLoop loop;
    const auto source = from_textfile(loop, dir / "in.txt", {.on_failure = on_failure});
    const Probe<int> probe{source.map([](const std::string& line) { return std::stoi(line); })};
    source.start();
    CHECK_THROWS_AS(loop.run(), std::invalid_argument);
    CHECK(source.stopped());
    CHECK(probe.ended() == (on_failure == OnFailure::go_on));
    if (on_failure == OnFailure::stop) source.start();
    loop.run();
    CHECK(probe.values() == std::vector{1, 3});
  }
}

TEST_CASE("from_textfile says which file it cannot open or read, and why") {
  const TemporaryDirectory dir;
  CHECK_THROWS_AS(from_textfile(dir / "none"), std::system_error);
  CHECK_THROWS_WITH(from_textfile(dir / "none"),
                    "from_textfile: cannot open " + (dir / "none").string() + ": No such file or directory");
  const auto source = from_textfile(dir.path());
  CHECK_THROWS_WITH(source.start(), "from_textfile: cannot read " + dir.path().string() + ": Is a directory");
  CHECK(source.stopped());
}

TEST_CASE("from_textfile says what is wrong with its options") {
  const TemporaryDirectory dir;
  dir.write("in.txt", "");
  VirtualLoop loop;
  CHECK_THROWS_WITH(from_textfile(dir / "in.txt", {.follow = true}),
                    "from_textfile: following a file needs an event loop: from_textfile(loop, path)");
  CHECK_THROWS_WITH(from_textfile(loop, dir / "in.txt", {.delimiter = ""}),
                    "from_textfile: the delimiter must not be empty");
  CHECK_THROWS_WITH(from_textfile(loop, dir / "in.txt", {.position = -1}),
                    "from_textfile: the position must not be negative");
  CHECK_THROWS_WITH(from_textfile(loop, dir / "in.txt", {.poll = 0ms}),
                    "from_textfile: the poll interval must be more than 0");
}
