// SPDX-License-Identifier: BSL-1.0
#pragma once

// Not an operator: an aggregate.

#include <tuple>
#include <utility>
#include <vector>

#include "penstock/time/aggregates/detail/of_value.hpp"

namespace penstock {
namespace aggregates {

template <class V>
struct Values {
  std::vector<V> values;

  template <class Self>
  static auto fields(Self& self) {
    return std::tie(self.values);
  }
};

}  // namespace aggregates

namespace detail {

template <class V>
void append_values(std::vector<V>& into, const std::vector<V>& from) {
  into.insert(into.end(), from.begin(), from.end());
}
template <class V>
void append_values(std::vector<V>& into, std::vector<V>&& from) {
  if (into.empty()) {
    into = std::move(from);
  } else {
    append_values(into, static_cast<const std::vector<V>&>(from));
  }
}

}  // namespace detail

namespace aggregates {

template <class Fn>
class ToVector : public detail::OfValue<ToVector<Fn>, Fn> {
 public:
  using detail::OfValue<ToVector, Fn>::OfValue;

  template <class V>
  static constexpr bool takes = detail::can_be_kept<V>;
  template <class V>
  using over = Values<detail::Kept<V>>;
  template <class T>
  static constexpr void explain() {
    static_assert(
        ToVector::template accepts<T>,
        "to_vector: takes a function of a const element, a pointer to a member or a key, which gives "
        "a value that can be copied and kept");
  }

  template <class V, class Value>
  void put(Values<V>& state, Value&& value) const {
    state.values.emplace_back(std::forward<Value>(value));
  }
  template <class V>
  void merge(Values<V>& into, const Values<V>& from) const {
    detail::append_values(into.values, from.values);
  }
  template <class V>
  void merge(Values<V>& into, Values<V>&& from) const {
    detail::append_values(into.values, std::move(from.values));
  }
  template <class V>
  std::vector<V> result(const Values<V>& state) const {
    return state.values;
  }
  template <class V>
  std::vector<V> result(Values<V>&& state) const {
    return std::move(state.values);
  }
};

}  // namespace aggregates

/// All values of the elements, in the order in which they came: what Spark calls collect_list.
///
/// @param extract  function of a const element, pointer to a member, key or index; without it the element.
///
/// Gives a `std::vector` of the values; empty of none. No `remove`. Named apart from the operator `collect`.
///
/// Memory: 24 bytes, and the values: up to twice their size while they grow.
/// Cost:   O(1) for add; O(m) to merge m values, O(1) into nothing; O(n) for the result, O(1) of a state that
///         is given away.
template <class Extract = detail::Identity>
auto to_vector(Extract extract = {}) {
  return aggregates::ToVector<Extract>(std::move(extract));
}

}  // namespace penstock
