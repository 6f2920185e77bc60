// SPDX-License-Identifier: BSL-1.0
// What every operator says of itself: its name, its parameters, how it is drawn. And that it can be named.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/penstock.hpp"
#include "penstock/testing/virtual_loop.hpp"

namespace {

using namespace std::chrono_literals;
using penstock::Completion;
using penstock::OnError;
using penstock::OperatorStats;
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

/// The operator with that label.
OperatorStats of(const penstock::Handle& handle, const std::string& label) {
  for (const OperatorStats& stats : handle.stats()) {
    if (stats.label() == label) return stats;
  }
  throw std::runtime_error("no operator " + label);
}

struct Numbers {
  std::uint64_t in = 0;
  std::optional<std::uint64_t> out = 0;
  std::uint64_t left_out = 0, dropped = 0, failed = 0, held = 0;
};
/// How many elements are in its output and not kept for more, where that is not one for each.
struct Used {
  std::optional<std::uint64_t> used;
};

/// Compares the counters, and lets no element be unaccounted for.
void accounts(const OperatorStats& stats, const Numbers& expected, Used of_them = {}) {
  INFO(stats.label());
  CHECK(stats.in == expected.in);
  CHECK(stats.out == expected.out);
  CHECK(stats.left_out == expected.left_out);
  CHECK(stats.dropped == expected.dropped);
  CHECK(stats.failed == expected.failed);
  CHECK(stats.held == expected.held);
  const std::uint64_t used = of_them.used ? *of_them.used : stats.out.value();
  CHECK(stats.in.value() == used + stats.left_out + stats.dropped + stats.failed + stats.held);
}

}  // namespace

// In Streamz every node accepts stream_name. A setting that an operator does not have does not compile here.
TEST_CASE("row 27 every operator can be named and says what it is") {
  penstock::VirtualLoop loop;
  penstock::VirtualLoop away;
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
  check(numbers, penstock::collect(), {"collect", Shape::collect});
  check(
      numbers,
      penstock::map_async([](int x, Completion<int> done) { done(x); }, penstock::MapAsync{.parallelism = 2}),
      {"map_async: 2", Shape::plain});
  check(Stream<std::vector<int>>{loop}, penstock::flatten(), {"flatten", Shape::plain});
  check(numbers, [](auto&& stream) { return stream.map(inc).on_error(OnError::skip); },
        {"map", Shape::plain});

  const auto join = [&](const char* text, auto op) {
    check(numbers, [op, &others](auto&& stream) { return op(stream.stream(), others); }, {text, Shape::join});
  };
  join("zip", [](auto a, auto b) { return penstock::zip(a, b); });
  join("zip_latest", [](auto a, auto b) { return penstock::zip_latest(a, b); });
  join("combine_latest", [](auto a, auto b) { return penstock::combine_latest(a, b); });
  join("merge", [](auto a, auto b) { return penstock::merge(a, b); });
  join("zip_all", [](auto a, auto b) { return penstock::zip_all<int>({a, b}); });
  join("combine_latest_all", [](auto a, auto b) { return penstock::combine_latest_all<int>({a, b}); });

  auto [evens, rest] = numbers.split(even);
  REQUIRE(penstock::describe(evens.info()) == "split: 2");
  REQUIRE(evens.info().shape == Shape::plain);

  // It ends a graph and begins another.
  const Stream<int> far = numbers.hop(away).named("far");
  REQUIRE(penstock::describe(far.info()) == "far; hop");
  REQUIRE(far.info().shape == Shape::source);
  REQUIRE(of(numbers, "hop").shape == Shape::time);
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

// in = what is in its output + left_out + dropped + failed + held, and the numbers beside it are counted by
// hand.
TEST_CASE("map_async accounts for every element while calls are under way") {
  penstock::VirtualLoop loop;
  const Stream<int> numbers{loop};
  std::vector<Completion<int>> calls;
  const Stream<int> made = numbers.map_async(
      [&](int, Completion<int> done) { calls.push_back(std::move(done)); }, {.parallelism = 2});
  numbers.on_background_error([](std::exception_ptr, const penstock::Info&) {});
  std::vector<penstock::Receipt> receipts;
  for (int i = 0; i < 5; ++i) receipts.push_back(numbers.push(i));
  REQUIRE(calls.size() == 2);
  accounts(of(made, "map_async"), {.in = 5, .held = 5});
  calls[0](10);
  calls[1](std::make_exception_ptr(std::runtime_error("no")));
  loop.run();
  REQUIRE(calls.size() == 4);
  accounts(of(made, "map_async"), {.in = 5, .out = 1, .failed = 1, .held = 3});
}

TEST_CASE("an operator with a policy for errors accounts for every element") {
  const Stream<int> numbers;
  const auto inverse = [](int x) { return x == 0 ? throw std::domain_error("zero") : 6 / x; };
  numbers.map(inverse).on_error(OnError::skip).named("skips").sink([](int) {});
  const Stream<penstock::DeadLetter<int>> letters;
  numbers.map(inverse).on_error(penstock::divert_to(letters)).named("diverts").sink([](int) {});
  numbers.map(inverse).on_error(penstock::Retry{.attempts = 2}, OnError::skip).named("tries").sink([](int) {
  });
  for (int i = 0; i < 4; ++i) numbers.emit(i);
  accounts(of(numbers, "skips"), {.in = 4, .out = 3, .failed = 1});
  accounts(of(numbers, "diverts"), {.in = 4, .out = 3, .failed = 1});
  accounts(of(numbers, "tries"), {.in = 4, .out = 3, .failed = 1});
}

TEST_CASE("flatten and collect account for every element, which are not those they emit") {
  const Stream<std::vector<int>> lists;
  lists.flatten().sink([](int) {});
  lists.emit({1, 2, 3});
  lists.emit({});
  accounts(of(lists, "flatten"), {.in = 2, .out = 3}, {.used = 2});

  const Stream<int> numbers;
  const auto collected = numbers.collect();
  for (int i = 0; i < 3; ++i) numbers.emit(i);
  collected.flush();
  numbers.emit(3);
  accounts(of(numbers, "collect"), {.in = 4, .out = 1, .held = 1}, {.used = 3});
}

TEST_CASE("hop accounts for every element until the other side has answered") {
  penstock::VirtualLoop home;
  penstock::VirtualLoop away;
  const Stream<int> numbers{home};
  const Stream<int> far = numbers.hop(away, {.bound = 2});
  far.sink([](int) {});
  std::vector<penstock::Receipt> receipts;
  for (int i = 0; i < 5; ++i) receipts.push_back(numbers.push(i));
  const penstock::Receipt end = numbers.push_end();
  accounts(of(numbers, "hop"), {.in = 5, .out = {}, .held = 5}, {.used = 0});
  away.run();
  home.run();
  accounts(of(numbers, "hop"), {.in = 5, .out = {}, .held = 3}, {.used = 2});
  while (away.run() + home.run() != 0) {
  }
  accounts(of(numbers, "hop"), {.in = 5, .out = {}}, {.used = 5});
  REQUIRE(of(far, "hop").out == 5);
  REQUIRE_FALSE(end.pending());
}

TEST_CASE("split accounts for every element in one of its branches") {
  const Stream<int> numbers;
  auto [evens, rest] =
      numbers.split([](int x) { return x == 5 ? throw std::domain_error("five") : even(x); });
  evens.map(inc).named("evens").sink([](int) {});
  rest.map(inc).named("rest").sink([](int) {});
  for (int i = 0; i < 5; ++i) numbers.emit(i);
  CHECK_THROWS_AS(numbers.emit(5), std::domain_error);
  accounts(of(numbers, "split"), {.in = 6, .out = 5, .failed = 1});
  CHECK(of(numbers, "evens").in == 3);
  CHECK(of(numbers, "rest").in == 2);
}

TEST_CASE("operators with several inputs account for every element of each") {
  const Stream<int> left;
  const Stream<int> right;
  penstock::zip_all<int>({left, right}).sink([](const std::vector<int>&) {});
  penstock::zip_latest(left, right).sink([](const Pair&) {});
  penstock::combine_latest_all<int>({left, right}).sink([](const std::vector<int>&) {});
  left.emit(1);
  left.emit(2);
  accounts(of(left, "zip_all"), {.in = 2, .held = 2});
  accounts(of(left, "zip_latest"), {.in = 2, .held = 2});
  accounts(of(left, "combine_latest_all"), {.in = 2, .left_out = 1, .held = 1});
  right.emit(10);
  right.emit(20);
  left.emit(3);
  left.emit(4);
  // (1, 10), (2, 20) and a 3 and a 4 that wait for two more.
  accounts(of(left, "zip_all"), {.in = 6, .out = 2, .held = 2}, {.used = 4});
  // (1, 10), (2, 10), (3, 20), (4, 20); the 20 may be used again.
  accounts(of(left, "zip_latest"), {.in = 6, .out = 4, .held = 1}, {.used = 5});
  // (2, 10), (2, 20), (3, 20), (4, 20); the 1 came into none, the 4 and the 20 may be used again.
  accounts(of(left, "combine_latest_all"), {.in = 6, .out = 4, .left_out = 1, .held = 2}, {.used = 3});
}
