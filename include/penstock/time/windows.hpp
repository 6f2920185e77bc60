// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "penstock/core/error.hpp"
#include "penstock/core/loop.hpp"
#include "penstock/time/instant.hpp"
#include "penstock/time/triggers.hpp"

// Not an operator: which windows there are.

namespace penstock {

/// Windows of one length side by side, or overlapping where `slide` is less than `size`. Made by `tumbling` and `hopping`.
struct FixedWindows {
  EventTime size;
  EventTime slide;
  EventTime offset;

  /// The latest start at or before `time` when there is one every `step`.
  EventTime start_of(EventTime time, EventTime step) const noexcept {
    return detail::floor_div(time - offset, step) * step + offset;
  }
  /// The starts of the first and the last window that `time` is in.
  EventTime first_start(EventTime time) const noexcept { return start_of(time - size, slide) + slide; }
  EventTime last_start(EventTime time) const noexcept { return start_of(time, slide); }
};
/// Windows that last as long as elements come with no more than `gap` between them. Made by `session`.
struct SessionWindows {
  EventTime gap;

  template <class T>
  EventTime gap_of(const T&) const noexcept {
    return gap;
  }
};
/// The same where every element says how long its gap is.
template <class Fn>
struct DynamicSessions {
  Fn fn;

  template <class T>
  EventTime gap_of(const T& element) {
    return detail::span_of(fn(element));
  }
};
/// One window for all time. Made by `global`.
template <class Trigger>
struct GlobalWindow {
  Trigger trigger;
};
/// With every element the last so many of its key. Made by `sliding(n)`.
struct SlidingCount {
  std::size_t n;
};
/// With every element those of its key in the time up to it. Made by `sliding(time)`.
struct SlidingTime {
  EventTime span;
};

namespace detail {

/// The greatest one, of numbers that are more than 0.
inline EventTime common_divisor(EventTime a, EventTime b) noexcept {
  while (b != 0) a = std::exchange(b, a % b);
  return a;
}

/// Calls `fn(start)` for the windows that have something in them, end after `from` and not after `to`, in order.
/// @param slots  ordered, by their starts.
/// @param reach  how much of the time behind its start a window takes slots from.
template <class Slots, class Fn>
void each_window(const Slots& slots, const FixedWindows& windows, EventTime reach, EventTime from, EventTime to, Fn fn) {
  if (slots.empty()) return;
  const auto first_of = [&](EventTime slot) { return reach == 1 ? slot : windows.first_start(slot); };
  EventTime start = first_of(slots.begin()->first);
  if (from > -farthest_time) start = std::max(start, windows.first_start(from));
  for (auto at = slots.lower_bound(start); at != slots.end(); at = slots.lower_bound(start)) {
    if (at->first >= start + reach) {
      start = first_of(at->first);  // leaps over what is empty
      continue;
    }
    if (start + windows.size > to) return;
    fn(start);
    start += windows.slide;
  }
}

/// A lateness behind which no window is over.
inline constexpr EventTime never_over = std::numeric_limits<EventTime>::max();
/// Whether a multiple of `step` lies in (from, to].
inline bool passes_multiple(EventTime step, EventTime from, EventTime to) noexcept {
  return from == no_frontier || floor_div(from, step) != floor_div(to, step);
}

/// The offset brought to less than a slide, which says the same.
inline FixedWindows checked(FixedWindows windows, const char* name) {
  const std::string who{name};
  if (windows.slide <= 0 || windows.size <= 0) bad_argument(who + ": the size and the slide must be at least a microsecond");
  if (windows.size < windows.slide) bad_argument(who + ": the slide must not be longer than the size");
  if (windows.size > farthest_time) bad_argument(who + ": the size must be less than 73 000 years");
  windows.offset %= windows.slide;
  return windows;
}

}  // namespace detail

/// Windows of `size` side by side, [k size + offset, (k + 1) size + offset), counted from 1970 in both directions.
/// Throws std::invalid_argument for a size below a microsecond.
template <class Size, class Offset = std::chrono::microseconds>
FixedWindows tumbling(Size size, Offset offset = Offset::zero()) {
  const EventTime length = detail::span_of(size);
  return detail::checked({length, length, detail::span_of(offset)}, "tumbling");
}
/// Windows of `size` that begin every `slide`: an element is in size / slide of them, rounded one way or the other. A slide
/// longer than the size would leave elements out and is an error.
template <class Size, class Slide, class Offset = std::chrono::microseconds>
FixedWindows hopping(Size size, Slide slide, Offset offset = Offset::zero()) {
  return detail::checked({detail::span_of(size), detail::span_of(slide), detail::span_of(offset)}, "hopping");
}
/// An element opens a window [t, t + gap); windows of one key that overlap or touch become one.
template <class Rep, class Period>
SessionWindows session(std::chrono::duration<Rep, Period> gap) {
  if (detail::span_of(gap) <= 0) detail::bad_argument("session: the gap must be at least a microsecond");
  return {detail::span_of(gap)};
}
/// The same with `gap(element)`, a duration of at least a microsecond.
template <class Fn>
  requires(!requires(Fn d) { d.count(); })
DynamicSessions<Fn> session(Fn gap) {
  return {std::move(gap)};
}
/// One window for all time: a result when the trigger says so and, for what has come since, at the end of the stream. See
/// triggers.hpp: `every(n)`, `every_event_time(d)`, `every_processing_time(d)`, or one of your own.
template <class Trigger = NoTrigger>
GlobalWindow<Trigger> global(Trigger trigger = {}) {
  return {std::move(trigger)};
}
/// With every element, at once, the last `n` elements of its key, or as many as there have been.
inline SlidingCount sliding(std::size_t n) {
  if (n == 0) detail::bad_argument("sliding: n must be at least 1");
  return {n};
}
/// With every element those of its key in the last `span` of event time, itself included: (time - span, time]. Elements are
/// taken in the order of their times, each when the frontier is behind it.
template <class Rep, class Period>
SlidingTime sliding(std::chrono::duration<Rep, Period> span) {
  if (detail::span_of(span) <= 0) detail::bad_argument("sliding: the time must be at least a microsecond");
  return {detail::span_of(span)};
}

/// Which results of a window come out.
enum class Output : std::uint8_t {
  panes,   ///< one when the frontier passes its end, and one more for every element that comes late
  append,  ///< one, when no element can change it any more: `lateness` after its end
  update,  ///< one for every change, as often as the frontier is told
  complete ///< all windows there have ever been, as often as the frontier is told and something has changed: nothing is late
};

/// How windows work.
struct WindowOptions {
  Duration lateness{0};          ///< how far behind a window's end the frontier may be for an element to count
  Output output = Output::panes;
  bool discarding = false;       ///< every result has only what came since the one before; else all of it
  std::size_t early_every = 0;   ///< a result for every so many elements of a key in a window; 0: none
  Duration early_period{0};      ///< results of what has changed every so much time of the loop; 0: none
  Duration early_event_time{0};  ///< results of what has changed whenever the frontier passes a multiple of it; 0: none
  std::size_t max_entries = 0;   ///< open pairs of a key and a window; one more throws Overflow. 0: no bound
};

namespace detail {

inline bool has_early_results(const WindowOptions& options) noexcept {
  return options.early_every != 0 || options.early_period != Duration::zero() || options.early_event_time != Duration::zero();
}

inline void check(const WindowOptions& options) {
  if (options.lateness < Duration::zero()) bad_argument("window: the lateness must not be negative");
  if (options.early_period < Duration::zero() || options.early_event_time < Duration::zero()) {
    bad_argument("window: the period of early results must not be negative");
  }
  if (options.output == Output::append && has_early_results(options)) {
    bad_argument("window: Output::append has one result a window, so there are no early ones");
  }
  if (options.output == Output::update && options.discarding) {
    bad_argument("window: Output::update says what a window has become, which a discarding one does not know");
  }
  if (options.output != Output::complete) return;
  if (options.max_entries == 0) {
    bad_argument("window: Output::complete keeps every key and window for ever, so it needs max_entries");
  }
  if (options.discarding || options.lateness != Duration::zero() || has_early_results(options)) {
    bad_argument("window: Output::complete always has all results, so there are no late, early or discarding ones");
  }
}
template <class Windows>
void check(const Windows&, const WindowOptions& options) {
  check(options);
}
inline void only_bounds(const char* name, WindowOptions options) {
  options.max_entries = 0;
  if (options.lateness == Duration::zero() && options.output == Output::panes && !has_early_results(options)) return;
  bad_argument(std::string(name) + ": has neither early nor late results, nor another output");
}
template <class Trigger>
void check(const GlobalWindow<Trigger>&, const WindowOptions& options) {
  only_bounds("global", options);
}
inline void check(const SlidingCount&, const WindowOptions& options) {
  only_bounds("sliding", options);
  if (options.discarding) bad_argument("sliding: a window that slides cannot discard");
}
inline void check(const SlidingTime&, const WindowOptions& options) { check(SlidingCount{1}, options); }

}  // namespace detail
}  // namespace penstock
