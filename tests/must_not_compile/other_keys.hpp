// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "penstock/time/time.hpp"

// Two streams that a join is to refuse: their keys have different types.

struct Event {
  long time;
  int number;
  long other;
};

inline auto keyed(const penstock::Stream<Event>& events, auto key) {
  return events.event_time(&Event::time, penstock::ascending()).key_by(key);
}
inline const penstock::Stream<Event> first;
inline const penstock::Stream<Event> second;
inline const auto left = keyed(first, &Event::number);
#ifdef BAD
inline const auto right = keyed(second, &Event::other);
#else
inline const auto right = keyed(second, &Event::number);
#endif
