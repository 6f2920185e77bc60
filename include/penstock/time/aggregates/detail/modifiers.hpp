// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include "penstock/time/aggregate.hpp"

namespace penstock {
namespace aggregates {

template <class A, class Pred>
class Where;
template <class A, class V>
class ValueOr;

/// What every aggregate of the library can be told after its name.
template <class Self>
struct Modifiers {
  /// Takes only the elements for which `pred(element)` is true: `sum(&Event::price).where(is_purchase)`.
  template <class Pred>
  auto where(Pred pred) const {
    return Where<Self, Pred>(static_cast<const Self&>(*this), std::move(pred));
  }
  /// For aggregates whose result is an optional: the value in place of nothing.
  /// `mean(&Event::price).value_or(0.0)`.
  template <class V>
  auto value_or(V value) const {
    return ValueOr<Self, V>(static_cast<const Self&>(*this), std::move(value));
  }
};

}  // namespace aggregates

namespace detail {

// What a state of an aggregate in either form can do, where the type of the elements is not known: the state
// of an aggregate of the user's own is of its own type.
template <class A, class State>
concept merges = (std::is_same_v<A, State> &&
                  requires(State & into, const State& from) { into.merge(from); }) ||
                 (!std::is_same_v<A, State> &&
                  requires(const A& a, State& into, const State& from) { a.merge(into, from); });

template <class A, class State, class Picked>
void put_picked(const A& a, State& state, Picked&& picked) {
  if constexpr (std::is_same_v<A, State>) {
    state.add(picked);
  } else if constexpr (requires { a.put(state, std::forward<Picked>(picked)); }) {
    a.put(state, std::forward<Picked>(picked));
  } else {
    a.add(state, picked);
  }
}

template <class A, class State, class From>
void merge_states(const A& a, State& into, From&& from) {
  if constexpr (std::is_same_v<A, State>) {
    into.merge(std::forward<From>(from));
  } else {
    a.merge(into, std::forward<From>(from));
  }
}

template <class A, class From>
auto result_of(const A& a, From&& state) {
  if constexpr (std::is_same_v<A, std::remove_cvref_t<From>>) {
    return std::forward<From>(state).result();
  } else {
    return a.result(std::forward<From>(state));
  }
}

template <class A, class T>
using StateOf = typename AggregateTraits<A, T>::State;
template <class A, class T>
using ResultOf = typename AggregateTraits<A, T>::Result;
template <class A, class T>
using PickedOf = decltype(AggregateTraits<A, T>::pick(std::declval<const A&>(), std::declval<const T&>()));

/// A picked value, or none: a reference stays one.
template <class Picked>
class MaybePicked {
 public:
  using Held = std::conditional_t<std::is_reference_v<Picked>, std::add_pointer_t<Picked>,
                                  std::optional<std::remove_cv_t<Picked>>>;

  MaybePicked() = default;
  explicit MaybePicked(Picked&& picked) {
    if constexpr (std::is_reference_v<Picked>) {
      held_ = &picked;
    } else {
      held_.emplace(std::move(picked));
    }
  }
  explicit operator bool() const noexcept { return static_cast<bool>(held_); }
  Picked&& operator*() noexcept { return static_cast<Picked&&>(*held_); }

 private:
  Held held_{};
};

template <class R>
inline constexpr bool result_may_be_missing = false;
template <class R>
inline constexpr bool result_may_be_missing<std::optional<R>> = true;

template <class Pred, class T>
concept tests_element = requires(const Pred& pred, const T& element) {
  { call(pred, element) } -> std::convertible_to<bool>;
};

}  // namespace detail

namespace aggregates {

/// An aggregate of the elements for which a function is true. See `where` of any aggregate.
template <class A, class Pred>
class Where : public Modifiers<Where<A, Pred>> {
 public:
  Where(A aggregate, Pred pred) : aggregate_(std::move(aggregate)), pred_(std::move(pred)) {}

  template <class T>
  static constexpr bool accepts = aggregate_of<A, T> && detail::tests_element<Pred, T>;
  template <class T>
  static constexpr void explain() {
    if constexpr (detail::check_aggregate<A, T>()) {
      static_assert(accepts<T>,
                    "where: the function must be callable with a const element and return a bool");
    }
  }
  template <class T>
  using accumulator = detail::StateOf<A, T>;

  template <class T>
  auto create() const {
    return detail::AggregateTraits<A, T>::create(aggregate_);
  }
  template <class T>
  auto pick(const T& element) const {
    using Maybe = detail::MaybePicked<detail::PickedOf<A, T>>;
    if (!detail::call(pred_, element)) return Maybe{};
    return Maybe{detail::AggregateTraits<A, T>::pick(aggregate_, element)};
  }
  template <class State, class Picked>
  void put(State& state, Picked&& picked) const {
    if (picked) detail::put_picked(aggregate_, state, *picked);
  }
  template <class State, class T>
  void add(State& state, const T& element) const {
    if (detail::call(pred_, element)) detail::AggregateTraits<A, T>::add(aggregate_, state, element);
  }
  template <class State, class T>
    requires(detail::removing_aggregate_of<A, T>)
  void remove(State& state, const T& element) const {
    if (detail::call(pred_, element)) detail::AggregateTraits<A, T>::remove(aggregate_, state, element);
  }
  template <class State, class From>
    requires(detail::merges<A, State>)
  void merge(State& into, From&& from) const {
    detail::merge_states(aggregate_, into, std::forward<From>(from));
  }
  template <class State>
  auto result(State&& state) const {
    return detail::result_of(aggregate_, std::forward<State>(state));
  }

 private:
  [[no_unique_address]] A aggregate_;
  [[no_unique_address]] Pred pred_;
};

/// An aggregate with a value in place of an empty result. See `value_or` of any aggregate.
template <class A, class V>
class ValueOr : public Modifiers<ValueOr<A, V>> {
 public:
  ValueOr(A aggregate, V value) : aggregate_(std::move(aggregate)), value_(std::move(value)) {}

  template <class T>
  static constexpr bool fits() {
    if constexpr (aggregate_of<A, T>) {
      using Result = detail::ResultOf<A, T>;
      if constexpr (detail::result_may_be_missing<Result>)
        return std::is_convertible_v<V, typename Result::value_type>;
    }
    return false;
  }
  template <class T>
  static constexpr bool accepts = fits<T>();
  template <class T>
  static constexpr void explain() {
    if constexpr (detail::check_aggregate<A, T>()) {
      static_assert(accepts<T>,
                    "value_or: the result of the aggregate must be a std::optional, and the value convert to "
                    "what is in it");
    }
  }
  template <class T>
  using accumulator = detail::StateOf<A, T>;

  template <class T>
  auto create() const {
    return detail::AggregateTraits<A, T>::create(aggregate_);
  }
  template <class T>
  decltype(auto) pick(const T& element) const {
    return detail::AggregateTraits<A, T>::pick(aggregate_, element);
  }
  template <class State, class Picked>
  void put(State& state, Picked&& picked) const {
    detail::put_picked(aggregate_, state, std::forward<Picked>(picked));
  }
  template <class State, class T>
  void add(State& state, const T& element) const {
    detail::AggregateTraits<A, T>::add(aggregate_, state, element);
  }
  template <class State, class T>
    requires(detail::removing_aggregate_of<A, T>)
  void remove(State& state, const T& element) const {
    detail::AggregateTraits<A, T>::remove(aggregate_, state, element);
  }
  template <class State, class From>
    requires(detail::merges<A, State>)
  void merge(State& into, From&& from) const {
    detail::merge_states(aggregate_, into, std::forward<From>(from));
  }
  template <class State>
  auto result(State&& state) const {
    using Value = typename decltype(detail::result_of(aggregate_, std::forward<State>(state)))::value_type;
    return detail::result_of(aggregate_, std::forward<State>(state)).value_or(static_cast<Value>(value_));
  }

 private:
  [[no_unique_address]] A aggregate_;
  [[no_unique_address]] V value_;
};

}  // namespace aggregates
}  // namespace penstock
