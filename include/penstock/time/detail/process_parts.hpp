// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>

#include <boost/pfr/core.hpp>

#include "penstock/core/loop.hpp"
#include "penstock/state/keyed_state.hpp"
#include "penstock/time/detail/staged_node.hpp"
#include "penstock/time/instant.hpp"

// Not an operator: what a process function is made of.

namespace penstock {
/// A second output of a process function, as a member of it: `ctx.emit(alerts, alert)`. What comes out is
/// `stream.side(&Fn::alerts)`.
template <element T>
class SideOutput {
 public:
  using value_type = T;

  // For process.
  void bind(detail::SidePort<T>& port) noexcept { port_ = &port; }
  detail::SidePort<T>& port() const noexcept { return *port_; }

 private:
  detail::SidePort<T>* port_ = nullptr;
};

namespace detail {

template <class Fn>
concept names_its_members = requires(Fn& fn) { fn.members(); };
/// All that a function has to be looked through for states and side outputs.
template <class Fn>
auto parts_of(Fn& fn) {
  if constexpr (names_its_members<Fn>) {
    return fn.members();
  } else {
    return boost::pfr::structure_tie(fn);
  }
}

template <class M>
concept keyed_state = requires(M& member) { []<class Content>(KeyedState<Content>&) {}(member); };
template <class M>
inline constexpr bool is_side_output = false;
template <class T>
inline constexpr bool is_side_output<SideOutput<T>> = true;

template <class M>
auto state_or_nothing(M& member) {
  if constexpr (keyed_state<M>) {
    return std::tuple<M&>(member);
  } else {
    return std::tuple<>();
  }
}
template <class M>
auto side_or_nothing(M& member) {
  if constexpr (is_side_output<M>) {
    return std::tuple<M&>(member);
  } else {
    return std::tuple<>();
  }
}
template <class Fn>
auto states_of(Fn& fn) {
  return std::apply([](auto&... members) { return std::tuple_cat(state_or_nothing(members)...); }, parts_of(fn));
}
template <class Fn>
auto sides_of(Fn& fn) {
  return std::apply([](auto&... members) { return std::tuple_cat(side_or_nothing(members)...); }, parts_of(fn));
}

template <class States>
struct CellsOf;
template <class... States>
struct CellsOf<std::tuple<States&...>> {
  using type = std::tuple<typename States::Cell...>;
};
template <class Sides>
struct PortsOf;
template <class... Sides>
struct PortsOf<std::tuple<Sides&...>> {
  using type = std::tuple<SidePort<typename Sides::value_type>...>;
};

template <class Fn, class T>
struct ProcessOutput {
  using type = T;
};
template <class Fn, class T>
  requires requires { typename Fn::output; }
struct ProcessOutput<Fn, T> {
  using type = typename Fn::output;
};

template <class Fn, class Ctx>
concept has_timer = requires(Fn& fn, Ctx& ctx) { fn.timer(ctx); };
template <class Fn, class Ctx>
concept has_processing_timer = requires(Fn& fn, Ctx& ctx) { fn.processing_timer(ctx); };

template <class Fn>
using SidePortsOf = typename PortsOf<decltype(sides_of(std::declval<Fn&>()))>::type;

template <class Tuple, class Fn>
[[gnu::always_inline]] inline void for_each_in(Tuple& tuple, Fn fn) {
  std::apply([&](auto&... each) { (fn(each), ...); }, tuple);
}
/// Calls `fn(a, b)` for what stands at the same place in both.
template <class A, class B, class Fn>
[[gnu::always_inline]] inline void for_each_pair(A& a, B& b, Fn fn) {
  [&]<std::size_t... I>(std::index_sequence<I...>) { (fn(std::get<I>(a), std::get<I>(b)), ...); }(
      std::make_index_sequence<std::tuple_size_v<A>>{});
}

}  // namespace detail

/// What a process function is given beside the element: the key, the times, and what it can bring about. All of it counts
/// when the function returns; when it throws, nothing has happened.
template <class Processor>
class ProcessContext {
 public:
  explicit ProcessContext(Processor& node) noexcept : node_(node) {}

  const auto& key() const noexcept { return *node_.key_now_; }
  /// The event time of the element, `no_event_time` where it has none; of a timer the time that it was set for.
  EventTime time() const noexcept { return node_.time_now_; }
  /// No later element has a time before it; `frontier_at_end` at the end of the stream.
  EventTime frontier() const noexcept { return node_.at_end_ ? frontier_at_end : node_.frontier_; }
  bool is_late() const noexcept { return time() < frontier(); }
  /// No element follows: what is set for later now comes at once, and a timer that sets itself again never ends.
  bool at_end() const noexcept { return node_.at_end_; }
  /// The clock of the loop.
  TimePoint now() const { return node_.processing_now(); }

  template <class V>
  void emit(V&& value) {
    using Out = typename Processor::Result;
    constexpr bool fits = std::is_constructible_v<Out, V>;
    static_assert(fits, "process: ctx.emit takes what the function's `using output = ...` says, by default an element");
    if constexpr (fits) node_.staged_.emplace_back(std::in_place, std::forward<V>(value));
  }
  template <class T, class V>
  void emit(const SideOutput<T>& to, V&& value) {
    to.port().staged.emplace_back(std::in_place, std::forward<V>(value));
  }

  /// Calls `timer(ctx)` for this key when the frontier has come to `time`: at once behind the element where it has. A key has
  /// one timer of a time. `time` is what event_time takes: a time point of the system's clock, or microseconds.
  template <class Time>
  void timer_at(Time time) {
    static_assert(Processor::event_timers, "process: ctx.timer_at needs a member `void timer(auto& ctx)` in the function");
    node_.stage_timer(time, true);
  }
  /// The same so much event time after that of the element.
  template <class Rep, class Period>
  void timer_after(std::chrono::duration<Rep, Period> span) {
    if (time() == no_event_time) node_.needs_event_time("a timer some time after an element");
    timer_at(detail::later_by(time(), detail::span_of(span)));
  }
  template <class Time>
  void cancel_timer(Time time) {
    node_.stage_timer(time, false);
  }

  /// Calls `processing_timer(ctx)` for this key so much time of the loop from now, or at the end of the stream.
  void processing_timer_after(Duration span) {
    static_assert(Processor::processing_timers,
                  "process: ctx.processing_timer_after needs a member `void processing_timer(auto& ctx)` in the function");
    if (!at_end()) node_.staged_timers_.push_back({TimeDomain::processing, true, detail::later(now(), span).time_since_epoch().count()});
  }
  /// All of this key.
  void cancel_processing_timers() { node_.staged_timers_.push_back({TimeDomain::processing, false, detail::never}); }

 private:
  Processor& node_;
};

}  // namespace penstock
