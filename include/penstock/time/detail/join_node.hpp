// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "penstock/time/detail/gathering_node.hpp"
#include "penstock/time/detail/late.hpp"
#include "penstock/time/detail/saved.hpp"
#include "penstock/time/detail/two_sides.hpp"

// Not an operator: what the joins of two streams in event time have in common.

namespace penstock::detail {

inline constexpr const char* too_late_to_join = "it came too late to be joined";

/// Takes elements with an event time from two streams. The frontier of a side is that of its stream, or that of both
/// together where the stream is idle and behind it; the node's is the least one of the sides. `Self` has
///
///     void add<I>(V&& value, EventTime time, const Context& context);   // I: 0 left, 1 right
///     EventTime judged_by<I>() const;                                   // the frontier behind which elements are too late
///     bool too_late<I>(EventTime time) const;
///     void advance(EventTime to);                                       // the node's frontier has moved
///     void side_advanced();                                             // that of a side has
///     void drop_all(const char* reason) noexcept;
///     EventTime held_back(EventTime frontier) const;
///     void save_held(StateWriter& to) const;                            // what it keeps
///     void load_held(StateReader& from);
template <class Self, element Left, element Right, element Out>
class JoinNode : public TwoSides<Self, Left, Right, GatheringNode<Self, Out>>, public Managed {
  using Base = TwoSides<Self, Left, Right, GatheringNode<Self, Out>>;

 public:
  Outlet<Late<Left>> late_left;
  Outlet<Late<Right>> late_right;

  const TimeGauges* time_gauges() const noexcept override { return &gauges_; }

  template <std::size_t I, class V>
  Pending* take(V&& value, const Context* context) {
    this->info().took();
    if (!has_event_time(context)) [[unlikely]] no_event_time_in(this->info());
    const EventTime time = context->event_time();
    if (time > gauges_.newest.get()) gauges_.newest.set(time);
    if (this->self().template too_late<I>(time)) {
      return came_too_late(this->info(), gauges_, late<I>(), std::forward<V>(value),
                           this->self().template judged_by<I>(), *context, too_late_to_join);
    }
    this->gather([&] { this->self().template add<I>(std::forward<V>(value), time, *context); });
    return this->emitted() ? this->end_burst() : nullptr;
  }
  Pending* signal(std::size_t i, const Signal& signal) {
    Join join{this->strand()};
    if (signal.kind == Signal::watermark) sides_[i] = std::max(sides_[i], signal.value);
    if (signal.kind == Signal::end) sides_[i] = frontier_at_end;
    if (signal.kind == Signal::reopen) sides_[i] = no_frontier;
    this->signals_.take(i, signal, [&](const Signal& merged) { join.add(pass_on(merged)); });
    this->gather([&] { this->self().side_advanced(); });
    if (this->emitted()) join.add(this->end_burst());
    if (signal.kind == Signal::end && this->signals_.all_ended() && !std::exchange(over_, true)) {
      this->gather([&] { this->self().advance(frontier_at_end); });
      join.add(late_left.signal(signal));
      join.add(late_right.signal(signal));
      join.add(this->behind_burst(signal));
    }
    if (signal.kind == Signal::reopen && std::exchange(over_, false)) {
      join.add(late_left.signal(signal));
      join.add(late_right.signal(signal));
      join.add(Base::add(signal));
    }
    return join.finish();
  }

  void save(StateWriter& to) const final {
    for (const EventTime each : {sides_[0], sides_[1], frontier_}) to.put(each);
    detail::save(to, gauges_);
    static_cast<const Self&>(*this).save_held(to);
  }
  void load(StateReader& from) final {
    for (EventTime* each : {&sides_[0], &sides_[1], &frontier_}) *each = from.get<EventTime>();
    // A stream that had ended ends again, unless there is more of it by now.
    for (EventTime& each : sides_) each = each == frontier_at_end ? no_frontier : each;
    detail::load(from, gauges_);
    gauges_.frontier.set(frontier_);
    this->self().load_held(from);
  }
  void loaded() final { tell_again(this->outlet, this->self().held_back(frontier_)); }

  void shut_down() noexcept override {
    this->self().drop_all("the join that held it was stopped");
    Base::shut_down();
  }

  // What most joins do.
  template <std::size_t I>
  EventTime judged_by() const noexcept {
    return frontier_;
  }
  template <std::size_t I>
  bool too_late(EventTime time) const noexcept {
    return time < static_cast<const Self&>(*this).template judged_by<I>();
  }
  void side_advanced() const noexcept {}

 protected:
  explicit JoinNode(Info info) : Base(std::move(info)) {
    this->port(this->outlet);
    this->port(late_left);
    this->port(late_right);
  }

  EventTime frontier() const noexcept { return frontier_; }
  EventTime frontier_of(std::size_t i) const noexcept { return std::max(sides_[i], frontier_); }
  void holds(std::size_t n) noexcept {
    gauges_.entries.set(n);
    this->besides(n);
  }
  void check_room(std::size_t held, std::size_t max_held) const {
    if (max_held == 0 || held < max_held) return;
    throw Overflow(this->infos().back().label() + ": " + std::to_string(held) +
                   " elements wait to be joined, which is max_held");
  }
  TimeGauges gauges_;

 private:
  template <std::size_t I>
  auto& late() noexcept {
    if constexpr (I == 0) {
      return late_left;
    } else {
      return late_right;
    }
  }

  Pending* pass_on(const Signal& signal) {
    if (signal.kind != Signal::watermark) {
      Join join{this->strand()};
      join.add(this->at_barrier(signal));
      join.add(Base::add(signal));
      return join.finish();
    }
    if (signal.value <= frontier_) return nullptr;
    frontier_ = signal.value;
    gauges_.frontier.set(frontier_);
    this->gather([&] { this->self().advance(frontier_); });
    return this->behind_burst({Signal::watermark, this->self().held_back(frontier_)});
  }

  EventTime sides_[2] = {no_frontier, no_frontier};
  EventTime frontier_ = no_frontier;
  bool over_ = false;
};

}  // namespace penstock::detail
