// SPDX-License-Identifier: BSL-1.0
#include "penstock/time/window.hpp"

#include <chrono>
#include <cmath>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/exec/async_emit.hpp"
#include "penstock/testing/probe.hpp"
#include "penstock/testing/scripted_sink.hpp"
#include "penstock/testing/virtual_loop.hpp"
#include "penstock/time/aggregates.hpp"
#include "penstock/time/event_time.hpp"

using namespace penstock;
using namespace std::chrono_literals;
using testing::Probe;
using testing::ScriptedSink;

namespace {

struct Event {
  EventTime time;  // microseconds
  std::string key;
};
struct Count {
  int n = 0;
  void add(const Event& event) {
    if (event.key == "refused") throw std::runtime_error("refused");
    ++n;
  }
  void merge(const Count& other) { n += other.n; }
  int result() const {
    if (n == 13) throw std::runtime_error("13 of them");
    return n;
  }
};

/// As `key start count pane`, with a letter for early, on time or late.
template <class R>
std::string text(const R& result) {
  return result.key + std::to_string(result.window.start) + ":" + std::to_string(result.value) + "eol"[static_cast<int>(result.pane.timing)] +
         std::to_string(result.pane.index);
}
auto per_element() { return EventTimeOptions{.tell = Tell::element}; }
auto timed(const Stream<Event>& source, std::chrono::microseconds disorder = 0us) {
  return source.event_time(&Event::time, bounded_disorder(disorder), per_element());
}
struct Told {
  std::vector<std::string> results;
  template <class S>
  void operator()(const S& stream) {
    stream.sink([this](const auto& result) { results.push_back(text(result)); });
  }
};

}  // namespace

TEST_CASE("results have the last microsecond of their window as time, and the frontier follows them") {
  const Stream<Event> source;
  auto counts = timed(source).key_by(&Event::key).window(tumbling(10us)).aggregate(Count{});
  using Result = decltype(counts)::value_type;
  Probe<Result> probe{counts};
  source.emit({3, "b"});
  source.emit({4, "a"});
  source.emit({25, "a"});
  REQUIRE(probe.size() == 2);
  CHECK(text(probe.values()[0]) == "a0:1o0");
  CHECK(text(probe.values()[1]) == "b0:1o0");
  CHECK(probe.records()[0].event_time == 9);
  REQUIRE(probe.signals().size() == 3);
  CHECK(probe.signals().back().kind == Signal::watermark);
  CHECK(probe.signals().back().value == 25);
}

TEST_CASE("early results come every so many elements, and late ones after the end") {
  const Stream<Event> source;
  Told told;
  told(timed(source, 5us).key_by(&Event::key).window(tumbling(10us), {.lateness = 10us, .early_every = 2}).aggregate(Count{}));
  for (const EventTime time : {1, 2, 3, 4}) source.emit({time, "a"});
  CHECK(told.results == std::vector<std::string>{"a0:2e0", "a0:4e1"});
  source.emit({15, "b"});  // frontier 10
  CHECK(told.results.back() == "a0:4o2");
  source.emit({5, "a"});
  CHECK(told.results.back() == "a0:5l3");
  source.emit({25, "b"});  // frontier 20: over
  source.emit({6, "a"});
  CHECK(told.results == std::vector<std::string>{"a0:2e0", "a0:4e1", "a0:4o2", "a0:5l3", "b10:1o0"});
}

TEST_CASE("a discarding window tells what is new since the result before") {
  const Stream<Event> source;
  Told told;
  told(timed(source).key_by(&Event::key).window(tumbling(10us), {.discarding = true, .early_every = 2}).aggregate(Count{}));
  for (const EventTime time : {1, 2, 3, 4, 5, 10}) source.emit({time, "a"});
  CHECK(told.results == std::vector<std::string>{"a0:2e0", "a0:2e1", "a0:1o2"});
}

TEST_CASE("update tells every change when the frontier is told") {
  const Stream<Event> source;
  Told told;
  told(timed(source, 5us).key_by(&Event::key).window(tumbling(10us), {.output = Output::update}).aggregate(Count{}));
  source.emit({1, "a"});
  source.emit({2, "b"});
  source.emit({1, "b"});  // the frontier stands
  CHECK(told.results == std::vector<std::string>{"a0:1e0", "b0:1e0"});
  source.emit({16, "c"});
  CHECK(told.results == std::vector<std::string>{"a0:1e0", "b0:1e0", "b0:2o1", "c10:1e0"});
}

TEST_CASE("early results come by the loop's time of what has changed") {
  VirtualLoop loop;
  const Stream<Event> source{loop};
  Told told;
  told(timed(source).key_by(&Event::key).window(tumbling(1s), {.early_period = 10ms}).aggregate(Count{}));
  source.emit({1, "b"});
  source.emit({1, "a"});
  loop.run_for(9ms);
  CHECK(told.results.empty());
  loop.run_for(1ms);
  CHECK(told.results == std::vector<std::string>{"a0:1e0", "b0:1e0"});
  loop.run_for(100ms);
  CHECK(told.results.size() == 2);
  source.emit({2, "b"});
  loop.run_for(10ms);
  CHECK(told.results.back() == "b0:2e1");
}

TEST_CASE("the element that moves the frontier waits for all results of it") {
  VirtualLoop loop;
  const Stream<Event> source{loop};
  auto counts = timed(source).key_by(&Event::key).window(tumbling(10us)).aggregate(Count{});
  ScriptedSink<decltype(counts)::value_type> slow{counts, {.takes = 5ms}};
  for (const char* key : {"a", "b", "c"}) source.emit({1, key});
  bool taken = false;
  source.async_emit(Event{10, "a"}, [&](std::exception_ptr error) {
    CHECK(!error);
    taken = true;
  });
  loop.run_for(14ms);
  CHECK(slow.most_open() == 1);
  CHECK(slow.completed().size() == 2);
  CHECK(!taken);
  loop.run_for(1ms);
  CHECK(slow.completed().size() == 3);
  CHECK(taken);
}

TEST_CASE("a result that fails does not hold up the others") {
  const Stream<Event> source;
  std::vector<std::string> results;
  auto counts = timed(source).key_by(&Event::key).window(tumbling(10us)).aggregate(Count{});
  counts.sink([&](const auto& result) {
    if (result.key == "b") throw std::runtime_error("b is not wanted");
    results.push_back(text(result));
  });
  for (const char* key : {"a", "b", "c"}) source.emit({1, key});
  for (int i = 0; i < 13; ++i) source.emit({1, "d"});
  CHECK_THROWS_WITH(source.emit({10, "a"}), "b is not wanted");
  CHECK(results == std::vector<std::string>{"a0:1o0", "c0:1o0"});
  source.emit({20, "a"});
  CHECK(results.back() == "a10:1o0");
}

TEST_CASE("an element that the aggregate refuses has failed, and nothing else has changed") {
  const Stream<Event> source;
  Told told;
  told(timed(source).key_by(&Event::key).window(tumbling(10us)).aggregate(Count{}));
  source.emit({1, "a"});
  CHECK_THROWS_WITH(source.emit({1, "refused"}), "refused");
  source.emit({2, "a"});
  source.close();
  CHECK(told.results.front() == "a0:2o0");
}

TEST_CASE("an element that the aggregate refuses leaves no window behind") {
  const auto check = [](auto windows, const char* result) {
    const Stream<Event> source;
    Told told;
    const auto counts = timed(source).key_by(&Event::key).window(windows).aggregate(Count{});
    told(counts);
    CHECK_THROWS_WITH(source.emit({1, "refused"}), "refused");
    CHECK(counts.node().time_gauges()->entries.get() == 0);
    source.emit({1, "a"});
    source.close();
    CHECK(told.results == std::vector<std::string>{result});
  };
  check(tumbling(10us), "a0:1o0");
  check(session(10us), "a1:1o0");
}

TEST_CASE("metadata is held until the window is over, and dropped with what comes too late") {
  const Stream<Event> source;
  std::vector<std::string> endings;
  const auto ref = [&](const char* name) {
    return Ref{[&endings, name](const Ending& ending) {
      endings.push_back(std::string{name} + (ending.outcome == Outcome::done ? " done" : " dropped"));
    }};
  };
  auto counts = timed(source).key_by(&Event::key).window(hopping(10us, 5us)).aggregate(Count{});
  std::size_t beside = 0;
  counts.sink([&](const auto&) { beside = endings.size(); });
  source.emit({6, "a"}, Context{ref("first")});
  source.emit({10, "b"});  // [0, 10) is over, [5, 15) is not
  CHECK(endings.empty());
  source.emit({15, "b"});
  CHECK(endings == std::vector<std::string>{"first done"});
  CHECK(beside == 0);
  source.emit({1, "a"}, Context{ref("late")});
  CHECK(endings == std::vector<std::string>{"first done", "late dropped"});
}

TEST_CASE("what is too late goes with its metadata to whoever takes it") {
  const Stream<Event> source;
  auto counts = timed(source).key_by(&Event::key).window(tumbling(10us)).aggregate(Count{});
  Probe<Late<Event>> late{counts.late()};
  counts.sink([](const auto&) {});
  source.emit({30, "a"});
  source.emit({9, "b"}, Context{Ref::with(std::int64_t{7})});
  source.emit({25, "b"});
  REQUIRE(late.size() == 2);
  CHECK(late.values()[0].value.key == "b");
  CHECK(late.values()[0].time == 9);
  CHECK(late.values()[0].frontier == 30);
  CHECK(late.values()[0].lateness() == 21);
  CHECK(late.metadata()[0] == std::vector<std::int64_t>{7});
}

TEST_CASE("a bound of open entries is kept, and time goes on over it") {
  const Stream<Event> source;
  timed(source).key_by(&Event::key).window(tumbling(10us), {.max_entries = 2}).aggregate(Count{}).sink([](const auto&) {});
  source.emit({1, "a"});
  source.emit({1, "b"});
  CHECK_THROWS_WITH(source.emit({1, "c"}), Catch::Contains("max_entries"));
  source.emit({1, "b"});
  CHECK_THROWS_WITH(source.emit({10, "a"}), Catch::Contains("max_entries"));  // but its time has passed
  source.emit({11, "a"});
}

TEST_CASE("elements without an event time, and settings that make no sense, get a sentence") {
  const Stream<Event> source;
  source.key_by(&Event::key).window(tumbling(10us)).aggregate(Count{}).sink([](const auto&) {});
  CHECK_THROWS_WITH(source.emit({1, "a"}), "window: the elements have no event time; put event_time(...) before");
  CHECK_THROWS_WITH(hopping(1s, 2s), "hopping: the slide must not be longer than the size");
  CHECK_THROWS_WITH(tumbling(0s), "tumbling: the size and the slide must be at least a microsecond");
  CHECK_THROWS_WITH(session(0us), "session: the gap must be at least a microsecond");
  CHECK_THROWS_WITH(window(tumbling(1s), WindowOptions{.lateness = -1s}), "window: the lateness must not be negative");
  CHECK_THROWS_WITH(bounded_disorder(-1s), "bounded_disorder: the disorder must not be negative");
}

TEST_CASE("after the end nothing is kept, and a stream that is reopened goes on") {
  const Stream<Event> source;
  Told told;
  auto counts = timed(source).key_by(&Event::key).window(session(5us), {.lateness = 5us}).aggregate(Count{});
  told(counts);
  source.emit({1, "a"});
  source.emit({20, "b"});
  source.close();
  CHECK(told.results == std::vector<std::string>{"a1:1o0", "b20:1o0"});
  CHECK(counts.node().time_gauges()->entries.get() == 0);
  CHECK(counts.info().held.get() == 0);
}

TEST_CASE("event_time: an element whose time cannot be told moves nothing") {
  struct Maybe {
    std::optional<EventTime> time;
  };
  const Stream<Maybe> source;
  auto stream = source.event_time(&Maybe::time, ascending());
  Probe<Maybe> probe{stream};
  CHECK_THROWS_AS(source.emit({std::nullopt}), BadEventTime);
  CHECK_THROWS_WITH(source.emit({EventTime{1} << 62}), "event_time: it has no usable event time");
  CHECK(probe.signals().empty());
  Probe<WithoutTime<Maybe>> unusable{stream.without_time()};
  source.emit({std::nullopt});
  source.emit({5});
  CHECK(unusable.size() == 1);
  CHECK(unusable.values()[0].reason == "it has no usable event time");
  CHECK(probe.records()[0].event_time == 5);
}

TEST_CASE("event_time: a time in the far future does not move the frontier further than is allowed") {
  const Stream<Event> source;
  const auto now = [] { return std::chrono::system_clock::time_point{100us}; };
  auto stream = source.event_time(&Event::time, ascending(), {.max_future_skew = 10us, .now = now});
  Probe<Event> probe{stream};
  source.emit({1'000'000, "a"});
  CHECK(probe.signals().back().value == 110);
  CHECK(stream.node().time_gauges()->ahead.get() == 1);
}

TEST_CASE("event_time: a stream that says nothing is idle, unless it waits") {
  VirtualLoop loop;
  const Stream<Event> source{loop};
  auto stream = source.event_time(&Event::time, ascending(), {.idle_timeout = 10ms});
  Probe<Event> probe{stream};
  ScriptedSink<Event> slow{stream, {.stalled = true}};
  source.async_emit(Event{1, "a"}, [](std::exception_ptr) {});
  loop.run_for(50ms);
  REQUIRE(probe.signals().size() == 1);  // the watermark
  slow.complete();
  loop.run_for(20ms);
  REQUIRE(probe.signals().size() == 2);
  CHECK(probe.signals().back().kind == Signal::idle);
  source.async_emit(Event{2, "a"}, [](std::exception_ptr) {});
  loop.run_for(0ms);
  CHECK(probe.signals()[2].kind == Signal::active);
}

TEST_CASE("event_time: elements of a batch are told of together, or behind so many") {
  const auto frontiers = [](EventTimeOptions options) {
    const Stream<Event> source;
    Probe<Event> probe{source.event_time(&Event::time, ascending(), options)};
    source.emit_all(std::vector<Event>{{1, ""}, {2, ""}, {3, ""}, {4, ""}, {5, ""}});
    std::vector<EventTime> told;
    for (const Signal& signal : probe.signals()) told.push_back(signal.value);
    return told;
  };
  CHECK(frontiers({}) == std::vector<EventTime>{5});
  CHECK(frontiers({.tell = Tell::element}) == std::vector<EventTime>{1, 2, 3, 4, 5});
  CHECK(frontiers({.at_most = 2}) == std::vector<EventTime>{2, 4, 5});
}

TEST_CASE("a session whose elements were all told early has its result at the end all the same, unless it discards") {
  for (const bool discarding : {false, true}) {
    const Stream<Event> source;
    Told told;
    told(timed(source).key_by(&Event::key).window(session(10us), {.lateness = 5us, .discarding = discarding, .early_every = 2}).aggregate(Count{}));
    source.emit({1, "a"});
    source.emit({2, "a"});
    source.emit({13, "b"});  // the session of a ends at 12
    source.emit({3, "a"});   // late
    source.emit({90, "b"});
    if (discarding) {
      CHECK(told.results == std::vector<std::string>{"a1:2e0", "a1:1l1", "b13:1o0"});
    } else {
      CHECK(told.results == std::vector<std::string>{"a1:2e0", "a1:2o1", "a1:3l2", "b13:1o0"});
    }
  }
}

TEST_CASE("elements whose key is not a number have one session") {
  for (const Output output : {Output::panes, Output::append, Output::update}) {
    const Stream<std::pair<EventTime, double>> source;
    std::vector<std::uint64_t> counts;
    source.event_time([](const auto& pair) { return pair.first; }, ascending(), {.tell = Tell::batch})
        .key_by([](const auto& pair) { return pair.second; })
        .window(session(10us), {.output = output})
        .aggregate(count())
        .sink([&](const auto& r) { counts.push_back(r.value); });
    source.emit_all(std::vector<std::pair<EventTime, double>>{{1, std::nan("1")}, {2, -0.0}, {3, std::nan("2")}, {4, 0.0}});
    source.close();
    CHECK(counts == std::vector<std::uint64_t>{2, 2});
  }
}

namespace {

struct Plain {
  int n = 0;
  void add(const Event&) { ++n; }
  void merge(const Plain& other) { n += other.n; }
  int result() const { return n; }
};

}  // namespace

TEST_CASE("many sessions of one key end one after the other, all at once, and in any order of their starts") {
  // Going through all of them for each would be minutes.
  enum class How { one_by_one, at_once, backwards };
  for (const How how : {How::one_by_one, How::at_once, How::backwards}) {
    const EventTime n = how == How::backwards ? 1'000 : 50'000;  // each insertion moves those behind it
    EventTime next = 0;
    std::size_t wrong = 0;
    const Stream<Event> source;
    const auto sessions = timed(source, how == How::one_by_one ? 50'000us : 2 * n * 10us).key_by(&Event::key).window(session(5us)).aggregate(Plain{});
    sessions.sink([&](const auto& r) {
      if (r.window != Window{next * 10, next * 10 + 5} || r.value != 1) ++wrong;
      ++next;
    });
    std::uint64_t most = 0;
    for (EventTime i = 0; i < n; ++i) {
      source.emit({(how == How::backwards && i != 0 ? n - i : i) * 10, "a"});
      most = std::max(most, sessions.node().time_gauges()->entries.get());
    }
    CHECK(most == static_cast<std::uint64_t>(how == How::one_by_one ? 5'001 : n));
    source.close();
    CHECK(next == n);
    CHECK(wrong == 0);
    CHECK(sessions.node().time_gauges()->entries.get() == 0);
  }
}
