// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "penstock/core/line.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/core/view.hpp"
#include "penstock/ops/detail/alarm.hpp"
#include "penstock/state/detail/remembers.hpp"

namespace penstock {

struct DelayOptions {
  std::size_t bound = unlimited;  ///< elements that may be held without their emitter waiting
};

namespace detail {

struct Due {
  TimePoint at{};
};

template <element T>
class DelayNode final : public LineNode<DelayNode<T>, T, Due>,
                        public Receiver<T, DelayNode<T>>,
                        public Remembers<DelayNode<T>> {
  using Line = LineNode<DelayNode, T, Due>;

 public:
  DelayNode(Duration time, std::size_t bound)
      : Line(Info{"delay", to_text(time), Shape::time}), time_(time), bound_(bound), alarm_(*this) {
    PENSTOCK_KEEPS("delay", T);
    this->port(static_cast<InletBase&>(*this));
    this->port(this->outlet);
    if constexpr (saved) {
      this->remember(this->info());
    } else {
      this->info().recovery = Recovery::drained;
    }
  }

  const char* needs_loop() const noexcept override { return "delay"; }
  [[gnu::cold]] void shut_down() noexcept override {
    alarm_.cancel();
    Line::shut_down();
    while (!waiting_.empty()) this->stopped(waiting_.pop());
  }

  template <class V>
  Pending* take(V&& value, const Context* context) {
    this->info().took();
    const bool waits = this->elements_ >= bound_;
    this->add(std::forward<V>(value), Context::of(context), {later(this->clock().now(), time_)});
    if (!waits) return nullptr;
    return waiting_.push(Receipt::waiting(this->strand(), &this->info(), Why::full)).share();
  }

  bool ready(const typename Line::Item& first) {
    if (!first.value || first.mark.at <= this->clock().now()) return true;
    this->clock().set(alarm_, first.mark.at);
    return false;
  }
  void leaving(const typename Line::Item& item) noexcept {
    if (item.value && !waiting_.empty()) waiting_.pop().settle();
  }
  void rang() { this->pump_.go(); }

  // Elements with the time that is left to them, and what the stream says of event times in its places between them.
  static constexpr bool saved = has_codec<T>;
  [[gnu::cold]] void write(StateWriter& to) const {
    const TimePoint now = this->clock().now();
    to.put(std::uint64_t{this->elements_});
    for (std::size_t i = 0; i < this->line_.size(); ++i) {
      const auto& item = this->line_[i];
      if (!item.value) continue;
      to.put(Duration{item.mark.at > now ? item.mark.at - now : Duration::zero()});
      to.put(*item.value);
      to.put(item.context);
    }
    const auto each_signal = [&](auto fn) {
      std::uint64_t place = 0;
      for (std::size_t i = 0; i < this->line_.size(); ++i) {
        const auto& item = this->line_[i];
        place += item.value.has_value();
        if (!item.value && of_time(item.signal.kind)) fn(place, item.signal);
      }
    };
    std::uint64_t signals = 0;
    each_signal([&](std::uint64_t, const Signal&) { ++signals; });
    to.put(signals);
    each_signal([&](std::uint64_t place, const Signal& signal) {
      to.put(place);
      to.put(static_cast<std::uint8_t>(signal.kind));
      to.put(signal.value);
    });
  }
  [[gnu::cold]] void read(StateReader& from) {
    const TimePoint now = this->clock().now();
    Ring<typename Line::Item> elements;
    for (auto left = from.get<std::uint64_t>(); left > 0; --left) {
      const TimePoint at = later(now, from.get<Duration>());
      T value = from.get<T>();
      elements.push(std::optional<T>(std::move(value)), from.get<Context>(), Signal{}, Receipt{}, Due{at});
    }
    const auto add_until = [&](std::uint64_t place) {
      for (; this->elements_ < place && !elements.empty(); elements.pop()) {
        auto& item = elements.front();
        this->add(std::move(*item.value), std::move(item.context), item.mark);
      }
    };
    // There were none once.
    for (auto left = from.left() == 0 ? 0 : from.get<std::uint64_t>(); left > 0; --left) {
      add_until(from.get<std::uint64_t>());
      const auto kind = static_cast<Signal::Kind>(from.get<std::uint8_t>());
      const auto value = from.get<std::int64_t>();
      if (!of_time(kind)) from.damaged("with a signal that is none");
      static_cast<void>(this->queue(Signal{kind, value}));
    }
    add_until(unlimited);
  }

 protected:
  Pending* take_signal(const Signal& signal) override {
    if (!saved || signal.kind != Signal::barrier) return this->Line::add(signal);
    // What is held is in the snapshot, and comes behind the barrier.
    static_cast<void>(this->at_barrier(signal));
    return this->outlet.signal(signal);
  }

 private:
  static bool of_time(Signal::Kind kind) noexcept {
    return kind == Signal::watermark || kind == Signal::idle || kind == Signal::active;
  }

  Duration time_;
  std::size_t bound_;
  Ring<Receipt> waiting_;  // of elements over the bound
  Alarm<DelayNode> alarm_;
};

}  // namespace detail

/// Emits every element exactly that much later, in order.
///
///     in   -12--3-|
///          delay(3 ticks)
///     out  ----12--3|
///
/// An element comes out later than that only while one before it still waits behind. The end comes out with
/// the last element.
///
/// @param time     longer than 0.
/// @param options  DelayOptions: `bound`, how many elements may be held; without it there is no bound.
///
/// Back-pressure: passes none; with a bound waits when full.
/// Metadata:      held until emitted.
/// Errors:        std::invalid_argument here for a wrong time or bound, std::logic_error here without an
///                event loop; what goes wrong behind is reported and the next element comes through.
/// Cost:          O(1) an element and a look at the clock, no allocation once the queue has grown; one timer.
/// Recovery:      state: the elements, each with the time that is left to it, and the watermarks between them; of a type
///                without a codec drained before a checkpoint.
/// Example:       examples/02_operators/delay.cpp
/// See also:      rate_limit, buffer, debounce
template <class... Options>
auto delay(Duration time, Options... options) {
  detail::positive(time, "delay: the time");
  const DelayOptions given{options...};
  if (given.bound == 0) detail::bad_argument("delay: the bound must be at least 1");
  return [time, bound = given.bound](auto&& stream) {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    return Stream<T>{attach<detail::DelayNode<T>>(stream.stream(), time, bound).outlet};
  };
}

}  // namespace penstock
