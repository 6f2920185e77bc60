// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cmath>
#include <cstddef>
#include <functional>

#include "penstock/core.hpp"
#include "penstock/time/event_time.hpp"
#include "penstock/time/key_by.hpp"

namespace places {

/// A key that is not even equal to itself where `x` is not a number.
struct Place {
  double x;
  friend bool operator==(const Place&, const Place&) = default;
};
inline const Place nowhere{std::nan("")};

struct Visit {
  penstock::EventTime time;
  Place place;
};

}  // namespace places

template <>
struct std::hash<places::Place> {
  std::size_t operator()(const places::Place& place) const { return std::hash<double>{}(place.x); }
};

namespace places {

/// By place, and with a frontier that each visit moves.
inline auto by_place(const penstock::Stream<Visit>& source) {
  return source.event_time(&Visit::time, penstock::ascending(), {.tell = penstock::Tell::element}).key_by(&Visit::place);
}

}  // namespace places
