// SPDX-License-Identifier: BSL-1.0
#include "penstock/sinks/sink_to_csv.hpp"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <vector>

#include "catch.hpp"
#include "penstock/sources/from_csv.hpp"
#include "penstock/sources/from_range.hpp"
#include "penstock/testing/testing.hpp"
#include "temporary_directory.hpp"

using namespace penstock;
using penstock::test::containing;
using penstock::test::TemporaryDirectory;
using penstock::testing::Probe;

namespace {

enum class Kind { view, cart };
BOOST_DESCRIBE_ENUM(Kind, view, cart)

struct Row {
  std::string name;
  double price = 0;
  std::optional<std::string> note;
};
BOOST_DESCRIBE_STRUCT(Row, (), (name, price, note))
struct Wide {
  std::string a;
  std::optional<std::string> b;
  std::int64_t c = 0;
  double d = 0;
  std::optional<int> e;
  Kind f{};
  bool g = false;
  char h = 0;
  std::chrono::sys_time<std::chrono::milliseconds> i;
  friend bool operator==(const Wide&, const Wide&) = default;
};
BOOST_DESCRIBE_STRUCT(Wide, (), (a, b, c, d, e, f, g, h, i))

template <class T>
std::string written(const TemporaryDirectory& dir, const std::vector<T>& rows,
                    CsvFile options = {.append = false}) {
  const Stream<T> stream;
  stream.sink_to_csv(dir / "out.csv", std::move(options));
  for (const T& row : rows) stream.emit(row);
  stream.close();
  return dir.read("out.csv");
}

}  // namespace

TEST_CASE("sink_to_csv writes the names of the columns, and quotes where RFC 4180 needs them") {
  const TemporaryDirectory dir;
  CHECK(written<Row>(dir, {{"a", 0.5, "b"}, {"a,b", 1, {}}, {"say \"x\"", -2, "l\nm"}, {"r\r", 1e300, " s "}}) ==
        "name,price,note\na,0.5,b\n\"a,b\",1,\n\"say \"\"x\"\"\",-2,\"l\nm\"\n\"r\r\",1e+300, s \n");
  CHECK(written<Row>(dir, {{"a;b", 1, "c,d"}},
                     {.separator = ';', .quote = '\'', .end = "\r\n", .header = false, .append = false}) ==
        "'a;b';1;c,d\r\n");
}

TEST_CASE("sink_to_csv quotes what without quotes would be read as something else") {
  const TemporaryDirectory dir;
  CHECK(written<Row>(dir, {{"", 1, ""}, {"", 1, {}}}) == "name,price,note\n,1,\"\"\n,1,\n");
  CHECK(written<std::tuple<std::string>>(dir, {{""}, {"x"}}) == "1\n\"\"\nx\n");
  const std::string mark = "\xEF\xBB\xBF";
  CHECK(written<std::tuple<std::string>>(dir, {{mark}}, {.header = false, .append = false}) ==
        "\"" + mark + "\"\n");
}

TEST_CASE("sink_to_csv writes the header into an empty file only") {
  const TemporaryDirectory dir;
  CHECK(written<Row>(dir, {}, {}) == "name,price,note\n");
  CHECK(written<Row>(dir, {{"a", 1, {}}}, {}) == "name,price,note\na,1,\n");
  CHECK(written<Row>(dir, {{"b", 2, {}}}, {}) == "name,price,note\na,1,\nb,2,\n");
  CHECK(written<Row>(dir, {{"c", 3, {}}}, {.append = false}) == "name,price,note\nc,3,\n");
}

TEST_CASE("sink_to_csv flushes when told to") {
  const TemporaryDirectory dir;
  const Stream<Row> stream;
  stream.sink_to_csv(dir / "out.csv", {.flush = true});
  stream.emit({"a", 1, {}});
  CHECK(dir.read("out.csv") == "name,price,note\na,1,\n");
}

TEST_CASE("sink_to_csv goes on behind its first part when the stream is reopened") {
  const TemporaryDirectory dir;
  const auto source = from_range({Row{"a", 1, {}}, Row{"b", 2, {}}});
  source.sink_to_csv(dir / "out.csv", {.append = false});
  source.start();
  CHECK(dir.read("out.csv") == "name,price,note\na,1,\nb,2,\n");
  source.start();
  CHECK(dir.read("out.csv") == "name,price,note\na,1,\nb,2,\na,1,\nb,2,\n");
}

TEST_CASE("sink_to_csv writes to a C stream that stays open") {
  std::FILE* file = std::tmpfile();
  REQUIRE(file != nullptr);
  {
    const Stream<Row> stream;
    stream.sink_to_csv(file);
    stream.emit({"a", 1, {}});
    stream.close();
  }
  std::rewind(file);
  char text[64] = {};
  const std::size_t got = std::fread(text, 1, sizeof text, file);
  CHECK(std::string_view(text, got) == "name,price,note\na,1,\n");
  CHECK(std::fclose(file) == 0);
}

TEST_CASE("sink_to_csv writes nothing of a row that has no text, and the next one") {
  const TemporaryDirectory dir;
  const Stream<std::tuple<int, Kind>> stream;
  stream.sink_to_csv(dir / "out.csv", {.header = false});
  stream.emit({1, Kind::cart});
  CHECK_THROWS_AS(stream.emit({2, static_cast<Kind>(9)}), std::out_of_range);
  stream.emit({3, Kind::view});
  stream.close();
  CHECK(dir.read("out.csv") == "1,cart\n3,view\n");
}

TEST_CASE("sink_to_csv says which file or option is wrong") {
  const TemporaryDirectory dir;
  const Stream<Row> stream;
  CHECK_THROWS_WITH(stream.sink_to_csv(dir / "no folder/x.csv"), containing("sink_to_csv: cannot open"));
  CHECK_THROWS_AS(stream.sink_to_csv(dir / "x.csv", {.separator = '\n'}), std::invalid_argument);
  CHECK_THROWS_AS(stream.sink_to_csv(dir / "x.csv", {.end = ";"}), std::invalid_argument);
  CHECK_THROWS_AS(stream.sink_to_csv(dir / "x.csv", {.time_format = "%q"}), std::invalid_argument);
}

TEST_CASE("what sink_to_csv writes from_csv reads back equal") {
  const TemporaryDirectory dir;
  std::mt19937_64 random{3};
  const auto below = [&](std::uint64_t n) { return random() % n; };
  const std::string pieces[] = {"\"", ",", ";", "\n", "\r", "\r\n", " ", "'", "a", "\xEF\xBB\xBF", "0", "\t",
                                std::string(1, '\0')};
  const auto text = [&] {
    std::string made;
    for (auto n = below(6); n > 0; --n) made += pieces[below(std::size(pieces))];
    return made;
  };
  for (const char separator : {',', ';', '\t', '1', '-', '.'}) {
    for (const bool header : {true, false}) {
      std::vector<Wide> rows;
      std::vector<std::tuple<std::string>> narrow;
      for (int i = 0; i < 100; ++i) {
        Wide row;
        row.a = text();
        if (below(2)) row.b = text();
        row.c = static_cast<std::int64_t>(random());
        row.d = static_cast<double>(row.c) / 1e5;
        if (below(2)) row.e = static_cast<int>(random());
        row.f = below(2) ? Kind::view : Kind::cart;
        row.g = below(2);
        row.h = pieces[below(4)][0];
        row.i += std::chrono::milliseconds{below(250'000'000'000'000)};
        rows.push_back(row);
        narrow.emplace_back(text());
      }
      const auto read = [&](const auto& source) {
        using T = typename std::remove_cvref_t<decltype(source)>::value_type;
        const Probe<T> probe{source};
        source.start();
        return probe.values();
      };
      const CsvFormat format{.separator = separator, .quote = below(2) ? '"' : '\''};
      const CsvFile file{.separator = separator,
                         .quote = format.quote,
                         .end = below(2) ? "\n" : "\r\n",
                         .header = header,
                         .append = false};
      const CsvSource from{.format = format, .header = header};
      written<Wide>(dir, rows, file);
      CHECK(read(from_csv<Wide>(dir / "out.csv", from)) == rows);
      written<std::tuple<std::string>>(dir, narrow, file);
      CHECK(read(from_csv<std::tuple<std::string>>(dir / "out.csv", from)) == narrow);
    }
  }
}
