// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "penstock/core/line.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/core/view.hpp"
#include "penstock/ops/detail/alarm.hpp"

namespace penstock {
namespace detail {

template <element T>
class RateLimitNode final : public LineNode<RateLimitNode<T>, T>, public Receiver<T, RateLimitNode<T>> {
  using Line = LineNode<RateLimitNode, T>;

 public:
  explicit RateLimitNode(Duration interval)
      : Line(Info{"rate_limit", to_text(interval), Shape::time}), interval_(interval), alarm_(*this) {
    PENSTOCK_KEEPS("rate_limit", T);
    this->port(static_cast<InletBase&>(*this));
    this->port(this->outlet);
    this->info().recovery = Recovery::drained;
  }

  const char* needs_loop() const noexcept override { return "rate_limit"; }
  void shut_down() noexcept override {
    alarm_.cancel();
    Line::shut_down();
  }

  template <class V>
  Pending* take(V&& value, const Context* context) {
    this->info().took();
    const TimePoint now = this->clock().now();
    if (!Line::busy() && now >= next_) {
      next_ = later(now, interval_);
      this->info().passed();
      Receipt receipt{this->outlet.push(std::forward<V>(value), context)};
      passed_on_ = receipt.pending();
      this->pump_.rest_until(receipt);
      return receipt.release();
    }
    Receipt receipt = Receipt::waiting(this->strand(), &this->info(), Why::rate);
    this->add(std::forward<V>(value), Context::of(context), {}, receipt);
    return receipt.release();
  }

  bool ready(const typename Line::Item& first) {
    if (!first.value) return true;
    const TimePoint now = this->clock().now();
    if (!slot_) slot_ = now < next_ ? next_ : now;
    if (*slot_ <= now) return true;
    this->clock().set(alarm_, *slot_);
    return false;
  }
  void leaving(const typename Line::Item& item) noexcept {
    if (!item.value) return;
    next_ = later(*slot_, interval_);
    slot_.reset();
  }
  void pumped(std::exception_ptr error) noexcept {
    if (std::exchange(passed_on_, false)) return;  // whoever emitted that one has its receipt
    Line::pumped(std::move(error));
  }
  void rang() { this->pump_.go(); }

 protected:
  Pending* take_signal(const Signal& signal) override { return this->Line::add(signal); }

 private:
  Duration interval_;
  TimePoint next_ = TimePoint::min();
  std::optional<TimePoint> slot_;  // of the first in the line
  Alarm<RateLimitNode> alarm_;
  bool passed_on_ = false;
};

}  // namespace detail

/// Lets at most one element through per interval; the others wait for their turn, in order.
///
///     in   -123------4-|
///          rate_limit(3 ticks)
///     out  -1--2--3--4-|
///
/// The first element goes through at once. Each takes a slot, the later of now and an interval after the slot
/// before.
///
/// @param interval  longer than 0.
///
/// Back-pressure: an element waits for its slot and until what is behind has taken it.
/// Metadata:      held until emitted.
/// Errors:        std::invalid_argument here for a wrong interval, std::logic_error here without an event
///                loop; what goes wrong behind comes back through emit, or the receipt of an element that had
///                to wait.
/// Cost:          O(1) an element and a look at the clock; one receipt an element that waits.
/// Recovery:      drained before a checkpoint.
/// Example:       examples/02_operators/rate_limit.cpp
/// See also:      delay, buffer, sample
template <class>
auto rate_limit(Duration interval) {
  detail::positive(interval, "rate_limit: the interval");
  return [interval](auto&& stream) {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    return Stream<T>{attach<detail::RateLimitNode<T>>(stream.stream(), interval).outlet};
  };
}

}  // namespace penstock
