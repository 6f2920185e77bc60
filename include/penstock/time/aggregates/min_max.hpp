// SPDX-License-Identifier: BSL-1.0
#pragma once

// Not an operator: an aggregate.

#include <optional>
#include <tuple>
#include <utility>

#include "penstock/time/aggregates/detail/of_value.hpp"

namespace penstock {
namespace aggregates {

/// The value that `min`, `max`, `first` and `last` have seen, if any.
template <class V>
struct OneValue {
  std::optional<V> value{};

  template <class Self>
  static auto fields(Self& self) {
    return std::tie(self.value);
  }
};

template <class Fn, bool Greatest>
class Extreme : public detail::OfValue<Extreme<Fn, Greatest>, Fn> {
 public:
  using detail::OfValue<Extreme, Fn>::OfValue;

  template <class V>
  static constexpr bool takes = detail::can_be_kept<V> && detail::ordered<V>;
  template <class V>
  using over = OneValue<detail::Kept<V>>;
  template <class T>
  static constexpr void explain() {
    static_assert(
        Extreme::template accepts<T>,
        "min, max: take a function of a const element, a pointer to a member or a key, which gives a "
        "value that can be copied, kept and compared with <");
  }

  template <class V, class Value>
  void put(OneValue<V>& state, Value&& value) const {
    if (detail::is_nan(value)) return;
    if (!state.value) {
      state.value.emplace(std::forward<Value>(value));
    } else if (before(value, *state.value)) {
      state.value = V(std::forward<Value>(value));
    }
  }
  template <class V, class From>
    requires(std::is_same_v<std::remove_cvref_t<From>, OneValue<V>>)
  void merge(OneValue<V>& into, From&& from) const {
    if (from.value) put(into, *std::forward<From>(from).value);
  }
  template <class V>
  std::optional<V> result(const OneValue<V>& state) const {
    return state.value;
  }

 private:
  template <class A, class B>
  static bool before(const A& a, const B& b) {
    if constexpr (Greatest) {
      return b < a;
    } else {
      return a < b;
    }
  }
};

}  // namespace aggregates

/// The least value of the elements; of equal ones the first.
///
/// @param extract  function of a const element, pointer to a member, key or index; without it the element.
///
/// Gives a `std::optional` of the value; empty of none. NaN is left out, as `std::fmin` does, so that the
/// result does not depend on the order; of nothing but NaN it is empty. No `remove`.
///
/// Memory: `sizeof(std::optional<V>)`, 16 bytes of a double, and what the value holds.
/// Cost:   O(1) for each of add, merge and result.
template <class Extract = detail::Identity>
auto min(Extract extract = {}) {
  return aggregates::Extreme<Extract, false>(std::move(extract));
}

/// The greatest value of the elements; of equal ones the first.
///
/// @param extract  function of a const element, pointer to a member, key or index; without it the element.
///
/// Gives a `std::optional` of the value; empty of none. NaN is left out, as `std::fmax` does, so that the
/// result does not depend on the order; of nothing but NaN it is empty. No `remove`.
///
/// Memory: `sizeof(std::optional<V>)`, 16 bytes of a double, and what the value holds.
/// Cost:   O(1) for each of add, merge and result.
template <class Extract = detail::Identity>
auto max(Extract extract = {}) {
  return aggregates::Extreme<Extract, true>(std::move(extract));
}

}  // namespace penstock
