// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>

#include "penstock/core/context.hpp"
#include "penstock/core/loop.hpp"

// Not an operator: event times and spans of them.

namespace penstock {

namespace detail {

using Microseconds = std::chrono::duration<EventTime, std::micro>;

/// Beyond some 73 000 years no event time is usable, and sums with spans need no care.
inline constexpr EventTime farthest_time = EventTime{1} << 61;

/// Coarse durations and floating ones reach further than microseconds can be counted.
template <class Rep, class Period>
constexpr bool too_far(std::chrono::duration<Rep, Period> time) noexcept {
  if constexpr (std::chrono::treat_as_floating_point_v<Rep>) {
    const auto count = std::chrono::duration<double, std::micro>{time}.count();
    return !(count >= static_cast<double>(-farthest_time) && count <= static_cast<double>(farthest_time));
  } else if constexpr (std::ratio_greater_v<Period, std::micro>) {
    using Wide = std::chrono::duration<EventTime, Period>;
    constexpr EventTime most = std::chrono::floor<Wide>(Microseconds{farthest_time}).count();
    return std::cmp_greater(time.count(), most) || std::cmp_less(time.count(), -most);
  } else {
    return false;
  }
}

/// A span of event time: of finer durations what is whole, of longer ones the longest there is.
template <class Rep, class Period>
constexpr EventTime span_of(std::chrono::duration<Rep, Period> time) {
  if (too_far(time)) return time.count() > 0 ? farthest_time : -farthest_time;
  return std::chrono::floor<Microseconds>(time).count();
}

/// Sums that end at the ends of time instead of going round.
constexpr EventTime later_by(EventTime time, EventTime span) noexcept {
  EventTime sum = 0;
  if (!__builtin_add_overflow(time, span, &sum)) return sum;
  return span > 0 ? std::numeric_limits<EventTime>::max() : std::numeric_limits<EventTime>::min();
}
constexpr EventTime earlier_by(EventTime time, EventTime span) noexcept {
  EventTime difference = 0;
  if (!__builtin_sub_overflow(time, span, &difference)) return difference;
  return span > 0 ? std::numeric_limits<EventTime>::min() : std::numeric_limits<EventTime>::max();
}
/// Rounds down, also before 1970.
constexpr EventTime floor_div(EventTime a, EventTime b) noexcept {
  const EventTime quotient = a / b;
  return quotient - static_cast<EventTime>(a % b != 0 && (a < 0) != (b < 0));
}

template <class T>
inline constexpr bool is_time_point = false;
template <class Clock, class Time>
inline constexpr bool is_time_point<std::chrono::time_point<Clock, Time>> = true;
template <class T>
inline constexpr bool may_be_no_time = false;
template <class T>
inline constexpr bool may_be_no_time<std::optional<T>> = true;

/// What a function may say the event time of an element is: a time point of the system's clock, of any
/// resolution, or microseconds since 1970 as an integer, or an optional of these.
template <class T>
constexpr bool tells_time() {
  if constexpr (may_be_no_time<T>) {
    return tells_time<typename T::value_type>();
  } else {
    return is_time_point<T> || (std::integral<T> && !std::same_as<T, bool>);
  }
}

/// Microseconds since 1970, rounded down; nothing for no time, and for one that is too far away.
template <class T>
constexpr std::optional<EventTime> event_time_of(const T& time) {
  if constexpr (may_be_no_time<T>) {
    return time ? event_time_of(*time) : std::nullopt;
  } else if constexpr (is_time_point<T>) {
    if (too_far(time.time_since_epoch())) return std::nullopt;
    return event_time_of(std::chrono::floor<Microseconds>(time.time_since_epoch()).count());
  } else {
    if (!std::in_range<EventTime>(time)) return std::nullopt;
    const auto microseconds = static_cast<EventTime>(time);
    if (microseconds < -farthest_time || microseconds > farthest_time) return std::nullopt;
    return microseconds;
  }
}

}  // namespace detail
}  // namespace penstock
