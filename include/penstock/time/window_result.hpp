// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <utility>

#include "penstock/time/instant.hpp"

// Not an operator: what comes out of windows.

namespace penstock {

/// A span of event time: from `start` on, and before `end`; microseconds since 1970.
struct Window {
  EventTime start = 0;
  EventTime end = 0;
  friend auto operator<=>(const Window&, const Window&) = default;
};

/// Why a result was emitted.
enum class Timing : std::uint8_t {
  early,    ///< before the end of its window: more may come
  on_time,  ///< when the frontier passed the end of its window
  late      ///< after that, because of an element that came late
};
struct Pane {
  std::uint32_t index = 0;  ///< of the results of this key and window, from 0 on
  Timing timing = Timing::on_time;
  friend bool operator==(const Pane&, const Pane&) = default;
};

/// The elements of one key in one window, as one value. `Key` is void where the stream has no key.
template <class Key, class T>
struct WindowResult {
  Key key;
  Window window;
  T value;
  Pane pane;
  friend bool operator==(const WindowResult&, const WindowResult&) = default;
};
template <class T>
struct WindowResult<void, T> {
  Window window;
  T value;
  Pane pane;
  friend bool operator==(const WindowResult&, const WindowResult&) = default;
};

/// An element that came too late for all of its windows.
template <class T>
struct Late {
  T value;
  EventTime time;      ///< its own
  EventTime frontier;  ///< where it came
  /// Microseconds by which it is behind the frontier.
  EventTime lateness() const noexcept { return frontier - time; }
};

}  // namespace penstock
