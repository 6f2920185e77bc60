// SPDX-License-Identifier: BSL-1.0
#include "penstock/sinks/sink_to_jsonl.hpp"

#include <chrono>
#include <cmath>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "catch.hpp"
#include "temporary_directory.hpp"

using namespace penstock;
using penstock::test::containing;
using penstock::test::TemporaryDirectory;

namespace {

enum class Kind { view, cart };
BOOST_DESCRIBE_ENUM(Kind, view, cart)

struct Part {
  std::string name;
  double weight = 0;
};
BOOST_DESCRIBE_STRUCT(Part, (), (name, weight))
struct Order {
  int id = 0;
  Kind kind{};
  std::optional<bool> paid;
  std::vector<Part> parts;
  std::tuple<int, char> pair{1, 'x'};
  std::chrono::sys_seconds time;
};
BOOST_DESCRIBE_STRUCT(Order, (), (id, kind, paid, parts, pair, time))

}  // namespace

// What the lines are is told by RFC 8259.
TEST_CASE("sink_to_jsonl writes a line for each element: objects by name, arrays by position") {
  const TemporaryDirectory dir;
  const Stream<Order> stream;
  stream.sink_to_jsonl(dir / "out.jsonl");
  stream.emit(Order{1, Kind::cart, true, {{"a", 0.5}, {"b", 1e300}}, {2, '"'}, {}});
  stream.emit(Order{});
  stream.close();
  CHECK(dir.read("out.jsonl") ==
        "{\"id\":1,\"kind\":\"cart\",\"paid\":true,\"parts\":[{\"name\":\"a\",\"weight\":0.5},"
        "{\"name\":\"b\",\"weight\":1e+300}],\"pair\":[2,\"\\\"\"],\"time\":\"1970-01-01T00:00:00Z\"}\n"
        "{\"id\":0,\"kind\":\"view\",\"paid\":null,\"parts\":[],\"pair\":[1,\"x\"],"
        "\"time\":\"1970-01-01T00:00:00Z\"}\n");
}

TEST_CASE("sink_to_jsonl escapes what a JSON string cannot hold, and nothing else") {
  const TemporaryDirectory dir;
  const Stream<std::string> stream;
  stream.sink_to_jsonl(dir / "out.jsonl");
  stream.emit("\"\\/\b\f\n\r\t\x01\x1f\x7f \xC3\xA9");
  stream.close();
  CHECK(dir.read("out.jsonl") == "\"\\\"\\\\/\\u0008\\u000c\\n\\r\\t\\u0001\\u001f\x7f \xC3\xA9\"\n");
}

TEST_CASE("sink_to_jsonl refuses numbers that JSON does not have, and writes the next one") {
  const TemporaryDirectory dir;
  const Stream<double> stream;
  stream.sink_to_jsonl(dir / "out.jsonl", {.append = false, .flush = true});
  CHECK_THROWS_AS(stream.emit(std::nan("")), std::out_of_range);
  CHECK_THROWS_AS(stream.emit(HUGE_VAL), std::out_of_range);
  stream.emit(0.1);
  CHECK(dir.read("out.jsonl") == "0.1\n");
}

TEST_CASE("sink_to_jsonl appends unless told otherwise, and names what it cannot open") {
  const TemporaryDirectory dir;
  for (const bool append : {true, true, false}) {
    const Stream<int> stream;
    stream.sink_to_jsonl(dir / "out.jsonl", {.append = append});
    stream.emit(1);
    stream.close();
  }
  CHECK(dir.read("out.jsonl") == "1\n");
  const Stream<int> stream;
  CHECK_THROWS_WITH(stream.sink_to_jsonl(dir / "no folder/x"), containing("sink_to_jsonl: cannot open"));
}
