// SPDX-License-Identifier: BSL-1.0
#pragma once

// Not an operator: what aggregates are.

#include <concepts>
#include <type_traits>
#include <utility>

#include "penstock/core/element.hpp"

// How the elements of a window, or of a group, become one value. Two forms are aggregates:
//
// A type of the user's own: `void add(const T&)` and `R result() const`, copyable; where windows join or are
// put together from panes also `void merge(const Self&)`, the other having come later; and, if it can,
// `void remove(const T&)`. The object that is given is what each window starts from.
//
// The form of the library's own, which keeps what all windows share (functions, settings) apart from what is
// stored for each window:
//
//     template <class T> using accumulator = ...;            or  using accumulator = ...;
//     accumulator<T> create<T>() const;                      if it does not start as accumulator<T>{}
//     void add(accumulator<T>&, const T&) const;
//     void merge(accumulator<T>& into, const accumulator<T>& from) const;      if it can; also with &&
//     void remove(accumulator<T>&, const T&) const;                            if it can
//     R result(const accumulator<T>&) const;                                   also with &&
//
// and, all of them optional: `template <class T> static constexpr bool accepts`, false for elements that it
// is not for; `template <class T> static constexpr void explain()`, whose static_assert says what is wrong
// with those; and `pick(const T&)` with `put(accumulator<T>&, picked)`, the two halves of `add`: all that
// calls functions of the user is in the first, so that several aggregates take an element together or not at
// all.

namespace penstock {
namespace detail {

template <class A, class T>
struct AccumulatorOf {
  static constexpr bool exists = false;
};
template <class A, class T>
  requires requires { typename A::accumulator; }
struct AccumulatorOf<A, T> {
  static constexpr bool exists = true;
  using type = typename A::accumulator;
};
template <class A, class T>
  requires requires { typename A::template accumulator<T>; }
struct AccumulatorOf<A, T> {
  static constexpr bool exists = true;
  using type = typename A::template accumulator<T>;
};

template <class A, class T>
constexpr bool accepts() {
  if constexpr (requires {
                  { A::template accepts<T> } -> std::convertible_to<bool>;
                }) {
    return A::template accepts<T>;
  } else {
    return true;
  }
}

template <class A, class T>
concept split_aggregate_of =
    accepts<A, T>() && std::copy_constructible<A> && AccumulatorOf<A, T>::exists &&
    requires(const A& aggregate, typename AccumulatorOf<A, T>::type& state,
             const typename AccumulatorOf<A, T>::type& done, const T& element) {
      aggregate.add(state, element);
      aggregate.result(done);
      requires !std::is_void_v<decltype(aggregate.result(done))>;
    };

template <class A, class T>
concept own_aggregate_of =
    !AccumulatorOf<A, T>::exists && std::copy_constructible<A> &&
    requires(A& state, const A& done, const T& element) {
      state.add(element);
      done.result();
      requires !std::is_void_v<decltype(done.result())>;
    };

}  // namespace detail

/// `A` makes one value of elements of type `T`.
template <class A, class T>
concept aggregate_of = detail::split_aggregate_of<A, T> || detail::own_aggregate_of<A, T>;

namespace detail {

/// Both forms in one, as functions of the aggregate and of the state of one window.
template <class A, class T>
struct AggregateTraits;

template <class A, class T>
  requires(split_aggregate_of<A, T>)
struct AggregateTraits<A, T> {
  using State = typename AccumulatorOf<A, T>::type;
  using Result = std::decay_t<decltype(std::declval<const A&>().result(std::declval<const State&>()))>;

  static constexpr bool can_merge =
      requires(const A& a, State& into, const State& from) { a.merge(into, from); };
  static constexpr bool can_remove =
      requires(const A& a, State& state, const T& element) { a.remove(state, element); };

  static State create(const A& a) {
    if constexpr (requires { a.template create<T>(); }) {
      return a.template create<T>();
    } else if constexpr (requires { a.create(); }) {
      return a.create();
    } else {
      return State{};
    }
  }
  static void add(const A& a, State& state, const T& element) { a.add(state, element); }
  static decltype(auto) pick(const A& a, const T& element) {
    if constexpr (requires { a.pick(element); }) {
      return a.pick(element);
    } else {
      return (element);
    }
  }
  template <class Picked>
  static void put(const A& a, State& state, Picked&& picked) {
    if constexpr (requires(const T& element) { a.pick(element); }) {
      a.put(state, std::forward<Picked>(picked));
    } else {
      a.add(state, picked);
    }
  }
  template <class From>
  static void merge(const A& a, State& into, From&& from) {
    a.merge(into, std::forward<From>(from));
  }
  static void remove(const A& a, State& state, const T& element) { a.remove(state, element); }
  template <class From>
  static Result result(const A& a, From&& state) {
    return a.result(std::forward<From>(state));
  }
};

template <class A, class T>
  requires(own_aggregate_of<A, T>)
struct AggregateTraits<A, T> {
  using State = A;
  using Result = std::decay_t<decltype(std::declval<const A&>().result())>;

  static constexpr bool can_merge = requires(A& into, const A& from) { into.merge(from); };
  static constexpr bool can_remove = requires(A& state, const T& element) { state.remove(element); };

  static State create(const A& a) { return a; }
  static void add(const A&, State& state, const T& element) { state.add(element); }
  static const T& pick(const A&, const T& element) { return element; }
  static void put(const A&, State& state, const T& element) { state.add(element); }
  template <class From>
  static void merge(const A&, State& into, From&& from) {
    into.merge(std::forward<From>(from));
  }
  static void remove(const A&, State& state, const T& element) { state.remove(element); }
  template <class From>
  static Result result(const A&, From&& state) {
    return std::forward<From>(state).result();
  }
};

/// What an operator holds: the aggregate, and all that is done with the state of one window.
template <class A, class T>
  requires(aggregate_of<A, T>)
class Aggregation {
  using Traits = AggregateTraits<A, T>;

 public:
  using state = typename Traits::State;
  using result_type = typename Traits::Result;
  static constexpr bool can_merge = Traits::can_merge;
  static constexpr bool can_remove = Traits::can_remove;

  explicit Aggregation(A aggregate) : aggregate_(std::move(aggregate)) {}

  state create() const { return Traits::create(aggregate_); }
  void add(state& to, const T& element) const { Traits::add(aggregate_, to, element); }
  /// `from` has come after `into`.
  void merge(state& into, const state& from) const
    requires(can_merge)
  {
    Traits::merge(aggregate_, into, from);
  }
  void merge(state& into, state&& from) const
    requires(can_merge)
  {
    Traits::merge(aggregate_, into, std::move(from));
  }
  /// Undoes the `add` of an equal element.
  void remove(state& from, const T& element) const
    requires(can_remove)
  {
    Traits::remove(aggregate_, from, element);
  }
  result_type result(const state& of) const { return Traits::result(aggregate_, of); }
  result_type result(state&& of) const { return Traits::result(aggregate_, std::move(of)); }

 private:
  [[no_unique_address]] A aggregate_;
};

template <class A, class T>
concept merging_aggregate_of = aggregate_of<A, T> && AggregateTraits<A, T>::can_merge;
template <class A, class T>
concept removing_aggregate_of = aggregate_of<A, T> && AggregateTraits<A, T>::can_remove;

/// Whether `A` is an aggregate of elements of type `T`; when it is not, says so where it is asked, once.
template <class A, class T>
constexpr bool check_aggregate() {
  constexpr bool fits = aggregate_of<A, T>;
  if constexpr (!fits) {
    if constexpr (!accepts<A, T>() && requires { A::template explain<T>(); }) {
      A::template explain<T>();
    } else {
      static_assert(fits,
                    "aggregate: takes an aggregate such as count(), or a copyable object with "
                    "`void add(const T&)` and `R result() const`, T being the type of the elements");
    }
  }
  return fits;
}

/// For operators that put states together. Asked after `check_aggregate`.
template <class A, class T>
constexpr bool check_merge() {
  constexpr bool fits = merging_aggregate_of<A, T>;
  static_assert(fits,
                "aggregate: sessions, panes and other windows that are put together need an aggregate with "
                "`void merge(const Self&)`, or, with an accumulator, `void merge(accumulator&, const "
                "accumulator&) const`");
  return fits;
}

}  // namespace detail
}  // namespace penstock
