// SPDX-License-Identifier: BSL-1.0
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/exec/async_emit.hpp"
#include "penstock/ops/merge.hpp"
#include "penstock/testing/probe.hpp"
#include "penstock/testing/virtual_loop.hpp"
#include "penstock/time/event_time.hpp"
#include "random_joins.hpp"
#include "restored.hpp"

using namespace penstock;
using namespace random_joins;
using namespace std::chrono_literals;
using testing::Probe;

namespace {

/// What comes out, in order: an id, or a frontier behind `F`.
struct Seen {
  std::vector<std::string> rows;
  std::vector<int> late;  // none is
  friend bool operator==(const Seen&, const Seen&) = default;
};

/// Looks at everything that passes, in order.
class Watch final : public Node, public Receiver<Event, Watch> {
 public:
  explicit Watch(std::vector<std::string>& rows) : Node(Info{"watch"}), rows_(rows) { this->port(static_cast<InletBase&>(*this)); }
  template <class V>
  Pending* take(V&& value, const Context*) {
    rows_.push_back(std::to_string(value.id));
    return nullptr;
  }

 protected:
  Pending* take_signal(const Signal& signal) override {
    switch (signal.kind) {
      case Signal::watermark: rows_.push_back("F" + std::to_string(signal.value)); break;
      case Signal::idle: rows_.push_back("idle"); break;
      case Signal::active: rows_.push_back("active"); break;
      case Signal::end: rows_.push_back("end"); break;
      default: break;
    }
    return nullptr;
  }

 private:
  std::vector<std::string>& rows_;
};

void watch(const Stream<Event>& source, EventTime disorder, PartitionOptions options, std::vector<std::string>& rows) {
  const auto times = source.event_time(&Event::time, per_partition(&Event::key, bounded_disorder(Micros{disorder}), options),
                                       {.tell = Tell::element});
  attach<Watch>(times.stream(), rows);
}

struct Settings {
  Events events;
  PartitionOptions options;
};
Settings some_settings(Random& random) {
  Settings settings{some_events(random), {}};
  settings.options.expected = static_cast<std::size_t>(random.upto(4));
  if (random.upto(3) != 0) settings.options.max_drift = Micros{1 + random.upto(8)};
  settings.options.max_held = static_cast<std::size_t>(1 + random.upto(6));
  settings.options.wait_when_full = random.upto(2) == 0;
  return settings;
}

struct Model {
  const Settings& settings;
  std::vector<std::string> rows = {};
  std::map<int, EventTime> frontiers = {};  // of partitions
  std::map<int, std::vector<Event>> held = {};
  std::vector<int> order = {};              // in which partitions came
  EventTime told = no_frontier;

  EventTime least() const {
    EventTime least = frontier_at_end;
    for (const auto& [key, frontier] : frontiers) {
      if (frontier >= told) least = std::min(least, frontier);
    }
    return least;
  }
  bool too_far(int key) const {
    const EventTime drift = std::chrono::duration_cast<Micros>(settings.options.max_drift).count();
    const EventTime all = least();
    return drift != 0 && all != no_frontier && frontiers.at(key) > all + drift;
  }
  void pass(const Event& event) {
    rows.push_back(std::to_string(event.id));
    frontiers[event.key] = std::max(frontiers[event.key], event.time - settings.events.disorder);
    tell();
  }
  void tell() {
    if (frontiers.size() < settings.options.expected || least() <= told) return;
    told = least();
    rows.push_back("F" + std::to_string(told));
  }
  template <class Fits>
  bool let_go(Fits fits) {
    int best = -1;
    for (const int key : order) {
      if (!held[key].empty() && fits(key) && (best < 0 || frontiers[key] < frontiers[best])) best = key;
    }
    if (best < 0) return false;
    const Event next = held[best].front();
    held[best].erase(held[best].begin());
    pass(next);
    return true;
  }
  void take(const Event& event) {
    if (frontiers.emplace(event.key, no_frontier).second) order.push_back(event.key);
    if (!held[event.key].empty() || too_far(event.key)) {
      std::size_t n = 0;
      for (const auto& [key, list] : held) n += list.size();
      if (n >= settings.options.max_held && !settings.options.wait_when_full) let_go([](int) { return true; });
      held[event.key].push_back(event);
      return tell();
    }
    pass(event);
    while (let_go([&](int key) { return !too_far(key); })) {
    }
  }
  void end() {
    while (let_go([](int) { return true; })) {
    }
    rows.push_back("end");
  }
};

}  // namespace

TEST_CASE("the frontier is that of the partition that is behind all others, and none is ahead of it by more than the drift") {
  each_case([](Random& random) {
    const Settings settings = some_settings(random);
    Seen seen;
    {
      const Stream<Event> source;
      watch(source, settings.events.disorder, settings.options, seen.rows);
      for (const auto& [is_left, event] : settings.events.list) static_cast<void>(source.push(event));
      source.close();
    }
    Model model{settings};
    for (const auto& [is_left, event] : settings.events.list) model.take(event);
    model.end();
    return std::pair{seen, Seen{model.rows, {}}};
  }, 2);
}

TEST_CASE("clocks of partitions and what they hold go on from a snapshot") {
  each_case([](Random& random) {
    Settings settings = some_settings(random);
    settings.options.wait_when_full = false;
    const std::size_t cut = static_cast<std::size_t>(random.upto(static_cast<EventTime>(settings.events.list.size()) + 1));
    const auto feed = [&](const Stream<Event>& source, std::size_t from, std::size_t to) {
      for (std::size_t i = from; i < to; ++i) source.emit(settings.events.list[i].second);
    };
    Seen whole;
    Seen halves;
    {
      const Stream<Event> source;
      watch(source, settings.events.disorder, settings.options, whole.rows);
      feed(source, 0, settings.events.list.size());
      source.close();
    }
    restored::States states;
    {
      const Stream<Event> source;
      watch(source, settings.events.disorder, settings.options, halves.rows);
      feed(source, 0, cut);
      states = restored::save(1, source);
    }
    std::vector<std::string> told;
    const Stream<Event> source;
    watch(source, settings.events.disorder, settings.options, told);
    restored::load(source.graph(), states);
    CHECK(restored::save(2, source) == states);
    // What was told last is told again.
    std::string last;
    for (const std::string& row : halves.rows) {
      if (row[0] == 'F') last = row;
    }
    CHECK(told == (last.empty() ? std::vector<std::string>{} : std::vector<std::string>{last}));
    told.clear();
    feed(source, cut, settings.events.list.size());
    source.close();
    halves.rows.insert(halves.rows.end(), told.begin(), told.end());
    return std::pair{halves, whole};
  }, 10);
}

TEST_CASE("a partition that is silent is idle, also one that never had an element; it does not hold up the frontier") {
  VirtualLoop loop;
  const Stream<Event> source{loop};
  std::vector<std::string> rows;
  watch(source, 0, {.expected = 3, .idle_timeout = 10ms}, rows);
  source.emit({100, 1, 1});
  source.emit({50, 2, 2});
  CHECK(rows == std::vector<std::string>{"1", "2"});
  loop.run_for(10ms);  // the third has had its time
  CHECK(rows.back() == "F50");
  source.emit({110, 1, 3});
  loop.run_for(10ms);  // nothing of 2
  CHECK(rows.back() == "F110");
  source.emit({60, 2, 4});   // 2 wakes up behind the frontier
  source.emit({120, 1, 5});
  CHECK(rows.back() == "F120");
  source.emit({125, 2, 6});  // and has caught up
  source.emit({130, 1, 7});
  CHECK(rows.back() == "F125");
  rows.clear();
  loop.run_for(20ms);
  CHECK(rows == std::vector<std::string>{"F130", "idle"});
  rows.clear();
  loop.run_for(100ms);
  CHECK(rows.empty());
  source.emit({131, 2, 8});
  CHECK(rows == std::vector<std::string>{"active", "8", "F131"});
}

TEST_CASE("an element of a partition that is too far ahead waits until the others have caught up, or are idle") {
  VirtualLoop loop;
  const Stream<Event> source{loop};
  std::vector<std::string> rows;
  watch(source, 0, {.idle_timeout = 10ms, .max_drift = Micros{20}, .max_held = 1}, rows);
  source.emit({0, 1, 1});
  source.emit({30, 2, 2});  // goes on: its partition was at 0 before it
  int through = 0;
  const auto count = [&](std::exception_ptr) { ++through; };
  source.async_emit({31, 2, 3}, count);  // held
  source.async_emit({32, 2, 4}, count);  // waits
  loop.run_for(1ms);
  CHECK(through == 1);
  CHECK(rows == std::vector<std::string>{"1", "F0", "2"});
  source.async_emit({11, 1, 5}, count);
  loop.run_for(1ms);
  CHECK(through == 3);
  CHECK(rows == std::vector<std::string>{"1", "F0", "2", "5", "F11", "3", "4"});
  source.async_emit({90, 2, 6}, count);
  source.async_emit({91, 2, 7}, count);
  source.async_emit({92, 2, 8}, count);
  loop.run_for(1ms);
  CHECK(rows.back() == "4");
  CHECK(through == 4);
  loop.run_for(20ms);  // 1 is idle
  CHECK(rows.back() == "F92");
  CHECK(std::count(rows.begin(), rows.end(), "8") == 1);
  CHECK(through == 6);
}

TEST_CASE("what is held when the graph ends is dropped, and its emitters are told") {
  int dropped = 0;
  const auto ref = [&] { return Context{Ref{[&](const Ending& ending) { dropped += ending.outcome == Outcome::dropped; }}}; };
  {
    const Stream<Event> source;
    std::vector<std::string> rows;
    watch(source, 0, {.max_drift = Micros{5}}, rows);
    source.emit({0, 1, 1});
    source.emit({30, 2, 2});
    source.emit({31, 2, 3}, ref());
    CHECK(rows == std::vector<std::string>{"1", "F0", "2"});
  }
  CHECK(dropped == 1);
  CHECK_THROWS_WITH(per_partition(&Event::key, ascending(), {.max_drift = -1s}),
                    "per_partition: idle_timeout and max_drift must not be negative");
}

TEST_CASE("a stream that never had an element is idle after its time, and holds up no other") {
  VirtualLoop loop;
  const Stream<Event> source{loop};
  const Stream<Event> silent{loop};
  const auto times = [](const Stream<Event>& stream) {
    return Stream<Event>{stream.event_time(&Event::time, ascending(), {.idle_timeout = 10ms})};
  };
  const auto one = times(source);
  const auto other = times(silent);
  std::vector<std::string> rows;
  attach<Watch>(merge(one, other).stream(), rows);
  source.emit({5, 1, 1});
  CHECK(rows == std::vector<std::string>{"1"});
  loop.run_for(10ms);
  CHECK(rows == std::vector<std::string>{"1", "F5"});
}
