// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <utility>

#include "penstock/core/stream.hpp"
#include "penstock/ops/detail/alarm.hpp"
#include "penstock/time/clocks.hpp"
#include "penstock/time/detail/saved.hpp"

// Not an operator: one clock for a whole stream.

namespace penstock::detail {

/// Puts its time beside every element, and says behind batches which times have passed.
template <element T, class Fn, class Policy>
class EventTimeNode final : public Node, public Receiver<T, EventTimeNode<T, Fn, Policy>>, public Managed {
 public:
  Outlet<T> outlet;
  Undated<T> undated;

  EventTimeNode(Fn fn, Policy policy, EventTimeOptions options)
      : Node(Info{"event_time"}), time_(std::move(fn)), policy_(std::move(policy)), options_(std::move(options)) {
    this->port(static_cast<InletBase&>(*this));
    this->port(this->outlet);
    this->port(undated.outlet);
    this->info().one_to_one = false;
    this->info().selects = true;
    left_ = options_.at_most;
    remembers(this->info(), this);
  }

  const char* needs_loop() const noexcept override {
    return options_.idle_timeout != Duration::zero() ? "event_time: an idle_timeout" : nullptr;
  }
  const TimeGauges* time_gauges() const noexcept override { return &gauges_; }

  /// A stream that has nothing from the start is idle too.
  void added() override {
    if (options_.idle_timeout != Duration::zero()) {
      set_at_wiring(this->clock(), alarm_, later(this->clock().now(), options_.idle_timeout));
    }
  }
  void shut_down() noexcept override { alarm_.cancel(); }

  void save(StateWriter& to) const override {
    for (const EventTime each : {latest_, frontier_, told_}) to.put(each);
    save_size(to, left_);
    detail::save(to, gauges_);
    to.put(idle_);
    to.put(came_);
    detail::save(to, alarm_, this->loop());
  }
  void load(StateReader& from) override {
    for (EventTime* each : {&latest_, &frontier_, &told_}) *each = from.get<EventTime>();
    left_ = static_cast<std::size_t>(from.get<std::uint64_t>());
    detail::load(from, gauges_);
    newest_ = gauges_.newest.get();
    gauges_.frontier.set(told_);
    idle_ = from.get<bool>();
    came_ = from.get<bool>();
    detail::load(from, alarm_, this->loop(), options_.idle_timeout, idle_);
  }
  void loaded() override {
    tell_again(this->outlet, told_);
    if (idle_) static_cast<void>(offer(this->outlet, Signal{Signal::idle}));
  }

  template <class V>
  Pending* take(V&& value, const Context* context) {
    Pending* pending;
    try {
      pending = pass(std::forward<V>(value), context);
    } catch (...) {
      tell_failed();
      throw;
    }
    return told_ >= frontier_ ? pending : tell(pending);
  }
  /// The source's batch ends where nothing is left in it, however often it was interrupted before that.
  Pending* push_all(Batch<T>& batch) override {
    const auto end = batch.end;
    const Strand& strand = *batch.strand;
    while (batch.next != end) {
      Pending* pending;
      try {
        pending = pass(batch.take(), nullptr);
      } catch (...) {
        tell_failed();
        throw;
      }
      const bool last = batch.next == end;
      if (told_ < frontier_ && (last || options_.tell == Tell::element || --left_ == 0)) pending = tell(pending);
      if (pending || strand.puts_off()) return pending;
    }
    return nullptr;
  }

  // For the alarm.
  void rang() {
    if (std::exchange(came_, false) || waits_somewhere(this->graph())) {
      this->clock().set(alarm_, later(this->clock().now(), options_.idle_timeout));
      return;
    }
    idle_ = true;
    static_cast<void>(offer(this->outlet, Signal{Signal::idle}));
  }

 protected:
  Pending* take_signal(const Signal& signal) override {
    // What came with a frontier of its own gets this one instead.
    if (signal.kind == Signal::watermark) return nullptr;
    Join join{this->strand()};
    join.add(this->at_barrier(signal));
    if (signal.kind == Signal::end) alarm_.cancel();
    if (signal.kind == Signal::idle) idle_ = true;
    if (signal.kind == Signal::active) idle_ = false;
    join.add(this->outlet.signal(signal));
    if (signal.kind == Signal::end || signal.kind == Signal::reopen) join.add(undated.outlet.signal(signal));
    return join.finish();
  }

 private:
  /// What is behind may emit at the source again, and then goes on with its own element: that has its time back.
  class Stamp {
   public:
    Stamp(Context& stamped, EventTime time) noexcept : stamped_(stamped), before_(stamped.event_time()) {
      stamped_.event_time(time);
    }
    Stamp(const Stamp&) = delete;
    Stamp& operator=(const Stamp&) = delete;
    ~Stamp() { stamped_.event_time(before_); }

   private:
    Context& stamped_;
    EventTime before_;
  };

  template <class V>
  [[gnu::always_inline]] Pending* pass(V&& value, const Context* context) {
    this->info().took();
    if (options_.idle_timeout != Duration::zero()) [[unlikely]] wake_up();
    std::optional<EventTime> time;
    try {
      time = event_time_of(time_(std::as_const(value)));
    } catch (const std::exception& error) {
      return undated.take(this->info(), std::forward<V>(value), context, error.what());
    }
    if (!time) [[unlikely]] return undated.take(this->info(), std::forward<V>(value), context, no_usable_time);
    advance(value, *time);
    gauges_.newest.set(newest_);
    if (!context) [[likely]] {
      const Stamp stamp{stamped_, *time};
      return this->outlet.push(std::forward<V>(value), &stamped_);
    }
    Context own{*context};
    own.event_time(*time);
    return this->outlet.push(std::forward<V>(value), &own);
  }

  /// The element that moves the frontier is judged before it does: it is told behind it.
  void advance(const T& value, EventTime time) {
    if (time > newest_) newest_ = time;
    const EventTime counts = counted(options_, time, gauges_);
    if (counts > latest_) latest_ = counts;
    const EventTime frontier = policy_.frontier(value, latest_);
    if (frontier > frontier_) frontier_ = frontier;
  }

  [[gnu::noinline]] Pending* tell(Pending* pending) {
    told_ = frontier_;
    left_ = options_.at_most;
    gauges_.frontier.set(frontier_);
    Join join{this->strand()};
    join.add(pending);
    join.add(this->outlet.signal({Signal::watermark, frontier_}));
    return join.finish();
  }

  /// The time of an element counts also when the element fails further down: what it waits for may be just that.
  [[gnu::noinline, gnu::cold]] void tell_failed() {
    if (told_ < frontier_) static_cast<void>(Receipt{tell(nullptr)});
  }

  // Whether anything came is looked at once each time-out, so an element costs no reading of the clock. Time in which the
  // last element waited further down does not count.
  [[gnu::noinline]] void wake_up() {
    came_ = true;
    if (!alarm_.active()) this->clock().set(alarm_, later(this->clock().now(), options_.idle_timeout));
    if (std::exchange(idle_, false)) static_cast<void>(Receipt{this->outlet.signal({Signal::active})});
  }
  KeyOf<Fn> time_;
  Policy policy_;
  EventTimeOptions options_;
  Context stamped_;
  EventTime newest_ = no_frontier;    // that has come
  EventTime latest_ = no_frontier;    // that counts for the frontier
  EventTime frontier_ = no_frontier;
  EventTime told_ = no_frontier;      // to those behind
  std::size_t left_ = 0;              // elements until it is told
  bool came_ = false;
  bool idle_ = false;
  Alarm<EventTimeNode> alarm_{*this};
  TimeGauges gauges_;
};

}  // namespace penstock::detail
