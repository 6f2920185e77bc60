// SPDX-License-Identifier: BSL-1.0
//
// Ten million events of a thousand keys, up to 100 ms out of order: count and sum of every key and second. By hand: the same hash
// map, one for each second that is open, in one loop; the frontier is moved behind every 256 events there and here.
#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "bench.hpp"
#include "penstock/core.hpp"
#include "penstock/time/event_time.hpp"
#include "penstock/time/key_by.hpp"
#include "penstock/time/window.hpp"

namespace bench {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t n = 10'000'000;
constexpr std::int64_t batch = 256;
constexpr std::int64_t second = 1'000'000;
constexpr std::int64_t disorder = 100'000;

struct Event {
  std::int64_t time;
  std::int64_t key;
  std::int64_t value;
};
struct Totals {
  std::int64_t count = 0;
  std::int64_t sum = 0;
  void add(const Event& event) {
    ++count;
    sum += event.value;
  }
  void merge(const Totals& other) {
    count += other.count;
    sum += other.sum;
  }
  Totals result() const { return *this; }
};

/// Made anew in every pass, so that it is in the cache and costs the same for all.
class Events {
 public:
  const std::array<Event, batch>& next() {
    for (Event& event : events_) {
      state_ = state_ * 6364136223846793005u + 1442695040888963407u;
      const auto random = static_cast<std::int64_t>(state_ >> 33);
      event = {at_ * 100 - random % disorder, (random >> 8) % 1000, random & 0xFF};
      ++at_;
    }
    return events_;
  }

 private:
  std::array<Event, batch> events_{};
  std::uint64_t state_ = 1;
  std::int64_t at_ = 0;
};

void tell(std::int64_t start, std::int64_t key, const Totals& totals) {
  consume(start);
  consume(key);
  consume(totals.count);
  consume(totals.sum);
}

Pass by_hand(bool) {
  return {[] {
    std::map<std::int64_t, boost::unordered_flat_map<std::int64_t, Totals>> windows;
    std::vector<const std::pair<const std::int64_t, Totals>*> sorted;
    const auto fire = [&](std::int64_t frontier) {
      while (!windows.empty() && (windows.begin()->first + 1) * second <= frontier) {
        sorted.clear();
        for (const auto& entry : windows.begin()->second) sorted.push_back(&entry);
        std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) { return a->first < b->first; });
        for (const auto* entry : sorted) tell(windows.begin()->first * second, entry->first, entry->second);
        windows.erase(windows.begin());
      }
    };
    Events events;
    std::int64_t latest = std::numeric_limits<std::int64_t>::min();
    for (std::int64_t done = 0; done < n; done += batch) {
      for (const Event& event : events.next()) {
        latest = std::max(latest, event.time);
        const std::int64_t index = event.time / second - (event.time % second < 0);
        windows[index][event.key].add(event);
      }
      fire(latest - disorder);
    }
    fire(std::numeric_limits<std::int64_t>::max());
  }};
}

template <class Build>
Pass piped(bool counting, Build build) {
  return {[counting, build] {
    const penstock::Stream<Event> source;
    build(source.event_time(&Event::time, penstock::bounded_disorder(100ms)));
    source.graph().counting(counting);
    Events events;
    for (std::int64_t done = 0; done < n; done += batch) source.emit_all(std::array<Event, batch>(events.next()));
    source.close();
  }};
}
Pass tumbling(bool counting) {
  return piped(counting, [](auto&& timed) {
    timed.key_by(&Event::key).window(penstock::tumbling(1s)).aggregate(Totals{}).sink([](const auto& result) {
      tell(result.window.start, result.key, result.value);
    });
  });
}

const Registration registered{[] {
  add({"windows", "hand1", n, by_hand});
  add({"windows", "tumbling", n, tumbling, {{.ratio = 2}}, {.percent = 3}});
}};

}  // namespace
}  // namespace bench
