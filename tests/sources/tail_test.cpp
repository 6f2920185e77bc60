// SPDX-License-Identifier: BSL-1.0
// Files that are rotated, cut and written by halves, and the same done to `tail -F`.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/exec/event_loop.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/sources/from_textfile.hpp"
#include "penstock/testing/testing.hpp"
#include "temporary_directory.hpp"

using namespace penstock;
using namespace std::chrono_literals;
using penstock::test::containing;
using penstock::test::TemporaryDirectory;
using penstock::testing::Probe;
using penstock::testing::ScriptedSink;
using Lines = std::vector<std::string>;

namespace {

/// A followed file, a look every 100 ms.
struct Followed {
  TemporaryDirectory dir;
  VirtualLoop loop;
  TextFileSource source;
  Probe<std::string> probe;

  explicit Followed(const std::string& text, TextSource options = {})
      : source(make(text, std::move(options))), probe(source) {
    source.start();
    look();
  }
  TextFileSource make(const std::string& text, TextSource options) {
    dir.write("log", text);
    options.follow = true;
    return from_textfile(loop, dir / "log", std::move(options));
  }
  void look() { loop.run_for(100ms); }
  void rotate() const { std::filesystem::rename(dir / "log", dir / "log.1"); }
};

}  // namespace

TEST_CASE("from_textfile reads a rotated file to its end, and then the new one from its start") {
  Followed log{"one\ntwo\nthr"};
  CHECK(log.probe.values() == Lines{"one", "two"});
  log.rotate();
  log.dir.append("log.1", "ee\nlast");
  log.dir.write("log", "a\nb");
  log.look();
  CHECK(log.probe.values() == Lines{"one", "two", "three", "last", "a"});
  CHECK(log.source.rotations() == 1);
  CHECK(log.source.truncations() == 0);
  CHECK(log.source.position() == 2);
  log.dir.append("log.1", "lost\n");
  log.dir.append("log", "c\n");
  log.look();
  CHECK(log.probe.values() == Lines{"one", "two", "three", "last", "a", "bc"});
  CHECK(log.probe.times() == std::vector<Duration>{0ms, 0ms, 200ms, 200ms, 200ms, 300ms});
}

TEST_CASE("from_textfile waits while the path names no file, and reads on in the old one") {
  Followed log{"one\n"};
  log.rotate();
  log.look();
  log.dir.append("log.1", "two\nthr");
  log.look();
  CHECK(log.probe.values() == Lines{"one", "two"});
  CHECK(log.source.rotations() == 0);
  log.dir.write("log", "");
  log.look();
  CHECK(log.probe.values() == Lines{"one", "two", "thr"});
  CHECK(log.source.rotations() == 1);
  CHECK(log.source.position() == 0);
  log.dir.append("log", "a\n");
  log.look();
  CHECK(log.probe.values().back() == "a");
  std::filesystem::remove(log.dir / "log");
  log.look();
  log.dir.write("log", "b\n");
  log.look();
  CHECK(log.probe.values().back() == "b");
  CHECK(log.source.rotations() == 2);
}

TEST_CASE("from_textfile reads after several rotations between two looks what the path names") {
  Followed log{"one\n"};
  for (const char* text : {"gone\n", "gone too\n", "here\n"}) {
    log.rotate();
    log.dir.write("log", text);
  }
  log.look();
  CHECK(log.probe.values() == Lines{"one", "here"});
  CHECK(log.source.rotations() == 1);
}

TEST_CASE("from_textfile reads a file that became shorter from its start, and forgets half a record") {
  Followed log{"one\ntwo\nthr"};
  log.dir.write("log", "new\n");
  log.look();
  CHECK(log.probe.values() == Lines{"one", "two", "new"});
  CHECK(log.source.truncations() == 1);
  CHECK(log.source.rotations() == 0);
  CHECK(log.source.position() == 4);
  log.dir.write("log", "");
  log.look();
  CHECK(log.source.truncations() == 2);
  CHECK(log.source.position() == 0);
  log.dir.write("log", "x\n");
  log.look();
  CHECK(log.probe.values().back() == "x");
}

TEST_CASE("from_textfile that finishes looks once more for another file of the name") {
  Followed log{"one\ntw"};
  log.rotate();
  log.dir.write("log", "new");
  log.source.finish();
  log.loop.run();
  CHECK(log.probe.values() == Lines{"one", "tw", "new"});
  CHECK(log.probe.ended());
  CHECK(log.loop.now() == TimePoint{100ms});
}

TEST_CASE("from_textfile says when the new file cannot be read, and stops") {
  Followed log{"one\n"};
  log.rotate();
  std::filesystem::create_directory(log.dir / "log");
  CHECK_THROWS_WITH(log.look(),
                    "from_textfile: cannot read " + (log.dir / "log").string() + ": Is a directory");
  CHECK(log.source.stopped());
}

TEST_CASE("from_textfile finds a delimiter of several characters wherever the writer stopped") {
  const std::string text = "a<=>b<<=>=>>c<=<=>d<=";
  const Lines all{"a", "b<", "=>>c<=", "d<="};
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    Followed log{text.substr(0, cut), {.delimiter = "<=>"}};
    for (const char c : text.substr(cut)) {
      log.dir.append("log", std::string(1, c));
      log.look();
    }
    log.source.finish();
    log.loop.run();
    CHECK(log.probe.values() == all);
    CHECK(log.source.position() == static_cast<std::int64_t>(text.size()));
  }
}

TEST_CASE("the records of from_textfile do not depend on how the text was cut") {
  std::mt19937 random{7};
  for (int round = 0; round < 200; ++round) {
    const std::string delimiter = std::array{"\n", "\r\n", "ab", "aab", "aaa"}[random() % 5];
    const std::size_t longest = 1 + random() % 8;
    std::string text;
    for (std::size_t n = random() % 60; n > 0; --n) text += "ab\r\nx"[random() % 5];
    // A straight-line model of what belongs there: damaged ones with a mark in front.
    Lines expected;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t found = std::min(text.find(delimiter, at), text.size());
      const bool damaged = found - at > longest;
      expected.push_back((damaged ? "!" : " ") + text.substr(at, found - at));
      if (damaged) expected.back().resize(longest + 1);
      at = found + delimiter.size();
    }
    for (std::size_t piece = 1; piece <= text.size(); ++piece) {
      detail::TextRows reader{{.delimiter = delimiter, .max_record = longest}};
      Lines got;
      std::string row;
      BadRow bad;
      const auto take_all = [&] {
        for (Found found; (found = reader.next_row(row, bad)) != Found::nothing;) {
          got.push_back(found == Found::record ? " " + row : "!" + bad.text);
        }
      };
      for (std::size_t at = 0; at < text.size(); at += piece) {
        reader.feed(std::string_view{text}.substr(at, piece));
        take_all();
      }
      reader.finish();
      take_all();
      if (got != expected || reader.offset() != text.size()) {
        FAIL("round " << round << ", pieces of " << piece << ": " << text);
      }
    }
  }
  SUCCEED();
}

TEST_CASE("from_textfile leaves out a record that is too long, and says where it was") {
  const TemporaryDirectory dir;
  dir.write("log", "12345\n123456\n1\n1234567");
  const std::string reason = "the record is longer than 5 bytes";

  const auto taken = from_textfile(dir / "log", {.max_record = 5});
  const Probe<std::string> rows{taken};
  const Probe<BadRow> bad{taken.bad_rows()};
  taken.start();
  CHECK(rows.values() == Lines{"12345", "1"});
  const std::string file = (dir / "log").string();
  CHECK(bad.values() ==
        std::vector{BadRow{file, 2, "", reason, "12345"}, BadRow{file, 4, "", reason, "12345"}});
  CHECK(bad.ended());

  const auto reported = from_textfile(dir / "log", {.max_record = 5, .on_failure = OnFailure::stop});
  const Probe<std::string> some{reported};
  CHECK_THROWS_WITH(reported.start(), file + ":2: " + reason);
  CHECK(reported.position() == 13);
  CHECK_THROWS_AS(reported.start(), BadRowError);
  CHECK(some.values() == Lines{"12345", "1"});

  const auto skipped = from_textfile(dir / "log", {.max_record = 5, .bad_rows = BadRows::skip});
  const Probe<std::string> others{skipped};
  skipped.start();
  CHECK(others.values() == Lines{"12345", "1"});
  CHECK_THROWS_AS(from_textfile(dir / "log", {.max_record = 0}), std::invalid_argument);
}

TEST_CASE("from_textfile gets over a record that is much longer than what it holds") {
  const TemporaryDirectory dir;
  dir.write("log", "first\n");
  std::filesystem::resize_file(dir / "log", 32 * 1024 * 1024);
  dir.append("log", "\nlast\n");
  const auto source = from_textfile(dir / "log");
  const Probe<std::string> rows{source};
  const Probe<BadRow> bad{source.bad_rows()};
  source.start();
  CHECK(rows.values() == Lines{"first", "last"});
  REQUIRE(bad.size() == 1);
  CHECK(bad.values()[0].text.size() == std::size_t{1} << 20);
}

TEST_CASE("from_textfile goes on at every record of a file as if it had never stopped") {
  std::mt19937 random{20};
  std::string text;
  while (text.size() < 20000) {
    text += std::string(random() % (random() % 50 == 0 ? 3000 : 30), static_cast<char>('a' + random() % 26));
    text += random() % 3 == 0 ? "\r\n" : "\n";
  }
  text += "the end";
  const TemporaryDirectory dir;
  dir.write("log", text);
  Lines all;
  std::vector<std::int64_t> places{0};
  const auto whole = from_textfile(dir / "log");
  whole.sink([&](const std::string& line) {
    all.push_back(line);
    places.push_back(whole.position());  // within a batch, too
  });
  whole.start();
  REQUIRE(all.size() > 200);
  for (std::size_t n = 0; n < places.size(); ++n) {
    const auto rest = from_textfile(dir / "log", {.position = places[n]});
    std::size_t at = n;
    bool same = true;
    rest.sink([&](const std::string& line) { same = same && at < all.size() && line == all[at++]; });
    rest.start();
    if (!same || at != all.size()) FAIL("from record " << n);
  }
  CHECK(places.back() == static_cast<std::int64_t>(text.size()));
}

TEST_CASE("from_textfile tells other threads where it is while it emits") {
  const TemporaryDirectory dir;
  std::string text;
  for (int i = 0; i < 20000; ++i) text += "0123456789\n";
  dir.write("log", text);
  const auto source = from_textfile(dir / "log");
  std::size_t n = 0;
  source.sink([&](const std::string&) { ++n; });
  std::thread reader{[&] { source.start(); }};
  std::int64_t last = 0;
  bool rises = true;
  bool whole = true;
  while (last < 20000 * 11) {
    const RowPosition now = source.place();
    rises = rises && now.offset >= last;
    whole = whole && now.offset == 11 * (static_cast<std::int64_t>(now.line) - 1);
    last = now.offset;
  }
  reader.join();
  CHECK(rises);
  CHECK(whole);
  CHECK(n == 20000);
}

TEST_CASE("from_textfile reads streams that belong to others") {
  std::istringstream text{"skip me\na\nb\nc"};
  std::string first;
  std::getline(text, first);
  const auto source = from_textfile(text);
  const Probe<std::string> probe{source};
  source.start();
  CHECK(probe.values() == Lines{"a", "b", "c"});
  CHECK(probe.ended());
  CHECK(source.position() == 5);

  std::FILE* file = std::tmpfile();
  std::fputs("x|y|z", file);
  std::rewind(file);
  {
    const auto bars = from_textfile(file, {.delimiter = "|"});
    const Probe<std::string> seen{bars};
    bars.start();
    CHECK(seen.values() == Lines{"x", "y", "z"});
  }
  CHECK(std::fseek(file, 0, SEEK_SET) == 0);  // it is open still
  std::fclose(file);
  CHECK_THROWS_WITH(from_textfile(text, {.position = 1}),
                    "from_textfile: a stream is read from where it stands");
  CHECK_THROWS_WITH(from_textfile(text, {.from_end = true}),
                    "from_textfile: a stream is read from where it stands");
}

TEST_CASE("from_textfile follows a stream as more is written into it") {
  VirtualLoop loop;
  std::stringstream text;
  text << "one\ntw";
  const auto source = from_textfile(loop, text, {.follow = true});
  const Probe<std::string> probe{source};
  source.start();
  loop.run_for(50ms);
  CHECK(probe.values() == Lines{"one"});
  text << "o\nthree";
  loop.run_for(100ms);
  CHECK(probe.values() == Lines{"one", "two"});
  source.finish();
  loop.run();
  CHECK(probe.values() == Lines{"one", "two", "three"});
}

TEST_CASE("from_textfile emits the lines of a pipe as they come and not when a block is full") {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  std::FILE* out = fdopen(ends[0], "r");
  std::size_t written = 0;
  const auto write_one = [&] {
    const std::string line = "line " + std::to_string(written++) + "\n";
    return write(ends[1], line.data(), line.size()) == static_cast<ssize_t>(line.size());
  };
  REQUIRE(write_one());
  const auto source = from_textfile(out);
  Lines seen;
  // The next line is there only once this one was emitted: who waits for a block waits for ever.
  source.sink([&](const std::string& line) {
    seen.push_back(line);
    if (written < 5) {
      write_one();
    } else if (written++ == 5) {
      close(ends[1]);
    }
  });
  source.start();
  CHECK(seen == Lines{"line 0", "line 1", "line 2", "line 3", "line 4"});
  std::fclose(out);
}

namespace {

/// `tail -F`, with what it has written so far.
class Tail {
 public:
  explicit Tail(const std::filesystem::path& file) {
    int ends[2];
    if (pipe(ends) != 0) throw std::runtime_error("no pipe");
    pid_ = fork();
    if (pid_ == 0) {
      dup2(ends[1], STDOUT_FILENO);
      const int none = open("/dev/null", O_WRONLY);
      dup2(none, STDERR_FILENO);
      close(ends[0]);
      close(ends[1]);
      // It looks as often as ours, and at the name every time.
      execlp("tail", "tail", "-n", "+1", "-s", "0.01", "--max-unchanged-stats=1", "---disable-inotify", "-F",
             file.c_str(), static_cast<char*>(nullptr));
      _exit(127);
    }
    close(ends[1]);
    out_ = ends[0];
    fcntl(out_, F_SETFL, O_NONBLOCK);
  }
  Tail(const Tail&) = delete;
  Tail& operator=(const Tail&) = delete;
  ~Tail() {
    close(out_);
    kill(pid_, SIGTERM);
    int status = 0;
    waitpid(pid_, &status, 0);
  }
  const std::string& text() {
    char buffer[4096];
    for (ssize_t got; (got = read(out_, buffer, sizeof buffer)) > 0;) {
      text_.append(buffer, static_cast<std::size_t>(got));
    }
    return text_;
  }

 private:
  pid_t pid_ = -1;
  int out_ = -1;
  std::string text_;
};

}  // namespace

TEST_CASE("from_textfile and tail -F read the same of a log that is rotated and cut") {
  if (std::system("tail --version >/dev/null 2>&1") != 0) PENSTOCK_SKIP("there is no GNU tail");
  const TemporaryDirectory dir;
  dir.write("log", "");
  EventLoop loop;
  const auto source =
      from_textfile(loop, dir / "log", {.keep_delimiter = true, .follow = true, .poll = 10ms});
  std::string ours;
  source.sink([&](const std::string& line) { ours += line; });
  source.start();
  Tail tail{dir / "log"};

  std::string expected;
  // Both have seen all that was written: waits for that, and not for a time.
  const auto both = [&](const std::string& what) {
    const auto give_up = std::chrono::steady_clock::now() + 60s;
    while (ours != expected || tail.text() != expected) {
      if (std::chrono::steady_clock::now() > give_up) {
        FAIL("after " << what << " ours is \"" << ours << "\", that of tail \"" << tail.text() << '"');
      }
      loop.run_for(2ms);
    }
  };
  const auto write = [&](const std::string& text) {
    dir.append("log", text);
    expected += text;
  };
  write("one\n");
  both("the first line");
  write("two\nthree\n");
  both("two lines");

  std::filesystem::rename(dir / "log", dir / "log.1");
  dir.append("log.1", "late\n");
  expected += "late\n";
  both("what was written into the file that was moved away");
  write("new\n");
  both("a rotation");

  std::filesystem::rename(dir / "log", dir / "log.1");
  write("newer\nand newer\n");
  both("a rotation without a gap");

  dir.write("log", "cut\n");
  expected += "cut\n";
  both("the file was cut");
  write("on\n");
  both("it grew again");

  dir.write("log.new", "put in its place\n");
  expected += "put in its place\n";
  std::filesystem::rename(dir / "log.new", dir / "log");
  both("the file was replaced at one stroke");

  std::filesystem::remove(dir / "log");
  write("back\n");
  both("the file was gone for a while");
  CHECK(source.truncations() == 1);
  CHECK(source.rotations() >= 4);
  source.stop();
}
