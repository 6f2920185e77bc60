// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "penstock/core/algorithm.hpp"
#include "penstock/core/emit.hpp"
#include "penstock/core/loop.hpp"
#include "penstock/core/managed.hpp"
#include "penstock/state/codec.hpp"
#include "penstock/time/detail/window_parts.hpp"
#include "penstock/time/gauges.hpp"

// Not an operator: how the operators of event time save what they remember. Refs are no part of that: the snapshot is what
// decides from where sources go on.

namespace penstock::detail {

/// Says of an operator that it has to be saved, and how if that can be done.
inline void remembers(Info& info, Managed* state) noexcept {
  info.recovery = Recovery::state;
  info.state = state;
}

/// The entries of a hash table in the order of their keys, so that the same entries are the same bytes.
template <class Map>
auto in_order(Map& map) {
  std::vector<decltype(&*map.begin())> entries;
  entries.reserve(map.size());
  for (auto& entry : map) entries.push_back(&entry);
  std::sort(entries.begin(), entries.end(), [](const auto* a, const auto* b) { return key_before(a->first, b->first); });
  return entries;
}

inline void save_size(StateWriter& to, std::size_t n) { to.put(static_cast<std::uint64_t>(n)); }
/// Calls `fn` as often as there are things to be read.
template <class Fn>
void load_each(StateReader& from, Fn fn) {
  for (auto n = from.get<std::uint64_t>(); n > 0; --n) fn();
}

/// What counts the elements that there have been; what shows the present comes by itself.
inline void save(StateWriter& to, const TimeGauges& gauges) {
  to.put(gauges.newest.get());
  for (const Counter* each : {&gauges.late, &gauges.late_dropped, &gauges.late_by_most, &gauges.late_by_all, &gauges.ahead}) {
    to.put(each->get());
  }
}
inline void load(StateReader& from, TimeGauges& gauges) {
  gauges.newest.set(from.get<EventTime>());
  for (Counter* each : {&gauges.late, &gauges.late_dropped, &gauges.late_by_most, &gauges.late_by_all, &gauges.ahead}) {
    each->set(from.get<std::uint64_t>());
  }
}

/// The time that remains until an alarm rings.
inline void save(StateWriter& to, const Timer& alarm, const Loop* loop) {
  const bool rings = loop && alarm.active();
  to.put(rings);
  if (rings) to.put(std::max(Duration::zero(), alarm.deadline() - loop->now()));
}
inline void load(StateReader& from, Timer& alarm, Loop* loop) {
  if (!from.get<bool>()) return;
  const auto left = from.get<Duration>();
  if (loop) loop->set(alarm, later(loop->now(), left));
}

/// The same of an alarm that makes a stream idle. The run before may have had no time-out, and this one may have none.
inline void load(StateReader& from, Timer& alarm, Loop* loop, Duration timeout, bool& idle) {
  idle = idle && timeout != Duration::zero();
  if (idle) alarm.cancel();
  load(from, alarm, timeout != Duration::zero() ? loop : nullptr);
}

/// Tells those behind a frontier that they heard of before the snapshot.
inline void tell_again(OutletBase& outlet, EventTime frontier) {
  if (frontier != no_frontier) static_cast<void>(offer(outlet, Signal{Signal::watermark, frontier}));
}

}  // namespace penstock::detail
