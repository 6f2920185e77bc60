// SPDX-License-Identifier: BSL-1.0
// What is behind a window or a join emits at its source again while results of it go out. It is to be as if that came when
// the results have gone out.
#include <chrono>
#include <cstddef>
#include <deque>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/ops/tap.hpp"
#include "penstock/testing/probe.hpp"
#include "penstock/testing/scripted_sink.hpp"
#include "penstock/testing/virtual_loop.hpp"
#include "penstock/time/aggregates.hpp"
#include "penstock/time/asof_join.hpp"
#include "penstock/time/enrich.hpp"
#include "penstock/time/event_time.hpp"
#include "penstock/time/interval_join.hpp"
#include "penstock/time/window.hpp"
#include "penstock/time/window_join.hpp"

using namespace penstock;
using namespace std::chrono_literals;
using testing::Probe;
using testing::ScriptedSink;

namespace {

struct Event {
  EventTime time;  // microseconds
  int key;
  bool left = true;
};
using Events = std::vector<Event>;
using Texts = std::vector<std::string>;

auto timed(const Stream<Event>& source, std::chrono::microseconds disorder = 0us) {
  return source.event_time(&Event::time, bounded_disorder(disorder), {.tell = Tell::element});
}
auto keyed(const Stream<Event>& source, std::chrono::microseconds disorder = 0us) {
  return timed(source, disorder).key_by(&Event::key);
}

std::string text(const Event& event) { return std::to_string(event.time) + "/" + std::to_string(event.key); }
std::string text(const std::optional<Event>& event) { return event ? text(*event) : "-"; }
template <class R>
std::string text(const R& result) {
  if constexpr (requires { result.pane; }) {
    return std::to_string(result.key) + " from " + std::to_string(result.window.start) + ": " + std::to_string(result.value) +
           "eol"[static_cast<int>(result.pane.timing)] + std::to_string(result.pane.index);
  } else {
    return text(result.left) + " " + text(result.right);
  }
}

/// What comes out where each of the first results asks for more elements: `fresh(i)` for the i-th. They are emitted right
/// from the sink, or, for comparison, when the `emit` that brought them about has returned.
template <class Build, class Fresh>
Texts told(bool from_sink, const Events& events, Build build, Fresh fresh) {
  Texts results;
  std::deque<Event> asked;
  int more = 400;
  const Stream<Event> left;
  const Stream<Event> right;
  const auto emit = [&](const Event& event) { (event.left ? left : right).emit(event); };
  build(left, right, [&](const auto& result) {
    results.push_back(text(result));
    if (more == 0) return;
    for (const Event& event : fresh(--more)) {
      from_sink ? emit(event) : asked.push_back(event);
    }
  });
  for (const Event& event : events) {
    emit(event);
    for (; !asked.empty(); asked.pop_front()) emit(Event(asked.front()));
  }
  more = 0;
  left.close();
  right.close();
  return results;
}
template <class Build, class Fresh>
void compare(const Events& events, Build build, Fresh fresh) {
  const Texts expected = told(false, events, build, fresh);
  CHECK(expected.size() > 300);  // or nothing was asked for
  CHECK(told(true, events, build, fresh) == expected);
}
template <class Windows, class Fresh>
void compare_window(const Events& events, Windows windows, WindowOptions options, Fresh fresh) {
  compare(
      events,
      [&](const Stream<Event>& source, const Stream<Event>&, auto sink) {
        keyed(source).window(windows, options).aggregate(penstock::count()).sink(sink);
      },
      fresh);
}
/// An element for each of so many keys, and one that moves the frontier.
Events burst(int keys, EventTime end) {
  Events events;
  for (int key = 0; key < keys; ++key) events.push_back({5, key});
  events.push_back({end, 99});
  return events;
}
/// New keys, so many that every table grows; some move the frontier on.
Events new_keys(int i) { return {{200 - i / 20, 1000 + i}, {200 + 400 - i, 2000 + i}}; }
/// The same, where the frontier stands.
Events new_keys_now(int i) { return {{5, 1000 + i}, {6, 1000 + i}}; }

}  // namespace

TEST_CASE("an element keeps its time when the sink before it emits at the source again") {
  const Stream<Event> source;
  auto stream = timed(source);
  bool once = true;
  std::vector<std::tuple<int, EventTime>> starts;
  stream.sink([&](const Event& event) {
    if (std::exchange(once, false)) source.emit({event.time + 3600, 2});
  });
  stream.key_by(&Event::key).window(tumbling(1us), {.lateness = 1h}).aggregate(penstock::count()).sink([&](const auto& result) {
    starts.emplace_back(result.key, result.window.start);
  });
  source.emit({1000, 1});
  source.close();
  CHECK(starts == std::vector<std::tuple<int, EventTime>>{{1, 1000}, {2, 4600}});
}

TEST_CASE("tumbling and hopping windows whose sink emits again") {
  for (const auto& windows : {tumbling(10us), hopping(20us, 10us), hopping(30us, 10us)}) {
    compare_window(burst(40, 100), windows, {}, new_keys);
    compare_window(burst(40, 100), windows, {.lateness = 300us}, new_keys);
    compare_window(burst(40, 100), windows, {.lateness = 300us, .discarding = true}, new_keys);
    compare_window(burst(40, 400), windows, {.lateness = 300us, .output = Output::append}, [](int i) {
      return Events{{1000 + 10 * (400 - i), 1000 + i}, {1000 + 10 * (400 - i), 2000 + i}};
    });
    compare_window(burst(40, 100), windows, {.lateness = 300us, .output = Output::update}, new_keys);
    compare_window(burst(40, 1), windows, {.discarding = true, .early_every = 1}, new_keys_now);
    compare_window(burst(40, 1), windows, {.early_every = 1}, new_keys_now);
  }
}

TEST_CASE("windows that tell changes and whose sink changes them meanwhile") {
  const auto changes = [](int i) { return Events{{6, 1000 + i}, {7, i % 40}, {110 + 10 * (400 - i), 99}}; };
  for (const auto& windows : {tumbling(1000us), hopping(1000us, 500us)}) {
    compare_window(burst(40, 100), windows, {.lateness = 1h, .output = Output::update}, changes);
    compare_window(burst(40, 100), windows, {.output = Output::complete, .max_entries = 10000}, changes);
    compare_window(burst(40, 100), windows, {.lateness = 1h, .early_event_time = 10us}, changes);
  }
}

TEST_CASE("a late result comes behind the one on time that is still on its way") {
  const Stream<Event> source;
  Texts results;
  bool once = true;
  keyed(source).window(tumbling(10us), {.lateness = 1h}).aggregate(penstock::count()).sink([&](const auto& result) {
    results.push_back(text(result));
    if (std::exchange(once, false)) source.emit({5, 2});
  });
  for (const Event& event : burst(3, 100)) source.emit(event);
  CHECK(results == Texts{"0 from 0: 1o0", "1 from 0: 1o0", "2 from 0: 1o0", "2 from 0: 2l1"});
}

TEST_CASE("session windows whose sink emits again") {
  for (const bool discarding : {false, true}) {
    compare_window(burst(40, 100), session(10us), {.discarding = discarding}, new_keys);
    compare_window(burst(40, 100), session(10us), {.lateness = 300us, .discarding = discarding}, new_keys);
    compare_window(burst(40, 1), session(10us), {.discarding = discarding, .early_every = 1}, new_keys_now);
    compare_window(burst(40, 100), session(10us), {.lateness = 1h, .discarding = discarding},
                   [](int i) { return Events{{5, 1000 + i}, {30, i % 40}}; });
  }
  const auto changes = [](int i) { return Events{{6, 1000 + i}, {7, i % 40}, {110 + 10 * (400 - i), 99}}; };
  compare_window(burst(40, 100), session(1000us), {.lateness = 1h, .output = Output::update}, changes);
  compare_window(burst(40, 100), session(1000us), {.output = Output::complete, .max_entries = 10000}, changes);
  compare_window(burst(40, 100), session(1000us), {.lateness = 1h, .early_event_time = 10us}, changes);
}

TEST_CASE("sliding windows whose sink emits again") {
  compare_window(burst(40, 100), sliding(20us), {}, new_keys);
  compare_window(burst(40, 1), sliding(2), {}, new_keys_now);
}

namespace {

/// Fires for every element, and once more when it is due.
struct Always {
  EventTime next = no_frontier;
  template <class T>
  bool element(const T&, EventTime time) {
    next = time + 10;
    return true;
  }
  EventTime due() const { return next; }
  void fired() { next = no_frontier; }
  template <class Self>
  static auto fields(Self& self) {
    return std::tie(self.next);
  }
};

}  // namespace

TEST_CASE("global windows whose sink emits again") {
  for (const bool discarding : {false, true}) {
    compare_window(burst(40, 1), penstock::global(every(1)), {.discarding = discarding}, new_keys_now);
    compare_window(burst(40, 1), penstock::global(Always{}), {.discarding = discarding}, new_keys_now);
    compare_window(burst(40, 100), penstock::global(every_event_time(10us)), {.discarding = discarding}, new_keys);
  }
}

namespace {

/// Both sides of so many keys, and what moves the frontier.
Events both_sides(int keys, EventTime end) {
  Events events;
  for (int key = 0; key < keys; ++key) {
    events.push_back({5, key, true});
    events.push_back({6, key, false});
    if (key % 2 == 0) events.push_back({7, key, false});
    if (key % 3 == 0) events.push_back({7, 500 + key, key % 2 == 0});
  }
  events.push_back({end, 99, true});
  events.push_back({end, 99, false});
  return events;
}
Events new_pairs(int i) {
  return {{200 - i / 20, 1000 + i, true}, {200 - i / 20, 1000 + i, false}, {200 + 400 - i, 2000 + i, i % 2 == 0},
          {200 + 400 - i, 2000 + i, i % 2 != 0}};
}

}  // namespace

TEST_CASE("a window_join whose sink emits again") {
  const auto inner = [](const auto& left, const auto& right, auto sink) {
    window_join(keyed(left), keyed(right), tumbling(10us)).sink(sink);
  };
  const auto outer = [](const auto& left, const auto& right, auto sink) {
    window_join<Outer::both>(keyed(left), keyed(right), hopping(20us, 10us)).sink(sink);
  };
  compare(both_sides(40, 100), inner, new_pairs);
  compare(both_sides(40, 100), outer, new_pairs);
}

TEST_CASE("an interval_join whose sink emits again") {
  // Where the frontier stands: a pair comes with its later element.
  const auto inner = [](const auto& left, const auto& right, auto sink) {
    interval_join(keyed(left, 1h), keyed(right, 1h), between(-10us, 10us)).sink(sink);
  };
  const auto outer = [](const auto& left, const auto& right, auto sink) {
    interval_join<Outer::both>(keyed(left), keyed(right), between(-10us, 10us)).sink(sink);
  };
  Events events;
  for (int i = 0; i < 60; ++i) events.push_back({5, 1, false});
  events.push_back({5, 1, true});
  compare(events, inner, [](int i) { return Events{{5, 1000 + i, true}, {6, 1, i % 2 == 0}}; });
  Events alone;
  for (int key = 0; key < 40; ++key) alone.push_back({5, key, key % 2 == 0});
  alone.push_back({100, 99, true});
  alone.push_back({100, 100, false});
  compare(alone, outer, [](int i) {
    return Events{{200 - i / 20, 1000 + i, i % 2 == 0}, {200 + 400 - i, 2000 + i, true}, {200 + 400 - i, 3000 + i, false}};
  });
}

TEST_CASE("an asof_join whose sink emits again") {
  const auto build = [](const auto& left, const auto& right, auto sink) {
    asof_join<Outer::left>(keyed(left), keyed(right), {.tolerance = 50us}).sink(sink);
  };
  compare(both_sides(40, 100), build, new_pairs);
}

TEST_CASE("enrich whose sink emits rows and elements again") {
  const auto build = [](const auto& left, const auto& right, auto sink) {
    enrich<Outer::left>(keyed(left), keyed(right), rows_expire_after(50us)).sink(sink);
  };
  // The row is there for what comes behind it.
  compare(both_sides(40, 100), build, [](int i) { return Events{{100, 1000 + i, false}, {100, 1000 + i, true}}; });
}

TEST_CASE("results do not come behind the frontier that elements from their sink move") {
  const Stream<Event> source;
  auto counts = keyed(source).window(tumbling(10us)).aggregate(penstock::count());
  using Result = decltype(counts)::value_type;
  int more = 100;
  counts.sink([&](const auto&) {
    if (more-- > 0) source.emit({1000 - 5 * more, 1000 + more});
  });
  std::vector<EventTime> late;
  std::size_t seen = 0;
  auto again = counts.key_by(&Result::key).window(tumbling(10us));
  auto totals = again.aggregate(penstock::count());
  totals.late().sink([&](const auto& each) { late.push_back(each.value.window.start); });
  totals.sink([&](const auto&) { ++seen; });
  for (const Event& event : burst(40, 100)) source.emit(event);
  source.close();
  CHECK(late.empty());
  CHECK(seen == 141);
}

TEST_CASE("a sink that emits again and fails holds up no other result, and whoever emitted first gets the error") {
  const Stream<Event> source;
  Texts results;
  keyed(source).window(tumbling(10us), {.lateness = 1h}).aggregate(penstock::count()).sink([&](const auto& result) {
    results.push_back(text(result));
    if (result.pane.index == 1) throw std::runtime_error("not again");
    if (result.key == 1) CHECK_NOTHROW(source.emit({5, 0}));
  });
  for (const int key : {0, 1, 2}) source.emit({5, key});
  std::vector<Outcome> outcomes;
  CHECK_THROWS_WITH(source.emit({100, 99}, Ref{[&](const Ending& ending) { outcomes.push_back(ending.outcome); }}), "not again");
  CHECK(results == Texts{"0 from 0: 1o0", "1 from 0: 1o0", "2 from 0: 1o0", "0 from 0: 2l1"});
  CHECK(outcomes.empty());
  source.close();
  CHECK(results.size() == 5);
  CHECK(outcomes == std::vector{Outcome::failed});
}

TEST_CASE("metadata of what a sink emits again ends with the result that it is in") {
  const Stream<Event> source;
  std::vector<int> ended;
  const auto ref = [&](int i) {
    return Ref{[&ended, i](const Ending& ending) { ended.push_back(ending.outcome == Outcome::done ? i : -1); }};
  };
  int more = 3;
  keyed(source).window(tumbling(10us)).aggregate(penstock::count()).sink([&](const auto&) {
    if (more-- > 0) source.emit({100 * (4 - more), 10 + more}, ref(10 + more));
  });
  for (const int key : {0, 1, 2}) source.emit({5, key}, ref(key));
  source.emit({100, 3});
  CHECK(ended == std::vector{0, 1, 2, 12, 11});
  source.close();
  CHECK(ended == std::vector{0, 1, 2, 12, 11, 10});
}

TEST_CASE("a sink that ends the stream gets the results that are on their way") {
  const Stream<Event> source;
  auto counts = keyed(source).window(tumbling(10us)).aggregate(penstock::count());
  Probe<decltype(counts)::value_type> probe{counts};
  counts.sink([&](const auto& result) {
    if (result.key == 1) source.close();
  });
  for (const Event& event : burst(3, 100)) source.emit(event);
  CHECK(probe.size() == 4);
  REQUIRE_FALSE(probe.signals().empty());
  CHECK(probe.signals().back().kind == Signal::end);
}

TEST_CASE("results of what is emitted again wait in order behind a slow sink") {
  VirtualLoop loop;
  const Stream<Event> source{loop};
  auto counts = keyed(source).window(tumbling(10us), {.lateness = 1h}).aggregate(penstock::count());
  using Result = decltype(counts)::value_type;
  bool once = true;
  ScriptedSink<Result> slow{counts.tap([&](const Result&) {
                              if (!std::exchange(once, false)) return;
                              for (int key = 0; key < 10; ++key) source.emit({5, key});
                            }),
                            {.takes = 10ms}};
  for (const Event& event : burst(10, 100)) source.emit(event);
  // Whoever emitted the first one has waited for all.
  REQUIRE(slow.completed().size() == 20);
  Texts results;
  for (const Result& result : slow.completed()) results.push_back(text(result));
  CHECK(results[0] == "0 from 0: 1o0");
  CHECK(results[9] == "9 from 0: 1o0");
  CHECK(results[10] == "0 from 0: 2l1");
  CHECK(results[19] == "9 from 0: 2l1");
}
