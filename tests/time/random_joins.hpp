// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/time/event_time.hpp"
#include "penstock/time/key_by.hpp"

// Random events of two streams for models of joins. PENSTOCK_SEED=n plays one case again, PENSTOCK_CASES=n says how many
// there are.

namespace random_joins {

using penstock::EventTime;
using Micros = std::chrono::microseconds;

struct Event {
  EventTime time;
  int key;
  int id;
  friend bool operator==(const Event&, const Event&) = default;
};

struct Random {
  std::mt19937_64 engine;
  EventTime upto(EventTime n) { return static_cast<EventTime>(engine() % static_cast<std::uint64_t>(n)); }
};

struct Events {
  std::vector<std::pair<bool, Event>> list;  // left?
  EventTime disorder;
};
inline Events some_events(Random& random) {
  Events events{{}, random.upto(6)};
  EventTime now = random.upto(40) - 25;  // also before 1970
  const EventTime n = 1 + random.upto(30);
  const EventTime spread = 1 + random.upto(9);
  for (int i = 0; i < n; ++i) {
    now += random.upto(4);
    events.list.push_back({random.upto(2) == 0, {now - random.upto(spread), static_cast<int>(random.upto(3)), i}});
  }
  return events;
}
inline auto timed(const penstock::Stream<Event>& source, EventTime disorder) {
  return source.event_time(&Event::time, penstock::bounded_disorder(Micros{disorder}), {.tell = penstock::Tell::element})
      .key_by(&Event::key);
}

/// The frontiers that two such streams have told.
struct Frontiers {
  EventTime disorder;
  EventTime side[2] = {penstock::no_frontier, penstock::no_frontier};  // left, right
  void came(bool left, EventTime time) {
    EventTime& mine = side[left ? 0 : 1];
    mine = std::max(mine, time - disorder);
  }
  EventTime both() const { return std::min(side[0], side[1]); }
};

/// Sanitizers make everything ten times as slow.
#ifdef PENSTOCK_SANITIZED
constexpr std::uint64_t all_cases = 10'000;
#else
constexpr std::uint64_t all_cases = 100'000;
#endif

inline std::uint64_t number(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

/// Calls `check(random)`, which returns what was seen and what is expected, for each case.
template <class Check>
void each_case(Check check, std::uint64_t share = 1) {
  const std::uint64_t only = number("PENSTOCK_SEED", 0);
  const std::uint64_t first = only != 0 ? only : 1;
  const std::uint64_t last = only != 0 ? only : number("PENSTOCK_CASES", all_cases / share);
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    Random random{std::mt19937_64(seed)};
    const auto [seen, expected] = check(random);
    if (seen == expected) continue;
    INFO("PENSTOCK_SEED=" << seed);
    CHECK(seen.late == expected.late);
    REQUIRE(seen.rows == expected.rows);
  }
  CHECK(last >= first);
}

/// The id of an element that may be missing, or -1.
template <class Side>
int id_of(const Side& side) {
  if constexpr (requires { side.has_value(); }) {
    return side ? side->id : -1;
  } else {
    return side.id;
  }
}

}  // namespace random_joins
