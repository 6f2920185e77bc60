// SPDX-License-Identifier: BSL-1.0
#include "penstock/sinks/file_policies.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/ops/tee.hpp"
#include "penstock/sinks/sink_to_csv.hpp"
#include "penstock/sinks/sink_to_jsonl.hpp"
#include "penstock/sinks/sink_to_textfile.hpp"
#include "penstock/sources/from_range.hpp"
#include "penstock/testing/virtual_loop.hpp"
#include "temporary_directory.hpp"

using namespace penstock;
using namespace std::chrono_literals;
using penstock::test::containing;
using penstock::test::TemporaryDirectory;
using Names = std::vector<std::string>;

namespace {

Names names_in(const TemporaryDirectory& dir) {
  Names all;
  for (const auto& entry : std::filesystem::directory_iterator(dir.path()))
    all.push_back(entry.path().filename());
  std::sort(all.begin(), all.end());
  return all;
}

/// How the elements that it was emitted with have ended, by their place; '.' while they are held.
class Endings {
 public:
  void emit(const Stream<std::string>& stream, std::string text) {
    const std::size_t place = told_.size();
    told_ += '.';
    stream.emit(std::move(text), Ref{[this, place](const Ending& ending) {
                  told_[place] = ending.outcome == Outcome::done     ? 'd'
                                 : ending.outcome == Outcome::failed ? 'f'
                                                                     : 'x';
                }});
  }
  const std::string& told() const noexcept { return told_; }

 private:
  std::string told_;
};

/// The last error of background work.
template <class Handle>
void listen(const Handle& handle, std::string& heard) {
  handle.on_background_error([&heard](std::exception_ptr error, const Info&) {
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& caught) {
      heard = caught.what();
    }
  });
}

/// No file of this process may be longer, to the end of the block.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(::rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    set(bytes);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() { lift(); }
  void lift() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  void set(::rlim_t bytes) {
    const ::rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ::rlimit before_{};
};

}  // namespace

TEST_CASE("with Flush::every(n) elements are in the file with every n-th, and done then") {
  const TemporaryDirectory dir;
  Endings ends;
  const Stream<std::string> source;
  source.sink_to_textfile(dir / "out", {.flush = Flush::every(3)});
  ends.emit(source, "1");
  ends.emit(source, "2");
  CHECK(dir.read("out").empty());
  CHECK(ends.told() == "..");
  ends.emit(source, "3");
  CHECK(dir.read("out") == "1\n2\n3\n");
  CHECK(ends.told() == "ddd");
  ends.emit(source, "4");
  source.close();
  CHECK(dir.read("out") == "1\n2\n3\n4\n");
  CHECK(ends.told() == "dddd");
}

TEST_CASE(
    "without a Flush elements are done when they are in the buffer, with one of each they are done at once") {
  const TemporaryDirectory dir;
  for (const bool each : {false, true}) {
    Endings ends;
    const Stream<std::string> source;
    source.sink_to_textfile(dir / "out", {.append = false, .flush = each});
    ends.emit(source, "1");
    CHECK(ends.told() == "d");
    CHECK(dir.read("out") == (each ? "1\n" : ""));
  }
}

TEST_CASE("held elements are done when the sink is destroyed, as the file is complete then") {
  const TemporaryDirectory dir;
  Endings ends;
  const Stream<std::string> source;
  const Sink sink = source.sink_to_textfile(dir / "out", {.flush = Flush::every(3)});
  ends.emit(source, "1");
  sink.destroy();
  CHECK(dir.read("out") == "1\n");
  CHECK(ends.told() == "d");
}

TEST_CASE("with Flush::every(time) no element waits longer, and while none comes no timer runs") {
  const TemporaryDirectory dir;
  Endings ends;
  VirtualLoop loop;
  const Stream<std::string> source{loop};
  source.sink_to_textfile(dir / "out", {.flush = Flush::every(10s)});
  CHECK_FALSE(loop.next_deadline());
  loop.run_for(1s);
  ends.emit(source, "1");
  loop.run_for(9s);
  ends.emit(source, "2");
  CHECK(dir.read("out").empty());
  CHECK(ends.told() == "..");
  loop.run_for(1s);
  CHECK(dir.read("out") == "1\n2\n");
  CHECK(ends.told() == "dd");
  CHECK_FALSE(loop.next_deadline());
  ends.emit(source, "3");
  CHECK(loop.next_deadline() == loop.now() + 10s);
  source.close();
  CHECK(dir.read("out") == "1\n2\n3\n");
  CHECK_FALSE(loop.next_deadline());
}

TEST_CASE("with Flush::every(n, time) what comes first flushes") {
  const TemporaryDirectory dir;
  VirtualLoop loop;
  const Stream<std::string> source{loop};
  source.sink_to_textfile(dir / "out", {.flush = Flush::every(2, 10s)});
  source.emit("1");
  source.emit("2");
  CHECK(dir.read("out") == "1\n2\n");
  source.emit("3");
  CHECK(dir.read("out") == "1\n2\n");
  loop.run_for(10s);
  CHECK(dir.read("out") == "1\n2\n3\n");
}

TEST_CASE("a time among the policies needs an event loop, and the file is not touched without") {
  const TemporaryDirectory dir;
  dir.write("out", "old\n");
  const Stream<std::string> source;
  CHECK_THROWS_WITH(source.sink_to_textfile(dir / "out", {.append = false, .flush = Flush::every(1s)}),
                    containing("sink_to_textfile: a flush or rotation by time needs an event loop"));
  CHECK_THROWS_AS(source.sink_to_textfile(dir / "out", {.append = false, .rotate = {.every = 1h}}),
                  std::logic_error);
  CHECK_THROWS_WITH(source.map([](const std::string& s) { return std::tuple{s}; })
                        .sink_to_csv(dir / "out", {.append = false, .flush = Flush::every(1s)}),
                    containing("sink_to_csv: a flush or rotation by time"));
  CHECK_THROWS_WITH(source.sink_to_jsonl(dir / "out", {.append = false, .flush = Flush::every(1s)}),
                    containing("sink_to_jsonl: a flush or rotation by time"));
  CHECK(dir.read("out") == "old\n");
}

TEST_CASE("policies that make no sense are wrong arguments") {
  const TemporaryDirectory dir;
  const Stream<std::string> source;
  CHECK_THROWS_AS(Flush::every(0), std::invalid_argument);
  CHECK_THROWS_AS(Flush::every(0s), std::invalid_argument);
  const auto wrong = [&](Rotate rotate) {
    CHECK_THROWS_AS(source.sink_to_textfile(dir / "out", {.rotate = rotate}), std::invalid_argument);
  };
  wrong({.keep = 3});
  wrong({.name = "a{}"});
  wrong({.every = -1s});
  for (const char* name :
       {"no number", "{}{}", "{", "{:6}", "{:00}", "{:0999}", "a/{}", "{}7", "{}%Y", "%", "%x{}", "{} %"}) {
    wrong({.bytes = 1, .name = name});
  }
  CHECK_THROWS_AS(source.sink_to_textfile(stdout, {.rotate = {.bytes = 1}}), std::invalid_argument);
  CHECK_THROWS_AS(source.sink_to_textfile(stdout, {.atomic = true}), std::invalid_argument);
}

TEST_CASE("what is no file is neither renamed nor replaced") {
  const TemporaryDirectory dir;
  std::filesystem::create_symlink("/dev/null", dir / "null");
  const Stream<std::string> source;
  CHECK_THROWS_AS(source.sink_to_textfile(dir / "null", {.rotate = {.bytes = 1}}), std::invalid_argument);
  CHECK_THROWS_WITH(
      source.sink_to_textfile(dir / "null", {.atomic = true}),
      containing("sink_to_textfile: " + (dir / "null").string() + " is no file that could be renamed"));
  CHECK_THROWS_AS(source.sink_to_textfile(dir.path(), {.atomic = true}), std::invalid_argument);
  CHECK(names_in(dir) == Names{"null"});
}

TEST_CASE("files are rotated before they become too long, and no record is split") {
  const TemporaryDirectory dir;
  const Stream<std::string> source;
  source.sink_to_textfile(dir / "log.txt", {.rotate = {.bytes = 6}});
  for (const char* line : {"ab", "cd", "e", "a long one", "f", "g", "h"}) source.emit(line);
  source.close();
  CHECK(names_in(dir) == Names{"log.000001.txt", "log.000002.txt", "log.000003.txt", "log.txt"});
  CHECK(dir.read("log.000001.txt") == "ab\ncd\n");
  CHECK(dir.read("log.000002.txt") == "e\n");
  CHECK(dir.read("log.000003.txt") == "a long one\n");
  CHECK(dir.read("log.txt") == "f\ng\nh\n");
}

TEST_CASE("numbers of finished files go on behind those that are there, and only some are kept") {
  const TemporaryDirectory dir;
  dir.write("log.000007.txt", "");
  dir.write("log.000008.txt", "");
  dir.write("log.000123.text", "");
  dir.write("log.txt", "ab\n");
  const Stream<std::string> source;
  source.sink_to_textfile(dir / "log.txt", {.rotate = {.bytes = 3, .keep = 2}});
  source.emit("cd");
  CHECK(names_in(dir) == Names{"log.000008.txt", "log.000009.txt", "log.000123.text", "log.txt"});
  CHECK(dir.read("log.000009.txt") == "ab\n");
  source.emit("ef");
  source.emit("gh");
  source.close();
  CHECK(names_in(dir) == Names{"log.000010.txt", "log.000011.txt", "log.000123.text", "log.txt"});
  CHECK(dir.read("log.000011.txt") == "ef\n");
}

TEST_CASE("finished files are called as the user's pattern says, and no file is overwritten") {
  const TemporaryDirectory dir;
  dir.write("part{2}-2", "somebody's");
  const Stream<std::string> source;
  source.sink_to_textfile(dir / "log.txt", {.rotate = {.bytes = 2, .name = "part{{2}}-{}"}});
  for (const char* line : {"a", "b", "c"}) source.emit(line);
  source.close();
  CHECK(names_in(dir) == Names{"log.txt", "part{2}-2", "part{2}-3", "part{2}-4"});
  CHECK(dir.read("part{2}-2") == "somebody's");

  const TemporaryDirectory timed;
  const Stream<std::string> stream;
  stream.sink_to_textfile(timed / "log.txt", {.rotate = {.bytes = 2, .name = "%Y-%m-%dT%H%M%S.{:03}.log"}});
  stream.emit("a");
  stream.emit("b");
  const Names names = names_in(timed);
  REQUIRE(names.size() == 2);
  CHECK(names[0].size() == std::string_view("2024-01-31T120000.001.log").size());
  CHECK(names[0].starts_with("20"));
  CHECK(names[0].ends_with(".001.log"));
}

TEST_CASE("names of finished files tell their number, whatever the time in them") {
  const detail::NumberedNames names{"test", "a%%-%Y-%j-{:02}.x"};
  CHECK(names.name(7, 0) == "a%-1970-001-07.x");
  CHECK(names.name(123, 86400 * 364) == "a%-1970-365-123.x");
  CHECK(names.number_in("a%-2024-366-07.x") == 7);
  CHECK(names.number_in("a%-2024-366-123.x") == 123);
  for (const char* other :
       {"a%-2024-366-7.x", "a%-2024-36-07.x", "a%-2024-366-07.x~", "a%-2024-366-.x", "b", ""}) {
    CHECK_FALSE(names.number_in(other));
  }
  const detail::NumberedNames plain{"test", detail::NumberedNames::pattern_of("/some/where/50%{a}.tar.gz")};
  CHECK(plain.name(1, 0) == "50%{a}.tar.000001.gz");
}

TEST_CASE("every CSV file begins with its header, and lengths count it") {
  const TemporaryDirectory dir;
  const Stream<std::tuple<int, int>> source;
  source.sink_to_csv(dir / "out.csv", {.rotate = {.bytes = 12}});
  for (int i = 0; i < 5; ++i) source.emit({i, i});
  source.close();
  CHECK(dir.read("out.000001.csv") == "1,2\n0,0\n1,1\n");
  CHECK(dir.read("out.000002.csv") == "1,2\n2,2\n3,3\n");
  CHECK(dir.read("out.csv") == "1,2\n4,4\n");
}

TEST_CASE("JSON lines are rotated too, within a tee as well") {
  const TemporaryDirectory dir;
  const Stream<int> source;
  const Stream<int> all = source.tee(
      [&](auto s) { return std::move(s).sink_to_jsonl(dir / "out.jsonl", {.rotate = {.bytes = 4}}); });
  for (int i = 0; i < 3; ++i) source.emit(i);
  source.close();
  CHECK(dir.read("out.000001.jsonl") == "0\n1\n");
  CHECK(dir.read("out.jsonl") == "2\n");
}

TEST_CASE("files are rotated so long after their first element, and none is empty") {
  const TemporaryDirectory dir;
  VirtualLoop loop;
  const Stream<std::string> source{loop};
  source.sink_to_textfile(dir / "log", {.rotate = {.every = 10s, .name = "log.{}"}});
  loop.run_for(60s);
  source.emit("a");
  loop.run_for(9s);
  source.emit("b");
  CHECK(names_in(dir) == Names{"log"});
  loop.run_for(1s);
  CHECK(names_in(dir) == Names{"log.1"});
  CHECK(dir.read("log.1") == "a\nb\n");
  loop.run_for(60s);
  CHECK(names_in(dir) == Names{"log.1"});
  source.emit("c");
  loop.run_for(10s);
  source.close();
  CHECK(names_in(dir) == Names{"log.1", "log.2"});
}

TEST_CASE("with a length and a time, the time begins anew with the file") {
  const TemporaryDirectory dir;
  VirtualLoop loop;
  const Stream<std::string> source{loop};
  source.sink_to_textfile(dir / "log", {.rotate = {.bytes = 2, .every = 10s, .name = "log.{}"}});
  source.emit("a");
  loop.run_for(6s);
  source.emit("b");
  loop.run_for(6s);
  CHECK(names_in(dir) == Names{"log", "log.1"});
  loop.run_for(4s);
  CHECK(names_in(dir) == Names{"log.1", "log.2"});
}

TEST_CASE(
    "a rotation that fails is an error that names both files, the element is refused, and it is tried "
    "again") {
  const TemporaryDirectory dir;
  const std::string too_long(300, 'x');
  const Stream<std::string> source;
  const Sink sink = source.sink_to_textfile(dir / "log", {.rotate = {.bytes = 2, .name = too_long + "{}"}});
  source.emit("a");
  const std::string sentence = "sink_to_textfile: cannot rename " + (dir / "log").string() + " to " +
                               (dir / too_long).string() + "1: ";
  for (int i = 0; i < 2; ++i) CHECK_THROWS_WITH(source.emit("b"), containing(sentence));
  CHECK(sink.info().failed.get() == 2);
  source.close();
  CHECK(names_in(dir) == Names{"log"});
  CHECK(dir.read("log") == "a\n");
}

TEST_CASE("an atomic file has its name when the stream has ended, and is done then") {
  const TemporaryDirectory dir;
  dir.write("out", "old\n");
  Endings ends;
  const Stream<std::string> source;
  source.sink_to_textfile(dir / "out", {.append = false, .flush = true, .atomic = true});
  ends.emit(source, "new");
  CHECK(dir.read("out") == "old\n");
  CHECK(dir.read("out.part") == "new\n");
  CHECK(ends.told() == ".");
  source.close();
  CHECK(names_in(dir) == Names{"out"});
  CHECK(dir.read("out") == "new\n");
  CHECK(ends.told() == "d");
}

TEST_CASE("to append to an atomic file is to copy it, and a reopened stream goes on behind its first part") {
  const TemporaryDirectory dir;
  dir.write("out.csv", "1\nold\n");
  dir.write("out.csv.part", "what an earlier run has left, and longer than all");
  const auto source = from_range({std::tuple{std::string{"a"}}, std::tuple{std::string{"b"}}});
  source.sink_to_csv(dir / "out.csv", {.atomic = true});
  source.start();
  CHECK(dir.read("out.csv") == "1\nold\na\nb\n");
  source.start();
  CHECK(dir.read("out.csv") == "1\nold\na\nb\na\nb\n");
  CHECK(names_in(dir) == Names{"out.csv"});
}

TEST_CASE(
    "an atomic sink that is destroyed leaves the temporary name only, and says that its elements are "
    "dropped") {
  const TemporaryDirectory dir;
  Endings ends;
  const Stream<std::string> source;
  const Sink sink = source.sink_to_textfile(dir / "out", {.atomic = true});
  ends.emit(source, "a");
  ends.emit(source, "b");
  sink.destroy();
  CHECK(names_in(dir) == Names{"out.part"});
  CHECK(dir.read("out.part") == "a\nb\n");
  CHECK(ends.told() == "xx");
  CHECK(sink.info().dropped.get() == 2);
}

TEST_CASE("a process that dies leaves the temporary name only, and the next one begins anew") {
  const TemporaryDirectory dir;
  const pid_t child = fork();
  if (child == 0) {
    const Stream<std::string> source;
    source.sink_to_textfile(dir / "out", {.flush = true, .atomic = true});
    source.emit("half");
    _exit(0);
  }
  REQUIRE(waitpid(child, nullptr, 0) == child);
  CHECK(names_in(dir) == Names{"out.part"});
  CHECK(dir.read("out.part") == "half\n");
  const Stream<std::string> source;
  source.sink_to_textfile(dir / "out", {.atomic = true});
  source.emit("whole");
  source.close();
  CHECK(names_in(dir) == Names{"out"});
  CHECK(dir.read("out") == "whole\n");
}

TEST_CASE("atomic files that are rotated have numbers, the last one too, and none is without elements") {
  const TemporaryDirectory dir;
  Endings ends;
  {
    const Stream<std::string> source;
    source.sink_to_textfile(dir / "out.txt", {.rotate = {.bytes = 4}, .atomic = true});
    for (const char* line : {"a", "b", "c"}) ends.emit(source, line);
    CHECK(names_in(dir) == Names{"out.000001.txt", "out.txt.part"});
    CHECK(ends.told() == "dd.");
    source.close();
    CHECK(ends.told() == "ddd");
  }
  CHECK(names_in(dir) == Names{"out.000001.txt", "out.000002.txt"});
  CHECK(dir.read("out.000001.txt") == "a\nb\n");
  CHECK(dir.read("out.000002.txt") == "c\n");
  const Stream<std::string> nothing;
  nothing.sink_to_textfile(dir / "out.txt", {.rotate = {.bytes = 4}, .atomic = true});
  nothing.close();
  CHECK(names_in(dir) == Names{"out.000001.txt", "out.000002.txt"});
}

TEST_CASE("a file that cannot have its name is an error that names both, and its elements have failed") {
  const TemporaryDirectory dir;
  Endings ends;
  const Stream<std::string> source;
  source.sink_to_textfile(dir / "out", {.append = false, .atomic = true});
  std::filesystem::create_directories(dir / "out" / "full");
  ends.emit(source, "a");
  CHECK_THROWS_WITH(source.close(),
                    containing("sink_to_textfile: cannot rename " + (dir / "out.part").string() + " to " +
                               (dir / "out").string()));
  CHECK(ends.told() == "f");
  CHECK(dir.read("out.part") == "a\n");
}

TEST_CASE("a file that cannot be synced is an error that names it") {
  const TemporaryDirectory dir;
  std::filesystem::create_symlink("/dev/null", dir / "out.part");
  std::filesystem::create_symlink("/dev/null", dir / "null");
  const std::string sentence = "sink_to_textfile: cannot sync ";
  SECTION("at a flush, and the elements have failed") {
    Endings ends;
    const Stream<std::string> source;
    source.sink_to_textfile(dir / "null", {.flush = Flush::every(2), .sync = Sync::at_flush});
    ends.emit(source, "a");
    CHECK_THROWS_WITH(ends.emit(source, "b"), containing(sentence + (dir / "null").string()));
    CHECK(ends.told() == "ff");
  }
  SECTION("at the end") {
    const Stream<std::string> source;
    source.sink_to_textfile(dir / "null", {.sync = Sync::at_end});
    source.emit("a");
    CHECK_THROWS_WITH(source.close(), containing(sentence + (dir / "null").string()));
  }
  SECTION("and an atomic one does not get its name") {
    const Stream<std::string> source;
    source.sink_to_textfile(dir / "out", {.append = false, .atomic = true});
    source.emit("a");
    CHECK_THROWS_WITH(source.close(), containing(sentence + (dir / "out.part").string()));
    CHECK(names_in(dir) == Names{"null", "out.part"});
  }
}

TEST_CASE(
    "an element that the disk has no room for is refused and leaves nothing, and there is room again later") {
  const TemporaryDirectory dir;
  Endings ends;
  const Stream<std::string> source;
  const Sink sink = source.sink_to_textfile(dir / "out", {.flush = Flush::every(2)});
  FileSizeLimit limit{14};
  ends.emit(source, "aaa");
  ends.emit(source, "bbb");
  ends.emit(source, "ccc");
  // There is room for two bytes of it.
  CHECK_THROWS_WITH(ends.emit(source, "ddd"), containing("sink_to_textfile: cannot write to " +
                                                         (dir / "out").string() + ": File too large"));
  CHECK(dir.read("out") == "aaa\nbbb\nccc\n");
  CHECK(ends.told() == "dd.f");
  CHECK_THROWS_AS(ends.emit(source, "eee"), std::system_error);
  CHECK(dir.read("out") == "aaa\nbbb\nccc\n");
  CHECK(sink.info().failed.get() == 2);
  limit.lift();
  ends.emit(source, "fff");
  CHECK(dir.read("out") == "aaa\nbbb\nccc\nfff\n");
  CHECK(ends.told() == "dddffd");
}

TEST_CASE(
    "on a full disk the buffer is kept and bounded, nothing that was taken is lost, and it goes on later") {
  const TemporaryDirectory dir;
  const Stream<std::string> source;
  source.sink_to_textfile(dir / "out", {.end = ""});
  FileSizeLimit limit{100'000};
  const std::string kilobyte(1024, 'x');
  int taken = 0, refused = 0;
  for (int i = 0; i < 1000; ++i) {
    try {
      source.emit(kilobyte);
      ++taken;
    } catch (const std::system_error&) {
      ++refused;
    }
  }
  CHECK(taken == 128);  // two buffers: one written, of the second what there is room for
  CHECK(refused == 1000 - 128);
  limit.lift();
  source.emit(kilobyte);
  source.close();
  CHECK(dir.read("out").size() == 129 * 1024);
}

TEST_CASE("what cannot be written at the end is lost: an error, counted as dropped, its Refs failed") {
  if (!std::filesystem::exists("/dev/full")) PENSTOCK_SKIP("no /dev/full here");
  Endings ends;
  const Stream<std::string> source;
  const Sink sink = source.sink_to_textfile("/dev/full", {.flush = Flush::every(10)});
  ends.emit(source, "a");
  ends.emit(source, "b");
  std::string heard;
  listen(source, heard);
  SECTION("of the stream") {
    CHECK_THROWS_WITH(source.close(),
                      containing("sink_to_textfile: cannot write to /dev/full: No space left"));
    CHECK(heard.empty());
  }
  SECTION("of the sink") {
    sink.destroy();
    CHECK_THAT(heard, containing("sink_to_textfile: cannot write to /dev/full: No space left"));
  }
  CHECK(ends.told() == "ff");
  CHECK(sink.info().dropped.get() == 2);
}

TEST_CASE("a flush by time that fails is an error of background work, and is tried again") {
  const TemporaryDirectory dir;
  Endings ends;
  VirtualLoop loop;
  const Stream<std::string> source{loop};
  source.sink_to_textfile(dir / "out", {.flush = Flush::every(1s)});
  std::string heard;
  listen(source, heard);
  FileSizeLimit limit{4};
  ends.emit(source, "aaa");
  ends.emit(source, "bbb");
  loop.run_for(1s);
  CHECK_THAT(heard, containing("sink_to_textfile: cannot write to " + (dir / "out").string()));
  CHECK(ends.told() == "..");
  limit.lift();
  loop.run_for(1s);
  CHECK(dir.read("out") == "aaa\nbbb\n");
  CHECK(ends.told() == "dd");
}

TEST_CASE(
    "a finished file that cannot be removed is an error of background work, and the element is written") {
  const TemporaryDirectory dir;
  std::filesystem::create_directories(dir / "log.1");
  const Stream<std::string> source;
  source.sink_to_textfile(dir / "log", {.rotate = {.bytes = 2, .keep = 1, .name = "log.{}"}});
  std::string heard;
  listen(source, heard);
  source.emit("a");
  source.emit("b");
  CHECK_THAT(heard, containing("sink_to_textfile: cannot remove " + (dir / "log.1").string()));
  source.close();
  CHECK(dir.read("log.2") == "a\n");
  CHECK(dir.read("log") == "b\n");
}

TEST_CASE("a C stream is flushed and synced by the policies, and stays open") {
  std::FILE* file = std::tmpfile();
  REQUIRE(file != nullptr);
  Endings ends;
  const auto size = [&] {
    return std::filesystem::file_size("/proc/self/fd/" + std::to_string(fileno(file)));
  };
  {
    const Stream<std::string> source;
    source.sink_to_textfile(file, {.flush = Flush::every(2), .sync = Sync::at_flush});
    ends.emit(source, "1");
    CHECK(size() == 0);
    CHECK(ends.told() == ".");
    ends.emit(source, "2");
    CHECK(size() == 4);
    CHECK(ends.told() == "dd");
    ends.emit(source, "3");
    source.close();
    CHECK(size() == 6);
    CHECK(ends.told() == "ddd");
  }
  CHECK(std::fclose(file) == 0);
}
