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
  EventTime disorder, size, slide, offset, gap, lateness, early_time;
  std::size_t early_every;
  Output output;
  bool discarding, alone;
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
  c.output = static_cast<Output>(upto(4));
  if (c.output != Output::complete) c.lateness = upto(2) * upto(6);
  if (c.output == Output::panes) {
    c.early_every = static_cast<std::size_t>(upto(2) * upto(4));
    c.early_time = upto(2) * upto(5);
  }
  c.discarding = upto(3) == 0 && (c.output == Output::panes || c.output == Output::append);
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
                                        .output = c.output,
                                        .discarding = c.discarding,
                                        .early_every = c.early_every,
                                        .early_event_time = Micros{c.early_time},
                                        .max_entries = c.output == Output::complete ? 1000u : 0u};
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
EventTime due(const Case& c, EventTime end) { return c.output == Output::append ? end + c.lateness : end; }
bool over(const Case& c, EventTime end, EventTime frontier) {
  return c.output != Output::complete && frontier != never && end + c.lateness <= frontier;
}
bool tells_changes(const Case& c) { return c.output == Output::update || c.output == Output::complete; }
EventTime floored(EventTime time, EventTime step) { return (time >= 0 ? time : time - step + 1) / step; }
/// Whether the frontier's move from `from` to `to` brings early results about.
bool early_now(const Case& c, EventTime from, EventTime to, bool all) {
  return c.early_time != 0 && !all && (from == never || floored(from, c.early_time) != floored(to, c.early_time));
}

Seen fixed_model(const Case& c) {
  struct Cell {
    Ids ids;
    std::uint32_t panes = 0;
    std::size_t count = 0;
    bool news = false;
  };
  Seen seen;
  std::map<std::tuple<EventTime, EventTime, int>, Cell> cells;  // by end, start and key
  EventTime frontier = never;
  EventTime latest = never;
  const bool counts_panes = c.lateness != 0 || c.early_every != 0 || c.early_time != 0 || tells_changes(c);
  const auto tell = [&](auto& entry, Timing timing) {
    auto& [where, cell] = entry;
    cell.news = false;
    if (cell.ids.empty()) return;
    const auto& [end, start, key] = where;
    Ids ids = cell.ids;
    std::sort(ids.begin(), ids.end());
    seen.rows.push_back({start, end, key, ids, cell.panes, timing});
    if (counts_panes) ++cell.panes;
    if (c.discarding) cell.ids.clear();
  };
  const auto advance = [&](EventTime to, bool all) {
    bool any = false;
    for (const auto& [where, cell] : cells) any = any || cell.news;
    for (auto& entry : cells) {
      const EventTime end = std::get<0>(entry.first);
      const bool was_open = frontier == never || due(c, end) > frontier;
      const bool closes = all || due(c, end) <= to;
      if (tells_changes(c)) {
        const bool told = c.output == Output::update ? entry.second.news : any;
        if (told) tell(entry, !was_open ? Timing::late : closes ? Timing::on_time : Timing::early);
      } else if (was_open && closes) {
        tell(entry, Timing::on_time);
      }
    }
    if (early_now(c, frontier, to, all)) {
      for (auto& entry : cells) {
        if (entry.second.news && std::get<0>(entry.first) > to) tell(entry, Timing::early);
      }
    }
    std::erase_if(cells, [&](const auto& entry) { return all || over(c, std::get<0>(entry.first), to); });
    frontier = to;
  };
  for (const auto& batch : c.batches) {
    for (const Event& event : batch) {
      latest = std::max(latest, event.time);
      std::vector<std::pair<EventTime, EventTime>> windows;
      for (EventTime start = event.time - c.size + 1; start <= event.time; ++start) {
        if ((start - c.offset) % c.slide != 0) continue;
        if (!over(c, start + c.size, frontier)) windows.emplace_back(start, start + c.size);
      }
      if (windows.empty()) seen.late.push_back(event.id);
      for (const auto& [start, end] : windows) {
        Cell& cell = cells[{end, start, event.key}];
        cell.ids.push_back(event.id);
        cell.news = true;
      }
      if (c.output != Output::panes) continue;
      for (const auto& [start, end] : windows) {
        auto& entry = *cells.find({end, start, event.key});
        if (frontier != never && end <= frontier) {
          tell(entry, Timing::late);
        } else if (c.early_every != 0 && ++entry.second.count % c.early_every == 0) {
          tell(entry, Timing::early);
        }
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
    std::size_t count = 0;
    bool news = false;
  };
  Seen seen;
  std::vector<Session> sessions;
  EventTime frontier = never;
  EventTime latest = never;
  const auto tell = [&](Session& session, Timing timing) {
    session.news = false;
    if (session.ids.empty()) return;
    Ids ids = session.ids;
    std::sort(ids.begin(), ids.end());
    seen.rows.push_back({session.start, session.end, session.key, ids, session.panes++, timing});
    if (c.discarding) session.ids.clear();
  };
  const auto advance = [&](EventTime to, bool all) {
    const auto place = [](const Session& s) { return std::tuple(s.end, s.start, s.key); };
    std::sort(sessions.begin(), sessions.end(), [&](const Session& a, const Session& b) { return place(a) < place(b); });
    bool any = false;
    for (const Session& session : sessions) any = any || session.news;
    for (Session& session : sessions) {
      const bool was_open = frontier == never || due(c, session.end) > frontier;
      const bool closes = all || due(c, session.end) <= to;
      if (tells_changes(c)) {
        const bool told = c.output == Output::update ? session.news : any;
        if (told) tell(session, !was_open ? Timing::late : closes ? Timing::on_time : Timing::early);
      } else if (was_open && closes) {
        tell(session, Timing::on_time);
      }
    }
    if (early_now(c, frontier, to, all)) {
      for (Session& session : sessions) {
        if (session.news && session.end > to) tell(session, Timing::early);
      }
    }
    std::erase_if(sessions, [&](const Session& s) { return all || over(c, s.end, to); });
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
        whole.count += other.count;
      }
      if (over(c, whole.end, frontier)) {
        seen.late.push_back(event.id);
        continue;
      }
      whole.ids.push_back(event.id);
      whole.news = true;
      ++whole.count;
      while (!touched.empty()) {
        sessions.erase(sessions.begin() + static_cast<std::ptrdiff_t>(touched.back()));
        touched.pop_back();
      }
      if (c.output == Output::panes) {
        if (frontier != never && whole.end <= frontier) {
          tell(whole, Timing::late);
        } else if (c.early_every != 0 && whole.count % c.early_every == 0) {
          tell(whole, Timing::early);
        }
      }
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
                          << " disorder " << c.disorder << " lateness " << c.lateness << " early every " << c.early_every << " and " << c.early_time << " output " << static_cast<int>(c.output)
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
