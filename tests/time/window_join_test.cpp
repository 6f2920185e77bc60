// SPDX-License-Identifier: BSL-1.0
#include "penstock/time/window_join.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <ostream>
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

using Row = std::tuple<EventTime, EventTime, int, int, int>;  // start, end, key, ids; -1 for nobody
struct Seen {
  std::vector<Row> rows;
  std::vector<int> late;
  friend bool operator==(const Seen&, const Seen&) = default;
};
struct Case {
  Events events;
  FixedWindows windows;
};
Case make_case(Random& random) {
  Case c{some_events(random), {}};
  const EventTime slide = 1 + random.upto(6);
  const EventTime size = slide * (1 + random.upto(3)) + random.upto(2) * random.upto(slide);
  c.windows = hopping(Micros{size}, Micros{slide}, Micros{random.upto(9) - 4});
  return c;
}

template <Outer outer>
Seen run(const Case& c) {
  Seen seen;
  const Stream<Event> left;
  const Stream<Event> right;
  auto joined = window_join<outer>(timed(left, c.events.disorder), timed(right, c.events.disorder), c.windows);
  joined.sink([&](const auto& row) {
    seen.rows.emplace_back(row.window.start, row.window.end, row.key, id_of(row.left), id_of(row.right));
  });
  joined.late_left().sink([&](const auto& late) { seen.late.push_back(late.value.id); });
  joined.late_right().sink([&](const auto& late) { seen.late.push_back(late.value.id); });
  for (const auto& [is_left, event] : c.events.list) (is_left ? left : right).emit(event);
  left.close();
  right.close();
  CHECK(joined.node().time_gauges()->entries.get() == 0);
  return seen;
}

/// Every window that was open when an element came, with all against all in it.
template <Outer outer>
Seen model(const Case& c) {
  Seen seen;
  Frontiers frontiers{c.events.disorder};
  std::map<std::tuple<EventTime, int>, std::pair<std::vector<Event>, std::vector<Event>>> cells;  // by start and key
  for (const auto& [is_left, event] : c.events.list) {
    bool late = true;
    for (EventTime start = event.time - c.windows.size + 1; start <= event.time; ++start) {
      if ((start - c.windows.offset) % c.windows.slide != 0 || start + c.windows.size <= frontiers.both()) continue;
      late = false;
      auto& [lefts, rights] = cells[{start, event.key}];
      (is_left ? lefts : rights).push_back(event);
    }
    if (late) seen.late.push_back(event.id);
    frontiers.came(is_left, event.time);
  }
  for (auto& [where, cell] : cells) {
    const auto [start, key] = where;
    auto& [lefts, rights] = cell;
    const auto by_time = [](const Event& a, const Event& b) { return std::pair(a.time, a.id) < std::pair(b.time, b.id); };
    std::sort(lefts.begin(), lefts.end(), by_time);
    std::sort(rights.begin(), rights.end(), by_time);
    const auto row = [&, start = start, key = key](int l, int r) {
      seen.rows.emplace_back(start, start + c.windows.size, key, l, r);
    };
    for (const Event& l : lefts) {
      for (const Event& r : rights) row(l.id, r.id);
      if (rights.empty() && (outer == Outer::left || outer == Outer::both)) row(l.id, -1);
    }
    for (const Event& r : rights) {
      if (lefts.empty() && (outer == Outer::right || outer == Outer::both)) row(-1, r.id);
    }
  }
  return seen;
}
template <Outer outer>
void compare() {
  each_case([](Random& random) {
    const Case c = make_case(random);
    return std::pair{run<outer>(c), model<outer>(c)};
  }, 4);
}

}  // namespace

TEST_CASE("an inner window join does what all against all in each window does") { compare<Outer::none>(); }
TEST_CASE("a left window join does what all against all in each window does") { compare<Outer::left>(); }
TEST_CASE("a right window join does what all against all in each window does") { compare<Outer::right>(); }
TEST_CASE("a full window join does what all against all in each window does") { compare<Outer::both>(); }

TEST_CASE("pairs come when their window is over, with its last microsecond as time") {
  const Stream<Event> left;
  const Stream<Event> right;
  auto joined = window_join(timed(left, 0), timed(right, 0), tumbling(Micros{10}));
  Probe<decltype(joined)::value_type> probe{joined};
  left.emit({3, 1, 1});
  right.emit({7, 1, 2});
  left.emit({12, 1, 3});
  CHECK(probe.size() == 0);
  right.emit({31, 2, 4});
  REQUIRE(probe.size() == 1);
  CHECK(probe.values()[0].window == Window{0, 10});
  CHECK(probe.records()[0].event_time == 9);
  CHECK(probe.signals().back().value == 12);
}

TEST_CASE("metadata of a pair is that of both, and is held until the window is over") {
  int done = 0;
  const Stream<Event> left;
  const Stream<Event> right;
  const auto ref = [&] { return Context{Ref{[&](const Ending& ending) { done += ending.outcome == Outcome::done; }}}; };
  std::size_t refs = 0;
  auto joined = window_join(timed(left, 0), timed(right, 0), tumbling(Micros{10}));
  Probe<decltype(joined)::value_type> probe{joined};
  left.emit({1, 1, 1}, ref());
  right.emit({2, 1, 2}, ref());
  left.emit({15, 1, 3});
  CHECK(done == 0);
  right.emit({15, 1, 4});
  CHECK(done == 2);
  REQUIRE(probe.size() == 1);
  refs = probe.records()[0].refs;
  CHECK(refs == 2);
  {
    int dropped = 0;
    const auto dropped_ref = [&] { return Context{Ref{[&](const Ending& ending) { dropped += ending.outcome == Outcome::dropped; }}}; };
    const Stream<Event> l;
    const Stream<Event> r;
    window_join(timed(l, 0), timed(r, 0), tumbling(Micros{10}), 1).sink([](const auto&) {});
    l.emit({1, 1, 1}, dropped_ref());
    CHECK_THROWS_WITH(l.emit({1, 1, 2}), Catch::Contains("max_held"));
    l.destroy();
    CHECK(dropped == 0);
  }
}
