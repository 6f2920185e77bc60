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
class SampleNode final : public NewestNode<SampleNode<T>, T> {
  using Newest = NewestNode<SampleNode, T>;

 public:
  explicit SampleNode(Duration interval)
      : Newest(Info{"sample", to_text(interval), Shape::time}), grid_{{}, interval}, alarm_(*this) {
    PENSTOCK_KEEPS("sample", T);
  }

  const char* needs_loop() const noexcept override { return "sample"; }
  void added() override { grid_.origin = this->clock().now(); }
  void shut_down() noexcept override {
    alarm_.cancel();
    Newest::shut_down();
  }

  bool ready(const typename Newest::Item& first) const noexcept { return !first.value || due_ || this->ending_; }
  void came() {
    if (!alarm_.active()) this->clock().set(alarm_, grid_.after(this->clock().now()));
  }
  void leaving(const typename Newest::Item& item) noexcept {
    if (item.value) due_ = false;
  }
  void rang() {
    if (this->elements_ == 0) return;
    if (this->pump_.active()) return came();
    due_ = true;
    this->pump_.go();
  }

 private:
  Grid grid_;
  Alarm<SampleNode> alarm_;
  bool due_ = false;
};

}  // namespace detail

/// Emits the newest element of each interval, nothing for an interval without one.
///
///     in   -12--3------4-5-|
///          sample(4 ticks)
///     out  ----2---3-------5|
///
/// The boundaries lie `interval` apart from when the operator was made on. At the end the element it holds
/// comes out at once.
///
/// @param interval  longer than 0.
///
/// Back-pressure: drops the oldest; emitters never wait. What is behind gets the next element at a boundary
///                where it is free.
/// Metadata:      held until emitted; a replaced element's ends as dropped.
/// Errors:        std::invalid_argument here for a wrong interval, std::logic_error here without an event
///                loop; what goes wrong behind is reported.
/// Cost:          O(1) an element, no allocation; one timer an interval with elements.
/// Recovery:      lossy; a checkpoint waits for the element it holds.
/// Example:       examples/02_operators/sample.cpp
/// See also:      debounce, latest, timed_window
template <class>
auto sample(Duration interval) {
  detail::positive(interval, "sample: the interval");
  return [interval](auto&& stream) {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    return Stream<T>{attach<detail::SampleNode<T>>(stream.stream(), interval).outlet};
  };
}

}  // namespace penstock
