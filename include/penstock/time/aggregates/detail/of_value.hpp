// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "penstock/core/error.hpp"
#include "penstock/core/view.hpp"
#include "penstock/ops/detail/key.hpp"
#include "penstock/time/aggregates/detail/math.hpp"
#include "penstock/time/aggregates/detail/modifiers.hpp"

namespace penstock::detail {

/// The value of an element that an aggregate goes by: a function of the element, a pointer to a member, a key
/// or an index, or the element itself.
template <class Fn>
class Extract {
 public:
  explicit Extract(Fn fn) : fn_(std::move(fn)) {}

  template <class T>
    requires(key_of<const Fn, T>)
  decltype(auto) operator()(const T& element) const {
    if constexpr (std::is_invocable_v<const Fn&, const T&>) {
      return call(fn_, element);
    } else {
      return pick_from("aggregate", element, fn_);
    }
  }

 private:
  [[no_unique_address]] Fn fn_;
};
template <class Fn>
using ExtractOf = Extract<decltype(owned(std::declval<Fn>()))>;

template <class V>
struct KeptAs {
  using type = V;
};
template <>
struct KeptAs<std::string_view> {
  using type = std::string;
};
template <>
struct KeptAs<const char*> {
  using type = std::string;
};
template <>
struct KeptAs<char*> {
  using type = std::string;
};
/// As what a value is kept when its element has gone: texts that belong to another are copied.
template <class V>
using Kept = typename KeptAs<V>::type;

/// What is picked, as it is kept, to look it up by.
template <class K, class V>
decltype(auto) as_kept(const V& value) {
  if constexpr (std::is_same_v<K, V>) {
    return (value);
  } else {
    return K(value);
  }
}

template <class V>
concept can_be_kept = keepable<Kept<V>> && can_copy<Kept<V>> && std::constructible_from<Kept<V>, const V&>;
template <class V>
concept ordered = requires(const V& a, const V& b) {
  { a < b } -> std::convertible_to<bool>;
};
template <class V>
concept arithmetic = std::is_arithmetic_v<V>;

template <class V>
bool is_nan([[maybe_unused]] const V& value) noexcept {
  if constexpr (std::is_floating_point_v<V>) {
    return math::is_nan(value);
  } else {
    return false;
  }
}

// Looked up when it is asked for, as `Self` is not complete before.
template <class Self, class V>
struct Over {
  using type = typename Self::template over<V>;
};

/// What aggregates of one value of each element have in common. `Self` says by `takes<V>` which values it can
/// be of, by `over<V>` what it stores of them, and has `put(state, value)`.
template <class Self, class Fn>
class OfValue : public aggregates::Modifiers<Self> {
 public:
  explicit OfValue(Fn fn) : extract_(owned(std::move(fn))) {}

  template <class T>
  using value_of = std::decay_t<std::invoke_result_t<const ExtractOf<Fn>&, const T&>>;

  template <class T>
  static constexpr bool fits() {
    if constexpr (std::is_invocable_v<const ExtractOf<Fn>&, const T&>) {
      return Self::template takes<value_of<T>>;
    } else {
      return false;
    }
  }
  template <class T>
  static constexpr bool accepts = fits<T>();
  template <class T>
  using accumulator = typename Over<Self, value_of<T>>::type;

  template <class T>
  decltype(auto) pick(const T& element) const {
    return extract_(element);
  }
  template <class State, class T>
  void add(State& state, const T& element) const {
    static_cast<const Self&>(*this).put(state, extract_(element));
  }

 protected:
  [[no_unique_address]] ExtractOf<Fn> extract_;
};

}  // namespace penstock::detail
