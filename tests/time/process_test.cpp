// SPDX-License-Identifier: BSL-1.0
#include "penstock/time/process.hpp"

#include <chrono>
#include <cmath>
#include <memory>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/exec/async_emit.hpp"
#include "penstock/observe/describe.hpp"
#include "penstock/testing/probe.hpp"
#include "penstock/testing/scripted_sink.hpp"
#include "penstock/testing/virtual_loop.hpp"
#include "penstock/time/aggregates.hpp"
#include "penstock/time/event_time.hpp"
#include "penstock/time/window.hpp"
#include "time/restored.hpp"

using namespace penstock;
using namespace std::chrono_literals;
using testing::Probe;
using testing::ScriptedSink;
using Texts = std::vector<std::string>;

namespace {

struct Event {
  EventTime time;  // microseconds
  std::string key;
  int n = 0;
};
auto timed(const Stream<Event>& source) {
  return source.event_time(&Event::time, bounded_disorder(0us), {.tell = Tell::element}).key_by(&Event::key);
}
template <class S>
std::uint64_t entries(const S& stream) {
  return stream.node().time_gauges()->entries.get();
}
template <class S>
std::uint64_t timers(const S& stream) {
  return stream.node().time_gauges()->timers.get();
}

/// Lets the first of each key through, and forgets it after a while.
struct Dedupe {
  ValueState<bool> seen{"seen", {.time_to_live = 10us}};

  void element(const Event& event, auto& ctx) {
    if (!seen.has_value()) ctx.emit(event);
    seen = true;
  }
};

/// Says how many came between the first and ten microseconds later.
struct Burst {
  ValueState<int> count{"count"};
  SideOutput<std::string> begins{};
  using output = std::string;

  void element(const Event&, auto& ctx) {
    if (!count.has_value()) {
      ctx.timer_after(10us);
      ctx.emit(begins, ctx.key());
    }
    count = count.value_or(0) + 1;
  }
  void timer(auto& ctx) {
    ctx.emit(ctx.key() + std::to_string(*count));
    count.clear();
  }
};

/// Sets the timers that elements ask for.
struct Timers {
  using output = std::string;

  void element(const Event& event, auto& ctx) { ctx.timer_at(EventTime{event.n}); }
  void timer(auto& ctx) { ctx.emit(ctx.key() + std::to_string(ctx.time())); }
};

/// Says after a while without elements that a key is quiet.
struct Quiet {
  using output = std::string;

  void element(const Event&, auto& ctx) {
    ctx.cancel_processing_timers();
    ctx.processing_timer_after(10ms);
  }
  void processing_timer(auto& ctx) { ctx.emit(ctx.key() + (ctx.at_end() ? " at the end" : " quiet")); }
};

/// Does what is written in it.
struct Script {
  ValueState<std::string> last{"last"};
  ListState<int> all{"all"};
  using output = std::string;

  void element(const Event& event, auto& ctx) {
    const std::string before = last.value_or("nothing") + " " + std::to_string(all.size());
    last = "element " + std::to_string(event.n);
    all.add(event.n);
    ctx.emit(before);
    if (event.n == 13) throw std::runtime_error("13 is not wanted");
  }
};

/// Counts with members that it names itself.
class Total {
 public:
  using output = int;
  explicit Total(int step) : step_(step) {}
  auto members() { return std::tie(total_); }
  void element(const Event&, auto& ctx) {
    total_.update([this](int& total) { total += step_; });
    ctx.emit(*total_);
  }

 private:
  int step_;
  ValueState<int> total_{"total"};
};

struct Remember {
  MapState<int, std::string> seen{"seen", {.time_to_live = 1ms, .domain = TimeDomain::processing}};
  using output = std::size_t;
  void element(const std::unique_ptr<int>& n, auto& ctx) {
    seen.put(*n, "x");
    ctx.emit(seen.size());
  }
};

struct RememberForEver {
  MapState<int, int> seen{"seen", {.time_to_live = Duration::max(), .domain = TimeDomain::processing}};
  using output = std::size_t;
  void element(int n, auto& ctx) {
    seen.put(n, n);
    ctx.emit(seen.size());
  }
};

struct Repeat {
  using output = std::unique_ptr<int>;
  void element(const std::unique_ptr<int>& n, auto& ctx) {
    for (int i = 0; i < *n; ++i) ctx.emit(std::make_unique<int>(i));
  }
};

}  // namespace

TEST_CASE("process: a state is of one key, and ends when its time to live is over") {
  const Stream<Event> source;
  auto first = timed(source).process(Dedupe{});
  Texts out;
  first.sink([&](const Event& event) { out.push_back(event.key + std::to_string(event.time)); });
  source.emit({1, "a"});
  source.emit({2, "b"});
  source.emit({3, "a"});  // lives to 13
  CHECK(entries(first) == 2);
  source.emit({12, "c"});  // that of b has ended
  CHECK(entries(first) == 2);
  source.emit({12, "a"});
  source.emit({13, "b"});
  CHECK(out == Texts{"a1", "b2", "c12", "b13"});
  source.emit({40, "d"});
  CHECK(entries(first) == 1);
  source.close();
  CHECK(entries(first) == 0);
}

TEST_CASE("process: timers fire in the order of time and key, before what the frontier brings about behind") {
  const Stream<Event> source;
  auto fired = timed(source).process(Timers{});
  Probe<std::string> probe{fired};
  source.emit({1, "b", 20});
  source.emit({1, "a", 20});
  source.emit({1, "c", 10});
  source.emit({1, "c", 20});
  source.emit({1, "c", 20});  // there is one already
  CHECK(timers(fired) == 4);
  source.emit({20, "z", 100});
  CHECK(probe.values() == Texts{"c10", "a20", "b20", "c20"});
  CHECK(probe.records()[0].event_time == 10);
  CHECK(probe.signals().back().value == 20);
  CHECK(timers(fired) == 1);
  CHECK(entries(fired) == 1);
  source.emit({21, "late", 5});  // has passed
  CHECK(probe.values().back() == "late5");
  source.close();
  CHECK(probe.values().back() == "z100");
  CHECK(probe.ended());
  CHECK(entries(fired) + timers(fired) == 0);
}

TEST_CASE("process: side outputs are streams of their own, with times and signals") {
  const Stream<Event> source;
  auto bursts = timed(source) | process(Burst{});
  Probe<std::string> main{bursts};
  Probe<std::string> begins{bursts.side(&Burst::begins)};
  source.emit({1, "a"});
  source.emit({5, "a"});
  source.emit({6, "b"});
  source.emit({20, "c"});
  source.emit({25, "a"});
  CHECK(begins.values() == Texts{"a", "b", "c", "a"});
  CHECK(begins.records()[1].event_time == 6);
  CHECK(begins.signals().back().value == 25);
  CHECK(main.values() == Texts{"a2", "b1"});
  source.close();
  CHECK(main.values() == Texts{"a2", "b1", "c1", "a1"});
  CHECK(begins.ended());
}

TEST_CASE("process: processing-time timers go by the loop's clock, and come at the end all the same") {
  VirtualLoop loop;
  const Stream<Event> source{loop};
  auto quiet = source.key_by(&Event::key).process(Quiet{});
  Probe<std::string> probe{quiet};
  source.emit({0, "a"});
  loop.run_for(5ms);
  source.emit({0, "b"});
  source.emit({0, "a"});
  CHECK_FALSE(source.graph().idle());
  loop.run_for(10ms);
  CHECK(probe.values() == Texts{"a quiet", "b quiet"});
  CHECK(probe.times() == std::vector<Duration>{15ms, 15ms});
  CHECK(source.graph().idle());
  CHECK(entries(quiet) == 0);
  source.emit({0, "c"});
  source.close();
  CHECK(probe.values().back() == "c at the end");
  CHECK(entries(quiet) == 0);
}

TEST_CASE("process: a function that throws has changed nothing and emitted nothing") {
  const Stream<Event> source;
  auto script = timed(source).process(Script{});
  Probe<std::string> probe{script};
  source.emit({1, "a", 1});
  CHECK_THROWS_WITH(source.emit({1, "a", 13}), "13 is not wanted");
  CHECK_THROWS_WITH(source.emit({1, "new", 13}), "13 is not wanted");
  CHECK(entries(script) == 1);
  source.emit({1, "a", 2});
  CHECK(probe.values() == Texts{"nothing 0", "element 1 1"});
  CHECK(script.info().failed.get() == 2);
}

TEST_CASE("process: what fails behind it does not undo the element, and holds up no other result") {
  const Stream<Event> source;
  auto bursts = timed(source).process(Burst{});
  Texts out;
  bursts.sink([&](const std::string& text) {
    if (text == "a1") throw std::runtime_error("a is not wanted");
    out.push_back(text);
  });
  bursts.side(&Burst::begins).sink([&](const std::string& key) {
    if (key == "c") throw std::runtime_error("c is not wanted");
  });
  source.emit({1, "a"});
  source.emit({1, "b"});
  CHECK_THROWS_WITH(source.emit({1, "c"}), "c is not wanted");
  source.emit({2, "c"});
  CHECK_THROWS_WITH(source.emit({11, "d"}), "a is not wanted");
  CHECK(out == Texts{"b1", "c2"});
}

TEST_CASE("process: an element waits for all that it brings about") {
  VirtualLoop loop;
  const Stream<Event> source{loop};
  auto bursts = timed(source).process(Burst{});
  ScriptedSink<std::string> slow{bursts, {.takes = 10ms}};
  ScriptedSink<std::string> slower{bursts.side(&Burst::begins), {.takes = 50ms}};
  std::vector<Duration> taken;
  const auto emit = [&](Event event) {
    source.async_emit(std::move(event), [&](std::exception_ptr) { taken.push_back(loop.now().time_since_epoch()); });
  };
  emit({1, "a"});
  loop.run();
  CHECK(taken == std::vector<Duration>{50ms});
  emit({2, "a"});
  loop.run();
  CHECK(taken.back() == 50ms);
  emit({11, "a"});  // a2 and b's beginning
  loop.run();
  CHECK(taken.back() == 60ms);
  CHECK(slow.completed() == Texts{"a3"});
  emit({12, "a"});
  emit({12, "b"});
  emit({40, "c"});  // fires both, and begins one
  loop.run();
  CHECK(slow.completed() == Texts{"a3", "a1", "b1"});
  CHECK(slower.completed() == Texts{"a", "a", "b", "c"});
}

TEST_CASE("process: metadata follows its element, and is done where nothing is emitted") {
  const Stream<Event> source;
  auto first = timed(source).process(Dedupe{});
  Probe<Event> probe{first};
  Texts endings;
  const auto ref = [&](const char* name) {
    return Ref{[&endings, name](const Ending& ending) {
      endings.push_back(std::string{name} + (ending.outcome == Outcome::done ? " done" : " not done"));
    }};
  };
  source.emit({1, "a"}, Context{ref("first")});
  source.emit({2, "a"}, Context{ref("second")});
  CHECK(probe.records()[0].refs == 1);
  CHECK(endings == Texts{"first done", "second done"});
}

TEST_CASE("process: an element that comes back round finds the states as the first has left them") {
  const Stream<Event> source;
  auto script = source.key_by(&Event::key).process(Script{});
  Texts out;
  script.sink([&](const std::string& text) {
    out.push_back(text);
    if (out.size() < 4) source.emit({0, "a", static_cast<int>(out.size())});
  });
  source.emit({0, "a", 0});
  CHECK(out == Texts{"nothing 0", "element 0 1", "element 1 2", "element 2 3"});
}

TEST_CASE("process: a class may name its members, and the elements need not be copyable") {
  const Stream<Event> source;
  Probe<int> totals{source.key_by(&Event::key).process(Total{5})};
  source.emit({0, "a"});
  source.emit({0, "b"});
  source.emit({0, "a"});
  CHECK(totals.values() == std::vector<int>{5, 5, 10});

  const Stream<std::unique_ptr<int>> numbers;
  std::vector<int> repeated;
  numbers.key_by([](const auto& n) { return *n; }).process(Repeat{}).sink([&](std::unique_ptr<int> n) { repeated.push_back(*n); });
  numbers.emit(std::make_unique<int>(3));
  CHECK(repeated == std::vector<int>{0, 1, 2});
}

TEST_CASE("process: a time to live in processing time needs a loop, and ends by its clock") {
  const Stream<std::unique_ptr<int>> without;
  const auto key = [](const std::unique_ptr<int>& n) { return *n % 2; };
  CHECK_THROWS_WITH(without.key_by(key).process(Remember{}), Catch::Contains("process: a time to live in processing time"));

  VirtualLoop loop;
  const Stream<std::unique_ptr<int>> numbers{loop};
  auto kept = numbers.key_by(key).process(Remember{});
  Probe<std::size_t> probe{kept};
  numbers.emit(std::make_unique<int>(1));
  loop.run_for(900us);
  numbers.emit(std::make_unique<int>(3));
  CHECK(numbers.graph().idle());  // that something ends is no work to wait for
  loop.run_for(999us);
  CHECK(entries(kept) == 1);
  loop.run_for(1us);
  CHECK(entries(kept) == 0);
  numbers.emit(std::make_unique<int>(3));
  CHECK(probe.values() == std::vector<std::size_t>{1, 2, 1});
}

TEST_CASE("process: what makes no sense gets a sentence") {
  const Stream<Event> source;
  Probe<Event> first{source.key_by(&Event::key).process(Dedupe{})};
  CHECK_THROWS_WITH(source.emit({1, "a"}), "process: a time to live needs elements with an event time; put event_time(...) before");
  CHECK(first.size() == 0);
  const Stream<Event> other;
  Probe<std::string> bursts{other.key_by(&Event::key).process(Burst{})};
  CHECK_THROWS_WITH(other.emit({1, "a"}),
                    "process: a timer some time after an element needs elements with an event time; put event_time(...) before");
  Dedupe never_ends;
  never_ends.seen = ValueState<bool>{"seen", {.time_to_live = -1s}};
  CHECK_THROWS_WITH(other.key_by(&Event::key).process(never_ends), "process: a time to live must not be negative");
}

namespace {

/// The times of the first elements of each key.
struct Firsts {
  using output = EventTime;
  ValueState<bool> seen{"seen", {.time_to_live = 10us}};

  void element(const std::pair<EventTime, double>& element, auto& ctx) {
    if (!seen.has_value()) ctx.emit(element.first);
    seen = true;
  }
};

}  // namespace

TEST_CASE("process: a key that is not a number is one key, and goes like others") {
  const Stream<std::pair<EventTime, double>> source;
  std::vector<EventTime> out;
  const auto firsts = source.event_time([](const auto& pair) { return pair.first; }, ascending(), {.tell = Tell::element})
                          .key_by([](const auto& pair) { return pair.second; })
                          .process(Firsts{});
  firsts.sink_to_vector(out);
  for (EventTime i = 1; i < 9; ++i) source.emit({i, i % 2 == 0 ? 0.0 : std::nan("")});
  CHECK(entries(firsts) == 2);
  source.emit({40, 1.0});
  CHECK(entries(firsts) == 1);
  CHECK(out == std::vector<EventTime>{1, 2, 40});
}

TEST_CASE("process: the timers of a key do at random what a std::set does, and are saved latest first") {
  for (unsigned seed = 1; seed <= 100; ++seed) {
    std::mt19937 random(seed);
    detail::Agenda agenda;
    std::set<std::int64_t> model;
    for (int i = 0; i < 2'000; ++i) {
      const auto time = static_cast<std::int64_t>(random() % (1 + seed * 5));
      switch (random() % 8) {
        case 0:
        case 1: REQUIRE(agenda.remove(time) == (model.erase(time) != 0)); break;
        case 2:
        case 3:
          if (model.empty()) break;
          model.erase(model.begin());
          agenda.remove_first();
          break;
        case 4:
          if (random() % 50 != 0) break;
          agenda.latest_first(std::vector<std::int64_t>(model.rbegin(), model.rend()));
          break;
        case 5:
          if (random() % 100 != 0) break;
          model.clear();
          agenda.clear();
          break;
        default: REQUIRE(agenda.add(time) == model.insert(time).second);
      }
      REQUIRE(agenda.size() == model.size());
      REQUIRE(agenda.first_timer() == (model.empty() ? detail::never : *model.begin()));
      if (i % 50 == 0) REQUIRE(agenda.latest_first() == std::vector<std::int64_t>(model.rbegin(), model.rend()));
    }
  }
}

TEST_CASE("process: a key may have as many timers as there is memory for, in either order of their times") {
  // A millionth of a second each; moving all others for each would be minutes.
  constexpr std::int64_t n = 1'000'000;
  for (const std::int64_t sign : {1, -1}) {
    detail::Agenda agenda;
    for (std::int64_t i = 0; i < n; ++i) agenda.add(sign * i);
    CHECK(agenda.size() == n);
    bool in_order = true;
    for (std::int64_t i = 0; i < n; ++i) {
      in_order = in_order && agenda.first_timer() == (sign == 1 ? i : i - n + 1);
      agenda.remove_first();
    }
    CHECK(in_order);
    CHECK(agenda.size() == 0);
  }
}

TEST_CASE("process: describe shows keys and timers") {
  const Stream<Event> source;
  auto bursts = timed(source).process(Burst{}).named("bursts");
  bursts.sink([](const std::string&) {});
  source.emit({1'000'000, "a"});
  source.emit({1'000'000, "b"});
  CHECK_THAT(bursts.describe(), Catch::Contains("bursts; process") && Catch::Contains("entries 2, timers 2"));
}

TEST_CASE("process: a function with other states does not load") {
  const Stream<Event> source;
  auto bursts = timed(source).process(Burst{});
  auto script = timed(source).process(Script{});
  source.emit({1, "a"});
  StateWriter writer;
  bursts.node().info().state->save(writer);
  const std::string bytes = writer.take();
  StateReader reader{bytes, "script"};
  CHECK_THROWS_WITH(script.node().info().state->load(reader), Catch::Contains("it has the states count, and the function has last, all"));
}

namespace {

/// Counts each key for as long as that lives.
struct Count {
  using output = int;
  ValueState<int> seen;
  void element(const Event&, auto& ctx) {
    seen = seen.has_value() ? *seen + 1 : 1;
    ctx.emit(*seen);
  }
};
Count counting(TimeDomain domain, Duration time_to_live = 1min) {
  return {ValueState<int>{"seen", {.time_to_live = time_to_live, .domain = domain}}};
}

/// What a function that counts in `to` says to what one has saved that counts in `from`.
std::string counted_over(const Count& from, const Count& to) {
  VirtualLoop loop;
  const Stream<Event> source{loop};
  auto first = timed(source).process(from);
  auto second = timed(source).process(to);
  first.sink([](int) {});
  source.emit({1, "a"});
  StateWriter writer;
  first.node().info().state->save(writer);
  const std::string bytes = writer.take();
  StateReader reader{bytes, "second"};
  try {
    second.node().info().state->load(reader);
  } catch (const StateError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("process: a time to live is not taken from one time into another") {
  const Count event = counting(TimeDomain::event);
  const Count processing = counting(TimeDomain::processing);
  CHECK(counted_over(event, event) == "");
  CHECK(counted_over(processing, processing) == "");
  CHECK_THAT(counted_over(event, processing),
             Catch::Contains("the time to live of 'seen' was counted in event time, and is in processing time now"));
  CHECK_THAT(counted_over(processing, event),
             Catch::Contains("the time to live of 'seen' was counted in processing time, and is in event time now"));
  // What lives for ever is in no time.
  CHECK(counted_over(counting(TimeDomain::event, 0s), processing) == "");
  CHECK(counted_over(counting(TimeDomain::processing, 0s), event) == "");
}

TEST_CASE("process: goes on from a snapshot between event_time and windows, wherever that was taken") {
  struct Run {
    Stream<Event> source;
    Texts out;
    Run() {
      auto bursts = timed(source).process(Burst{});
      bursts.key_by([](const std::string& text) { return text[0]; })
          .window(tumbling(20us))
          .aggregate(penstock::count())
          .sink([this](const auto& result) {
            out.push_back(std::string{result.key} + std::to_string(result.window.start) + ":" + std::to_string(result.value));
          });
      bursts.side(&Burst::begins).sink([this](const std::string& key) { out.push_back("begins " + key); });
    }
  };
  std::vector<Event> events;
  for (EventTime i = 0; i < 60; ++i) events.push_back({i * 3 % 7 + i, std::string(1, static_cast<char>('a' + i * 5 % 3))});
  for (std::size_t cut = 0; cut <= events.size(); ++cut) {
    Run first;
    for (std::size_t i = 0; i < cut; ++i) first.source.emit(events[i]);
    Run second;
    restored::load(second.source.graph(), restored::save(1, first.source));
    first.out.clear();
    for (Run* run : {&first, &second}) {
      for (std::size_t i = cut; i < events.size(); ++i) run->source.emit(events[i]);
      run->source.close();
    }
    REQUIRE(first.out == second.out);
    REQUIRE(!first.out.empty());
  }
}

TEST_CASE("process: a state whose time to live is the longest of all times stays") {
  VirtualLoop loop;
  loop.run_for(1h);
  const Stream<int> source{loop};
  std::vector<std::size_t> out;
  source.key_by([](int) { return 0; }).process(RememberForEver{}).sink_to_vector(out);
  for (int i = 0; i < 3; ++i) {
    source.emit(i);
    loop.run_for(24h);
  }
  CHECK(out == std::vector<std::size_t>{1, 2, 3});
}
