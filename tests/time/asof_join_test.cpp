// SPDX-License-Identifier: BSL-1.0
#include "penstock/time/asof_join.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/testing/probe.hpp"
#include "random_joins.hpp"

using namespace penstock;
using namespace random_joins;
using testing::Probe;

namespace {

using Row = std::pair<int, int>;  // ids; -1 for nobody
struct Seen {
  std::vector<Row> rows;
  std::vector<int> late;
  friend bool operator==(const Seen&, const Seen&) = default;
};
struct Case {
  Events events;
  std::optional<EventTime> tolerance;
  std::optional<EventTime> grace;
};
Case make_case(Random& random) {
  Case c{some_events(random), {}, {}};
  if (random.upto(3) == 0) c.tolerance = random.upto(8);
  if (random.upto(3) == 0) c.grace = random.upto(8);
  return c;
}
AsOf options(const Case& c) {
  AsOf chosen;
  if (c.tolerance) chosen.tolerance = Micros{*c.tolerance};
  if (c.grace) chosen.grace = Micros{*c.grace};
  return chosen;
}

template <Outer outer>
Seen run(const Case& c) {
  Seen seen;
  const Stream<Event> left;
  const Stream<Event> right;
  auto joined = asof_join<outer>(timed(left, c.events.disorder), timed(right, c.events.disorder), options(c));
  joined.sink([&](const auto& row) { seen.rows.emplace_back(id_of(row.left), id_of(row.right)); });
  Probe<typename decltype(joined)::value_type> probe{joined};
  joined.late_left().sink([&](const auto& late) { seen.late.push_back(late.value.id); });
  joined.late_right().sink([&](const auto& late) { seen.late.push_back(late.value.id); });
  for (const auto& [is_left, event] : c.events.list) {
    const std::size_t before = probe.size();
    const EventTime told = probe.signals().empty() ? no_frontier : probe.signals().back().value;
    (is_left ? left : right).emit(event);
    for (std::size_t i = before; i < probe.size(); ++i) CHECK(probe.records()[i].event_time >= told);
  }
  left.close();
  right.close();
  CHECK(joined.node().time_gauges()->entries.get() == 0);
  return seen;
}

/// Every element of the left stream asks, when its time has come, all that have come on the right.
template <Outer outer>
Seen model(const Case& c) {
  Seen seen;
  Frontiers frontiers{c.events.disorder};
  std::map<std::pair<EventTime, int>, Event> waiting;  // by time and arrival
  std::vector<Event> rights;
  const auto answer = [&] {
    while (!waiting.empty()) {
      const Event left = waiting.begin()->second;
      const bool graceful = c.grace && frontiers.side[0] > no_frontier + *c.grace && frontiers.side[0] - *c.grace > left.time;
      if (frontiers.side[1] <= left.time && !graceful) return;
      waiting.erase(waiting.begin());
      const Event* best = nullptr;
      for (const Event& right : rights) {
        if (right.key != left.key || right.time > left.time) continue;
        if (c.tolerance && right.time < left.time - *c.tolerance) continue;
        if (!best || right.time >= best->time) best = &right;
      }
      if (best || outer == Outer::left) seen.rows.emplace_back(left.id, best ? best->id : -1);
    }
  };
  for (const auto& [is_left, event] : c.events.list) {
    if (event.time < (is_left ? frontiers.both() : frontiers.side[1])) {
      seen.late.push_back(event.id);
    } else if (is_left) {
      waiting.emplace(std::pair(event.time, event.id), event);
    } else {
      rights.push_back(event);
    }
    answer();  // those whose time has come before it
    frontiers.came(is_left, event.time);
    answer();
  }
  frontiers.side[0] = frontier_at_end;
  answer();
  frontiers.side[1] = frontier_at_end;
  answer();
  return seen;
}

}  // namespace

TEST_CASE("an inner as-of join does what asking all does") {
  each_case([](Random& random) {
    const Case c = make_case(random);
    return std::pair{run<Outer::none>(c), model<Outer::none>(c)};
  }, 2);
}
TEST_CASE("a left as-of join does what asking all does") {
  each_case([](Random& random) {
    const Case c = make_case(random);
    return std::pair{run<Outer::left>(c), model<Outer::left>(c)};
  }, 2);
}

TEST_CASE("an element waits for the frontier of the right stream, and has its own time") {
  const Stream<Event> left;
  const Stream<Event> right;
  auto joined = asof_join<Outer::left>(timed(left, 0), timed(right, 0));
  Probe<decltype(joined)::value_type> probe{joined};
  right.emit({9, 1, 1});
  right.emit({15, 1, 2});
  left.emit({10, 1, 3});
  REQUIRE(probe.size() == 1);
  CHECK(id_of(probe.values()[0].right) == 1);
  CHECK(probe.records()[0].event_time == 10);
  left.emit({15, 1, 4});  // another one at 15 may come
  CHECK(probe.size() == 1);
  right.emit({15, 1, 5});
  CHECK(probe.size() == 1);
  right.emit({16, 2, 6});
  REQUIRE(probe.size() == 2);
  CHECK(id_of(probe.values()[1].right) == 5);
}

TEST_CASE("the right stream keeps one element for each key, and with a tolerance none for long") {
  const Stream<Event> left;
  const Stream<Event> right;
  auto joined = asof_join(timed(left, 0), timed(right, 0), {.tolerance = Micros{5}});
  joined.sink([](const auto&) {});
  const auto held = [&] { return joined.node().time_gauges()->entries.get(); };
  for (int i = 0; i < 10; ++i) {
    right.emit({i, 1, i});
    left.emit({i, 2, i});
  }
  CHECK(held() == 2);  // the right one at 9, and the left one that nothing is known of yet
  right.emit({15, 3, 0});
  left.emit({15, 2, 0});
  CHECK(held() == 2);
}

TEST_CASE("metadata of a partner is held until it is replaced, that of what is left out is done") {
  int done = 0;
  const Stream<Event> left;
  const Stream<Event> right;
  const auto ref = [&] { return Context{Ref{[&](const Ending& ending) { done += ending.outcome == Outcome::done; }}}; };
  asof_join(timed(left, 0), timed(right, 0)).sink([](const auto&) {});
  right.emit({1, 1, 1}, ref());
  right.emit({5, 1, 2}, ref());
  left.emit({4, 1, 3}, ref());
  left.emit({4, 2, 4}, ref());
  CHECK(done == 2);
  left.emit({5, 1, 5});
  CHECK(done == 3);
}

TEST_CASE("asof_join: move-only elements on the left, and a sentence for what makes no sense") {
  struct Own {
    EventTime time;
    int key;
    std::unique_ptr<int> id;
  };
  const Stream<Own> left;
  const Stream<Event> right;
  std::vector<Row> rows;
  asof_join<Outer::left>(left.event_time(&Own::time, ascending()).key_by(&Own::key), timed(right, 0), {.max_held = 1})
      .sink([&](const auto& row) { rows.emplace_back(*row.left.id, id_of(row.right)); });
  left.emit({3, 1, std::make_unique<int>(7)});
  CHECK_THROWS_WITH(left.emit({3, 1, std::make_unique<int>(8)}), Catch::Contains("max_held"));
  right.emit_all(std::vector<Event>{});
  left.close();
  right.close();
  CHECK(rows == std::vector<Row>{{7, -1}});
  const Stream<Event> a;
  const Stream<Event> b;
  CHECK_THROWS_WITH(asof_join(timed(a, 0), timed(b, 0), {.tolerance = Micros{-1}}),
                    "asof_join: tolerance and grace must not be negative");
}
