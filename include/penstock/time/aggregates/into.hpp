// SPDX-License-Identifier: BSL-1.0
#pragma once

// Not an operator: an aggregate.

#include <concepts>
#include <cstddef>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "penstock/time/aggregates/all_of.hpp"

namespace penstock {
namespace detail {

template <class Member>
struct MemberOf;
template <class Row, class M>
struct MemberOf<M Row::*> {
  using type = M;
};

template <class R>
struct WhatIsThere {
  using type = R;
};
template <class R>
struct WhatIsThere<std::optional<R>> {
  using type = R;
};

/// By conversion and no assignment: a std::string may be assigned a number, for a character.
template <class M, class R>
concept assigned_from = std::convertible_to<R, M> || std::convertible_to<typename WhatIsThere<R>::type, M>;

template <class M, class R>
void assign_result(M& member, R&& result) {
  if constexpr (result_may_be_missing<std::remove_cvref_t<R>> && !result_may_be_missing<M>) {
    if (result) member = static_cast<M>(*std::forward<R>(result));
  } else if constexpr (std::is_arithmetic_v<M>) {
    member = static_cast<M>(result);
  } else {
    member = static_cast<M>(std::forward<R>(result));
  }
}

}  // namespace detail

namespace aggregates {

template <class Row, class Members, class... As>
class Into;

template <class Row, class... Members, class... As>
class Into<Row, std::tuple<Members...>, As...> : public Modifiers<Into<Row, std::tuple<Members...>, As...>> {
 public:
  Into(std::tuple<Members...> members, std::tuple<As...> parts)
      : members_(std::move(members)),
        parts_(std::apply([](As&... part) { return AllOf<As...>(std::move(part)...); }, parts)) {}

  template <class T>
  static constexpr bool fits() {
    if constexpr (aggregate_of<AllOf<As...>, T>) {
      return (detail::assigned_from<typename detail::MemberOf<Members>::type, detail::ResultOf<As, T>> &&
              ...);
    } else {
      return false;
    }
  }
  template <class T>
  static constexpr bool accepts = fits<T>();
  template <class T>
  static constexpr void explain() {
    if constexpr (detail::check_aggregate<AllOf<As...>, T>()) {
      static_assert(accepts<T>, "into: the result of each aggregate must convert to the member before it");
    }
  }
  template <class T>
  using accumulator = detail::StateOf<AllOf<As...>, T>;

  template <class T>
  auto create() const {
    return parts_.template create<T>();
  }
  template <class State, class T>
  void add(State& state, const T& element) const {
    parts_.add(state, element);
  }
  template <class State, class T>
    requires(detail::removing_aggregate_of<As, T> && ...)
  void remove(State& state, const T& element) const {
    parts_.remove(state, element);
  }
  template <class State, class From>
    requires(detail::merges<AllOf<As...>, State>)
  void merge(State& into, From&& from) const {
    parts_.merge(into, std::forward<From>(from));
  }
  template <class State>
  Row result(State&& state) const {
    return assign(parts_.result(std::forward<State>(state)), std::index_sequence_for<As...>{});
  }

 private:
  template <class Results, std::size_t... I>
  Row assign(Results results, std::index_sequence<I...>) const {
    Row row{};
    (detail::assign_result(row.*std::get<I>(members_), std::get<I>(std::move(results))), ...);
    return row;
  }

  std::tuple<Members...> members_;
  AllOf<As...> parts_;
};

}  // namespace aggregates

namespace detail {

template <class Row>
auto into_pairs(auto members, auto parts) {
  return [&]<class... Ms, class... As>(std::tuple<Ms...>& ms, std::tuple<As...>& as) {
    return aggregates::Into<Row, std::tuple<Ms...>, As...>(std::move(ms), std::move(as));
  }(members, parts);
}
template <class Row, class Members, class Parts, class M, class A, class... Rest>
auto into_pairs(Members members, Parts parts, M Row::*member, A aggregate, Rest... rest) {
  return into_pairs<Row>(std::tuple_cat(std::move(members), std::tuple<M Row::*>(member)),
                         std::tuple_cat(std::move(parts), std::tuple<A>(std::move(aggregate))),
                         std::move(rest)...);
}

template <class Row, class... Pairs>
inline constexpr bool are_pairs = sizeof...(Pairs) == 0;
template <class Row, class M, class A, class... Rest>
inline constexpr bool are_pairs<Row, M Row::*, A, Rest...> = std::is_object_v<M> && are_pairs<Row, Rest...>;

}  // namespace detail

/// Several aggregates of the same elements at once, each into a member of a struct:
/// `into<Row>(&Row::views, count_if(is_view), &Row::revenue, sum(&Event::price))`.
///
/// @tparam Row   starts as `Row{}`.
/// @param pairs  a pointer to a member of Row and the aggregate for it, and so on. Integers and
///               floating-point numbers are converted as `static_cast` does.
///
/// Gives a Row. An aggregate whose result is an optional fills an optional, or a member of its value, which
/// stays as `Row{}` has it when there is none: `double mean = NAN;` says what that is. An element that one of
/// the aggregates fails to take is in none of them. Can merge, and remove, when all of them can.
///
/// Memory: a tuple of theirs.
/// Cost:   theirs together.
template <class Row, class... Pairs>
auto into(Pairs... pairs) {
  constexpr bool fits =
      sizeof...(Pairs) > 0 && detail::are_pairs<Row, Pairs...> && std::default_initializable<Row>;
  static_assert(
      fits,
      "into: takes a struct that can be made of nothing, and after each pointer to a member of it an "
      "aggregate, as in into<Row>(&Row::views, count(), &Row::revenue, sum(&Event::price))");
  if constexpr (fits) return detail::into_pairs<Row>(std::tuple<>{}, std::tuple<>{}, std::move(pairs)...);
}

}  // namespace penstock
