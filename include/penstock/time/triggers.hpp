// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <utility>

#include "penstock/core/error.hpp"
#include "penstock/core/loop.hpp"
#include "penstock/time/instant.hpp"

// Not an operator: when a global window has a result.
//
// A trigger is a copyable object; every key has a copy of the one that is given. It has
//
//     bool element(const T& element, EventTime time);   // true: a result now. `time` is no_event_time without one
//
// and, if it likes, `EventTime due() const`, the frontier at which there is to be a result, no_frontier for none;
// `void fired()`, called behind each result; and `Duration period() const`, the time of the loop after which there is
// one for every key that has had elements since its last. What it remembers is saved when it has a codec.

namespace penstock {

/// A result at the end of the stream only.
struct NoTrigger {
  template <class T>
  bool element(const T&, EventTime) const noexcept {
    return false;
  }
  template <class Self>
  static auto fields(Self&) {
    return std::tuple<>{};
  }
};

/// Made by `every(n)`.
struct EveryCount {
  std::uint64_t n;
  std::uint64_t count = 0;

  template <class T>
  bool element(const T&, EventTime) noexcept {
    if (++count < n) return false;
    count = 0;
    return true;
  }
  template <class Self>
  static auto fields(Self& self) {
    return std::tie(self.count);
  }
};

/// Made by `every_event_time(d)`.
struct EveryEventTime {
  EventTime span;
  EventTime next = no_frontier;

  template <class T>
  bool element(const T&, EventTime time) noexcept {
    const EventTime border = detail::later_by(detail::floor_div(time, span) * span, span);
    if (next == no_frontier || border < next) next = border;
    return false;
  }
  EventTime due() const noexcept { return next; }
  void fired() noexcept { next = no_frontier; }
  template <class Self>
  static auto fields(Self& self) {
    return std::tie(self.next);
  }
};

/// Made by `every_processing_time(d)`.
struct EveryProcessingTime {
  Duration time;

  template <class T>
  bool element(const T&, EventTime) const noexcept {
    return false;
  }
  Duration period() const noexcept { return time; }
  template <class Self>
  static auto fields(Self&) {
    return std::tuple<>{};
  }
};

/// A result for every `n` elements of a key.
inline EveryCount every(std::size_t n) {
  if (n == 0) detail::bad_argument("every: n must be at least 1");
  return {n};
}
/// A result when the frontier passes a multiple of `span` that is behind an element without a result.
template <class Rep, class Period>
EveryEventTime every_event_time(std::chrono::duration<Rep, Period> span) {
  if (detail::span_of(span) <= 0) detail::bad_argument("every_event_time: the time must be at least a microsecond");
  return {detail::span_of(span)};
}
/// A result after so much time of the loop, for keys that have had elements since their last one. Needs a loop.
inline EveryProcessingTime every_processing_time(Duration time) {
  if (time <= Duration::zero()) detail::bad_argument("every_processing_time: the time must be longer than 0");
  return {time};
}

template <class Trigger, class T>
concept trigger_of = std::copy_constructible<Trigger> && requires(Trigger& trigger, const T& element) {
  { trigger.element(element, EventTime{}) } -> std::convertible_to<bool>;
};

}  // namespace penstock
