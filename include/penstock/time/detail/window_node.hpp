// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "penstock/core/stream.hpp"
#include "penstock/time/detail/gathering_node.hpp"
#include "penstock/time/detail/late.hpp"
#include "penstock/time/detail/saved.hpp"

// Not an operator: what all operators have in common that keep elements until the frontier has passed them.

namespace penstock::detail {

inline constexpr const char* too_late = "it came too late for all of its windows";

/// Takes elements with an event time and signals, and emits results in bursts. `Self` has
///
///     void add(V&& value, EventTime time, const Context& context);   // calls `put` for results, `came_too_late`
///     void advance(EventTime from, EventTime to);                    // the frontier has moved: calls `put`
///     void drop_all(const char* reason) noexcept;                    // what it keeps, Refs and all
///     EventTime held_back(EventTime frontier) const;                 // the frontier for those behind
///     void save_windows(StateWriter& to) const;                      // what it keeps
///     void load_windows(StateReader& from);
template <class Self, element T, element Out>
class WindowNode : public GatheringNode<Self, Out>, public Receiver<T, Self>, public Managed {
  using Burst = GatheringNode<Self, Out>;

 public:
  Outlet<Late<T>> late;

  const TimeGauges* time_gauges() const noexcept override { return &gauges_; }

  template <class V>
  [[gnu::always_inline]] Pending* take(V&& value, const Context* context) {
    this->info().took();
    if (!has_event_time(context)) [[unlikely]] {
      if constexpr (Self::needs_event_time) {
        no_event_time_in(this->info());
      } else {
        return take_timeless(std::forward<V>(value), context);
      }
    }
    const EventTime time = context->event_time();
    if (time > newest_) {
      newest_ = time;
      gauges_.newest.set(time);
    }
    late_ = nullptr;
    this->gather([&] { self().add(std::forward<V>(value), time, *context); });
    return this->emitted() ? this->end_burst(late_) : late_;
  }

  static constexpr bool needs_event_time = true;

  void save(StateWriter& to) const final {
    to.put(frontier_);
    detail::save(to, gauges_);
    static_cast<const Self&>(*this).save_windows(to);
  }
  void load(StateReader& from) final {
    frontier_ = from.get<EventTime>();
    detail::load(from, gauges_);
    newest_ = gauges_.newest.get();
    gauges_.frontier.set(frontier_);
    self().load_windows(from);
  }
  void loaded() final { tell_again(this->outlet, self().held_back(frontier_)); }

  void shut_down() noexcept override {
    self().drop_all("the window that held it was stopped");
    Burst::shut_down();
  }

 protected:
  explicit WindowNode(Info info) : Burst(std::move(info)) {
    this->port(static_cast<InletBase&>(*this));
    this->port(this->outlet);
    this->port(late);
  }

  Pending* take_signal(const Signal& signal) override {
    Join join{this->strand()};
    join.add(this->at_barrier(signal));
    switch (signal.kind) {
      case Signal::watermark:
        if (signal.value <= frontier_) return nullptr;
        this->gather([&] { self().advance(std::exchange(frontier_, signal.value), signal.value); });
        gauges_.frontier.set(frontier_);
        return this->behind_burst({Signal::watermark, self().held_back(frontier_)});
      case Signal::end:
        this->gather([&] { self().advance(frontier_, frontier_at_end); });
        join.add(late.signal(signal));
        join.add(this->behind_burst(signal));
        return join.finish();
      case Signal::reopen: join.add(late.signal(signal)); break;
      default: break;
    }
    join.add(Burst::add(signal));
    return join.finish();
  }

  template <class Aggregator, class State>
  [[gnu::always_inline]] void run_add(Aggregator& aggregate, State& state, const T& value) {
    try {
      aggregate.add(state, value);
    } catch (...) {
      this->info().fails();
      throw;
    }
  }

  template <class V>
  void came_too_late(V&& value, const Context& context) {
    late_ = detail::came_too_late(this->info(), gauges_, late, std::forward<V>(value), frontier_, context, too_late);
  }

  EventTime frontier() const noexcept { return frontier_; }
  TimeGauges gauges_;

 private:
  template <class V>
  [[gnu::noinline]] Pending* take_timeless(V&& value, const Context* context) {
    this->gather([&] { self().add(std::forward<V>(value), no_event_time, Context::of(context)); });
    return this->emitted() ? this->end_burst() : nullptr;
  }
  Self& self() noexcept { return static_cast<Self&>(*this); }

  EventTime frontier_ = no_frontier;
  EventTime newest_ = no_frontier;
  Pending* late_ = nullptr;
};

}  // namespace penstock::detail
