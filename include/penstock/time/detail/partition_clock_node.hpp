// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

#include "penstock/core/box.hpp"
#include "penstock/core/ring.hpp"
#include "penstock/ops/detail/alarm.hpp"
#include "penstock/time/clocks.hpp"
#include "penstock/time/detail/burst_node.hpp"
#include "penstock/time/detail/flat_map.hpp"
#include "penstock/time/detail/saved.hpp"

// Not an operator: a clock for each partition of a stream.

namespace penstock::detail {

template <class Fn, class T>
concept partitions = key_of<Fn, T> && std::equality_comparable<KeyType<Fn, T>> && std::copy_constructible<KeyType<Fn, T>> &&
                     Hash<KeyType<Fn, T>>::exists;

/// The frontier is the least one of the partitions that count: those that are neither idle nor have woken up behind it.
/// Elements of a partition that is too far ahead of it stand in a queue of their own.
template <element T, class Fn, class PartitionFn, class Policy>
class PartitionClockNode final : public BurstNode<PartitionClockNode<T, Fn, PartitionFn, Policy>, T>,
                                 public Receiver<T, PartitionClockNode<T, Fn, PartitionFn, Policy>>,
                                 public Managed {
  using Base = BurstNode<PartitionClockNode, T>;
  using Id = KeyType<PartitionFn, T>;

 public:
  Undated<T> undated;

  PartitionClockNode(Fn fn, PerPartition<PartitionFn, Policy> policy, EventTimeOptions options)
      : Base(Info{"event_time", "per partition", Shape::plain}),
        time_(std::move(fn)),
        partition_(std::move(policy.partition)),
        policy_(std::move(policy.policy)),
        options_(std::move(options)),
        partitions_(policy.options),
        drift_(span_of(policy.options.max_drift)) {
    if (options_.idle_timeout != Duration::zero()) {
      bad_argument("event_time: with per_partition the idle_timeout is that of its options");
    }
    this->port(static_cast<InletBase&>(*this));
    this->port(this->outlet);
    this->port(undated.outlet);
    left_ = options_.at_most;
    remembers(this->info(), has_codec<Id> && (drift_ == 0 || has_codec<T>) ? this : nullptr);
  }

  const char* needs_loop() const noexcept override {
    return partitions_.idle_timeout != Duration::zero() ? "event_time: an idle_timeout" : nullptr;
  }
  const TimeGauges* time_gauges() const noexcept override { return &gauges_; }

  template <class V>
  Pending* take(V&& value, const Context* context) {
    Pending* pending = come_or_tell(std::forward<V>(value), context);
    return both(pending, told_by_now());
  }
  Pending* push_all(Batch<T>& batch) override {
    const auto end = batch.end;
    const Strand& strand = *batch.strand;
    while (batch.next != end) {
      Pending* pending = come_or_tell(batch.take(), nullptr);
      const bool last = batch.next == end;
      if (last || options_.tell == Tell::element || --left_ == 0) pending = both(pending, told_by_now());
      if (pending || strand.puts_off()) return pending;
    }
    return nullptr;
  }

  /// What is held goes into the snapshot, and whoever waits for it may have to send the barrier: nobody waits meanwhile.
  void aligning(bool yes) override {
    aligning_ = yes;
    for (std::size_t i = 0; yes && waiting_ != 0 && i < list_.size(); ++i) {
      Ring<Held>& held = list_[i]->held;
      for (std::size_t k = 0; k < held.size(); ++k) stop_waiting(held[k]);
    }
  }
  /// The time of partitions that are expected begins here.
  void added() override {
    if (partitions_.idle_timeout == Duration::zero()) return;
    set_at_wiring(this->clock(), alarm_, later(this->clock().now(), partitions_.idle_timeout));
  }
  void shut_down() noexcept override {
    alarm_.cancel();
    for (const auto& at : list_) {
      Partition& one = *at;
      for (; !one.held.empty(); one.held.pop()) {
        one.held.front().context.drop("the operator that held it was stopped");
        this->stopped(one.held.front().receipt);
      }
    }
    this->info().drops(held_);
    hold(0);
    Base::shut_down();
  }

  void save(StateWriter& to) const override {
    if constexpr (has_codec<Id>) {
      to.put(told_);
      save_size(to, left_);
      detail::save(to, gauges_);
      for (const bool each : {idle_, missing_given_up_}) to.put(each);
      save_size(to, list_.size());
      for (const auto& one : list_) {
        to.put(one->id);
        for (const EventTime each : {one->latest, one->frontier}) to.put(each);
        for (const bool each : {one->idle, one->came}) to.put(each);
        save_held(to, one->held);
      }
      detail::save(to, alarm_, this->loop());
    }
  }
  void load(StateReader& from) override {
    if constexpr (has_codec<Id>) {
      told_ = from.get<EventTime>();
      left_ = static_cast<std::size_t>(from.get<std::uint64_t>());
      detail::load(from, gauges_);
      gauges_.frontier.set(told_);
      for (bool* each : {&idle_, &missing_given_up_}) *each = from.get<bool>();
      load_each(from, [&] {
        Partition& one = partition_of(from.get<Id>());
        for (EventTime* each : {&one.latest, &one.frontier}) *each = from.get<EventTime>();
        for (bool* each : {&one.idle, &one.came}) *each = from.get<bool>();
        load_held(from, one.held);
      });
      detail::load(from, alarm_, this->loop(), partitions_.idle_timeout, idle_);
      for (const auto& one : list_) one->idle = one->idle && partitions_.idle_timeout != Duration::zero();
      find_least();
    }
  }
  void loaded() override {
    tell_again(this->outlet, told_);
    if (idle_) static_cast<void>(offer(this->outlet, Signal{Signal::idle}));
  }

  // For the alarm: which partitions have had nothing since it rang last. Time in which elements wait further down does not
  // count, but where they wait for a partition it has to.
  void rang() {
    this->clock().set(alarm_, later(this->clock().now(), partitions_.idle_timeout));
    if (waiting_ == 0 && waits_somewhere(this->graph())) return;
    missing_given_up_ = true;
    bool any = false;
    for (const auto& one : list_) {
      any = any || one->came;
      if (!std::exchange(one->came, false) && one->held.empty()) one->idle = true;
    }
    if (!any && idle_) return alarm_.cancel();
    this->in_background([this] {
      find_least();
      release();
      tell();
    });
    if (any_of(list_, [](const auto& one) { return !one->idle; })) return;
    idle_ = true;
    static_cast<void>(Receipt{this->strand().descend([this] { return Receipt{Base::add({Signal::idle})}; })});
  }

 protected:
  Pending* take_signal(const Signal& signal) override {
    if (signal.kind == Signal::watermark) return nullptr;  // what came with a frontier of its own gets this one instead
    Join join{this->strand()};
    join.add(this->at_barrier(signal));
    if (signal.kind == Signal::barrier) aligning_ = false;
    if (signal.kind == Signal::end) {
      alarm_.cancel();
      while (Partition* next = first_held([](const Partition&) { return true; })) let_go(*next);
      if (this->emitted()) join.add(this->end_burst());
    }
    if (signal.kind == Signal::end || signal.kind == Signal::reopen) join.add(undated.outlet.signal(signal));
    join.add(Base::add(signal));
    return join.finish();
  }

 private:
  struct Held {
    T value;
    Context context;
    EventTime time;
    Receipt receipt;  // of whoever waits for it
  };
  struct Partition {
    Id id;
    EventTime latest = no_frontier;  // that counts
    EventTime frontier = no_frontier;
    bool idle = false;
    bool came = false;  // an element since the alarm rang last
    Ring<Held> held = {};
  };

  Partition& partition_of(const Id& id) {
    const auto [at, is_new] = places_.try_emplace(id, list_.size());
    if (is_new) list_.push_back(Box<Partition>{new Partition{id}});
    return *list_[at->second];
  }

  /// The time of an element counts also when the element fails further down.
  template <class V>
  Pending* come_or_tell(V&& value, const Context* context) {
    try {
      return come(std::forward<V>(value), context);
    } catch (...) {
      tell();
      throw;
    }
  }
  /// An element: on, or to those of its partition that are held.
  template <class V>
  Pending* come(V&& value, const Context* context) {
    this->info().took();
    std::optional<EventTime> time;
    try {
      time = event_time_of(time_(std::as_const(value)));
    } catch (const std::exception& error) {
      return undated.take(this->info(), std::forward<V>(value), context, error.what());
    }
    if (!time) [[unlikely]] return undated.take(this->info(), std::forward<V>(value), context, no_usable_time);
    Partition& one = partition_of(this->run(partition_, std::as_const(value)));
    wake_up(one);
    Context own = Context::of(context);
    own.event_time(*time);
    if (!one.held.empty() || too_far(one)) return held_back(one, std::forward<V>(value), std::move(own), *time);
    pass_element(one, T(std::forward<V>(value)), std::move(own), *time);
    release();
    return this->emitted() ? this->end_burst() : nullptr;
  }
  void pass_element(Partition& one, T&& value, Context&& context, EventTime time) {
    if (time > gauges_.newest.get()) gauges_.newest.set(time);
    one.latest = std::max(one.latest, counted(options_, time, gauges_));
    const EventTime frontier = policy_.frontier(std::as_const(value), one.latest);
    this->put([&] { return std::move(value); }, std::move(context));
    if (frontier <= one.frontier) return;
    const bool was_least = least_ == no_frontier || one.frontier <= least_;
    one.frontier = frontier;
    if (was_least) find_least();
    if (options_.tell == Tell::element) tell();
  }

  // --- the frontier

  bool counts(const Partition& one) const noexcept { return !one.idle && one.frontier >= told_; }
  /// Of the partitions that count.
  void find_least() noexcept {
    least_ = frontier_at_end;
    for (const auto& one : list_) {
      if (counts(*one)) least_ = std::min(least_, one->frontier);
    }
    if (least_ == frontier_at_end) least_ = no_frontier;
  }
  EventTime now() const noexcept {
    if (list_.size() < partitions_.expected && !missing_given_up_) return no_frontier;
    if (any_of(list_, [](const auto& one) { return !one->idle; })) return least_;
    EventTime most = no_frontier;  // all are idle: none is waited for
    for (const auto& one : list_) most = std::max(most, one->frontier);
    return most;
  }
  /// Tells the frontier if it has moved.
  Pending* told_by_now() {
    const EventTime frontier = now();
    if (frontier <= told_) return nullptr;
    told_ = frontier;
    left_ = options_.at_most;
    gauges_.frontier.set(frontier);
    return Base::add({Signal::watermark, frontier});
  }
  void tell() { static_cast<void>(Receipt{told_by_now()}); }

  // --- what is too far ahead

  bool too_far(const Partition& one) const noexcept {
    return drift_ != 0 && least_ != no_frontier && one.frontier > later_by(least_, drift_);
  }
  template <class V>
  Pending* held_back(Partition& one, V&& value, Context&& context, EventTime time) {
    context.bind(this->strand());
    Receipt receipt;
    if (held_ >= partitions_.max_held) {
      if (!partitions_.wait_when_full) {
        if (Partition* first = first_held([](const Partition&) { return true; })) let_go(*first);
      } else if (!aligning_) {
        receipt = Receipt::waiting(this->strand(), &this->info(), Why::partner);
        ++waiting_;
      }
    }
    one.held.push(T(std::forward<V>(value)), std::move(context), time, receipt);
    hold(held_ + 1);
    Join join{this->strand()};
    join.add(receipt.release());
    if (this->emitted()) join.add(this->end_burst());
    return join.finish();
  }
  /// Of the partitions with something held that `fits` is true of the one that is behind the others.
  template <class Fits>
  Partition* first_held(Fits fits) noexcept {
    Partition* first = nullptr;
    if (held_ == 0) return first;
    for (const auto& one : list_) {
      if (!one->held.empty() && fits(*one) && (!first || one->frontier < first->frontier)) first = one.get();
    }
    return first;
  }
  void let_go(Partition& one) {
    Held next = one.held.pop();
    hold(held_ - 1);
    pass_element(one, std::move(next.value), std::move(next.context), next.time);
    stop_waiting(next);
  }
  void stop_waiting(Held& held) {
    if (!held.receipt.state()) return;
    --waiting_;
    std::exchange(held.receipt, {}).settle();
  }
  void release() {
    while (Partition* next = first_held([this](const Partition& one) { return !too_far(one); })) let_go(*next);
  }
  void hold(std::size_t n) noexcept {
    held_ = n;
    this->besides(n);
  }

  // --- idle partitions

  void wake_up(Partition& one) {
    if (partitions_.idle_timeout == Duration::zero()) return;
    one.came = true;
    if (!alarm_.active()) this->clock().set(alarm_, later(this->clock().now(), partitions_.idle_timeout));
    if (std::exchange(one.idle, false)) find_least();
    if (std::exchange(idle_, false)) static_cast<void>(Receipt{Base::add({Signal::active})});
  }

  /// What comes first says what waits.
  Pending* both(Pending* first, Pending* second) {
    Join join{this->strand()};
    join.add(first);
    join.add(second);
    return join.finish();
  }

  void save_held(StateWriter& to, const Ring<Held>& held) const {
    if constexpr (has_codec<T>) {
      save_size(to, held.size());
      for (std::size_t i = 0; i < held.size(); ++i) {
        to.put(held[i].time);
        to.put(held[i].value);
      }
    }
  }
  void load_held(StateReader& from, Ring<Held>& held) {
    if constexpr (has_codec<T>) {
      load_each(from, [&] {
        const auto time = from.get<EventTime>();
        Context context;
        context.event_time(time);
        held.push(from.get<T>(), std::move(context), time, Receipt{});
        hold(held_ + 1);
      });
    }
  }

  KeyOf<Fn> time_;
  KeyOf<PartitionFn> partition_;
  Policy policy_;
  EventTimeOptions options_;
  PartitionOptions partitions_;
  EventTime drift_;
  FlatMap<Id, std::size_t> places_;
  std::vector<Box<Partition>> list_;  // in the order in which they came
  EventTime least_ = no_frontier;     // of those that count
  EventTime told_ = no_frontier;      // to those behind
  std::size_t left_ = 0;              // elements until it is told
  std::size_t held_ = 0;
  std::size_t waiting_ = 0;           // held elements that somebody waits for
  bool aligning_ = false;             // a barrier is on its way to here
  bool idle_ = false;
  bool missing_given_up_ = false;     // the partitions that are expected had their time
  Alarm<PartitionClockNode> alarm_{*this};
  TimeGauges gauges_;
};

}  // namespace penstock::detail
