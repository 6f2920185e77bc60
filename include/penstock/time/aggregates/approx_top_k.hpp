// SPDX-License-Identifier: BSL-1.0
#pragma once

// Not an operator: an aggregate.

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <utility>
#include <vector>

#include "penstock/core/algorithm.hpp"
#include "penstock/time/aggregates/top_k.hpp"

namespace penstock {

/// Settings of `approx_top_k`.
struct TopKSketch {
  std::size_t capacity = 0;  ///< keys that are kept, at least 2 k; 0: 8 k, and at least 64
};

/// A key and about how often it came: at most `count` times and at least `count - error` times.
template <class Key>
struct ApproxKeyCount {
  Key key;
  std::uint64_t count = 0;
  std::uint64_t error = 0;

  template <class Self>
  static auto fields(Self& self) {
    return std::tie(self.key, self.count, self.error);
  }
  friend bool operator==(const ApproxKeyCount& a, const ApproxKeyCount& b) {
    return a.key == b.key && a.count == b.count && a.error == b.error;
  }
};

namespace aggregates {

/// Counts from which, each time that the table was full, the same was taken off of all.
template <class Key>
struct FrequentKeys {
  KeyTable<KeyCount<Key>> counts{};
  std::uint64_t taken_off = 0;

  template <class Self>
  static auto fields(Self& self) {
    return std::tie(self.counts, self.taken_off);
  }
};

template <class Fn>
class ApproxTopK : public detail::OfValue<ApproxTopK<Fn>, Fn> {
 public:
  ApproxTopK(std::size_t k, Fn fn, TopKSketch options)
      : detail::OfValue<ApproxTopK, Fn>(std::move(fn)),
        k_(k),
        capacity_(options.capacity != 0 ? options.capacity : std::max<std::size_t>(64, 8 * k)) {
    if (k == 0) detail::bad_argument("approx_top_k: k must be at least 1");
    if (capacity_ / 2 < k) detail::bad_argument("approx_top_k: the capacity must be at least 2 k");
  }

  template <class V>
  static constexpr bool takes = TopK<Fn>::template takes<V>;
  template <class V>
  using over = FrequentKeys<detail::Kept<V>>;
  template <class T>
  static constexpr void explain() {
    static_assert(ApproxTopK::template accepts<T>,
                  "approx_top_k: takes a function of a const element, a pointer to a member or a key, which "
                  "gives a value that can be copied and kept, compared with == and <, and hashed");
  }

  template <class K, class V>
  void put(FrequentKeys<K>& state, const V& value) const {
    const K& key = detail::as_kept<K>(value);
    if (state.counts.entries.size() >= capacity_ &&
        detail::CountTable<K>::find(state.counts, key) == detail::CountTable<K>::nowhere) {
      make_room(state);
    }
    add_count(state.counts, key, 1);
  }
  template <class K>
  void merge(FrequentKeys<K>& into, const FrequentKeys<K>& from) const {
    for (const KeyCount<K>& entry : from.counts.entries) add_count(into.counts, entry.key, entry.count);
    into.taken_off += from.taken_off;
    if (into.counts.entries.size() > capacity_) make_room(into);
  }
  template <class K>
  std::vector<ApproxKeyCount<K>> result(const FrequentKeys<K>& state) const {
    std::vector<ApproxKeyCount<K>> top;
    for (KeyCount<K>& entry : detail::most_frequent(state.counts.entries, k_)) {
      top.push_back({std::move(entry.key), entry.count + state.taken_off, state.taken_off});
    }
    return top;
  }

 private:
  template <class K>
  static void add_count(KeyTable<KeyCount<K>>& counts, const K& key, std::uint64_t count) {
    const std::size_t place =
        detail::CountTable<K>::find_or_add(counts, key, [&] { return KeyCount<K>{key, 0}; });
    counts.entries[place].count += count;
  }

  // Takes off of all what leaves at most half of the capacity. More than half of it lose as much, so that all
  // that is ever taken off is at most the number of elements by half of the capacity.
  template <class K>
  [[gnu::noinline]] void make_room(FrequentKeys<K>& state) const {
    const std::vector<KeyCount<K>>& entries = state.counts.entries;
    std::vector<std::uint64_t> counts;
    counts.reserve(entries.size());
    for (const KeyCount<K>& entry : entries) counts.push_back(entry.count);
    const auto at = counts.begin() + static_cast<std::ptrdiff_t>(entries.size() - capacity_ / 2 - 1);
    std::nth_element(counts.begin(), at, counts.end());
    const std::uint64_t off = *at;
    KeyTable<KeyCount<K>> left;
    for (const KeyCount<K>& entry : entries) {
      if (entry.count > off) add_count(left, entry.key, entry.count - off);
    }
    state.counts = std::move(left);
    state.taken_off += off;
  }

  std::size_t k_;
  std::size_t capacity_;
};

}  // namespace aggregates

/// The `k` keys that came most often, about, in bounded memory: Misra and Gries's frequent items.
///
/// @param k        at least 1.
/// @param extract  function of a const element, pointer to a member, key or index, which gives the key;
///                 without it the element.
/// @param options  `{.capacity = c}`: keys that are kept, at least 2 k; std::invalid_argument here for less.
///
/// Gives `std::vector<ApproxKeyCount<Key>>`, the most frequent first, equal ones in the order of the keys;
/// empty of none. A key came at most `count` and at least `count - error` times. The error is the same for
/// all keys, and of n elements at most 2 n / c, for sure, in any order and after any merges: 2.5 % of n for k
/// = 10 as it is set. Every key that came more often than that is among those kept; where hardly any does,
/// there may be fewer than k. Up to c different keys all is exact. What is merged must have the same
/// capacity. No `remove`.
///
/// Memory: 56 bytes, and for each of at most c keys (after a merge for a moment 2 c) a key with 8 bytes and 8
///         to 16 bytes.
/// Cost:   amortised O(1) for add; O(c) to merge; O(c log k) for the result.
/// Source: J. Misra, D. Gries, Finding repeated elements (1982); merging: P. Agarwal et al., Mergeable
///         Summaries, PODS 2012; what is taken off at once: D. Anderson et al., A High-Performance Algorithm
///         for Identifying Frequent Items in Data Streams, IMC 2017.
template <class Extract = detail::Identity>
auto approx_top_k(std::size_t k, Extract extract = {}, TopKSketch options = {}) {
  return aggregates::ApproxTopK<Extract>(k, std::move(extract), options);
}

}  // namespace penstock
