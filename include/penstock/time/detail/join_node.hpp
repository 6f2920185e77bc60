// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <utility>

#include "penstock/core/signal.hpp"
#include "penstock/time/detail/burst_node.hpp"
#include "penstock/time/gauges.hpp"
#include "penstock/time/window_result.hpp"

// Not an operator: what the joins of two streams in event time have in common.

namespace penstock::detail {

inline constexpr const char* too_late_to_join = "it came too late to be joined";

/// One input of a JoinNode.
template <class Owner, element T, std::size_t I>
class JoinSide final : public Receiver<T, JoinSide<Owner, T, I>> {
 public:
  explicit JoinSide(Owner& owner) noexcept : owner_(owner) {}

  template <class V>
  Pending* take(V&& value, const Context* context) {
    return owner_.template take<I>(std::forward<V>(value), context);
  }
  Outlet<Late<T>> late;

 protected:
  Pending* take_signal(const Signal& signal) override { return owner_.signal(I, signal); }

 private:
  Owner& owner_;
};

/// Takes elements with an event time from two streams, whose frontier is the least one of theirs. `Self` has
///
///     void add<I>(V&& value, EventTime time, const Context& context);   // I: 0 left, 1 right
///     void advance(EventTime to);
///     void drop_all(const char* reason) noexcept;
///     EventTime held_back(EventTime frontier) const;
template <class Self, element Left, element Right, element Out>
class JoinNode : public BurstNode<Self, Out> {
  using Burst = BurstNode<Self, Out>;

 public:
  JoinSide<JoinNode, Left, 0> left{*this};
  JoinSide<JoinNode, Right, 1> right{*this};

  const TimeGauges* time_gauges() const noexcept override { return &gauges_; }

  template <std::size_t I, class V>
  Pending* take(V&& value, const Context* context) {
    this->info().took();
    if (!context || context->event_time() == no_event_time) {
      misuse(this->info().label() + ": the elements have no event time; put event_time(...) before");
    }
    const EventTime time = context->event_time();
    if (time > gauges_.newest.get()) gauges_.newest.set(time);
    if (time < frontier_) return came_too_late<I>(std::forward<V>(value), time, *context);
    self().template add<I>(std::forward<V>(value), time, *context);
    return this->emitted() ? this->end_burst() : nullptr;
  }
  Pending* signal(std::size_t i, const Signal& signal) {
    Join join{this->strand()};
    signals_.take(i, signal, [&](const Signal& merged) {
      if (merged.kind == Signal::watermark) {
        frontier_ = merged.value;
        gauges_.frontier.set(frontier_);
        self().advance(frontier_);
        join.add(this->behind_burst({Signal::watermark, self().held_back(frontier_)}));
      } else {
        join.add(Burst::add(merged));
      }
    });
    if (signal.kind == Signal::end && signals_.all_ended() && !std::exchange(over_, true)) {
      self().advance(frontier_at_end);
      join.add(left.late.signal(signal));
      join.add(right.late.signal(signal));
      join.add(this->behind_burst(signal));
    }
    if (signal.kind == Signal::reopen && std::exchange(over_, false)) {
      join.add(left.late.signal(signal));
      join.add(right.late.signal(signal));
      join.add(Burst::add(signal));
    }
    return join.finish();
  }
  void disconnected(InletBase& inlet) override {
    if (!inlet.upstreams().empty()) return;
    const std::size_t i = &inlet == &static_cast<InletBase&>(left) ? 0 : 1;
    if (!signals_.ended(i)) static_cast<void>(Receipt{signal(i, {Signal::end})});
  }

  void shut_down() noexcept override {
    self().drop_all("the join that held it was stopped");
    Burst::shut_down();
  }

 protected:
  explicit JoinNode(Info info) : Burst(std::move(info)) {
    this->port(static_cast<InletBase&>(left));
    this->port(static_cast<InletBase&>(right));
    this->port(this->outlet);
    this->port(left.late);
    this->port(right.late);
  }

  EventTime frontier() const noexcept { return frontier_; }
  void holds(std::size_t n) noexcept {
    gauges_.entries.set(n);
    this->besides(n);
  }
  TimeGauges gauges_;

 private:
  Self& self() noexcept { return static_cast<Self&>(*this); }

  template <std::size_t I, class V>
  [[gnu::noinline]] Pending* came_too_late(V&& value, EventTime time, const Context& context) {
    const auto by = static_cast<std::uint64_t>(frontier_ - time);
    gauges_.late_dropped.add();
    gauges_.late_by_all.add(by);
    if (by > gauges_.late_by_most.get()) gauges_.late_by_most.set(by);
    auto& late = [this]() -> auto& {
      if constexpr (I == 0) {
        return left.late;
      } else {
        return right.late;
      }
    }();
    if (late.branches().empty()) {
      context.drop(too_late_to_join);
      this->info().drops();
      return nullptr;
    }
    this->info().leaves_out();
    using T = std::conditional_t<I == 0, Left, Right>;
    return late.push(Late<T>{T(std::forward<V>(value)), time, frontier_}, &context);
  }

  InputSignals signals_{2};
  EventTime frontier_ = no_frontier;
  bool over_ = false;
};

}  // namespace penstock::detail
