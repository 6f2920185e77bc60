// SPDX-License-Identifier: BSL-1.0
#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/testing/probe.hpp"
#include "penstock/time/aggregates.hpp"
#include "penstock/time/window.hpp"
#include "random_joins.hpp"

using namespace penstock;
using namespace random_joins;
using namespace std::chrono_literals;
using testing::Probe;

namespace {

using Row = std::tuple<int, EventTime, EventTime, std::vector<int>>;  // key, window, ids
struct Seen {
  std::vector<Row> rows;
  std::vector<int> late;
  friend bool operator==(const Seen&, const Seen&) = default;
};

/// The ids, in the order in which they were added; with `remove` the one that comes first is taken out.
struct Ids {
  std::vector<int> ids;
  void add(const Event& event) { ids.push_back(event.id); }
  std::vector<int> result() const { return ids; }
};
struct Removing : Ids {
  void remove(const Event& event) { ids.erase(std::find(ids.begin(), ids.end(), event.id)); }
};

template <class Windows>
Seen run(const Events& events, Windows windows, bool removes) {
  Seen seen;
  const Stream<Event> source;
  const auto keyed = timed(source, events.disorder);
  const auto watch = [&](const auto& results) {
    results.sink([&](const auto& r) { seen.rows.emplace_back(r.key, r.window.start, r.window.end, r.value); });
    results.late().sink([&](const auto& late) { seen.late.push_back(late.value.id); });
  };
  if (removes) {
    watch(keyed.window(windows).aggregate(Removing{}));
  } else {
    watch(keyed.window(windows).aggregate(Ids{}));
  }
  for (const auto& [is_left, event] : events.list) source.emit(event);
  source.close();
  return seen;
}

}  // namespace

TEST_CASE("windows of the last elements do what looking back does") {
  each_case([](Random& random) {
    const Events events = some_events(random);
    const auto n = static_cast<std::size_t>(1 + random.upto(5));
    Seen expected;
    std::map<int, std::vector<Event>> keys;
    for (const auto& [is_left, event] : events.list) {
      auto& all = keys[event.key];
      all.push_back(event);
      Row row{event.key, event.time, event.time + 1, {}};
      for (std::size_t i = all.size() - std::min(all.size(), n); i < all.size(); ++i) {
        std::get<1>(row) = std::min(std::get<1>(row), all[i].time);
        std::get<2>(row) = std::max(std::get<2>(row), all[i].time + 1);
        std::get<3>(row).push_back(all[i].id);
      }
      expected.rows.push_back(row);
    }
    return std::pair{run(events, sliding(n), random.upto(2) == 0), expected};
  }, 4);
}

TEST_CASE("windows of the last time do what looking back does, in the order of time") {
  each_case([](Random& random) {
    const Events events = some_events(random);
    const EventTime span = 1 + random.upto(9);
    Seen expected;
    std::vector<Event> all;
    EventTime frontier = no_frontier;
    for (const auto& [is_left, event] : events.list) {
      if (event.time < frontier) {
        expected.late.push_back(event.id);
      } else {
        all.push_back(event);
      }
      frontier = std::max(frontier, event.time - events.disorder);
    }
    std::stable_sort(all.begin(), all.end(), [](const Event& a, const Event& b) { return a.time < b.time; });
    for (std::size_t i = 0; i < all.size(); ++i) {
      Row row{all[i].key, all[i].time - span + 1, all[i].time + 1, {}};
      for (std::size_t j = 0; j <= i; ++j) {
        if (all[j].key == all[i].key && all[j].time > all[i].time - span) std::get<3>(row).push_back(all[j].id);
      }
      expected.rows.push_back(row);
    }
    return std::pair{run(events, sliding(Micros{span}), random.upto(2) == 0), expected};
  }, 4);
}

TEST_CASE("windows of the last elements need no event time and no key") {
  const Stream<int> source;
  std::vector<long> sums;
  source.window(sliding(3)).aggregate(sum()).sink([&](const auto& r) { sums.push_back(r.value); });
  for (int i = 1; i <= 5; ++i) source.emit(i);
  CHECK(sums == std::vector<long>{1, 3, 6, 9, 12});
}

TEST_CASE("windows of the last time keep nothing of keys that are over") {
  const Stream<Event> source;
  auto counts = timed(source, 0).window(sliding(Micros{10})).aggregate(count());
  Probe<decltype(counts)::value_type> probe{counts};
  for (int key = 0; key < 5; ++key) source.emit({key, key, key});
  source.emit({30, 9, 9});
  CHECK(probe.size() == 5);
  CHECK(probe.records()[4].event_time == 4);
  CHECK(counts.node().time_gauges()->entries.get() == 0);
  CHECK(counts.info().held.get() == 1);
}

TEST_CASE("an element that the aggregate refuses has failed; the others slide on") {
  struct Picky {
    int n = 0;
    void add(const Event& event) {
      if (event.id == 2) throw std::runtime_error("refused");
      ++n;
    }
    void remove(const Event&) { --n; }
    int result() const { return n; }
  };
  std::vector<int> counts;
  int failed = 0;
  const Stream<Event> source;
  timed(source, 0).window(sliding(Micros{10})).aggregate(Picky{}).sink([&](const auto& r) { counts.push_back(r.value); });
  source.emit({1, 1, 1});
  source.emit({2, 1, 2}, Context{Ref{[&](const Ending& ending) { failed += ending.outcome == Outcome::failed; }}});
  CHECK_THROWS_WITH(source.emit({3, 1, 3}), "refused");
  source.emit({4, 1, 4});
  source.close();
  CHECK(counts == std::vector<int>{1, 2, 3});
  CHECK(failed == 1);
}

TEST_CASE("sliding and global windows have no lateness and no early results") {
  CHECK_THROWS_WITH(sliding(0), "sliding: n must be at least 1");
  CHECK_THROWS_WITH(sliding(Micros{0}), "sliding: the time must be at least a microsecond");
  const Stream<int> source;
  CHECK_THROWS_WITH(source.window(sliding(3), {.lateness = 1s}), "sliding: has neither early nor late results, nor another output");
  CHECK_THROWS_WITH(source.window(sliding(3), {.discarding = true}), "sliding: a window that slides cannot discard");
  CHECK_THROWS_WITH(source.window(global(every(2)), {.early_every = 2}),
                    "global: has neither early nor late results, nor another output");
}

TEST_CASE("elements whose key is not a number slide in one window, and are over like others") {
  const Stream<std::pair<EventTime, double>> source;
  std::vector<std::uint64_t> counts;
  const auto windows = source.event_time([](const auto& pair) { return pair.first; }, ascending(), {.tell = Tell::element})
                           .key_by([](const auto& pair) { return pair.second; })
                           .window(sliding(Micros{10}))
                           .aggregate(count());
  windows.sink([&](const auto& r) { counts.push_back(r.value); });
  source.emit({1, std::nan("1")});
  source.emit({2, std::nan("2")});
  source.emit({30, 1.0});
  CHECK(windows.node().time_gauges()->entries.get() == 0);
  source.close();
  CHECK(counts == std::vector<std::uint64_t>{1, 2, 1});
}

TEST_CASE("a window of many elements costs each of them no look at all the others, in any order of their times") {
  // Looking at all elements of the window for each would be minutes.
  constexpr int n = 60'000;
  for (const int sign : {1, -1}) {
    const Stream<int> source;
    Window window;
    std::uint64_t counted = 0;
    source.event_time([](int time) { return EventTime{time}; }, bounded_disorder(Micros{2 * n}))
        .window(sliding(n))
        .aggregate(count())
        .sink([&](const auto& r) {
          window = r.window;
          counted = r.value;
        });
    for (int i = 0; i < 2 * n; ++i) source.emit(sign * i);
    CHECK(counted == n);
    CHECK(window == (sign == 1 ? Window{n, 2 * n} : Window{1 - 2 * n, 1 - n}));
  }
}

TEST_CASE("a window of the last elements joins the Refs of those in it that have some") {
  int ended = 0;
  const Stream<int> source;
  Probe probe{source.window(sliding(3)).aggregate(count())};
  for (int i = 0; i < 9; ++i) {
    if (i % 5 == 1 || i == 7) {
      source.emit(i, Context{Ref{[&](const Ending&) { ++ended; }}});
    } else {
      source.emit(i);
    }
    CHECK(ended == (i < 4 ? 0 : 1));
  }
  std::vector<std::size_t> refs;
  for (const auto& seen : probe.records()) refs.push_back(seen.refs);
  CHECK(refs == std::vector<std::size_t>{0, 1, 1, 1, 0, 0, 1, 2, 2});
}
