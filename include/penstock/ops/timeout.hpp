// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <exception>
#include <type_traits>
#include <utility>

#include "penstock/core/stream.hpp"
#include "penstock/ops/detail/alarm.hpp"

namespace penstock {
namespace detail {

template <element T>
class TimeoutNode final : public Node, public Receiver<T, TimeoutNode<T>> {
 public:
  explicit TimeoutNode(Duration limit)
      : Node(Info{"timeout", to_text(limit), Shape::time}), limit_(limit), alarm_(*this) {
    this->port(static_cast<InletBase&>(*this));
    this->port(outlet);
  }

  Outlet<T> outlet;

  const char* needs_loop() const noexcept override { return "timeout"; }
  void added() override {
    deadline_ = later(this->clock().now(), limit_);
    set_at_wiring(this->clock(), alarm_, deadline_);
  }
  void shut_down() noexcept override {
    alarm_.cancel();
    waiting_ = {};
  }

  template <class V>
  Pending* take(V&& value, const Context* context) {
    this->info().took();
    arm();
    Receipt receipt{outlet.push(std::forward<V>(value), context)};
    if (receipt.pending()) waiting_ = receipt;
    return receipt.release();
  }

  // The timer stands while elements come; it looks for the deadline when it rings.
  void rang() {
    if (const Receipt waiting = std::exchange(waiting_, {}); waiting.pending()) {
      deadline_ = TimePoint::min();
      return waiting.state()->then(alarm_);
    }
    if (deadline_ == TimePoint::min()) return arm();
    if (clock().now() < deadline_) return clock().set(alarm_, deadline_);
    graph().report(std::make_exception_ptr(TimedOut(info().label() + ": no element for " + to_text(limit_))),
                   info());
  }

 protected:
  Pending* take_signal(const Signal& signal) override {
    if (signal.kind == Signal::end) {
      shut_down();
    } else if (signal.kind == Signal::reopen) {
      arm();
    }
    return outlet.signal(signal);
  }

 private:
  void arm() {
    deadline_ = later(clock().now(), limit_);
    if (!alarm_.active()) clock().set(alarm_, deadline_);
  }

  Duration limit_;
  TimePoint deadline_{};
  Receipt waiting_;  // the last one that waited behind
  Alarm<TimeoutNode> alarm_;
};

}  // namespace detail

/// Reports TimedOut when no element comes for a while, once for every silence.
///
///     in   -1-2-------3-|
///          timeout(4 ticks)
///     out  -1-2---#---3-|    # = TimedOut is reported
///
/// Elements pass through, also after a silence. The time runs from when the operator was made, and anew from
/// every element; while an element still waits behind it stands still, because then the silence is not the
/// source's.
///
/// @param limit  longer than 0.
///
/// Back-pressure: passes through.
/// Metadata:      follows its element.
/// Errors:        std::invalid_argument here for a wrong limit, std::logic_error here without an event loop;
///                TimedOut goes to the graph's `on_background_error`, without one out of the loop's `run`.
/// Cost:          a look at the clock an element, no allocation; one timer.
/// Recovery:      no state; after a restart the time runs anew.
/// Example:       examples/02_operators/timeout.cpp
/// See also:      debounce, on_error
template <class>
auto timeout(Duration limit) {
  detail::positive(limit, "timeout: the limit");
  return [limit](auto&& stream) {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    return Stream<T>{attach<detail::TimeoutNode<T>>(stream.stream(), limit).outlet};
  };
}

}  // namespace penstock
