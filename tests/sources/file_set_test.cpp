// SPDX-License-Identifier: BSL-1.0
#include "penstock/sources/file_set.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/sources/from_csv.hpp"
#include "penstock/sources/from_jsonl.hpp"
#include "penstock/sources/from_textfile.hpp"
#include "penstock/testing/testing.hpp"
#include "sanitized.hpp"
#include "temporary_directory.hpp"

using namespace penstock;
using namespace std::chrono_literals;
using penstock::test::containing;
using penstock::test::TemporaryDirectory;
using penstock::testing::Probe;
using penstock::testing::ScriptedSink;
using Lines = std::vector<std::string>;

namespace {

struct Sale {
  int id = 0;
  std::string what;
  friend bool operator==(const Sale&, const Sale&) = default;
};
BOOST_DESCRIBE_STRUCT(Sale, (), (id, what))
using Sales = std::vector<Sale>;

}  // namespace

TEST_CASE("from_csv reads the files that a pattern names in order, each with a header of its own") {
  const TemporaryDirectory dir;
  dir.write("b.csv", "what,id\nbee,2\n");
  dir.write("a.csv", "id,what\n1,ant\n11,\"a\nt\"");
  dir.write("c.csv", "");
  dir.write("d.csv", "id,what\n");
  dir.write("e.csv", "id,what\r\n5,eel\r\n");
  dir.write("notes.txt", "no");
  const auto source = from_csv<Sale>((dir / "*.csv").string());
  const Probe<Sale> rows{source};
  CHECK(source.position() == RowPosition{});
  source.start();
  CHECK(rows.values() == Sales{{1, "ant"}, {11, "a\nt"}, {2, "bee"}, {5, "eel"}});
  CHECK(rows.ended());
  CHECK(source.position() == RowPosition{16, 3, (dir / "e.csv").string()});
  // Started again it reads what has come since.
  dir.append("e.csv", "55,elk\r\n");
  dir.write("f.csv", "id,what\n6,fox\n");
  source.start();
  CHECK(rows.values() == Sales{{1, "ant"}, {11, "a\nt"}, {2, "bee"}, {5, "eel"}, {55, "elk"}, {6, "fox"}});
}

TEST_CASE("a set of files started after its end says that the last row, which had no end, goes on") {
  const TemporaryDirectory dir;
  dir.write("a.csv", "id,what\n1,ant");
  const auto source = from_csv<Sale>((dir / "*.csv").string());
  const Probe<Sale> rows{source};
  source.start();
  dir.append("a.csv", "\r\n2,be");
  source.start();
  CHECK(rows.values() == Sales{{1, "ant"}, {2, "be"}});
  dir.append("a.csv", "e\n3,cat\n");
  CHECK_THROWS_WITH(source.start(), Catch::Matchers::Contains("a.csv: the row before byte 19, which had no end when it was read, goes on"));
  CHECK(rows.size() == 2);
}

TEST_CASE("one set of files serves text, CSV and JSON lines") {
  const TemporaryDirectory dir;
  dir.write("1.jsonl", "{\"id\": 1, \"what\": \"ant\"}\n{\"id\": 2, \"what\": \"bee\"}");
  dir.write("2.jsonl", "{\"id\": 3, \"what\": \"cat\"}\n");
  const auto json = from_jsonl<Sale>(FileSet{dir / "*.jsonl"});
  const Probe<Sale> rows{json};
  json.start();
  CHECK(rows.values() == Sales{{1, "ant"}, {2, "bee"}, {3, "cat"}});

  dir.write("1.txt", "a\nb");
  dir.write("2.txt", "c\n");
  const auto text = from_textfile((dir / "*.txt").string());
  const Probe<std::string> lines{text};
  text.start();
  CHECK(lines.values() == Lines{"a", "b", "c"});
  CHECK(text.position() == 2);
  CHECK(text.place() == RowPosition{2, 2, (dir / "2.txt").string()});
  const auto folder = from_textfile(FileSet{dir.path()});
  const Probe<std::string> all{folder};
  folder.start();
  CHECK(all.size() == 6);
}

TEST_CASE("a file whose name looks like a pattern is that file") {
  const TemporaryDirectory dir;
  dir.write("[a].txt", "here\n");
  dir.write("a.txt", "not here\n");
  const auto source = from_textfile((dir / "[a].txt").string());
  const Probe<std::string> lines{source};
  source.start();
  CHECK(lines.values() == Lines{"here"});
  CHECK(source.place().file.empty());
}

TEST_CASE("a set of files names the file of each damaged row") {
  const TemporaryDirectory dir;
  dir.write("a.csv", "id,what\nx,ant\n");
  dir.write("b.csv", "what,id\nbee,2\nbug,y\n");
  const auto source = from_csv<Sale>(FileSet{dir / "*.csv"});
  const Probe<Sale> rows{source};
  const Probe<BadRow> bad{source.bad_rows()};
  source.start();
  CHECK(rows.values() == Sales{{2, "bee"}});
  REQUIRE(bad.size() == 2);
  CHECK(bad.values()[0].file == (dir / "a.csv").string());
  CHECK(bad.values()[0].line == 2);
  CHECK(bad.values()[1].file == (dir / "b.csv").string());
  CHECK(bad.values()[1].line == 3);
  CHECK(bad.values()[1].column == "id");
}

TEST_CASE("a set of files reports one that is gone or that has other columns, and reads the next one") {
  const TemporaryDirectory dir;
  dir.write("a.csv", "id,what\n1,ant\n");
  dir.write("b.csv", "id,what\n2,bee\n");
  dir.write("c.csv", "id,when\n3,now\n");
  dir.write("d.csv", "id,what\n4,dog\n");
  VirtualLoop loop;
  const auto source = from_csv<Sale>(loop, FileSet{dir / "*.csv"});
  Sales rows;
  const Sink sink = source.sink([&](const Sale& sale) {
    rows.push_back(sale);
    std::filesystem::remove(dir / "b.csv");
  });
  Lines errors;
  source.on_background_error([&](std::exception_ptr reported, const Info&) {
    try {
      std::rethrow_exception(std::move(reported));
    } catch (const std::exception& error) {
      errors.emplace_back(error.what());
    }
  });
  source.start();
  loop.run();
  CHECK(rows == Sales{{1, "ant"}, {4, "dog"}});
  CHECK(errors == Lines{"from_csv: cannot open " + (dir / "b.csv").string() + ": No such file or directory",
                        "from_csv: " + (dir / "c.csv").string() + ": no member for the column \"when\""});
  CHECK(source.position().file == (dir / "d.csv").string());
}

TEST_CASE("a set of files tries one again that is there and cannot be opened now") {
  if (penstock::test::sanitized) PENSTOCK_SKIP("sanitizers need descriptors of their own");
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const auto restore = [&] { ::setrlimit(RLIMIT_NOFILE, &before); };
  const auto use_up = [&] {
    const int next = ::dup(0);
    ::close(next);
    const rlimit none{static_cast<rlim_t>(next), before.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
  };
  const TemporaryDirectory dir;
  dir.write("a.txt", "1\n");
  dir.write("b.txt", "2\n");
  dir.write("c.txt", "3\n");
  const auto shortage = containing("b.txt: Too many open files");
  Lines out;
  const auto sink = [&](const std::string& line) {
    out.push_back(line);
    if (line == "1") use_up();
  };
  SECTION("following, it says so once") {
    VirtualLoop loop;
    const auto source = from_textfile(loop, FileSet{dir / "*.txt", {.follow = true}});
    source.sink(sink);
    source.start();
    CHECK_THROWS_WITH(loop.run_for(10s), shortage);
    CHECK_NOTHROW(loop.run_for(10s));
    CHECK(out == Lines{"1"});
    restore();
    loop.run_for(10s);
  }
  SECTION("not following, it stops, and goes on when it is started again") {
    const auto source = from_textfile((dir / "*.txt").string());
    source.sink(sink);
    CHECK_THROWS_WITH(source.start(), shortage);
    CHECK(out == Lines{"1"});
    restore();
    source.start();
  }
  restore();
  CHECK(out == Lines{"1", "2", "3"});
}

TEST_CASE("from_csv goes on at every place of a set of files as if it had never stopped") {
  std::mt19937 random{4};
  const TemporaryDirectory dir;
  int id = 0;
  for (const char* name : {"a.csv", "b.csv", "c.csv", "d.csv"}) {
    std::string text = random() % 2 == 0 ? "id,what\n" : "\xEF\xBB\xBFid,what\r\n";
    for (std::size_t n = random() % 30; n > 0; --n) {
      const std::array fields{"plain", "\"in, quotes\"", "\"two\nlines\"", ""};
      text += std::to_string(id++) + "," + fields[random() % 4];
      text += random() % 2 == 0 ? "\n" : "\r\n";
    }
    if (random() % 2 == 0) text += std::to_string(id++) + ",last";
    dir.write(name, text);
  }
  const FileSet set{dir / "*.csv"};
  Sales all;
  std::vector<RowPosition> places;
  const auto whole = from_csv<Sale>(set);
  places.push_back(whole.position());
  whole.sink([&](const Sale& sale) {
    all.push_back(sale);
    places.push_back(whole.position());
  });
  whole.start();
  REQUIRE(all.size() == static_cast<std::size_t>(id));
  REQUIRE(id > 40);
  for (std::size_t n = 0; n < places.size(); ++n) {
    const auto rest = from_csv<Sale>(set, {.from = RowPosition::parse(to_string(places[n]))});
    const Probe<Sale> probe{rest};
    rest.start();
    CHECK(probe.values() == Sales(all.begin() + static_cast<std::ptrdiff_t>(n), all.end()));
    CHECK(rest.position() == places.back());
  }
}

TEST_CASE("a set of files that goes on does not read what sorts in front of its place") {
  const TemporaryDirectory dir;
  for (const char* name : {"a", "b", "c"}) dir.write(name, std::string(name) + "1\n" + name + "2\n");
  const auto rest = [&](RowPosition from) {
    const auto source = from_textfile(FileSet{dir.path()}, {.from = std::move(from)});
    const Probe<std::string> probe{source};
    source.start();
    return probe.values();
  };
  CHECK(rest({3, 2, (dir / "b").string()}) == Lines{"b2", "c1", "c2"});
  CHECK(rest({6, 3, (dir / "b").string()}) == Lines{"c1", "c2"});
  CHECK(rest({6, 3, (dir / "c").string()}) == Lines{});
  CHECK_THROWS_WITH(rest({0, 1, (dir / "bb").string()}), containing("from_textfile: cannot open"));
  CHECK_THROWS_WITH(rest({7, 3, (dir / "b").string()}), containing(" is shorter than the position"));
  CHECK_THROWS_AS(rest({7, 3, ""}), std::invalid_argument);
  CHECK_THROWS_WITH(from_textfile(dir / "a", {.from = {0, 1, "other"}}),
                    "from_textfile: the position is one in other");
  CHECK_THROWS_WITH(from_textfile(FileSet{dir / "none"}).start(), containing("from_textfile: nothing at"));
}

TEST_CASE("a place in a set of files can be written down and read again") {
  const RowPosition place{1234, 56, "events/1:2.csv"};
  CHECK(to_string(place) == "1234:56:events/1:2.csv");
  CHECK(RowPosition::parse(to_string(place)) == place);
  CHECK(RowPosition::parse("0:1:") == RowPosition{});
  for (const char* text : {"", "1", "1:2", "-1:2:a", "1:0:a", "x:1:a", "1:x:a", " 1:1:a"}) {
    CHECK_THROWS_AS(RowPosition::parse(text), std::invalid_argument);
  }
}

TEST_CASE("a followed set of files reads its last file as it grows, until the next one is there") {
  const TemporaryDirectory dir;
  VirtualLoop loop;
  const auto source = from_csv<Sale>(loop, (dir / "*.csv").string(), {.follow = true, .poll = 10ms});
  const Probe<Sale> rows{source};
  source.start();
  loop.run_for(15ms);
  dir.write("a.csv", "id,wh");
  loop.run_for(10ms);
  dir.append("a.csv", "at\n1,ant\n2,a");
  loop.run_for(10ms);
  CHECK(rows.values() == Sales{{1, "ant"}});
  dir.append("a.csv", "pe");
  dir.write("b.csv", "what,id\nbee,3\nbu");
  loop.run_for(10ms);
  CHECK(rows.values() == Sales{{1, "ant"}, {2, "ape"}, {3, "bee"}});
  dir.append("b.csv", "g,4\nbat,5");
  loop.run_for(10ms);
  CHECK(rows.times() == std::vector<Duration>{30ms, 40ms, 40ms, 50ms});
  source.finish();
  loop.run();
  CHECK(rows.values() == Sales{{1, "ant"}, {2, "ape"}, {3, "bee"}, {4, "bug"}, {5, "bat"}});
  CHECK(rows.ended());
}

TEST_CASE("a followed set of files with settle reads files that nobody writes any more, in order") {
  const TemporaryDirectory dir;
  VirtualLoop loop;
  const auto source =
      from_textfile(loop, FileSet{dir.path(), {.follow = true, .poll = 100ms, .settle = 250ms}});
  const Probe<std::string> lines{source};
  source.start();
  dir.write("a", "one\ntw");
  dir.write("b", "three");
  loop.run_for(150ms);
  CHECK(lines.size() == 0);
  dir.append("a", "o");
  loop.run_for(1s);
  // `b` has not changed since 0 ms, but it does not come before `a`, which changed between 100 and 200 ms.
  CHECK(lines.values() == Lines{"one", "two", "three"});
  CHECK(lines.times() == std::vector<Duration>{450ms, 450ms, 450ms});
  dir.write("c", "four");  // behind the look at 1150 ms
  loop.run_for(1s);
  CHECK(lines.values().back() == "four");
  CHECK(lines.times().back() == 1500ms);
  CHECK_THROWS_WITH(from_textfile(FileSet{dir.path(), {.settle = 1s}}),
                    "from_textfile: following a file needs an event loop: from_textfile(loop, path)");
}

TEST_CASE("a set of files with settle and without follow ends with the last file that has settled") {
  const TemporaryDirectory dir;
  dir.write("a", "one\n");
  VirtualLoop loop;
  const auto source = from_textfile(loop, FileSet{dir.path(), {.settle = 250ms}});
  const Probe<std::string> lines{source};
  source.start();
  loop.run();
  CHECK(lines.values() == Lines{"one"});
  CHECK(lines.times() == std::vector<Duration>{250ms});
  CHECK(lines.ended());
}

TEST_CASE("a set of files reports one that comes behind others that sort after it, and leaves it out") {
  const TemporaryDirectory dir;
  dir.write("b", "one\n");
  VirtualLoop loop;
  const auto source = from_textfile(loop, FileSet{dir.path(), {.follow = true, .poll = 10ms}});
  const Probe<std::string> lines{source};
  source.start();
  loop.run_for(15ms);
  dir.write("a", "late\n");
  dir.write("c", "two\n");
  CHECK_THROWS_WITH(loop.run_for(10ms), "from_textfile: " + (dir / "a").string() +
                                            " came too late: a file that sorts behind it was read already");
  loop.run_for(100ms);
  CHECK(lines.values() == Lines{"one", "two"});
}

TEST_CASE("a set of files that is stopped emits one more row at most, and goes on where it was") {
  const TemporaryDirectory dir;
  dir.write("a", "1\n2\n");
  dir.write("b", "3\n4\n");
  VirtualLoop loop;
  const auto source = from_textfile(loop, FileSet{dir.path()});
  const ScriptedSink<std::string> sink{source, {.takes = 10ms}};
  for (std::size_t n = 1; n <= 4; ++n) {
    source.start();
    loop.run_for(5ms);
    source.stop();
    loop.run_for(1s);
    CHECK(sink.completed().size() == n);
  }
  source.start();
  loop.run();
  CHECK(sink.completed() == Lines{"1", "2", "3", "4"});
  CHECK(sink.ended());
}

TEST_CASE("from_csv that follows waits for the rest of a row, and reads a rotated file with its header") {
  const TemporaryDirectory dir;
  dir.write("log.csv", "id,wh");
  VirtualLoop loop;
  const auto source = from_csv<Sale>(loop, dir / "log.csv", {.follow = true, .poll = 10ms});
  const Probe<Sale> rows{source};
  source.start();
  loop.run_for(15ms);
  dir.append("log.csv", "at\n1,\"an");
  loop.run_for(10ms);
  CHECK(rows.size() == 0);
  dir.append("log.csv", "t\nhill\"\n2,be");
  loop.run_for(10ms);
  CHECK(rows.values() == Sales{{1, "ant\nhill"}});
  CHECK(source.position() == RowPosition{21, 4});
  std::filesystem::rename(dir / "log.csv", dir / "log.1");
  dir.append("log.1", "e");
  dir.write("log.csv", "what,id\ncat,3\n");
  loop.run_for(10ms);
  CHECK(rows.values() == Sales{{1, "ant\nhill"}, {2, "bee"}, {3, "cat"}});
  CHECK(source.rotations() == 1);
  dir.write("log.csv", "id,what\n");
  loop.run_for(10ms);
  dir.append("log.csv", "4,dog\n");
  loop.run_for(10ms);
  CHECK(rows.values().back() == Sale{4, "dog"});
  CHECK(source.truncations() == 1);
  CHECK(source.position() == RowPosition{14, 3});
  dir.append("log.csv", "5,eel");
  source.finish();
  loop.run();
  CHECK(rows.values().back() == Sale{5, "eel"});
  CHECK(rows.ended());
}

TEST_CASE("from_csv that follows stops at a rotated file with other columns, and tries it again") {
  const TemporaryDirectory dir;
  dir.write("log.csv", "id,what\n1,ant\n");
  VirtualLoop loop;
  const auto source = from_csv<Sale>(loop, dir / "log.csv", {.follow = true, .poll = 10ms});
  const Probe<Sale> rows{source};
  source.start();
  loop.run_for(15ms);
  std::filesystem::rename(dir / "log.csv", dir / "log.1");
  dir.write("log.csv", "id,when\n2,bee\n");
  CHECK_THROWS_AS(loop.run_for(10ms), CsvError);
  CHECK(source.stopped());
  source.start();
  CHECK_THROWS_AS(loop.run_for(10ms), CsvError);
  dir.write("log.csv", "id,what\n2,bee\n");
  source.start();
  loop.run_for(10ms);
  CHECK(rows.values() == Sales{{1, "ant"}, {2, "bee"}});
}

TEST_CASE("from_jsonl that follows waits for the rest of a line") {
  const TemporaryDirectory dir;
  dir.write("log.jsonl", "{\"id\": 1, \"what\": \"ant\"}\n{\"id\": 2, ");
  VirtualLoop loop;
  const auto source = from_jsonl<Sale>(loop, dir / "log.jsonl", {.follow = true, .poll = 10ms});
  const Probe<Sale> rows{source};
  const Probe<BadRow> bad{source.bad_rows()};
  source.start();
  loop.run_for(15ms);
  CHECK(rows.values() == Sales{{1, "ant"}});
  dir.append("log.jsonl", "\"what\": \"bee\"}\n{");
  loop.run_for(10ms);
  CHECK(rows.values() == Sales{{1, "ant"}, {2, "bee"}});
  CHECK(rows.times() == std::vector<Duration>{0ms, 20ms});
  CHECK(bad.size() == 0);
  source.finish();
  loop.run();
  CHECK(bad.size() == 1);
  CHECK(bad.ended());
  CHECK(rows.ended());
}
