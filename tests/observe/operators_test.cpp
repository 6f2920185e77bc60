// SPDX-License-Identifier: BSL-1.0
// What every operator says of itself: its name, its parameters, how it is drawn. And that it can be named.
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/penstock.hpp"
#include "penstock/testing/virtual_loop.hpp"

namespace {

using namespace std::chrono_literals;
using penstock::Shape;
using penstock::Stream;
using Pair = std::tuple<int, int>;

int inc(int x) { return x + 1; }
bool even(int x) { return x % 2 == 0; }

struct Expected {
  std::string text;
  Shape shape;
};

/// Names the stream that `op` makes, and compares.
template <class T, class Operator>
void check(const Stream<T>& source, Operator op, const Expected& expected) {
  const Stream<typename decltype(source | op)::value_type> made = source | op;
  INFO(expected.text);
  CHECK(penstock::describe(made.info()) == expected.text);
  CHECK(made.info().shape == expected.shape);
  made.named("mine");
  CHECK(made.name() == "mine");
  CHECK(penstock::describe(made.info()) == "mine; " + expected.text);
  CHECK(made.describe().find("mine; " + expected.text) != std::string::npos);
  made.destroy();
}

}  // namespace

// In Streamz every node accepts stream_name. A setting that an operator does not have does not compile here.
TEST_CASE("row 27 every operator can be named and says what it is") {
  penstock::VirtualLoop loop;
  const Stream<int> numbers{loop, "numbers"};
  const Stream<int> others{loop, "others"};
  const Stream<Pair> pairs{loop, "pairs"};

  check(numbers, penstock::map(inc), {"map", Shape::plain});
  check(pairs, penstock::starmap(std::plus<>{}), {"starmap", Shape::plain});
  check(numbers, penstock::filter(even), {"filter", Shape::plain});
  check(numbers, penstock::remove(even), {"remove", Shape::plain});
  check(numbers, penstock::accumulate(std::plus<>{}, 0), {"accumulate", Shape::state});
  check(numbers, penstock::scan(std::plus<>{}, 0), {"scan", Shape::state});
  check(pairs, penstock::pluck<0>(), {"pluck: 0", Shape::plain});
  check(numbers, penstock::tap([](int) {}), {"tap", Shape::plain});
  check(numbers, penstock::slice(1, std::nullopt, 2), {"slice: 1::2", Shape::plain});
  check(numbers, penstock::take(3), {"take: 3", Shape::plain});
  check(numbers, penstock::take_while(even), {"take_while", Shape::plain});
  check(numbers, penstock::skip(3), {"skip: 3", Shape::plain});
  check(numbers, penstock::unique(), {"unique", Shape::plain});
  check(numbers, penstock::partition(2), {"partition: 2", Shape::collect});
  check(numbers, penstock::partition_unique(2), {"partition_unique: 2", Shape::collect});
  check(numbers, penstock::sliding_window(3), {"sliding_window: 3", Shape::collect});
  check(numbers, penstock::pairwise(), {"pairwise", Shape::collect});
  check(numbers, penstock::frequencies(), {"frequencies", Shape::state});
  check(numbers, penstock::timed_window(50ms), {"timed_window: 50ms", Shape::time});
  check(numbers, penstock::timed_window_unique(50ms), {"timed_window_unique: 50ms", Shape::time});
  check(numbers, penstock::delay(2s), {"delay: 2s", Shape::time});
  check(numbers, penstock::rate_limit(500ms), {"rate_limit: 500ms", Shape::time});
  check(numbers, penstock::debounce(10ms), {"debounce: 10ms", Shape::time});
  check(numbers, penstock::sample(10ms), {"sample: 10ms", Shape::time});
  check(numbers, penstock::timeout(10ms), {"timeout: 10ms", Shape::time});
  check(numbers, penstock::buffer(8), {"buffer: 8", Shape::collect});
  check(numbers, penstock::latest(), {"latest", Shape::time});

  const auto join = [&](const char* text, auto op) {
    check(numbers, [op, &others](auto&& stream) { return op(stream.stream(), others); }, {text, Shape::join});
  };
  join("zip", [](auto a, auto b) { return penstock::zip(a, b); });
  join("zip_latest", [](auto a, auto b) { return penstock::zip_latest(a, b); });
  join("combine_latest", [](auto a, auto b) { return penstock::combine_latest(a, b); });
  join("merge", [](auto a, auto b) { return penstock::merge(a, b); });
}

TEST_CASE("row 27: sinks and sources can be named and say what they are") {
  penstock::VirtualLoop loop;
  const Stream<int> numbers{loop, "numbers"};
  const penstock::Sink end = numbers.sink([](int) {}).named("store");
  REQUIRE(penstock::describe(end.info()) == "store; sink");
  REQUIRE(end.info().shape == Shape::sink);

  const auto range = penstock::from_range(loop, {1, 2, 3}).named("numbers");
  REQUIRE(penstock::describe(range.info()) == "numbers; from_range");
  REQUIRE(range.info().shape == Shape::source);
  const auto clock = penstock::from_periodic(loop, [] { return 1; }, 10ms);
  REQUIRE(clock.info().shape == Shape::source);
}
