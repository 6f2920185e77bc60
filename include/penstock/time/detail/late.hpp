// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <utility>

#include "penstock/core/error.hpp"
#include "penstock/core/info.hpp"
#include "penstock/core/outlet.hpp"
#include "penstock/time/gauges.hpp"
#include "penstock/time/window_result.hpp"

// Not an operator: elements that come behind the frontier, and those without a time.

namespace penstock::detail {

/// Ends an element that came too late: counted, and given to whoever takes those.
/// @param frontier  that it is behind.
template <element T, class V>
[[gnu::noinline]] Pending* came_too_late(Info& info, TimeGauges& gauges, Outlet<Late<T>>& late, V&& value, EventTime frontier,
                                         const Context& context, const char* reason) {
  const EventTime time = context.event_time();
  const auto by = static_cast<std::uint64_t>(frontier) - static_cast<std::uint64_t>(time);
  gauges.late_dropped.add();
  gauges.late_by_all.add(by);
  if (by > gauges.late_by_most.get()) gauges.late_by_most.set(by);
  if (late.branches().empty()) {
    context.drop(reason);
    info.drops();
    return nullptr;
  }
  info.leaves_out();
  return late.push(Late<T>{T(std::forward<V>(value)), time, frontier}, &context);
}

[[noreturn, gnu::cold, gnu::noinline]] inline void no_event_time_in(const Info& info) {
  misuse(info.label() + ": the elements have no event time; put event_time(...) before");
}
inline bool has_event_time(const Context* context) noexcept { return context && context->event_time() != no_event_time; }

}  // namespace penstock::detail
