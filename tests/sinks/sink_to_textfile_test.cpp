// SPDX-License-Identifier: BSL-1.0
#include "penstock/sinks/sink_to_textfile.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include "catch.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/sources/from_range.hpp"
#include "temporary_directory.hpp"

using namespace penstock;
using penstock::test::containing;
using penstock::test::TemporaryDirectory;

TEST_CASE("row 114 elements become lines of the file") {
  const TemporaryDirectory dir;
  const std::string path = dir / "out.txt";
  {
    const Stream<std::string> source;
    source.sink_to_textfile(path);
    source.emit("a");
    source.emit("b");
  }
  CHECK(dir.read("out.txt") == "a\nb\n");
}

TEST_CASE("row 129 a C stream is written to, flushed at the end, and stays open") {
  std::FILE* file = std::tmpfile();
  REQUIRE(file != nullptr);
  {
    const Stream<std::string> source;
    source.sink_to_textfile(file);
    source.emit("0");
    source.emit("1");
    source.close();
  }
  std::rewind(file);
  char text[16] = {};
  const std::size_t got = std::fread(text, 1, sizeof text, file);
  CHECK(std::string_view(text, got) == "0\n1\n");
  CHECK(std::fclose(file) == 0);
}

TEST_CASE("row 130 a file given by its name has all lines after the end") {
  const TemporaryDirectory dir;
  const Stream<int> source;
  const Sink sink = source.map([](int x) { return std::to_string(x); })
                        .sink_to_textfile(std::filesystem::path{dir / "out.txt"});
  source.emit(0);
  source.emit(1);
  source.close();
  CHECK(dir.read("out.txt") == "0\n1\n");
}

// Streamz: the file is closed only when the collector finds the sink, and destroying twice raises.
TEST_CASE("row 131, D35: destroying the sink writes what is left and closes the file, and twice is once") {
  const TemporaryDirectory dir;
  const Stream<std::string> source;
  const Sink sink = source.sink_to_textfile(dir / "out.txt");
  source.emit("0");
  CHECK(dir.read("out.txt").empty());
  sink.destroy();
  CHECK(dir.read("out.txt") == "0\n");
  sink.destroy();
  source.emit("1");
  CHECK(dir.read("out.txt") == "0\n");
}

TEST_CASE("with flush every line is in the file at once") {
  const TemporaryDirectory dir;
  const Stream<std::string> source;
  source.sink_to_textfile(dir / "out.txt", {.flush = true});
  source.emit("0");
  CHECK(dir.read("out.txt") == "0\n");
}

TEST_CASE("without append the file starts anew, and a reopened stream goes on behind its first part") {
  const TemporaryDirectory dir;
  dir.write("out.txt", "old\n");
  SECTION("append is the default") {
    const Stream<std::string> source;
    source.sink_to_textfile(dir / "out.txt");
    source.emit("new");
    source.close();
    CHECK(dir.read("out.txt") == "old\nnew\n");
  }
  SECTION("without") {
    const auto source = from_range({std::string{"a"}, std::string{"b"}});
    source.sink_to_textfile(dir / "out.txt", {.end = ";", .append = false});
    source.start();
    CHECK(dir.read("out.txt") == "a;b;");
    source.start();
    CHECK(dir.read("out.txt") == "a;b;a;b;");
  }
}

TEST_CASE("everything that converts to a string_view can be written") {
  const TemporaryDirectory dir;
  const Stream<std::string_view> views;
  views.sink_to_textfile(dir / "views.txt");
  views.emit("x");
  views.close();
  CHECK(dir.read("views.txt") == "x\n");
  const Stream<const char*> texts;
  texts.sink_to_textfile((dir / "texts.txt").c_str(), TextFile{.end = ""});
  texts.emit("y");
  texts.close();
  CHECK(dir.read("texts.txt") == "y");
}

TEST_CASE("an element that throws when it is read as text is one that failed, and the file goes on without it") {
  struct Text {
    operator std::string_view() const { return text ? text : throw std::domain_error("no text"); }
    const char* text;
  };
  const TemporaryDirectory dir;
  const Stream<Text> source;
  const Sink sink = source.sink_to_textfile(dir / "out.txt");
  source.emit(Text{"a"});
  CHECK_THROWS_AS(source.emit(Text{nullptr}), std::domain_error);
  source.emit(Text{"b"});
  CHECK(sink.info().failed.get() == 1);
  source.close();
  CHECK(dir.read("out.txt") == "a\nb\n");
}

TEST_CASE("a file that cannot be opened is an error where the sink is wired, which names it") {
  const TemporaryDirectory dir;
  const Stream<std::string> source;
  CHECK_THROWS_AS(source.sink_to_textfile(dir / "no" / "out.txt"), std::system_error);
  CHECK_THROWS_WITH(
      source.sink_to_textfile(dir / "no" / "out.txt"),
      containing("sink_to_textfile: cannot open " + dir.path().string() + "/no/out.txt: No such file"));
  source.emit("nothing happens");
}

TEST_CASE("a full disk is an error of the element, of the end, or of background work, and names the file") {
  if (!std::filesystem::exists("/dev/full")) PENSTOCK_SKIP("no /dev/full here");
  const auto names_it = containing("sink_to_textfile: cannot write to /dev/full: No space left");
  SECTION("at once, with flush") {
    const Stream<std::string> source;
    const Sink sink = source.sink_to_textfile("/dev/full", {.flush = true});
    int failed = 0;
    const Ref ref{[&](const Ending& ending) { failed += ending.outcome == Outcome::failed; }};
    CHECK_THROWS_WITH(source.emit("x", ref), names_it);
    CHECK(ref.outcome() == Outcome::failed);
    CHECK(sink.info().failed.get() == 1);
  }
  SECTION("at the end") {
    const Stream<std::string> source;
    source.sink_to_textfile("/dev/full");
    source.emit("x");
    CHECK_THROWS_WITH(source.close(), names_it);
  }
  SECTION("when the sink is destroyed") {
    const Stream<std::string> source;
    const Sink sink = source.sink_to_textfile("/dev/full");
    source.emit("x");
    std::string heard;
    source.on_background_error([&](std::exception_ptr error, const Info&) {
      try {
        std::rethrow_exception(error);
      } catch (const std::exception& caught) {
        heard = caught.what();
      }
    });
    sink.destroy();
    CHECK_THAT(heard, names_it);
  }
}
