// SPDX-License-Identifier: BSL-1.0
#include "penstock/sources/from_csv.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <tuple>
#include <vector>

#include "catch.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/testing/testing.hpp"
#include "temporary_directory.hpp"

using namespace penstock;
using namespace std::chrono_literals;
using penstock::test::containing;
using penstock::test::TemporaryDirectory;
using penstock::testing::Probe;
using penstock::testing::ScriptedSink;

namespace {

enum class Kind { view, cart, purchase };
BOOST_DESCRIBE_ENUM(Kind, view, cart, purchase)

struct Named {
  std::string name;
};
BOOST_DESCRIBE_STRUCT(Named, (), (name))
struct Event : Named {
  std::chrono::sys_seconds time;
  Kind kind{};
  double price = -1;
  std::optional<int> user;
  auto all() const { return std::tie(name, time, kind, price, user); }
  friend bool operator==(const Event& a, const Event& b) { return a.all() == b.all(); }
};
BOOST_DESCRIBE_STRUCT(Event, (Named), (time, kind, price, user))

struct Point {
  int x = 7;
  int y = 7;
  friend bool operator==(const Point&, const Point&) = default;
};
struct Listed {
  int first = 0;
  int not_a_column = 5;
  int second = 0;
};

Event event(std::string name, std::chrono::seconds time, Kind kind, double price, std::optional<int> user) {
  Event e;
  e.name = std::move(name);
  e.time = std::chrono::sys_seconds{time};
  e.kind = kind;
  e.price = price;
  e.user = user;
  return e;
}

/// All of a file, and its bad rows.
template <class T>
struct Read {
  std::vector<T> rows;
  std::vector<std::string> bad;
};
template <class T>
Read<T> read(const TemporaryDirectory& dir, const std::string& text, CsvSource options = {}) {
  dir.write("in.csv", text);
  const auto source = from_csv<T>(dir / "in.csv", std::move(options));
  const Probe<T> rows{source};
  const Probe<BadRow> bad{source.bad_rows()};
  source.start();
  CHECK(rows.ended());
  CHECK(bad.ended());
  CHECK(source.position().offset == static_cast<std::int64_t>(text.size()));
  Read<T> all{rows.values(), {}};
  for (const BadRow& row : bad.values()) {
    CHECK(row.file == (dir / "in.csv").string());
    all.bad.push_back(std::to_string(row.line) + " " + row.column + ": " + row.reason + " | " + row.text);
  }
  return all;
}

}  // namespace

template <>
struct penstock::row_traits<Listed> {
  static constexpr auto columns = std::tuple{penstock::column("the first", &Listed::first),
                                             penstock::column("the second", &Listed::second)};
};

TEST_CASE("from_csv reads described structs, bases too, by the names in the header, in any order") {
  const TemporaryDirectory dir;
  const auto got = read<Event>(dir,
                               "user,time,kind,price,name\r\n"
                               ",2019-10-01 00:00:00 UTC,view,1.5,\"a, b\"\r\n"
                               "7,2019-10-01T00:00:01Z,purchase,-2,\"say \"\"x\"\"\ny\"");
  CHECK(got.rows == std::vector{event("a, b", 1569888000s, Kind::view, 1.5, std::nullopt),
                                event("say \"x\"\ny", 1569888001s, Kind::purchase, -2, 7)});
  CHECK(got.bad.empty());
}

TEST_CASE("from_csv reads tuples and plain aggregates by position, with a header and without") {
  const TemporaryDirectory dir;
  using Row = std::tuple<std::string, int>;
  CHECK(read<Row>(dir, "x,y\na,1\n").rows == std::vector{Row{"a", 1}});
  CHECK(read<Row>(dir, "a,1\nb,2\n", {.header = false}).rows == std::vector{Row{"a", 1}, Row{"b", 2}});
  CHECK(read<Point>(dir, "1;2\n", {.format = {.separator = ';'}, .header = false}).rows ==
        std::vector{Point{1, 2}});
  CHECK(read<Event>(dir, "n,2019-10-01,cart,1,\n", {.header = false}).rows ==
        std::vector{event("n", 1569888000s, Kind::cart, 1, std::nullopt)});
}

TEST_CASE("from_csv reads what a row_traits lists and leaves the other members alone") {
  const TemporaryDirectory dir;
  const auto got = read<Listed>(dir, "the second,the first\n2,1\n");
  REQUIRE(got.rows.size() == 1);
  CHECK(got.rows[0].first == 1);
  CHECK(got.rows[0].second == 2);
  CHECK(got.rows[0].not_a_column == 5);
}

TEST_CASE("from_csv sets damaged rows aside, with line, column and reason, and goes on") {
  const TemporaryDirectory dir;
  const auto got = read<Event>(dir,
                               "name,time,kind,price,user\n"
                               "a,2019-10-01,view,1,\n"
                               "b,2019-10-01,view,1x,\n"
                               "\"c\nd\",2019-10-01,buy,1,\n"
                               "e,2019-10-01,view,1\n"
                               "f,yesterday,view,1,\n"
                               "g,2019-10-01,\"view\" ,1,\n"
                               "h,2019-10-01,view,1,99999999999\n"
                               "i,2019-10-01,view,1,\n"
                               "j,2019-10-01,view,1,\"\n");
  REQUIRE(got.rows.size() == 2);
  CHECK(got.rows[0].name == "a");
  CHECK(got.rows[1].name == "i");
  CHECK(got.bad == std::vector<std::string>{
                       "3 price: \"1x\" is not a number | b,2019-10-01,view,1x,",
                       "4 kind: \"buy\" is not one of the names | \"c\nd\",2019-10-01,buy,1,",
                       "6 : 4 fields where 5 belong | e,2019-10-01,view,1",
                       "7 time: \"yesterday\" is not a time | f,yesterday,view,1,",
                       "8 kind: text follows the quotes of field 3 | g,2019-10-01,\"view\" ,1,",
                       "9 user: \"99999999999\" is out of range | h,2019-10-01,view,1,99999999999",
                       "11 user: the quote of field 5 is not closed | j,2019-10-01,view,1,\"",
                   });
  CHECK(read<Point>(dir, "1,x\n", {.header = false}).bad ==
        std::vector<std::string>{"1 2: \"x\" is not a number | 1,x"});
}

TEST_CASE("from_csv reports bad rows that nobody takes, and goes on or stops") {
  const TemporaryDirectory dir;
  dir.write("in.csv", "1,2\n3,x\n5,6\n");
  const std::string where = (dir / "in.csv").string();
  const auto go_on = from_csv<Point>(dir / "in.csv", {.header = false});
  const Probe<Point> all{go_on};
  CHECK_THROWS_WITH(go_on.start(), where + ":2: column 2: \"x\" is not a number");
  CHECK(all.values() == std::vector{Point{1, 2}, Point{5, 6}});
  CHECK(all.ended());

  const auto stop = from_csv<Point>(dir / "in.csv", {.header = false, .on_failure = OnFailure::stop});
  const Probe<Point> some{stop};
  CHECK_THROWS_AS(stop.start(), BadRowError);
  CHECK(some.values() == std::vector{Point{1, 2}});
  CHECK(stop.position() == RowPosition{8, 3});
  stop.start();
  CHECK(some.values() == std::vector{Point{1, 2}, Point{5, 6}});

  const auto skip = from_csv<Point>(dir / "in.csv", {.header = false, .bad_rows = BadRows::skip});
  const Probe<Point> good{skip};
  skip.start();
  CHECK(good.values() == std::vector{Point{1, 2}, Point{5, 6}});
}

TEST_CASE("from_csv compares the header with the row when it is made") {
  const TemporaryDirectory dir;
  const std::string where = "from_csv: " + (dir / "in.csv").string() + ": ";
  const auto refused = [&](const std::string& text, CsvSource options = {}) -> std::string {
    dir.write("in.csv", text);
    try {
      from_csv<Event>(dir / "in.csv", options);
    } catch (const CsvError& error) {
      return std::string(error.what()).substr(where.size());
    }
    return "";
  };
  CHECK(refused("") == "there is no header");
  CHECK(refused("name,\"time\n") == "the header is damaged: the quote of field 2 is not closed");
  CHECK(refused("name,time,kind,price,age\n") == "no member for the column \"age\"");
  CHECK(refused("name,time,kind,name,price\n") == "the column \"name\" stands twice in the header");
  CHECK(refused("name,time,kind\n") == "the header lacks the column \"price\"");
  CHECK(refused("name,time,kind,price\n") == "");
  CHECK(refused("name,time,age\n", {.unknown_columns = true, .missing_columns = true}) == "");
  dir.write("in.csv", "x,y,z\n");
  CHECK_THROWS_WITH(from_csv<Point>(dir / "in.csv"), where + "the header has 3 columns, and the row 2");

  const CsvSource allow{.unknown_columns = true, .missing_columns = true};
  const auto got = read<Event>(dir, "age,name\n1,a\n2,b\n", allow);
  CHECK(got.rows == std::vector{event("a", 0s, Kind::view, -1, {}), event("b", 0s, Kind::view, -1, {})});
  CHECK(read<Point>(dir, "x,y,z\n1,2,3\n", {.unknown_columns = true}).rows == std::vector{Point{1, 2}});
}

TEST_CASE("from_csv says which file or option is wrong") {
  const TemporaryDirectory dir;
  CHECK_THROWS_WITH(from_csv<Point>(dir / "none.csv"), containing("from_csv: cannot open"));
  CHECK_THROWS_AS(from_csv<Point>(dir / "none.csv"), std::system_error);
  dir.write("in.csv", "1,2\n");
  CHECK_THROWS_AS(from_csv<Point>(dir / "in.csv", {.format = {.separator = '"'}}), std::invalid_argument);
  CHECK_THROWS_AS(from_csv<Point>(dir / "in.csv", {.from = {-1, 1}}), std::invalid_argument);
  CHECK_THROWS_AS(from_csv<Point>(dir / "in.csv", {.time_format = "%q"}), std::invalid_argument);
}

TEST_CASE("from_csv reads rows that lie across its blocks, and more than fit into one lot") {
  const TemporaryDirectory dir;
  std::string text = "x,y\n";
  for (int i = 0; i < 30000; ++i) text += "\"" + std::to_string(i) + "\"," + std::to_string(-i) + "\n";
  const auto got = read<Point>(dir, text);
  REQUIRE(got.rows.size() == 30000);
  for (int i = 0; i < 30000; ++i) {
    if (got.rows[static_cast<std::size_t>(i)] != Point{i, -i}) FAIL("row " << i);
  }
  CHECK(read<std::tuple<std::string>>(dir, "a\n" + std::string(200000, 'x') + "\n").rows.at(0) ==
        std::tuple{std::string(200000, 'x')});
}

TEST_CASE("from_csv loses nothing when it is stopped while an element waits, and knows where it is") {
  const TemporaryDirectory dir;
  std::string text = "x,y\n";
  for (int i = 10; i < 30; ++i) text += std::to_string(i) + ",0\n";
  dir.write("in.csv", text);
  VirtualLoop loop;
  const auto source = from_csv<Point>(loop, dir / "in.csv");
  const ScriptedSink<Point> sink{source, {.takes = 10ms}};
  CHECK(source.position() == RowPosition{4, 2});
  source.start();
  loop.run_for(45ms);
  source.stop();
  loop.run_for(1s);
  REQUIRE(sink.taken() == 5);
  CHECK(source.position() == RowPosition{4 + 5 * 5, 7});

  const auto other = from_csv<Point>(loop, dir / "in.csv", {.from = source.position()});
  const Probe<Point> rest{other};
  other.start();
  source.start();
  loop.run();
  CHECK(sink.completed().size() == 20);
  REQUIRE(rest.size() == 15);
  CHECK(rest.values().front() == Point{15, 0});
  CHECK(sink.completed().back() == Point{29, 0});
}

TEST_CASE("from_csv goes on where it was at any row, whatever stands round it") {
  const TemporaryDirectory dir;
  const std::string text = "\xEF\xBB\xBFy,x\n1,1\n\n2,\"2\"\r\nx,3\n\"4,4\n5,5\n6,6";
  dir.write("in.csv", text);
  const auto all = from_csv<std::tuple<int, int>>(dir / "in.csv", {.bad_rows = BadRows::skip});
  std::vector<int> values;
  all.sink([&](const std::tuple<int, int>& row) { values.push_back(std::get<0>(row)); });
  all.start();
  CHECK(values == std::vector{1, 2, 5, 6});

  VirtualLoop loop;
  const auto slow = from_csv<std::tuple<int, int>>(loop, dir / "in.csv", {.bad_rows = BadRows::skip});
  const ScriptedSink<std::tuple<int, int>> sink{slow, {.takes = 10ms}};
  slow.start();
  for (std::size_t n = 0; n < 4; ++n) {
    const CsvSource from{.from = slow.position(), .bad_rows = BadRows::skip};
    const auto rest = from_csv<std::tuple<int, int>>(dir / "in.csv", from);
    const Probe<std::tuple<int, int>> probe{rest};
    rest.start();
    CHECK(probe.size() == 4 - n);
    loop.run_for(n == 0 ? 1ms : 10ms);
  }
}

TEST_CASE("from_csv waits for whoever takes its bad rows, in their place between the others") {
  const TemporaryDirectory dir;
  dir.write("in.csv", "1,1\nx,2\n3,3\n");
  VirtualLoop loop;
  const auto source = from_csv<Point>(loop, dir / "in.csv", {.header = false});
  const ScriptedSink<BadRow> bad{source.bad_rows(), {.takes = 10ms}};
  const Probe<Point> rows{source};
  source.start();
  loop.run_for(5ms);
  CHECK(rows.size() == 1);
  CHECK(bad.taken() == 1);
  loop.run_for(10ms);
  CHECK(rows.size() == 2);
  CHECK(rows.ended());
}

TEST_CASE("from_csv that is started after its end goes on with what was written since") {
  const TemporaryDirectory dir;
  dir.write("in.csv", "x,y\n1,1\n");
  const auto source = from_csv<Point>(dir / "in.csv");
  const Probe<Point> rows{source};
  source.start();
  CHECK(rows.ended());
  source.start();
  CHECK(rows.size() == 1);
  dir.append("in.csv", "2,2\n");
  source.start();
  CHECK(rows.values() == std::vector{Point{1, 1}, Point{2, 2}});
}

TEST_CASE("from_csv may be ended by what it emits, rows and bad rows") {
  const TemporaryDirectory dir;
  dir.write("in.csv", "1,1\nx,2\n3,3\n");
  for (const bool by_bad_row : {false, true}) {
    VirtualLoop loop;
    int rows = 0;
    int bad = 0;
    std::optional<RowSource<Point, detail::CsvRows<Point>>> source;
    source.emplace(from_csv<Point>(loop, dir / "in.csv", {.header = false}));
    source->bad_rows().sink([&](const BadRow&) {
      ++bad;
      source.reset();
    });
    source->sink([&](const Point&) {
      ++rows;
      if (!by_bad_row) source.reset();
    });
    source->start();
    loop.run();
    CHECK(rows == 1);
    CHECK(bad == by_bad_row);
  }
}
