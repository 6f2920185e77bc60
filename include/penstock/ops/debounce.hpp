// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <type_traits>

#include "penstock/core/stream.hpp"
#include "penstock/core/view.hpp"
#include "penstock/ops/detail/alarm.hpp"
#include "penstock/ops/detail/newest.hpp"

namespace penstock {
namespace detail {

template <element T>
class DebounceNode final : public NewestNode<DebounceNode<T>, T> {
  using Newest = NewestNode<DebounceNode, T>;

 public:
  explicit DebounceNode(Duration quiet)
      : Newest(Info{"debounce", to_text(quiet), Shape::time}), quiet_(quiet), alarm_(*this) {
    PENSTOCK_KEEPS("debounce", T);
  }

  const char* needs_loop() const noexcept override { return "debounce"; }
  void shut_down() noexcept override {
    alarm_.cancel();
    Newest::shut_down();
  }

  bool ready(const typename Newest::Item& first) noexcept {
    return !first.value || this->ending_ || this->clock().now() >= deadline_;
  }
  // The timer stands while elements come; it looks for the deadline when it rings.
  void came() {
    deadline_ = later(this->clock().now(), quiet_);
    if (!alarm_.active()) this->clock().set(alarm_, deadline_);
  }
  void rang() {
    if (this->elements_ == 0) return;
    if (this->clock().now() < deadline_) return this->clock().set(alarm_, deadline_);
    this->pump_.go();
  }

 private:
  Duration quiet_;
  TimePoint deadline_{};
  Alarm<DebounceNode> alarm_;
};

}  // namespace detail

/// Emits an element when none has followed it for a while: the last one of every burst.
///
///     in   -123------4-----|
///          debounce(3 ticks)
///     out  ------3------4--|
///
/// At the end the element it holds comes out at once.
///
/// @param quiet  how long nothing must follow; longer than 0.
///
/// Back-pressure: drops the oldest; emitters never wait.
/// Metadata:      held until emitted; a replaced element's ends as dropped.
/// Errors:        std::invalid_argument here for a wrong time, std::logic_error here without an event loop;
///                what goes wrong behind is reported.
/// Cost:          O(1) an element and a look at the clock, no allocation.
/// Recovery:      lossy; a checkpoint waits for the element it holds.
/// Example:       examples/02_operators/debounce.cpp
/// See also:      sample, latest
template <class>
auto debounce(Duration quiet) {
  detail::positive(quiet, "debounce: the quiet time");
  return [quiet](auto&& stream) {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    return Stream<T>{attach<detail::DebounceNode<T>>(stream.stream(), quiet).outlet};
  };
}

}  // namespace penstock
