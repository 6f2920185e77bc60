// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "penstock/core/error.hpp"
#include "penstock/ops/detail/alarm.hpp"
#include "penstock/ops/detail/key.hpp"
#include "penstock/time/detail/key_states.hpp"
#include "penstock/time/detail/process_parts.hpp"
#include "penstock/time/detail/staged_node.hpp"

// Not an operator: a user's function with states and timers for each key.

namespace penstock::detail {

/// The states of the function are handles: before it is called they are bound to the cells of the key whose turn it is. What
/// it writes is undone when it throws; what it emits and sets waits until it has returned, so that nothing behind can see
/// or change a key that is half done.
template <element T, class KeyFn, class Key, class Fn>
class KeyedProcessNode final
    : public StagedNode<KeyedProcessNode<T, KeyFn, Key, Fn>, typename ProcessOutput<Fn, T>::type, SidePortsOf<Fn>>,
      public Receiver<T, KeyedProcessNode<T, KeyFn, Key, Fn>>,
      public Managed {
 public:
  using Result = typename ProcessOutput<Fn, T>::type;
  using Ctx = ProcessContext<KeyedProcessNode>;
  static constexpr bool event_timers = has_timer<Fn, Ctx>;
  static constexpr bool processing_timers = has_processing_timer<Fn, Ctx>;

 private:
  friend Ctx;
  using Base = StagedNode<KeyedProcessNode, Result, SidePortsOf<Fn>>;
  using States = decltype(states_of(std::declval<Fn&>()));
  using Sides = decltype(sides_of(std::declval<Fn&>()));
  using Cells = typename CellsOf<States>::type;
  using Keys = KeyStates<Key, Cells>;
  using Item = typename Keys::Item;

 public:
  KeyedProcessNode(KeyFn key, Fn function)
      : Base(Info{"process", {}, Shape::state}),
        key_(std::move(key)),
        function_(std::move(function)),
        keys_(domains(), gauges_) {
    this->port(static_cast<InletBase&>(*this));
    for_each_pair(this->ports_, sides_, [](auto& port, auto& side) { side.bind(port); });
    for_each_in(states_, [&](const auto& state) { loop_for_ = checked(state.options(), loop_for_); });
    if (processing_timers) loop_for_ = "process: a processing_timer";
    this->info().recovery = Recovery::state;
    if constexpr (Keys::can_save) this->info().state = this;
  }

  const char* needs_loop() const noexcept override { return loop_for_; }
  const TimeGauges* time_gauges() const noexcept override { return &gauges_; }
  bool busy() const noexcept override { return Base::busy() || keys_.processing_timers() != 0; }
  Fn& function() noexcept { return function_; }

  template <class V>
  Pending* take(V&& value, const Context* context) {
    this->info().took();
    const EventTime time = context ? context->event_time() : no_event_time;
    if (time > newest_) {
      newest_ = time;
      gauges_.newest.set(time);
    }
    const T& element = value;
    const auto& key = this->run(key_, element);
    Item* item = keys_.find(key);
    time_now_ = time;
    life_from_ = time > frontier_ ? time : frontier_;
    const auto staging = begin(key, item ? item->second.cells : fresh_);
    try {
      function_.element(element, ctx_);
      check_times();
    } catch (...) {
      undo(staging);
      throw;
    }
    commit(key, item);
    this->hand_on(staging, context, time);
    if (keys_.first_wake(TimeDomain::event) <= frontier_) [[unlikely]] pass_event_time(frontier_);
    return this->brought_about() ? this->end_turn() : nullptr;
  }

  void shut_down() noexcept override {
    alarm_.cancel();
    keys_.clear();
    Base::shut_down();
  }

  void save(StateWriter& to) const override {
    if constexpr (Keys::can_save) {
      to.put(frontier_);
      detail::save(to, gauges_);
      keys_.save(to, state_names(), processing_now().time_since_epoch().count());
    }
  }
  void load(StateReader& from) override {
    if constexpr (Keys::can_save) {
      frontier_ = from.get<EventTime>();
      gauges_.frontier.set(frontier_);
      detail::load(from, gauges_);
      newest_ = gauges_.newest.get();
      keys_.load(from, state_names(), processing_now().time_since_epoch().count());
    }
  }
  void loaded() override {
    const std::int64_t first = keys_.first_wake(TimeDomain::processing);
    if (first != never) set_at_wiring(this->clock(), alarm_, TimePoint{Duration{first}});
    for (OutletBase* each : this->outlets()) tell_again(*each, frontier_);
  }

  // For the alarm.
  void rang() {
    this->in_background([this] {
      pass_processing_time(processing_now().time_since_epoch().count());
      if (keys_.first_wake(TimeDomain::event) <= frontier_) pass_event_time(frontier_);
    });
    this->end_background_turn();
    set_alarm();
    this->graph().rested();
  }

 protected:
  Pending* take_signal(const Signal& signal) override {
    if (signal.kind == Signal::watermark) {
      if (signal.value <= frontier_) return nullptr;
      frontier_ = signal.value;
      gauges_.frontier.set(frontier_);
      pass_event_time(frontier_);
    }
    if (signal.kind == Signal::end) pass_all_time();
    return this->signal_behind(signal);
  }

 private:
  // --- one call of the function

  auto begin(const Key& key, Cells& cells) {
    if (key_now_) misuse(this->info().label() + ": the function emits into its own stream; what it emits goes through ctx");
    key_now_ = &key;
    for_each_pair(states_, cells, [](auto& state, auto& cell) { state.bind(cell); });
    return this->begin_staging();
  }
  [[gnu::noinline]] void undo(const typename Base::Staging& staging) {
    this->info().fails();
    key_now_ = nullptr;
    for_each_in(states_, [](auto& state) { state.rollback(); });
    staged_timers_.clear();
    this->take_back(staging);
  }
  void check_times() const {
    for_each_in(states_, [this](const auto& state) {
      const StateOptions& options = state.options();
      if (!state.written() || options.time_to_live == Duration::zero() || options.domain != TimeDomain::event) return;
      if (life_from_ == no_event_time) needs_event_time("a time to live");
    });
  }
  /// True when the key was settled behind it: then the item may be gone.
  bool commit(const Key& key, Item* item) {
    key_now_ = nullptr;
    bool written = false;
    bool settles = !staged_timers_.empty();
    Cells& cells = item ? item->second.cells : fresh_;
    for_each_pair(states_, cells, [&](auto& state, auto& cell) {
      if (!state.written()) return;
      cell.ends = cell.empty() ? never : end_of_life(state.options());
      state.commit();
      written = true;
      settles = settles || cell.empty() || cell.ends != never;
    });
    if (!item) {
      if (staged_timers_.empty() && (!written || Keys::empty(cells))) return false;
      item = &keys_.add(key, std::exchange(fresh_, Cells{}));
    }
    if (!settles) return false;
    for (const TimerChange& change : staged_timers_) keys_.change(*item, change);
    staged_timers_.clear();
    keys_.settle(*item);
    if (loop_for_) set_alarm();
    return true;
  }
  std::int64_t end_of_life(const StateOptions& options) const {
    if (options.time_to_live == Duration::zero()) return never;
    if (options.domain == TimeDomain::event) return later_by(life_from_, span_of(options.time_to_live));
    return later(processing_now(), options.time_to_live).time_since_epoch().count();
  }

  // --- time

  void pass_event_time(EventTime to) {
    keys_.template advance<TimeDomain::event>(to, [this](Item& item, EventTime at) {
      life_from_ = at;
      call_timer(item, at, [&] {
        if constexpr (event_timers) function_.timer(ctx_);
      });
    });
  }
  void pass_processing_time(std::int64_t to) {
    keys_.template advance<TimeDomain::processing>(to, [this](Item& item, std::int64_t) {
      life_from_ = frontier_;
      // What the clock has brought about comes behind all that the frontier has passed.
      call_timer(item, frontier_, [&] {
        if constexpr (processing_timers) function_.processing_timer(ctx_);
      });
    });
  }
  /// There is no later time: all timers come now, and all states end.
  void pass_all_time() {
    at_end_ = true;
    pass_event_time(farthest_time);
    pass_processing_time(never - 1);
    pass_event_time(farthest_time);
    at_end_ = false;
    keys_.clear();
    alarm_.cancel();
  }
  template <class Call>
  void call_timer(Item& item, EventTime time, Call call) {
    time_now_ = time;
    const auto staging = begin(item.first, item.second.cells);
    try {
      call();
      check_times();
    } catch (...) {
      undo(staging);
      this->failed(std::current_exception());
      return keys_.settle(item);
    }
    if (!commit(item.first, &item)) keys_.settle(item);
    this->hand_on(staging, nullptr, time);
  }
  template <class Time>
  void stage_timer(const Time& time, bool set) {
    static_assert(tells_time<Time>(), "process: the time of a timer is a time point of the system's clock, or microseconds");
    const auto at = event_time_of(time);
    if (!at) bad_argument("process: the time of a timer must be less than 73 000 years away");
    staged_timers_.push_back({TimeDomain::event, set, *at});
  }
  TimePoint processing_now() const { return this->loop() ? this->loop()->turn_time() : TimePoint{}; }
  void set_alarm() {
    const std::int64_t first = keys_.first_wake(TimeDomain::processing);
    if (first == never) return alarm_.cancel();
    const TimePoint at{Duration{first}};
    if (!alarm_.active() || alarm_.deadline() != at) this->clock().set(alarm_, at);
  }
  [[noreturn, gnu::cold]] void needs_event_time(const char* what) const {
    misuse(std::string("process: ") + what + " needs elements with an event time; put event_time(...) before");
  }

  // --- what it is made of

  static const char* checked(const StateOptions& options, const char* loop_for) {
    if (options.time_to_live < Duration::zero()) bad_argument("process: a time to live must not be negative");
    if (options.time_to_live == Duration::zero() || options.domain == TimeDomain::event) return loop_for;
    return "process: a time to live in processing time";
  }
  std::vector<std::string> state_names() const {
    std::vector<std::string> names;
    for_each_in(states_, [&](const auto& state) { names.emplace_back(state.name()); });
    return names;
  }
  typename Keys::Domains domains() const {
    typename Keys::Domains domains{};
    std::size_t i = 0;
    for_each_in(states_, [&](const auto& state) { domains[i++] = state.options().domain; });
    return domains;
  }

  KeyOf<KeyFn> key_;
  Fn function_;
  States states_ = states_of(function_);  // references to its members
  Sides sides_ = sides_of(function_);
  Ctx ctx_{*this};
  TimeGauges gauges_;
  Keys keys_;
  Cells fresh_{};  // of a key that nothing is known of yet
  EventTime frontier_ = no_frontier;
  EventTime newest_ = no_frontier;
  bool at_end_ = false;

  const Key* key_now_ = nullptr;  // while the function runs
  EventTime time_now_ = no_event_time;
  EventTime life_from_ = no_event_time;  // of what is written now
  std::vector<TimerChange> staged_timers_;

  const char* loop_for_ = nullptr;
  Alarm<KeyedProcessNode> alarm_{*this};
};

}  // namespace penstock::detail
