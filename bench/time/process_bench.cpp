// SPDX-License-Identifier: BSL-1.0
//
// Every tenth event of each of a thousand keys: a function with one value for a key. By hand: a loop over the same events with
// the numbers in a hash map.
#include <array>
#include <chrono>
#include <cstdint>

#include <boost/unordered/unordered_flat_map.hpp>

#include "bench.hpp"
#include "penstock/core.hpp"
#include "penstock/time/process.hpp"

namespace bench {
namespace {

constexpr std::int64_t n = 10'000'000;
constexpr std::int64_t batch = 256;

struct Event {
  std::int64_t key;
  std::int64_t value;
};

class Events {
 public:
  const std::array<Event, batch>& next() {
    for (Event& event : events_) {
      state_ = state_ * 6364136223846793005u + 1442695040888963407u;
      const auto random = static_cast<std::int64_t>(state_ >> 33);
      event = {(random >> 8) % 1000, random & 0xFF};
    }
    return events_;
  }

 private:
  std::array<Event, batch> events_{};
  std::uint64_t state_ = 1;
};

struct EveryTenth {
  using output = std::int64_t;
  penstock::ValueState<std::int64_t> count{"count"};

  void element(const Event& event, auto& ctx) {
    count = count.value_or(0) + 1;
    if (*count % 10 == 0) ctx.emit(event.value);
  }
};

Pass by_hand(bool) {
  return {[] {
    boost::unordered_flat_map<std::int64_t, std::int64_t> counts;
    Events events;
    for (std::int64_t done = 0; done < n; done += batch) {
      for (const Event& event : events.next()) {
        if (++counts[event.key] % 10 == 0) consume(event.value);
      }
    }
  }};
}
Pass piped(bool counting) {
  return {[counting] {
    const penstock::Stream<Event> source;
    source.key_by(&Event::key).process(EveryTenth{}).sink([](std::int64_t value) { consume(value); });
    source.graph().counting(counting);
    Events events;
    for (std::int64_t done = 0; done < n; done += batch) source.emit_all(std::array<Event, batch>(events.next()));
    source.close();
  }};
}

const Registration registered{[] {
  add({"process", "hand1", n, by_hand});
  add({"process", "process", n, piped, {{.ratio = 3}, {.allocations = 0.001}}});
}};

}  // namespace
}  // namespace bench
