// SPDX-License-Identifier: BSL-1.0
#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/testing/probe.hpp"
#include "penstock/testing/virtual_loop.hpp"
#include "penstock/time/aggregates.hpp"
#include "penstock/time/window.hpp"
#include "random_joins.hpp"

using namespace penstock;
using namespace random_joins;
using namespace std::chrono_literals;
using testing::Probe;

namespace {

using Row = std::tuple<int, std::vector<int>, std::uint32_t>;  // key, ids, pane
struct Seen {
  std::vector<Row> rows;
  std::vector<int> late;  // none is
  friend bool operator==(const Seen&, const Seen&) = default;
};
struct Ids {
  std::vector<int> ids;
  void add(const Event& event) { ids.push_back(event.id); }
  std::vector<int> result() const { return ids; }
};

template <class Trigger>
Seen run(const Events& events, Trigger trigger, bool discarding) {
  Seen seen;
  const Stream<Event> source;
  timed(source, events.disorder).window(global(trigger), {.discarding = discarding}).aggregate(Ids{}).sink([&](const auto& r) {
    seen.rows.emplace_back(r.key, r.value, r.pane.index);
  });
  for (const auto& [is_left, event] : events.list) source.emit(event);
  source.close();
  return seen;
}

struct Cell {
  std::vector<int> ids;
  std::uint32_t panes = 0;
  std::size_t count = 0;
  bool news = false;
  EventTime due = no_frontier;  // the first border behind an element without a result
};
struct Model {
  bool discarding;
  Seen seen = {};
  std::map<int, Cell> cells = {};
  void tell(int key) {
    Cell& cell = cells[key];
    seen.rows.emplace_back(key, cell.ids, cell.panes++);
    cell.news = false;
    cell.due = no_frontier;
    if (discarding) cell.ids.clear();
  }
  void end() {
    for (auto& [key, cell] : cells) {
      if (cell.news) tell(key);
    }
  }
};

/// A result for every element whose id is even.
struct Even {
  bool element(const Event& event, EventTime) const { return event.id % 2 == 0; }
};

}  // namespace

TEST_CASE("a global window tells every so many elements, and the rest at the end") {
  each_case([](Random& random) {
    const Events events = some_events(random);
    const auto n = static_cast<std::size_t>(1 + random.upto(4));
    Model model{random.upto(2) == 0};
    for (const auto& [is_left, event] : events.list) {
      Cell& cell = model.cells[event.key];
      cell.ids.push_back(event.id);
      cell.news = true;
      if (++cell.count % n == 0) model.tell(event.key);
    }
    model.end();
    return std::pair{run(events, every(n), model.discarding), model.seen};
  }, 4);
}

TEST_CASE("a global window tells when the frontier passes a multiple of a time") {
  each_case([](Random& random) {
    const Events events = some_events(random);
    const EventTime span = 1 + random.upto(6);
    Model model{random.upto(2) == 0};
    EventTime frontier = no_frontier;
    const auto border = [&](EventTime time) { return ((time >= 0 ? time : time - span + 1) / span + 1) * span; };
    for (const auto& [is_left, event] : events.list) {
      Cell& cell = model.cells[event.key];
      cell.ids.push_back(event.id);
      cell.news = true;
      if (cell.due == no_frontier || border(event.time) < cell.due) cell.due = border(event.time);
      if (cell.due <= frontier) model.tell(event.key);  // it came late
      frontier = std::max(frontier, event.time - events.disorder);
      std::vector<std::pair<EventTime, int>> due;
      for (const auto& [key, each] : model.cells) {
        if (each.due != no_frontier && each.due <= frontier) due.emplace_back(each.due, key);
      }
      std::sort(due.begin(), due.end());
      for (const auto& [when, key] : due) model.tell(key);
    }
    model.end();
    return std::pair{run(events, every_event_time(Micros{span}), model.discarding), model.seen};
  }, 4);
}

TEST_CASE("a global window tells when a trigger of one's own says so, or at the end") {
  const Stream<Event> source;
  std::vector<std::uint64_t> counts;
  source.window(global(Even{})).aggregate(count()).sink([&](const auto& r) { counts.push_back(r.value); });
  for (const int id : {1, 3, 4, 6, 7}) source.emit({0, 1, id});
  CHECK(counts == std::vector<std::uint64_t>{3, 4});
  source.close();
  CHECK(counts == std::vector<std::uint64_t>{3, 4, 5});

  const Stream<int> other;
  std::vector<long> sums;
  other.window(global()).aggregate(sum()).sink([&](const auto& r) { sums.push_back(r.value); });
  for (const int i : {1, 2, 3}) other.emit(i);
  CHECK(sums.empty());
  other.close();
  CHECK(sums == std::vector<long>{6});
}

TEST_CASE("a global window tells by the loop's time of the keys that have had elements") {
  VirtualLoop loop;
  const Stream<Event> source{loop};
  std::vector<std::string> seen;
  source.key_by(&Event::key).window(global(every_processing_time(10ms))).aggregate(count()).sink([&](const auto& r) {
    seen.push_back(std::to_string(r.key) + ":" + std::to_string(r.value));
  });
  source.emit({0, 2, 1});
  source.emit({0, 1, 2});
  loop.run_for(9ms);
  CHECK(seen.empty());
  loop.run_for(1ms);
  CHECK(seen == std::vector<std::string>{"1:1", "2:1"});
  loop.run_for(100ms);
  CHECK(seen.size() == 2);
  source.emit({0, 1, 3});
  loop.run_for(10ms);
  CHECK(seen.back() == "1:2");
}

TEST_CASE("results of global windows are not behind the frontier") {
  const Stream<Event> source;
  auto counts = timed(source, 0).window(global(every(2))).aggregate(count());
  Probe<decltype(counts)::value_type> probe{counts};
  source.emit({10, 1, 1});
  source.emit({50, 2, 2});
  source.emit({20, 1, 3});
  REQUIRE(probe.size() == 1);
  CHECK(probe.records()[0].event_time == 50);
  const Stream<Event> bounded;
  timed(bounded, 0).window(global(every(2)), {.max_entries = 1}).aggregate(count()).sink([](const auto&) {});
  bounded.emit({1, 1, 1});
  CHECK_THROWS_WITH(bounded.emit({1, 2, 1}), Catch::Contains("max_entries"));
}
