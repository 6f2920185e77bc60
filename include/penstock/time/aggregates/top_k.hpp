// SPDX-License-Identifier: BSL-1.0
#pragma once

// Not an operator: an aggregate.

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <utility>
#include <vector>

#include "penstock/core/algorithm.hpp"
#include "penstock/time/aggregates/detail/key_table.hpp"

namespace penstock {

/// A key and how often it came: what `top_k` gives.
template <class Key>
struct KeyCount {
  Key key;
  std::uint64_t count = 0;

  template <class Self>
  static auto fields(Self& self) {
    return std::tie(self.key, self.count);
  }
  friend bool operator==(const KeyCount& a, const KeyCount& b) {
    return a.key == b.key && a.count == b.count;
  }
};

namespace detail {

template <class Entry, class Key>
const Key& counted_key(const Entry& entry) noexcept {
  return entry.key;
}
template <class Key>
using CountTable = KeyTableOf<Key, KeyCount<Key>, &counted_key<KeyCount<Key>, Key>>;

/// The `k` first ones by count, and of equal counts by key.
template <class Entry>
std::vector<Entry> most_frequent(std::vector<Entry> entries, std::size_t k) {
  const auto middle = entries.begin() + static_cast<std::ptrdiff_t>(std::min(k, entries.size()));
  std::partial_sort(entries.begin(), middle, entries.end(), [](const Entry& a, const Entry& b) {
    return a.count != b.count ? a.count > b.count : a.key < b.key;
  });
  entries.erase(middle, entries.end());
  return entries;
}

}  // namespace detail

namespace aggregates {

template <class Fn>
class TopK : public detail::OfValue<TopK<Fn>, Fn> {
 public:
  TopK(std::size_t k, Fn fn) : detail::OfValue<TopK, Fn>(std::move(fn)), k_(k) {
    if (k == 0) detail::bad_argument("top_k: k must be at least 1");
  }

  template <class V>
  static constexpr bool takes =
      detail::can_be_kept<V> && detail::table_key<detail::Kept<V>> && detail::ordered<detail::Kept<V>>;
  template <class V>
  using over = KeyTable<KeyCount<detail::Kept<V>>>;
  template <class T>
  static constexpr void explain() {
    static_assert(TopK::template accepts<T>,
                  "top_k: takes a function of a const element, a pointer to a member or a key, which gives a "
                  "value that can be copied and kept, compared with == and <, and hashed");
  }

  template <class K, class V>
  void put(KeyTable<KeyCount<K>>& state, const V& value) const {
    add_count(state, detail::as_kept<K>(value), 1);
  }
  /// Of a key that is in.
  template <class K, class T>
  void remove(KeyTable<KeyCount<K>>& state, const T& element) const {
    const K& key =
        detail::as_kept<K, std::decay_t<decltype(this->extract_(element))>>(this->extract_(element));
    const std::size_t place = detail::CountTable<K>::find(state, key);
    if (place == detail::CountTable<K>::nowhere) return;
    if (--state.entries[place].count == 0) detail::CountTable<K>::erase(state, place);
  }
  template <class K>
  void merge(KeyTable<KeyCount<K>>& into, const KeyTable<KeyCount<K>>& from) const {
    for (const KeyCount<K>& entry : from.entries) add_count(into, entry.key, entry.count);
  }
  template <class K>
  void merge(KeyTable<KeyCount<K>>& into, KeyTable<KeyCount<K>>&& from) const {
    if (into.entries.size() < from.entries.size()) std::swap(into, from);
    merge(into, static_cast<const KeyTable<KeyCount<K>>&>(from));
  }
  template <class K>
  std::vector<KeyCount<K>> result(const KeyTable<KeyCount<K>>& state) const {
    return detail::most_frequent(state.entries, k_);
  }
  template <class K>
  std::vector<KeyCount<K>> result(KeyTable<KeyCount<K>>&& state) const {
    return detail::most_frequent(std::move(state.entries), k_);
  }

 private:
  template <class K>
  static void add_count(KeyTable<KeyCount<K>>& state, const K& key, std::uint64_t count) {
    const std::size_t place =
        detail::CountTable<K>::find_or_add(state, key, [&] { return KeyCount<K>{key, 0}; });
    state.entries[place].count += count;
  }

  std::size_t k_;
};

}  // namespace aggregates

/// The `k` keys that came most often, with their numbers, counted exactly by keeping all keys.
///
/// @param k        at least 1; std::invalid_argument here when it is 0.
/// @param extract  function of a const element, pointer to a member, key or index, which gives the key;
///                 without it the element.
///
/// Gives `std::vector<KeyCount<Key>>`, the most frequent first, equal ones in the order of the keys; fewer
/// than k when there are no more, empty of none. `remove` is exact.
///
/// Memory: 48 bytes, and for d different keys d times a key with 8 bytes and, from nine on, 8 to 16 bytes,
///         all up to twice while it grows. `approx_top_k` has a bound.
/// Cost:   O(1) for add and remove; O(m) to merge m keys; O(d log k) for the result.
template <class Extract = detail::Identity>
auto top_k(std::size_t k, Extract extract = {}) {
  return aggregates::TopK<Extract>(k, std::move(extract));
}

}  // namespace penstock
