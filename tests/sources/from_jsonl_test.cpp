// SPDX-License-Identifier: BSL-1.0
#include "penstock/sources/from_jsonl.hpp"

#include <chrono>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <vector>

#include <boost/json/src.hpp>  // here for all files of this program

#include "catch.hpp"
#include "fuzz/fuzz.hpp"
#include "penstock/sinks/sink_to_jsonl.hpp"
#include "penstock/testing/testing.hpp"
#include "temporary_directory.hpp"

using namespace penstock;
using namespace std::chrono_literals;
using penstock::test::containing;
using penstock::test::TemporaryDirectory;
using penstock::testing::Probe;
using penstock::testing::ScriptedSink;
using Texts = std::vector<std::string>;
using Milliseconds = std::chrono::sys_time<std::chrono::milliseconds>;

namespace {

enum class Kind { view, cart };
BOOST_DESCRIBE_ENUM(Kind, view, cart)

struct Part {
  std::string name;
  double weight = 0;
  friend bool operator==(const Part&, const Part&) = default;
};
BOOST_DESCRIBE_STRUCT(Part, (), (name, weight))
struct Order {
  std::int64_t id = 0;
  Kind kind{};
  std::optional<std::string> note;
  std::vector<Part> parts;
  std::vector<bool> flags;
  Milliseconds time;
  std::tuple<int, double> pair;
  friend bool operator==(const Order&, const Order&) = default;
};
BOOST_DESCRIBE_STRUCT(Order, (), (id, kind, note, parts, flags, time, pair))
struct Small {
  std::uint8_t n = 3;
  friend bool operator==(const Small&, const Small&) = default;
};
BOOST_DESCRIBE_STRUCT(Small, (), (n))

template <class T>
struct Read {
  std::vector<T> rows;
  Texts bad;
};
template <class T>
Read<T> read(const TemporaryDirectory& dir, const std::string& text, JsonlSource options = {}) {
  dir.write("in.jsonl", text);
  const auto source = from_jsonl<T>(dir / "in.jsonl", std::move(options));
  const Probe<T> rows{source};
  const Probe<BadRow> bad{source.bad_rows()};
  source.start();
  CHECK(rows.ended());
  CHECK(source.position().offset == static_cast<std::int64_t>(text.size()));
  Read<T> all{rows.values(), {}};
  for (const BadRow& row : bad.values()) {
    all.bad.push_back(std::to_string(row.line) + " " + row.column + ": " + row.reason);
  }
  return all;
}

Texts lines(std::string_view text, std::size_t piece, std::size_t longest) {
  LineReader reader{longest};
  Texts found;
  penstock::test::feed_in_pieces(reader, text, piece, [&] {
    for (Found next = reader.next(); next != Found::nothing; next = reader.next()) {
      found.push_back(std::to_string(reader.line()) + (next == Found::damaged ? "!" : " ") +
                      std::string(reader.text()) + " " + std::to_string(reader.offset()));
    }
  });
  return found;
}

}  // namespace

TEST_CASE("LineReader finds lines however the text was cut") {
  const std::string text = "\xEF\xBB\xBF" "ab\r\n\n\r\ncdefgh\ncdefghi\n\rx\ny";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    CHECK(lines(text, piece, 6) == Texts{"1 ab 7", "4 cdefgh 17", "5!cdefgh 25", "6 \rx 28", "7 y 29"});
  }
}

TEST_CASE("from_jsonl reads objects by name, in any order, and what is nested in them") {
  const TemporaryDirectory dir;
  const auto got = read<Order>(
      dir,
      "{\"id\": -5, \"kind\": \"cart\", \"note\": \"\\u00e9\\n\", "
      "\"parts\": [{\"weight\": 0.1, \"name\": \"a\"}], \"flags\": [true, false], \"time\": \"2019-10-01T00:00:00.5Z\", \"pair\": [1, 2]}\r\n"
      "\n"
      "{\"pair\":[3,1e3],\"time\":\"2019-10-01 00:00:00 UTC\",\"flags\":[],\"parts\":[],\"note\":null,"
      "\"kind\":\"view\",\"id\":7}");
  const Milliseconds october{1569888000s};
  CHECK(got.rows ==
        std::vector{Order{-5, Kind::cart, "\xC3\xA9\n", {{"a", 0.1}}, {true, false}, october + 500ms, {1, 2}},
                    Order{7, Kind::view, std::nullopt, {}, {}, october, {3, 1000}}});
  CHECK(got.bad.empty());
}

TEST_CASE("from_jsonl reads arrays by position, single values, and values as they are") {
  const TemporaryDirectory dir;
  using Row = std::tuple<int, std::string>;
  CHECK(read<Row>(dir, "[1, \"a\"]\n[2, \"b\"]\n").rows == std::vector{Row{1, "a"}, Row{2, "b"}});
  CHECK(read<double>(dir, "1\n2.5\n").rows == std::vector{1.0, 2.5});
  const auto values = read<boost::json::value>(dir, "{\"a\": [1]}\nnull\n").rows;
  REQUIRE(values.size() == 2);
  CHECK(boost::json::serialize(values[0]) == "{\"a\":[1]}");
  CHECK(values[1].is_null());
}

TEST_CASE("from_jsonl reads any number of long lines, each in no more memory than the one before") {
  // Memory that was twice as much for every line would have come to its end at the fiftieth.
  const std::vector<int> row(5000, 7);
  std::string line = "[7";
  for (std::size_t i = 1; i < row.size(); ++i) line += ",7";
  line += "]\n";
  std::string text;
  for (int i = 0; i < 100; ++i) text += line + "[1]\n";
  const TemporaryDirectory dir;
  const Read<std::vector<int>> all = read<std::vector<int>>(dir, text);
  CHECK(all.bad.empty());
  REQUIRE(all.rows.size() == 200);
  for (std::size_t i = 0; i < 200; ++i) REQUIRE(all.rows[i] == (i % 2 == 0 ? row : std::vector<int>{1}));
}

TEST_CASE("from_jsonl sets damaged lines aside, with line, path and reason, and goes on") {
  const TemporaryDirectory dir;
  const auto got = read<Part>(dir,
                              "{\"name\": \"a\", \"weight\": 1}\n"
                              "{\"name\": \"a\", \"weight\": \"1\"}\n"
                              "{\"name\": \"a\"}\n"
                              "{\"name\": \"a\", \"weight\": 1, \"colour\": 2}\n"
                              "{\"name\": 5, \"weight\": 1}\n"
                              "[1]\n"
                              "{\"name\": \"b\", \"weight\": 2}\n");
  CHECK(got.rows == std::vector{Part{"a", 1}, Part{"b", 2}});
  CHECK(got.bad == Texts{"2 weight: \"1\" is not a number", "3 weight: is missing", "4 colour: is unknown",
                         "5 name: 5 is not a string", "6 : [1] is not an object"});
  for (const std::string text : {"{", "{}x", "{} {}", "nul", "\"\xFF\"", "{\"a\":1,}", "\x01", "1e"}) {
    const auto bad = read<boost::json::value>(dir, text + "\n1\n");
    REQUIRE(bad.bad.size() == 1);
    CHECK(bad.bad[0].starts_with("1 : not JSON: "));
    CHECK(bad.rows.size() == 1);
  }
  const auto nested = read<Order>(dir,
                                  "{\"id\":1,\"kind\":\"view\","
                                  "\"parts\":[{\"name\":\"a\",\"weight\":1},{\"name\":\"a\"}],"
                                  "\"flags\":[],\"time\":\"2019-10-01\",\"pair\":[1,2]}\n");
  CHECK(nested.bad == Texts{"1 parts.1.weight: is missing"});
  const auto longest = read<Small>(dir, "{\"n\": 1}\n{\"n\":         2}\n{\"n\": 3}", {.max_record = 10});
  CHECK(longest.rows == std::vector{Small{1}, Small{3}});
  CHECK(longest.bad == Texts{"2 : the line is longer than 10 bytes"});
}

TEST_CASE("from_jsonl takes numbers that fit, and unknown and missing names when told to") {
  const TemporaryDirectory dir;
  const auto got = read<Small>(dir, "{\"n\":255}\n{\"n\":256}\n{\"n\":-1}\n{\"n\":1.5}\n{\"n\":2.0}\n");
  CHECK(got.rows == std::vector{Small{255}, Small{2}});
  CHECK(got.bad ==
        Texts{"2 n: 256 is out of range", "3 n: -1 is out of range", "4 n: 1.5E0 is out of range"});
  CHECK(read<Small>(dir, "{\"x\":1}\n{\"n\":4}\n", {.unknown_names = true, .missing_names = true}).rows ==
        std::vector{Small{3}, Small{4}});
  CHECK(read<double>(dir, "0.1\n1.7976931348623157e308\n5e-324\n9007199254740993.0\n").rows ==
        std::vector{0.1, 1.7976931348623157e308, 5e-324, 9007199254740993.0});
}

TEST_CASE("from_jsonl reports bad lines that nobody takes") {
  const TemporaryDirectory dir;
  dir.write("in.jsonl", "{\"n\":1}\n{\"n\":\n{\"n\":3}\n");
  const auto source = from_jsonl<Small>(dir / "in.jsonl");
  const Probe<Small> rows{source};
  CHECK_THROWS_WITH(source.start(), containing("in.jsonl:2: not JSON: "));
  CHECK(rows.values() == std::vector{Small{1}, Small{3}});
  CHECK_THROWS_WITH(from_jsonl<Small>(dir / "none"), containing("from_jsonl: cannot open"));
}

TEST_CASE("from_jsonl goes on at the place where another one was") {
  const TemporaryDirectory dir;
  dir.write("in.jsonl", "{\"n\":1}\n{\"n\":2}\nx\n{\"n\":3}\n");
  VirtualLoop loop;
  const auto source = from_jsonl<Small>(loop, dir / "in.jsonl");
  const ScriptedSink<Small> sink{source, {.takes = 10ms}};
  source.start();
  loop.run_for(5ms);
  source.stop();
  loop.run_for(1s);
  CHECK(source.position() == RowPosition{8, 2});
  const auto other = from_jsonl<Small>(dir / "in.jsonl", {.from = source.position()});
  const Probe<Small> rest{other};
  const Probe<BadRow> bad{other.bad_rows()};
  other.start();
  CHECK(rest.values() == std::vector{Small{2}, Small{3}});
  REQUIRE(bad.size() == 1);
  CHECK(bad.values()[0].line == 3);
}

TEST_CASE("what sink_to_jsonl writes from_jsonl reads back equal") {
  const TemporaryDirectory dir;
  std::mt19937_64 random{7};
  const auto below = [&](std::uint64_t n) { return random() % n; };
  const std::string pieces[] = {"\"", "\\", "\n", "\r", "\t", "\x01", "\x1f", "\x7f", "/", "a", "{",
                                "\xC3\xA9", "\xF0\x9F\x98\x80", "\xE2\x80\xA8"};
  const auto text = [&] {
    std::string made;
    for (auto n = below(6); n > 0; --n) made += pieces[below(std::size(pieces))];
    return made;
  };
  const auto real = [&] {
    const auto whole = static_cast<std::int64_t>(random());
    return std::ldexp(static_cast<double>(whole), static_cast<int>(below(600)) - 300);
  };
  std::vector<Order> orders;
  for (int i = 0; i < 500; ++i) {
    Order order;
    order.id = static_cast<std::int64_t>(random());
    order.kind = below(2) ? Kind::view : Kind::cart;
    if (below(2)) order.note = text();
    for (auto n = below(3); n > 0; --n) order.parts.push_back({text(), real()});
    for (auto n = below(3); n > 0; --n) order.flags.push_back(below(2));
    order.time = Milliseconds{std::chrono::milliseconds{below(250'000'000'000'000)}};
    order.pair = {static_cast<int>(random()), real()};
    orders.push_back(order);
  }
  const Stream<Order> stream;
  stream.sink_to_jsonl(dir / "in.jsonl");
  for (const Order& order : orders) stream.emit(order);
  stream.close();
  const auto source = from_jsonl<Order>(dir / "in.jsonl");
  const Probe<Order> rows{source};
  source.start();
  CHECK(rows.values() == orders);
}
