// SPDX-License-Identifier: BSL-1.0
#include "penstock/time/interval_join.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/testing/probe.hpp"
#include "penstock/time/event_time.hpp"
#include "places.hpp"

using namespace penstock;
using testing::Probe;
using Micros = std::chrono::microseconds;

namespace {

struct Event {
  EventTime time;
  int key;
  int id;
};
auto timed(const Stream<Event>& source, EventTime disorder) {
  return source.event_time(&Event::time, bounded_disorder(Micros{disorder}), {.tell = Tell::element}).key_by(&Event::key);
}

struct Case {
  std::vector<std::pair<bool, Event>> events;  // left?
  Between bounds;
  EventTime disorder;
};
Case make_case(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto upto = [&](EventTime n) { return static_cast<EventTime>(random() % static_cast<std::uint64_t>(n)); };
  Case c{};
  const EventTime lower = upto(13) - 6;
  c.bounds = between(Micros{lower}, Micros{lower + upto(8)});
  c.disorder = upto(6);
  EventTime now = upto(20) - 10;
  const EventTime n = 1 + upto(30);
  const EventTime spread = 1 + upto(8);
  for (int i = 0; i < n; ++i) {
    now += upto(3);
    c.events.push_back({upto(2) == 0, {now - upto(spread), static_cast<int>(upto(3)), i}});
  }
  return c;
}

using Row = std::tuple<int, int>;  // ids; -1 for nobody
struct Seen {
  std::vector<Row> rows;
  std::vector<int> late;
};

template <Outer outer>
Seen run(const Case& c) {
  Seen seen;
  const Stream<Event> left;
  const Stream<Event> right;
  auto joined = interval_join<outer>(timed(left, c.disorder), timed(right, c.disorder), c.bounds);
  const auto id = [](const auto& side) {
    if constexpr (requires { side.has_value(); }) {
      return side ? side->id : -1;
    } else {
      return side.id;
    }
  };
  EventTime told = no_frontier;
  bool kept = true;
  joined.sink([&](const auto& row) {
    seen.rows.emplace_back(id(row.left), id(row.right));
  });
  Probe<typename decltype(joined)::value_type> probe{joined};
  joined.late_left().sink([&](const auto& late) { seen.late.push_back(late.value.id); });
  joined.late_right().sink([&](const auto& late) { seen.late.push_back(late.value.id); });
  std::size_t signals = 0;
  std::size_t rows = 0;
  for (const auto& [is_left, event] : c.events) {
    (is_left ? left : right).emit(event);
    // No row is behind the frontier that was told before it.
    for (; rows < probe.size(); ++rows) kept = kept && probe.records()[rows].event_time >= told;
    for (; signals < probe.signals().size(); ++signals) told = probe.signals()[signals].value;
  }
  left.close();
  right.close();
  for (; rows < probe.size(); ++rows) kept = kept && probe.records()[rows].event_time >= told;
  CHECK(kept);
  CHECK(joined.node().time_gauges()->entries.get() == 0);
  return seen;
}

/// All against all: what is late by the frontier that both streams had before it is not there.
template <Outer outer>
Seen model(const Case& c) {
  Seen seen;
  EventTime latest[2] = {no_frontier, no_frontier};
  std::vector<std::pair<bool, Event>> in_time;
  for (const auto& [is_left, event] : c.events) {
    const EventTime least = std::min(latest[0], latest[1]);
    if (least != no_frontier && event.time < least - c.disorder) {
      seen.late.push_back(event.id);
    } else {
      in_time.emplace_back(is_left, event);
    }
    latest[is_left] = std::max(latest[is_left], event.time);
  }
  std::vector<int> paired;
  for (const auto& [a_left, a] : in_time) {
    for (const auto& [b_left, b] : in_time) {
      if (!a_left || b_left || a.key != b.key) continue;
      if (b.time < a.time + c.bounds.lower || b.time > a.time + c.bounds.upper) continue;
      seen.rows.emplace_back(a.id, b.id);
      paired.push_back(a.id);
      paired.push_back(b.id);
    }
  }
  for (const auto& [is_left, event] : in_time) {
    if (std::find(paired.begin(), paired.end(), event.id) != paired.end()) continue;
    if (is_left && outer != Outer::none) seen.rows.emplace_back(event.id, -1);
    if (!is_left && outer == Outer::both) seen.rows.emplace_back(-1, event.id);
  }
  return seen;
}

/// Sanitizers make everything ten times as slow.
#ifdef PENSTOCK_SANITIZED
constexpr std::uint64_t cases = 3'500;
#else
constexpr std::uint64_t cases = 35'000;
#endif

template <Outer outer>
void compare() {
  const char* only = std::getenv("PENSTOCK_SEED");
  const std::uint64_t first = only ? std::strtoull(only, nullptr, 10) : 1;
  const std::uint64_t last = only ? first : cases;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    const Case c = make_case(seed);
    INFO("PENSTOCK_SEED=" << seed << " bounds " << c.bounds.lower << ".." << c.bounds.upper << " disorder " << c.disorder);
    Seen seen = run<outer>(c);
    Seen expected = model<outer>(c);
    std::sort(seen.rows.begin(), seen.rows.end());
    std::sort(expected.rows.begin(), expected.rows.end());
    REQUIRE(seen.late == expected.late);
    REQUIRE(seen.rows == expected.rows);
  }
}

}  // namespace

TEST_CASE("an inner interval join does what all against all does") { compare<Outer::none>(); }
TEST_CASE("a left interval join does what all against all does") { compare<Outer::left>(); }
TEST_CASE("a full interval join does what all against all does") { compare<Outer::both>(); }

TEST_CASE("pairs come at once, in the order of their partners' times; what is alone comes when it must be") {
  const Stream<Event> left;
  const Stream<Event> right;
  auto joined = interval_join<Outer::left>(timed(left, 0), timed(right, 0), between(Micros{-5}, Micros{5}));
  std::vector<Row> rows;
  joined.sink([&](const auto& row) { rows.emplace_back(row.left.id, row.right ? row.right->id : -1); });
  right.emit({12, 1, 1});
  right.emit({12, 2, 2});
  right.emit({15, 1, 3});
  left.emit({10, 1, 4});
  CHECK(rows == std::vector<Row>{{4, 1}, {4, 3}});
  left.emit({30, 1, 5});
  right.emit({36, 3, 6});
  CHECK(rows.size() == 2);
  left.emit({36, 3, 7});
  CHECK(rows == std::vector<Row>{{4, 1}, {4, 3}, {7, 6}, {5, -1}});
}

TEST_CASE("metadata of a pair is that of both, and is held until no partner can come") {
  const Stream<Event> left;
  const Stream<Event> right;
  int done = 0;
  interval_join(timed(left, 0), timed(right, 0), between(Micros{0}, Micros{5})).sink([](const auto&) {});
  left.emit({10, 1, 1}, Context{Ref{[&](const Ending& ending) { done += ending.outcome == Outcome::done; }}});
  right.emit({12, 1, 2}, Context{Ref{[&](const Ending& ending) { done += ending.outcome == Outcome::done; }}});
  CHECK(done == 0);
  left.emit({20, 1, 3});
  right.emit({20, 1, 4});
  CHECK(done == 2);
}

TEST_CASE("interval_join: bad bounds and too many elements get a sentence") {
  CHECK_THROWS_WITH(between(Micros{2}, Micros{1}), "between: the lower bound is above the upper one");
  const Stream<Event> left;
  const Stream<Event> right;
  interval_join(timed(left, 0), timed(right, 0), between(Micros{0}, Micros{5}), 1).sink([](const auto&) {});
  left.emit({10, 1, 1});
  CHECK_THROWS_WITH(left.emit({10, 1, 1}), Catch::Contains("max_held"));
}

TEST_CASE("interval_join: a key that is not equal to itself has no partner, and holds up nothing") {
  const Stream<places::Visit> left, right;
  int rows = 0;
  interval_join<Outer::left>(by_place(left), by_place(right), between(Micros{0}, Micros{5})).sink([&](const auto&) { ++rows; });
  left.emit({1, places::nowhere});
  left.emit({2, {1.0}});
  right.emit({20, {2.0}});
  left.emit({20, {2.0}});  // the frontier passes the first two
  CHECK(rows == 2);
}
