// SPDX-License-Identifier: BSL-1.0
//
// Random streams against models that say in a few lines what windows are: which elements a result has, in which order results
// come, and what is too late. PENSTOCK_SEED=n plays one case again, PENSTOCK_CASES=n says how many there are.
#include "catch.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "penstock/core.hpp"
#include "penstock/time/event_time.hpp"
#include "penstock/time/key_by.hpp"
#include "penstock/time/window.hpp"

using penstock::EventTime;
using penstock::Output;
using penstock::Stream;
using penstock::Timing;
using Micros = std::chrono::microseconds;

namespace {

struct Event {
  EventTime time;
  int key;
  int id;
};
using Ids = std::vector<int>;

/// The elements themselves, in the order of their ids.
struct Collect {
  Ids ids;
  void add(const Event& event) { ids.push_back(event.id); }
  void merge(const Collect& other) { ids.insert(ids.end(), other.ids.begin(), other.ids.end()); }
  Ids result() const {
    Ids sorted = ids;
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  }
};
/// The same for what cannot be put together from panes.
struct CollectAlone {
  Ids ids;
  void add(const Event& event) { ids.push_back(event.id); }
  Ids result() const { return ids; }
};

struct Row {
  EventTime start, end;
  int key;
  Ids ids;
  std::uint32_t pane;
  Timing timing;
  friend bool operator==(const Row&, const Row&) = default;
};
std::ostream& operator<<(std::ostream& out, const Row& row) {
  out << "[" << row.start << "," << row.end << ") key " << row.key << " pane " << row.pane << " timing "
      << static_cast<int>(row.timing) << " ids";
  for (int id : row.ids) out << " " << id;
  return out;
}
struct Seen {
  std::vector<Row> rows;
  Ids late;
  friend bool operator==(const Seen&, const Seen&) = default;
};

struct Case {
  std::vector<std::vector<Event>> batches;
  EventTime disorder, size, slide, offset, gap, lateness;
  bool append, discarding, alone;
};

Case make_case(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto upto = [&](EventTime n) { return static_cast<EventTime>(random() % static_cast<std::uint64_t>(n)); };
  Case c{};
  c.slide = 1 + upto(6);
  c.size = c.slide * (1 + upto(3)) + upto(2) * upto(c.slide);
  if (upto(3) == 0) c.size = c.slide;
  c.offset = upto(9) - 4;
  c.disorder = upto(8);
  c.gap = 1 + upto(5);
  c.lateness = upto(2) * upto(6);
  c.append = upto(3) == 0;
  c.discarding = upto(3) == 0;
  c.alone = upto(3) == 0;
  const EventTime n = 1 + upto(40);
  const EventTime spread = 1 + upto(12);
  EventTime now = upto(60) - 40;  // also before 1970
  for (EventTime i = 0; i < n; ++i) {
    if (i == 0 || upto(3) == 0) c.batches.emplace_back();
    now += upto(3);
    if (upto(20) == 0) now += 20;  // leaves windows empty
    c.batches.back().push_back({now - upto(spread), static_cast<int>(upto(3)), static_cast<int>(i)});
  }
  return c;
}

template <class Windows>
Seen run(const Case& c, const Windows& windows) {
  Seen seen;
  const Stream<Event> source;
  auto keyed = source.event_time(&Event::time, penstock::bounded_disorder(Micros{c.disorder})).key_by(&Event::key);
  const penstock::WindowOptions options{.lateness = Micros{c.lateness},
                                        .output = c.append ? Output::append : Output::panes,
                                        .discarding = c.discarding};
  const auto watch = [&](auto&& results) {
    results.sink([&](const auto& r) {
      seen.rows.push_back({r.window.start, r.window.end, r.key, r.value, r.pane.index, r.pane.timing});
    });
    results.late().sink([&](const auto& late) { seen.late.push_back(late.value.id); });
  };
  if constexpr (std::is_same_v<Windows, penstock::FixedWindows>) {
    if (c.alone) {
      watch(keyed.window(windows, options).aggregate(CollectAlone{}));
    } else {
      watch(keyed.window(windows, options).aggregate(Collect{}));
    }
  } else {
    watch(keyed.window(windows, options).aggregate(Collect{}));
  }
  for (const auto& batch : c.batches) source.emit_all(std::vector<Event>(batch));
  source.close();
  return seen;
}

constexpr EventTime never = std::numeric_limits<EventTime>::min();

/// Behind which frontier a window's main result comes.
EventTime due(const Case& c, EventTime end) { return c.append ? end + c.lateness : end; }

Seen fixed_model(const Case& c) {
  struct Cell {
    Ids ids;
    std::uint32_t panes = 0;
  };
  Seen seen;
  std::map<std::tuple<EventTime, EventTime, int>, Cell> cells;  // by end, start and key
  EventTime frontier = never;
  EventTime latest = never;
  const auto tell = [&](auto& entry, Timing timing) {
    auto& [where, cell] = entry;
    if (cell.ids.empty()) return;
    const auto& [end, start, key] = where;
    Ids ids = cell.ids;
    std::sort(ids.begin(), ids.end());
    seen.rows.push_back({start, end, key, ids, cell.panes, timing});
    if (c.lateness != 0) ++cell.panes;
    if (c.discarding) cell.ids.clear();
  };
  const auto advance = [&](EventTime to, bool all) {
    for (auto& entry : cells) {
      const EventTime end = std::get<0>(entry.first);
      if ((frontier == never || due(c, end) > frontier) && (all || due(c, end) <= to)) tell(entry, Timing::on_time);
    }
    std::erase_if(cells, [&](const auto& entry) { return all || std::get<0>(entry.first) + c.lateness <= to; });
    frontier = to;
  };
  for (const auto& batch : c.batches) {
    for (const Event& event : batch) {
      latest = std::max(latest, event.time);
      std::vector<std::pair<EventTime, EventTime>> windows;
      for (EventTime start = event.time - c.size + 1; start <= event.time; ++start) {
        if ((start - c.offset) % c.slide != 0) continue;
        if (frontier == never || start + c.size + c.lateness > frontier) windows.emplace_back(start, start + c.size);
      }
      if (windows.empty()) seen.late.push_back(event.id);
      for (const auto& [start, end] : windows) cells[{end, start, event.key}].ids.push_back(event.id);
      for (const auto& [start, end] : windows) {
        if (c.append || frontier == never || end > frontier) continue;
        tell(*cells.find({end, start, event.key}), Timing::late);
      }
    }
    if (latest - c.disorder > frontier || frontier == never) advance(latest - c.disorder, false);
  }
  advance(frontier, true);
  return seen;
}

Seen session_model(const Case& c) {
  struct Session {
    EventTime start, end;
    int key;
    Ids ids;
    std::uint32_t panes = 0;
  };
  Seen seen;
  std::vector<Session> sessions;
  EventTime frontier = never;
  EventTime latest = never;
  const auto tell = [&](Session& session, Timing timing) {
    if (session.ids.empty()) return;
    Ids ids = session.ids;
    std::sort(ids.begin(), ids.end());
    seen.rows.push_back({session.start, session.end, session.key, ids, session.panes++, timing});
    if (c.discarding) session.ids.clear();
  };
  const auto advance = [&](EventTime to, bool all) {
    const auto place = [](const Session& s) { return std::tuple(s.end, s.start, s.key); };
    std::sort(sessions.begin(), sessions.end(), [&](const Session& a, const Session& b) { return place(a) < place(b); });
    for (Session& session : sessions) {
      if ((frontier == never || due(c, session.end) > frontier) && (all || due(c, session.end) <= to)) {
        tell(session, Timing::on_time);
      }
    }
    std::erase_if(sessions, [&](const Session& s) { return all || s.end + c.lateness <= to; });
    frontier = to;
  };
  for (const auto& batch : c.batches) {
    for (const Event& event : batch) {
      latest = std::max(latest, event.time);
      Session whole{event.time, event.time + c.gap, event.key, {}};
      std::vector<std::size_t> touched;
      for (std::size_t i = 0; i < sessions.size(); ++i) {
        const Session& other = sessions[i];
        if (other.key != event.key || other.end < event.time || other.start > event.time + c.gap) continue;
        touched.push_back(i);
        whole.start = std::min(whole.start, other.start);
        whole.end = std::max(whole.end, other.end);
        whole.ids.insert(whole.ids.end(), other.ids.begin(), other.ids.end());
        whole.panes = std::max(whole.panes, other.panes);
      }
      if (frontier != never && whole.end + c.lateness <= frontier) {
        seen.late.push_back(event.id);
        continue;
      }
      whole.ids.push_back(event.id);
      while (!touched.empty()) {
        sessions.erase(sessions.begin() + static_cast<std::ptrdiff_t>(touched.back()));
        touched.pop_back();
      }
      if (!c.append && frontier != never && whole.end <= frontier) tell(whole, Timing::late);
      sessions.push_back(whole);
    }
    if (latest - c.disorder > frontier || frontier == never) advance(latest - c.disorder, false);
  }
  advance(frontier, true);
  return seen;
}

/// Sanitizers make everything ten times as slow.
#ifdef PENSTOCK_SANITIZED
constexpr std::uint64_t cases = 10'000;
#else
constexpr std::uint64_t cases = 100'000;
#endif

std::uint64_t number(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

template <class Check>
void each_case(Check check) {
  const std::uint64_t only = number("PENSTOCK_SEED", 0);
  const std::uint64_t first = only != 0 ? only : 1;
  const std::uint64_t last = only != 0 ? only : number("PENSTOCK_CASES", cases);
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    const Case c = make_case(seed);
    const auto [seen, expected] = check(c);
    if (seen == expected) continue;
    INFO("PENSTOCK_SEED=" << seed << ": size " << c.size << " slide " << c.slide << " offset " << c.offset << " gap " << c.gap
                          << " disorder " << c.disorder << " lateness " << c.lateness << " append " << c.append
                          << " discarding " << c.discarding << " alone " << c.alone);
    CHECK(seen.late == expected.late);
    REQUIRE(seen.rows == expected.rows);
  }
  CHECK(last >= first);
}

}  // namespace

TEST_CASE("tumbling and hopping windows do what the model does") {
  each_case([](const Case& c) {
    const auto windows = penstock::hopping(Micros{c.size}, Micros{c.slide}, Micros{c.offset});
    return std::pair{run(c, windows), fixed_model(c)};
  });
}

TEST_CASE("sessions do what the model does") {
  each_case([](const Case& c) { return std::pair{run(c, penstock::session(Micros{c.gap})), session_model(c)}; });
}
