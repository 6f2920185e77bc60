// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>

#include "penstock/core/atomic.hpp"
#include "penstock/core/context.hpp"
#include "penstock/core/info.hpp"

// Not an operator: what can be seen of event time from outside.

namespace penstock {

/// A time that the strand changes and any thread may read.
class TimeGauge {
 public:
  TimeGauge() = default;
  EventTime get() const noexcept { return value_.get(); }
  void set(EventTime time) noexcept { value_.set(time); }

 private:
  detail::Atomic<EventTime> value_{no_frontier};
};

/// What an operator that deals with event time knows of it, beside the counters of its Info.
struct TimeGauges {
  TimeGauge frontier;      ///< no later element has a time before it; `no_frontier` before the first
  TimeGauge newest;        ///< the latest time that has come; the frontier's lag is what lies between
  Counter windows;         ///< open windows
  Counter entries;         ///< open pairs of a key and a window; of a process function keys that it knows something of
  Counter timers;          ///< that process functions have set
  Counter late;            ///< elements that came behind the end of a window of theirs and still counted
  Counter late_dropped;    ///< elements that came too late for all of their windows
  Counter late_by_most;    ///< microseconds by which the latest of those was behind the frontier
  Counter late_by_all;     ///< the same of all of them together
  Counter ahead;           ///< elements whose time is too far in the future to count for the frontier
};

}  // namespace penstock
