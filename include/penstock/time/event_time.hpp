// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "penstock/core/stream.hpp"
#include "penstock/ops/detail/key.hpp"
#include "penstock/time/detail/saved.hpp"
#include "penstock/time/instant.hpp"

namespace penstock {

/// When the frontier is told to those behind, if it has moved.
enum class Tell : std::uint8_t {
  batch,   ///< behind the last element of what the source handed over together; an element emitted alone is a batch
  element  ///< behind every element
};

/// Of event_time.
struct EventTimeOptions {
  Tell tell = Tell::batch;
  std::size_t at_most = 0;        ///< told also behind so many elements of one batch; 0: no such bound
  Duration max_future_skew{0};    ///< an element further ahead of the system's clock moves the frontier no further; 0: off
  Duration idle_timeout{0};       ///< without an element for that long the stream is idle; 0: never. Needs a loop
  std::function<std::chrono::system_clock::time_point()> now = nullptr;  ///< for max_future_skew; the system's clock
};

/// An element without a usable event time.
class BadEventTime : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The same as an element of `without_time`.
template <class T>
struct WithoutTime {
  T value;
  std::string reason;
};

/// The frontier stays behind the latest time that has come by `disorder`: an element that is further behind is late.
struct BoundedDisorder {
  EventTime disorder;

  template <class T>
  EventTime frontier(const T&, EventTime latest) const noexcept {
    return detail::earlier_by(latest, disorder);
  }
};
template <class Rep, class Period>
BoundedDisorder bounded_disorder(std::chrono::duration<Rep, Period> disorder) {
  if (disorder < disorder.zero()) detail::bad_argument("bounded_disorder: the disorder must not be negative");
  return {detail::span_of(disorder)};
}
/// Times that never go back: bounded_disorder(0).
inline BoundedDisorder ascending() noexcept { return {0}; }

/// The frontier is what elements say: `fn(element)` returns it, or nothing for most of them.
template <class Fn>
struct Punctuated {
  Fn fn;

  template <class T>
  EventTime frontier(const T& element, EventTime) {
    return detail::event_time_of(fn(element)).value_or(no_frontier);
  }
};
template <class Fn>
Punctuated<Fn> punctuated(Fn fn) {
  return {std::move(fn)};
}

template <class Fn, class T>
concept tells_event_time = detail::key_of<Fn, T> && detail::tells_time<detail::KeyType<Fn, T>>();
template <class Policy, class T>
concept frontier_policy = requires(Policy& policy, const T& element) {
  { policy.frontier(element, EventTime{}) } -> std::same_as<EventTime>;
};

namespace detail {

template <element T>
class EventTimeNodeBase : public Node {
 public:
  Outlet<T> outlet;
  Outlet<WithoutTime<T>> without_time;

  /// Somebody takes the elements without a time.
  void divert() noexcept { diverted_ = true; }

 protected:
  EventTimeNodeBase() : Node(Info{"event_time"}) {
    info().one_to_one = false;
    info().selects = true;
  }
  bool diverted_ = false;
};

/// Puts its time beside every element, and says behind batches which times have passed.
template <element T, class Fn, class Policy>
class EventTimeNode final : public EventTimeNodeBase<T>, public Receiver<T, EventTimeNode<T, Fn, Policy>>, public Managed {
 public:
  EventTimeNode(Fn fn, Policy policy, EventTimeOptions options)
      : time_(std::move(fn)), policy_(std::move(policy)), options_(std::move(options)) {
    this->port(static_cast<InletBase&>(*this));
    this->port(this->outlet);
    this->port(this->without_time);
    left_ = options_.at_most;
    remembers(this->info(), this);
  }

  const char* needs_loop() const noexcept override {
    return options_.idle_timeout != Duration::zero() ? "event_time: an idle_timeout" : nullptr;
  }
  const TimeGauges* time_gauges() const noexcept override { return &gauges_; }

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
    detail::load(from, alarm_, this->loop());
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
    if (signal.kind == Signal::end || signal.kind == Signal::reopen) join.add(this->without_time.signal(signal));
    return join.finish();
  }

 private:
  template <class V>
  [[gnu::always_inline]] Pending* pass(V&& value, const Context* context) {
    this->info().took();
    if (options_.idle_timeout != Duration::zero()) [[unlikely]] wake_up();
    std::optional<EventTime> time;
    try {
      time = event_time_of(time_(std::as_const(value)));
    } catch (const std::exception& error) {
      return refuse(std::forward<V>(value), context, error.what());
    }
    if (!time) [[unlikely]] return refuse(std::forward<V>(value), context, "it has no usable event time");
    advance(value, *time);
    gauges_.newest.set(newest_);
    if (!context) [[likely]] {
      stamped_.event_time(*time);
      return this->outlet.push(std::forward<V>(value), &stamped_);
    }
    Context own{*context};
    own.event_time(*time);
    return this->outlet.push(std::forward<V>(value), &own);
  }

  /// The element that moves the frontier is judged before it does: it is told behind it.
  void advance(const T& value, EventTime time) {
    if (time > newest_) newest_ = time;
    EventTime counts = time;
    if (options_.max_future_skew != Duration::zero()) [[unlikely]] {
      const EventTime limit = later_by(*event_time_of(options_.now ? options_.now() : std::chrono::system_clock::now()),
                                       span_of(options_.max_future_skew));
      if (counts > limit) {
        counts = limit;
        gauges_.ahead.add();
      }
    }
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

  template <class V>
  [[gnu::noinline]] Pending* refuse(V&& value, const Context* context, const char* reason) {
    this->info().fails();
    if (!this->diverted_) throw BadEventTime(std::string("event_time: ") + reason);
    return this->without_time.push(WithoutTime<T>{T(std::forward<V>(value)), reason}, context);
  }

  // Whether anything came is looked at once each time-out, so an element costs no reading of the clock. Time in which the
  // last element waited further down does not count.
  struct Alarm final : Timer {
    explicit Alarm(EventTimeNode& n) noexcept : node(n) {}
    void run() override { node.rang(); }
    EventTimeNode& node;
  };
  [[gnu::noinline]] void wake_up() {
    came_ = true;
    if (!alarm_.active()) this->clock().set(alarm_, this->clock().now() + options_.idle_timeout);
    if (std::exchange(idle_, false)) static_cast<void>(Receipt{this->outlet.signal({Signal::active})});
  }
  void rang() {
    if (std::exchange(came_, false) || graph_waits()) {
      this->clock().set(alarm_, this->clock().now() + options_.idle_timeout);
      return;
    }
    idle_ = true;
    static_cast<void>(offer(this->outlet, Signal{Signal::idle}));
  }
  bool graph_waits() noexcept {
    for (Node* node : this->graph().nodes()) {
      for (const Info& info : node->infos()) {
        if (info.waiting.get() != 0) return true;
      }
    }
    return false;
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
  Alarm alarm_{*this};
  TimeGauges gauges_;
};

}  // namespace detail

/// What event_time returns: a stream whose elements have an event time.
template <element T>
class TimedStream : public Stream<T> {
 public:
  explicit TimedStream(detail::EventTimeNodeBase<T>& node) : Stream<T>(node.outlet) {}

  /// The elements without a usable event time. They are no errors any more when somebody takes them here.
  Stream<WithoutTime<T>> without_time() const {
    auto& node = static_cast<detail::EventTimeNodeBase<T>&>(this->node());
    node.divert();
    return Stream<WithoutTime<T>>{node.without_time};
  }
  TimedStream named(std::string name) const {
    this->rename(std::move(name));
    return *this;
  }
};

/// Puts its event time beside every element, and tells those behind which times have passed: the *frontier* is a
/// promise that no later element has a time before it. An element behind the frontier all the same is late, and
/// what that means is up to the operators behind.
///
///     in        a10 b12 | a11 | c15 |         batches, times in seconds
///               event_time(&T::time, bounded_disorder(2s))
///     frontier          10    .     13
///
/// @param time     of an element: a function of it, a pointer to a member, or an index or key as `pluck` takes them, which
///                 gives a `std::chrono::time_point` of the system's clock, microseconds since 1970 as an integer, or an
///                 optional of these. Times before 1970 are as good as others.
/// @param policy   what the frontier is: `bounded_disorder(d)`, the latest time so far less d; `ascending()`, the latest
///                 time; `punctuated(fn)`, what elements say.
/// @param options  see EventTimeOptions.
///
/// The frontier never goes back, and is told behind the elements that have moved it: what moves it is judged before it
/// moves. By default that is behind every batch of the source, and no clock of the machine plays a part in it, so the
/// same batches give the same answers. The end of the stream stands for a frontier behind all times.
///
/// Back-pressure: passes through.
/// Metadata:      follows its element.
/// Errors:        std::invalid_argument here for negative settings; an element whose time cannot be told is a BadEventTime
///                through emit, or an element of `without_time()`. It moves nothing.
/// Cost:          the call of `time` and some comparisons; one signal a batch.
/// Recovery:      state: the frontier and the latest time.
/// Example:       examples/11_event_time/windows.cpp
/// See also:      key_by, window
template <class Fn, class Policy, class... Options>
auto event_time(Fn time, Policy policy, Options... chosen) {
  static_assert(sizeof...(Options) <= 1 && (std::is_same_v<Options, EventTimeOptions> && ...),
                "event_time: takes the time, a policy and EventTimeOptions{...}");
  EventTimeOptions options{std::move(chosen)...};
  if (options.max_future_skew < Duration::zero() || options.idle_timeout < Duration::zero()) {
    detail::bad_argument("event_time: max_future_skew and idle_timeout must not be negative");
  }
  return [time = detail::owned(std::move(time)), policy = std::move(policy), options = std::move(options)](auto&& stream) mutable {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    using Time = decltype(time);
    constexpr bool has_time = tells_event_time<Time, T>;
    static_assert(has_time,
                  "event_time: the time must be a function of a const element, or a member, key or index of it, that gives "
                  "a time point of the system's clock, microseconds as an integer, or an optional of these");
    constexpr bool has_policy = frontier_policy<Policy, T>;
    static_assert(has_policy, "event_time: the policy is bounded_disorder(d), ascending() or punctuated(fn)");
    if constexpr (has_time && has_policy) {
      return TimedStream<T>{attach<detail::EventTimeNode<T, Time, Policy>>(stream.stream(), std::move(time), std::move(policy),
                                                                            std::move(options))};
    }
  };
}

}  // namespace penstock
