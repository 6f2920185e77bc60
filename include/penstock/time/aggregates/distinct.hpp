// SPDX-License-Identifier: BSL-1.0
#pragma once

// Not an operator: an aggregate.

#include <cstdint>
#include <utility>

#include "penstock/time/aggregates/detail/key_table.hpp"

namespace penstock {
namespace detail {

template <class V>
const V& itself(const V& value) noexcept {
  return value;
}
template <class V>
using DistinctTable = KeyTableOf<V, V, &itself<V>>;

}  // namespace detail

namespace aggregates {

template <class Fn>
class Distinct : public detail::OfValue<Distinct<Fn>, Fn> {
 public:
  using detail::OfValue<Distinct, Fn>::OfValue;

  template <class V>
  static constexpr bool takes = detail::can_be_kept<V> && detail::table_key<detail::Kept<V>>;
  template <class V>
  using over = KeyTable<detail::Kept<V>>;
  template <class T>
  static constexpr void explain() {
    static_assert(
        Distinct::template accepts<T>,
        "distinct: takes a function of a const element, a pointer to a member or a key, which gives "
        "a value that can be copied and kept, compared with == and hashed");
  }

  template <class K, class V>
  void put(KeyTable<K>& state, const V& value) const {
    const K& key = detail::as_kept<K>(value);
    detail::DistinctTable<K>::find_or_add(state, key, [&] { return key; });
  }
  template <class K>
  void merge(KeyTable<K>& into, const KeyTable<K>& from) const {
    for (const K& key : from.entries) put(into, key);
  }
  template <class K>
  void merge(KeyTable<K>& into, KeyTable<K>&& from) const {
    if (into.entries.size() < from.entries.size()) std::swap(into, from);
    merge(into, static_cast<const KeyTable<K>&>(from));
  }
  template <class K>
  std::uint64_t result(const KeyTable<K>& state) const noexcept {
    return state.entries.size();
  }
};

}  // namespace aggregates

/// How many different values the elements have, counted exactly by keeping them.
///
/// @param extract  function of a const element, pointer to a member, key or index; without it the element.
///                 What it gives is hashed by `stable_hash_of` or `std::hash` (pairs, tuples and vectors
///                 too).
///
/// Gives `std::uint64_t`; 0 of none. All NaN are one value, and so are 0 and -0. No `remove`.
///
/// Memory: 48 bytes, and for d values d times the size of one and, from nine on, 8 to 16 bytes, all up to
///         twice while it grows: about 16 to 32 bytes for an 8-byte value. `approx_distinct` has a bound.
/// Cost:   O(1) for add; O(m) to merge m values, of the smaller side of what is given away; O(1) for the
///         result.
template <class Extract = detail::Identity>
auto distinct(Extract extract = {}) {
  return aggregates::Distinct<Extract>(std::move(extract));
}

}  // namespace penstock
