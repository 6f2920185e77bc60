// SPDX-License-Identifier: BSL-1.0
//
// Random streams that are cut at every place: what comes out before a barrier and, from a fresh graph that has loaded what was
// saved there, behind it is what comes out without a cut. What was loaded is saved as the same bytes again.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/ops/merge.hpp"
#include "penstock/testing/probe.hpp"
#include "penstock/testing/virtual_loop.hpp"
#include "penstock/time/time.hpp"
#include "random_joins.hpp"
#include "restored.hpp"

using namespace penstock;
using namespace std::chrono_literals;
using namespace random_joins;

namespace {

using Lines = std::vector<std::string>;

/// Two sources, and what was made of them.
struct Built {
  Stream<Event> left;
  Stream<Event> right;
  Lines lines;

  auto keyed(const Stream<Event>& source, EventTime disorder) const {
    return source.event_time(&Event::time, bounded_disorder(Micros{disorder}), {.tell = Tell::element}).key_by(&Event::key);
  }
  template <class S, class Text>
  void print(const S& stream, Text text) {
    stream.sink([this, text](const auto& value) { lines.push_back(text(value)); });
  }
};

std::string text(const Window& window) { return "[" + std::to_string(window.start) + "," + std::to_string(window.end) + ")"; }
std::string result_text(const auto& result) {
  return text(result.window) + " key " + std::to_string(result.key) + ": " + std::to_string(result.value) + " " +
         std::to_string(result.pane.index) + "eol"[static_cast<int>(result.pane.timing)];
}
std::string late_text(const auto& late) {
  return "late at " + std::to_string(late.time) + " behind " + std::to_string(late.frontier);
}
std::string pair_text(const auto& row) {
  return std::to_string(row.key) + ": " + std::to_string(id_of(row.left)) + " " + std::to_string(id_of(row.right));
}

/// @param build  wires a Built by the settings that it draws from a Random.
template <class Build>
void cut_everywhere(Build build, std::uint64_t share) {
  const std::uint64_t only = number("PENSTOCK_SEED", 0);
  const std::uint64_t first = only != 0 ? only : 1;
  const std::uint64_t last = only != 0 ? only : number("PENSTOCK_CASES", all_cases / share);
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    INFO("PENSTOCK_SEED=" << seed);
    Random random{std::mt19937_64(seed)};
    const Events events = some_events(random);
    const auto make = [&](Built& built) {
      Random settings = random;
      build(built, events.disorder, settings);
    };
    const auto feed = [&](const Built& built, std::size_t from, std::size_t to) {
      for (std::size_t i = from; i < to; ++i) (events.list[i].first ? built.left : built.right).emit(events.list[i].second);
    };
    const auto end = [&](const Built& built) {
      built.left.close();
      built.right.close();
    };
    Built whole;
    make(whole);
    feed(whole, 0, events.list.size());
    end(whole);
    for (std::size_t cut = 0; cut <= events.list.size(); ++cut) {
      Lines lines;
      restored::States states;
      {
        Built before;
        make(before);
        feed(before, 0, cut);
        states = restored::save(1, before.left, before.right);
        lines = before.lines;
      }
      Built behind;
      make(behind);
      restored::load(behind.left.graph(), states);
      const bool as_saved = restored::save(2, behind.left, behind.right) == states;
      if (cut % 3 == 0) restored::save(3, behind.left, behind.right);
      feed(behind, cut, events.list.size());
      end(behind);
      lines.insert(lines.end(), behind.lines.begin(), behind.lines.end());
      if (lines == whole.lines && as_saved) continue;
      INFO("cut before element " << cut << " of " << events.list.size());
      CHECK(as_saved);
      REQUIRE(lines == whole.lines);
    }
  }
  CHECK(last >= first);
}

/// Has no `remove`.
struct Most {
  int id = -1;
  void add(const Event& event) { id = std::max(id, event.id); }
  int result() const { return id; }
};

WindowOptions some_options(Random& random) {
  WindowOptions options{.lateness = Micros{random.upto(2) * random.upto(6)}};
  switch (random.upto(5)) {
    case 0: options.output = Output::append; break;
    case 1: options.output = Output::update; break;
    case 2: return {.output = Output::complete, .max_entries = 1000};
    case 3: options.discarding = true; [[fallthrough]];
    default:
      options.early_every = static_cast<std::size_t>(random.upto(3));
      options.early_event_time = Micros{random.upto(2) * random.upto(6)};
  }
  return options;
}
FixedWindows some_windows(Random& random) {
  const EventTime slide = 1 + random.upto(6);
  const EventTime size = slide * (1 + random.upto(3)) + random.upto(2) * random.upto(slide);
  return hopping(Micros{size}, Micros{slide}, Micros{random.upto(9) - 4});
}
/// The elements of both streams behind one frontier.
auto both(Built& built, EventTime disorder) {
  return merge(built.keyed(built.left, disorder).stream(), built.keyed(built.right, disorder).stream()).key_by(&Event::key);
}
void window_lines(Built& built, const auto& results) {
  built.print(results, [](const auto& result) { return result_text(result); });
  built.print(results.late(), [](const auto& late) { return late_text(late); });
}
void join_lines(Built& built, const auto& joined) {
  built.print(joined, [](const auto& row) { return pair_text(row); });
  built.print(joined.late_left(), [](const auto& late) { return late_text(late); });
  built.print(joined.late_right(), [](const auto& late) { return late_text(late); });
}

}  // namespace

TEST_CASE("windows go on from a snapshot") {
  cut_everywhere([](Built& built, EventTime disorder, Random& random) {
    const auto windows = some_windows(random);
    window_lines(built, both(built, disorder).window(windows, some_options(random)).aggregate(sum(&Event::id)));
  }, 500);
}

TEST_CASE("sessions go on from a snapshot") {
  cut_everywhere([](Built& built, EventTime disorder, Random& random) {
    const auto windows = session(Micros{1 + random.upto(5)});
    window_lines(built, both(built, disorder).window(windows, some_options(random)).aggregate(sum(&Event::id)));
  }, 500);
}

TEST_CASE("windows of windows go on from a snapshot") {
  cut_everywhere([](Built& built, EventTime disorder, Random& random) {
    const EventTime size = 1 + random.upto(4);
    const auto inner = both(built, disorder).window(tumbling(Micros{size})).aggregate(sum(&Event::id));
    const auto key = [](const auto& result) { return result.key % 2; };
    const auto value = [](const auto& result) { return result.value; };
    window_lines(built, inner.key_by(key).window(tumbling(Micros{size * 3})).aggregate(sum(value)));
  }, 500);
}

TEST_CASE("sliding windows go on from a snapshot") {
  cut_everywhere([](Built& built, EventTime disorder, Random& random) {
    const EventTime n = 1 + random.upto(8);
    if (random.upto(2) == 0) {
      window_lines(built, both(built, disorder).window(sliding(Micros{n})).aggregate(sum(&Event::id)));
    } else {
      window_lines(built, both(built, disorder).window(sliding(static_cast<std::size_t>(n))).aggregate(Most{}));
    }
  }, 500);
}

TEST_CASE("global windows go on from a snapshot") {
  cut_everywhere([](Built& built, EventTime disorder, Random& random) {
    const WindowOptions options{.discarding = random.upto(2) == 0};
    const EventTime n = 1 + random.upto(8);
    if (random.upto(2) == 0) {
      window_lines(built, both(built, disorder).window(global(every_event_time(Micros{n})), options).aggregate(sum(&Event::id)));
    } else {
      const auto trigger = every(static_cast<std::size_t>(n));
      window_lines(built, both(built, disorder).window(global(trigger), options).aggregate(sum(&Event::id)));
    }
  }, 500);
}

TEST_CASE("interval joins go on from a snapshot") {
  cut_everywhere([](Built& built, EventTime disorder, Random& random) {
    const EventTime lower = random.upto(13) - 6;
    const Between bounds = between(Micros{lower}, Micros{lower + random.upto(8)});
    join_lines(built, interval_join<Outer::both>(built.keyed(built.left, disorder), built.keyed(built.right, disorder), bounds));
  }, 500);
}

TEST_CASE("as-of joins go on from a snapshot") {
  cut_everywhere([](Built& built, EventTime disorder, Random& random) {
    AsOf options;
    if (random.upto(3) == 0) options.tolerance = Micros{random.upto(8)};
    if (random.upto(3) == 0) options.grace = Micros{random.upto(8)};
    join_lines(built, asof_join<Outer::left>(built.keyed(built.left, disorder), built.keyed(built.right, disorder), options));
  }, 500);
}

TEST_CASE("window joins go on from a snapshot") {
  cut_everywhere([](Built& built, EventTime disorder, Random& random) {
    const auto windows = some_windows(random);
    join_lines(built, window_join<Outer::both>(built.keyed(built.left, disorder), built.keyed(built.right, disorder), windows));
  }, 500);
}

TEST_CASE("enrichment goes on from a snapshot") {
  cut_everywhere([](Built& built, EventTime disorder, Random& random) {
    const EventTime life = random.upto(2) * (1 + random.upto(20));
    const auto rows = enrich<Outer::left>(built.keyed(built.left, disorder), built.keyed(built.right, disorder),
                                          life == 0 ? rows_stay() : rows_expire_after(Micros{life}));
    built.print(rows, [](const auto& row) { return pair_text(row); });
  }, 500);
}

namespace {

/// A source on a loop, whose windows tell every 10 ms what has changed, and that is idle after 50 ms.
struct Timed {
  VirtualLoop loop;
  Stream<Event> source{loop};
  Lines lines;

  Timed() {
    auto times = source.event_time(&Event::time, ascending(), {.tell = Tell::element, .idle_timeout = 50ms});
    times.key_by(&Event::key).window(tumbling(1s), {.early_period = 10ms}).aggregate(count()).sink([this](const auto& result) {
      lines.push_back(result_text(result));
    });
  }
};

}  // namespace

TEST_CASE("alarms ring after the time that was left of them") {
  Timed before;
  before.source.emit({1, 1, 1});
  before.loop.run_for(7ms);
  CHECK(before.lines.empty());
  const auto states = restored::save(1, before.source);
  Timed behind;
  restored::load(behind.source.graph(), states);
  behind.loop.run_for(2ms);
  CHECK(behind.lines.empty());
  behind.loop.run_for(1ms);
  CHECK(behind.lines == Lines{"[0,1000000) key 1: 1 0e"});
}

TEST_CASE("a stream that was idle is idle behind the snapshot, and its frontier is told again") {
  const auto times_of = [](const Stream<Event>& source) {
    return source.event_time(&Event::time, ascending(), {.tell = Tell::element, .idle_timeout = 50ms});
  };
  VirtualLoop loop;
  const Stream<Event> source{loop};
  const testing::Probe<Event> probe{times_of(source)};
  source.emit({7, 1, 1});
  loop.run_for(120ms);
  REQUIRE(probe.signals().size() == 2);
  const auto states = restored::save(1, source);
  VirtualLoop other;
  const Stream<Event> again{other};
  const testing::Probe<Event> seen{times_of(again)};
  restored::load(again.graph(), states);
  other.run_for(1ms);
  REQUIRE(seen.signals().size() == 2);
  CHECK(seen.signals()[0].kind == Signal::watermark);
  CHECK(seen.signals()[0].value == 7);
  CHECK(seen.signals()[1].kind == Signal::idle);
  again.emit({9, 1, 2});
  CHECK(seen.signals()[2].kind == Signal::active);
}

TEST_CASE("a time-out that the run before had not, or that this one has no more, is that of this one") {
  const auto clock = [](const Stream<Event>& source, Duration idle) {
    return Stream<Event>{source.event_time(&Event::time, ascending(), {.tell = Tell::element, .idle_timeout = idle})};
  };
  const auto clocks = [](const Stream<Event>& source, Duration idle) {
    return Stream<Event>{
        source.event_time(&Event::time, per_partition(&Event::key, ascending(), {.idle_timeout = idle}), {.tell = Tell::element})};
  };
  // What is told of an element, of 200 ms of nothing and of another element behind a snapshot 20 ms behind the first.
  const auto told = [](auto times, Duration before, Duration behind) {
    VirtualLoop loop;
    const Stream<Event> source{loop};
    const testing::Probe<Event> probe{times(source, before)};
    source.emit({7, 1, 1});
    loop.run_for(20ms);
    const auto states = restored::save(1, source);
    VirtualLoop other;
    const Stream<Event> again{other};
    const testing::Probe<Event> seen{times(again, behind)};
    restored::load(again.graph(), states);
    other.run_for(200ms);
    again.emit({9, 1, 2});
    std::vector<Signal::Kind> kinds;
    for (const Signal& signal : seen.signals()) kinds.push_back(signal.kind);
    return kinds;
  };
  const std::vector<Signal::Kind> is_idle{Signal::watermark, Signal::idle, Signal::active, Signal::watermark};
  const std::vector<Signal::Kind> is_not{Signal::watermark, Signal::watermark};
  CHECK(told(clock, 0ms, 50ms) == is_idle);
  CHECK(told(clocks, 0ms, 50ms) == is_idle);
  for (const Duration before : {5ms, 50ms}) {
    CHECK(told(clock, before, 0ms) == is_not);
    CHECK(told(clocks, before, 0ms) == is_not);
  }
}

TEST_CASE("an as-of join whose streams had ended takes what comes of them after all") {
  struct Quotes {
    Stream<Event> left, right;
    Lines lines;
    Quotes() {
      const auto joined = asof_join<Outer::left>(timed(left, 0), timed(right, 0));
      joined.sink([this](const auto& row) { lines.push_back(pair_text(row)); });
      joined.late_right().sink([this](const auto& late) { lines.push_back(late_text(late)); });
    }
  };
  Quotes before;
  before.right.emit({5, 1, 100});
  before.left.emit({6, 1, 1});
  before.left.close();
  before.right.close();
  const auto states = restored::save(1, before.left, before.right);
  Quotes behind;
  restored::load(behind.left.graph(), states);
  behind.right.emit({20, 1, 101});
  behind.left.emit({21, 1, 2});
  behind.right.emit({25, 1, 102});
  CHECK(before.lines == Lines{"1: 1 100"});
  CHECK(behind.lines == Lines{"1: 2 101"});
}

TEST_CASE("windows with another lateness than before come all, and each once") {
  // Final results of two runs.
  const auto results = [](FixedWindows windows, EventTime before, EventTime behind, bool written_long_ago = false) {
    Lines lines;
    const auto wire = [&](const Stream<Event>& source, EventTime lateness) {
      timed(source, 0)
          .window(windows, {.lateness = Micros{lateness}, .output = Output::append})
          .aggregate(count())
          .sink([&](const auto& result) { lines.push_back(text(result.window) + std::to_string(result.value)); });
    };
    const Stream<Event> source;
    wire(source, before);
    for (int i = 0; i < 6; ++i) source.emit({i * 5, 1, i});
    auto states = restored::save(1, source);
    if (written_long_ago) {  // nobody said how far the results were: the last number before the types and their length
      std::string& bytes = states.back();
      std::uint32_t types = 0;
      std::memcpy(&types, bytes.data() + bytes.size() - sizeof types, sizeof types);
      bytes.erase(bytes.size() - sizeof types - types - sizeof(EventTime), sizeof(EventTime));
    }
    const Stream<Event> again;
    wire(again, behind);
    restored::load(again.graph(), states);
    for (int i = 6; i < 14; ++i) again.emit({i * 5, 1, i});
    again.close();
    return lines;
  };
  const auto counted = [](FixedWindows windows) {
    Lines lines;
    for (EventTime start = windows.slide - windows.size; start < 70; start += windows.slide) {
      int n = 0;
      for (EventTime time = 0; time < 70; time += 5) n += time >= start && time < start + windows.size;
      lines.push_back(text(Window{start, start + windows.size}) + std::to_string(n));
    }
    return lines;
  };
  for (const auto windows : {tumbling(10us), hopping(10us, 5us)}) {
    const Lines all = counted(windows);
    CHECK(results(windows, 0, 0) == all);
    CHECK(results(windows, 10, 0) == all);
    CHECK(results(windows, 0, 10) == all);
    CHECK(results(windows, 0, 0, true) == all);
    CHECK(results(windows, 10, 10, true) == all);
  }
}

TEST_CASE("what comes into a window that a run with less lateness has told is late, and said to be") {
  Lines lines;
  const auto wire = [&](const Stream<Event>& source, EventTime lateness) {
    const auto counts = timed(source, 0)
                            .window(tumbling(10us), {.lateness = Micros{lateness}, .output = Output::append})
                            .aggregate(count());
    counts.sink([&](const auto& result) { lines.push_back(text(result.window) + std::to_string(result.value)); });
    counts.late().sink([&](const auto& late) { lines.push_back(late_text(late)); });
  };
  const Stream<Event> source;
  wire(source, 0);
  for (const EventTime time : {5, 15, 21}) source.emit({time, 1, 1});
  const auto states = restored::save(1, source);
  const Stream<Event> again;
  wire(again, 15);
  restored::load(again.graph(), states);
  again.emit({12, 1, 2});
  again.emit({22, 1, 3});
  again.close();
  CHECK(lines == Lines{"[0,10)1", "[10,20)1", "late at 12 behind 21", "[20,30)2"});
}

TEST_CASE("a window of fewer last elements than before has no more") {
  std::vector<std::uint64_t> counts;
  const auto wire = [&](const Stream<Event>& source, std::size_t n) {
    source.key_by(&Event::key).window(sliding(n)).aggregate(count()).sink([&](const auto& r) { counts.push_back(r.value); });
  };
  const Stream<Event> source;
  wire(source, 4);
  for (int i = 0; i < 4; ++i) source.emit({i, 1, i});
  const auto states = restored::save(1, source);
  const Stream<Event> again;
  wire(again, 2);
  restored::load(again.graph(), states);
  again.emit({4, 1, 4});
  CHECK(counts == std::vector<std::uint64_t>{1, 2, 3, 4, 2});
}

TEST_CASE("a key of which the aggregate has refused all is gone, and can be saved before") {
  struct Picky {
    int n = 0;
    void add(const Event& event) {
      if (event.id < 0) throw std::runtime_error("refused");
      ++n;
    }
    int result() const { return n; }
  };
  const auto wire = [](const Stream<Event>& source) {
    auto results = timed(source, 0).window(sliding(Micros{10})).aggregate(Picky{});
    results.sink([](const auto&) {});
    return results;
  };
  const Stream<Event> source;
  const auto results = wire(source);
  source.emit({1, 1, -1});
  CHECK_THROWS_WITH(source.emit({2, 2, 1}), "refused");
  CHECK(results.node().time_gauges()->entries.get() == 0);
  const auto states = restored::save(1, source);
  const Stream<Event> again;
  wire(again);
  restored::load(again.graph(), states);
  CHECK(restored::save(2, again) == states);
}

TEST_CASE("rows of a table that stayed expire by their times, and are refused without any") {
  const auto wire = [](const auto& left, const auto& table, RowLife life, Lines& lines) {
    enrich<Outer::left>(left, table, life).sink([&](const auto& row) { lines.push_back(pair_text(row)); });
  };
  Lines lines;
  const Stream<Event> left, table;
  wire(timed(left, 0), timed(table, 0), rows_stay(), lines);
  table.emit({10, 1, 100});
  const auto states = restored::save(1, left, table);
  const Stream<Event> left_again, table_again;
  wire(timed(left_again, 0), timed(table_again, 0), rows_expire_after(5us), lines);
  restored::load(left_again.graph(), states);
  left_again.emit({11, 1, 1});
  left_again.emit({15, 1, 2});
  CHECK(lines == Lines{"1: 1 100", "1: 2 -1"});

  const Stream<Event> a, b;
  wire(a.key_by(&Event::key), b.key_by(&Event::key), rows_stay(), lines);
  b.emit({10, 1, 100});
  const auto timeless = restored::save(1, a, b);
  const Stream<Event> c, d;
  wire(c.key_by(&Event::key), d.key_by(&Event::key), rows_expire_after(5us), lines);
  CHECK_THROWS_WITH(restored::load(c.graph(), timeless), Catch::Contains("its rows have no times, and now they expire"));
}

TEST_CASE("windows and joins that were made otherwise refuse what was saved") {
  const auto windows = [](const Stream<Event>& source, FixedWindows of) {
    source.event_time(&Event::time, ascending()).key_by(&Event::key).window(of).aggregate(count()).sink([](const auto&) {});
  };
  const Stream<Event> source;
  windows(source, tumbling(10us));
  source.emit({1, 1, 1});
  const auto states = restored::save(1, source);
  const Stream<Event> other;
  windows(other, tumbling(20us));
  CHECK_THROWS_WITH(restored::load(other.graph(), states), Catch::Contains("its windows have another size, slide or offset"));
}

TEST_CASE("what holds elements that no snapshot can hold says so") {
  struct Own {
    EventTime time;
    int key;
    std::unique_ptr<int> id;
  };
  const Stream<Own> left;
  const Stream<Event> right;
  auto joined = asof_join(left.event_time(&Own::time, ascending()).key_by(&Own::key),
                          right.event_time(&Event::time, ascending()).key_by(&Event::key));
  CHECK(joined.info().recovery == Recovery::state);
  CHECK(joined.info().state == nullptr);
}

TEST_CASE("sessions that are refused because there are too many are not remembered") {
  const Stream<Event> source;
  timed(source, 0).window(session(5us), {.max_entries = 1}).aggregate(count()).sink([](const auto&) {});
  source.emit({1, 1, 1});
  const auto states = restored::save(1, source);
  CHECK_THROWS_AS(source.emit({1, 2, 1}), Overflow);
  CHECK(restored::save(2, source) == states);
}
