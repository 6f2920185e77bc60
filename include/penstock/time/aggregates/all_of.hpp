// SPDX-License-Identifier: BSL-1.0
#pragma once

// Not an operator: an aggregate.

#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

#include "penstock/time/aggregates/detail/modifiers.hpp"

namespace penstock {
namespace detail {

/// What is put back when a later part fails: small plain states are copied. The others are put last.
template <class State>
inline constexpr bool saved_before_add = std::is_trivially_copyable_v<State> && sizeof(State) <= 64;

template <class State>
struct SavedState {
  explicit SavedState(const State&) noexcept {}
  void restore(State&) const noexcept {}
};
template <class State>
  requires(saved_before_add<State>)
struct SavedState<State> {
  State state;
  explicit SavedState(const State& of) noexcept : state(of) {}
  void restore(State& to) const noexcept { to = state; }
};

}  // namespace detail

namespace aggregates {

/// Several aggregates of the same elements at once.
template <class... As>
class AllOf : public Modifiers<AllOf<As...>> {
 public:
  explicit AllOf(As... parts) : parts_(std::move(parts)...) {}

  template <class T>
  static constexpr bool accepts = (aggregate_of<As, T> && ...);
  template <class T>
  static constexpr void explain() {
    static_cast<void>((detail::check_aggregate<As, T>() && ...));
  }
  template <class T>
  using accumulator = std::tuple<detail::StateOf<As, T>...>;

  template <class T>
  accumulator<T> create() const {
    return std::apply(
        [](const As&... part) { return accumulator<T>{detail::AggregateTraits<As, T>::create(part)...}; },
        parts_);
  }
  /// All of the parts take the element, or none. For parts with memory of their own that holds as far as what
  /// they call of the user is called first; when there are several and memory ends between them, the first
  /// have it and the others have not.
  template <class... States, class T>
  void add(std::tuple<States...>& states, const T& element) const {
    add_all(states, element, std::index_sequence_for<As...>{});
  }
  template <class... States, class T>
    requires(detail::removing_aggregate_of<As, T> && ...)
  void remove(std::tuple<States...>& states, const T& element) const {
    remove_all(states, element, std::index_sequence_for<As...>{});
  }
  template <class... States>
    requires(detail::merges<As, States> && ...)
  void merge(std::tuple<States...>& into, const std::tuple<States...>& from) const {
    merge_all(into, from, std::index_sequence_for<As...>{});
  }
  template <class... States>
    requires(detail::merges<As, States> && ...)
  void merge(std::tuple<States...>& into, std::tuple<States...>&& from) const {
    merge_all(into, std::move(from), std::index_sequence_for<As...>{});
  }
  template <class... States>
  auto result(const std::tuple<States...>& states) const {
    return result_all(states, std::index_sequence_for<As...>{});
  }
  template <class... States>
  auto result(std::tuple<States...>&& states) const {
    return result_all(std::move(states), std::index_sequence_for<As...>{});
  }

 private:
  template <std::size_t I, class T>
  using Traits = detail::AggregateTraits<std::tuple_element_t<I, std::tuple<As...>>, T>;

  template <class... States, class T, std::size_t... I>
  void add_all(std::tuple<States...>& states, const T& element, std::index_sequence<I...>) const {
    std::tuple<detail::PickedOf<As, T>...> picked{Traits<I, T>::pick(std::get<I>(parts_), element)...};
    const std::tuple<detail::SavedState<States>...> saved{detail::SavedState<States>(std::get<I>(states))...};
    try {
      (put<I, T, true>(states, picked), ...);
      (put<I, T, false>(states, picked), ...);
    } catch (...) {
      (std::get<I>(saved).restore(std::get<I>(states)), ...);
      throw;
    }
  }
  template <std::size_t I, class T, bool Small, class States, class Picked>
  void put(States& states, Picked& picked) const {
    using State = std::tuple_element_t<I, States>;
    if constexpr (detail::saved_before_add<State> == Small) {
      Traits<I, T>::put(std::get<I>(parts_), std::get<I>(states), std::get<I>(std::move(picked)));
    }
  }
  template <class... States, class T, std::size_t... I>
  void remove_all(std::tuple<States...>& states, const T& element, std::index_sequence<I...>) const {
    const std::tuple<detail::SavedState<States>...> saved{detail::SavedState<States>(std::get<I>(states))...};
    try {
      (Traits<I, T>::remove(std::get<I>(parts_), std::get<I>(states), element), ...);
    } catch (...) {
      (std::get<I>(saved).restore(std::get<I>(states)), ...);
      throw;
    }
  }
  template <class Into, class From, std::size_t... I>
  void merge_all(Into& into, From&& from, std::index_sequence<I...>) const {
    (detail::merge_states(std::get<I>(parts_), std::get<I>(into), std::get<I>(std::forward<From>(from))),
     ...);
  }
  template <class States, std::size_t... I>
  auto result_all(States&& states, std::index_sequence<I...>) const {
    return std::tuple<decltype(detail::result_of(std::get<I>(parts_),
                                                 std::get<I>(std::forward<States>(states))))...>{
        detail::result_of(std::get<I>(parts_), std::get<I>(std::forward<States>(states)))...};
  }

  std::tuple<As...> parts_;
};

}  // namespace aggregates

/// Several aggregates of the same elements at once, as in `all_of(count(), sum(&Event::price))`.
///
/// @param parts  the library's and the user's own, in any mixture.
///
/// Gives a `std::tuple` of their results. An element that one of them fails to take, such as a sum that would
/// overflow, is in none of them. Can merge, and remove, when all of them can.
///
/// Memory: a tuple of theirs.
/// Cost:   theirs together.
template <class... As>
auto all_of(As... parts) {
  static_assert(sizeof...(As) > 0, "all_of: takes at least one aggregate");
  return aggregates::AllOf<As...>(std::move(parts)...);
}

}  // namespace penstock
