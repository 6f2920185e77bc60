// SPDX-License-Identifier: BSL-1.0
#pragma once

// Not an operator: an aggregate.

#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "penstock/time/aggregates/min_max.hpp"

namespace penstock {
namespace aggregates {

template <class Fn, bool Last>
class ByArrival : public detail::OfValue<ByArrival<Fn, Last>, Fn> {
 public:
  using detail::OfValue<ByArrival, Fn>::OfValue;

  template <class V>
  static constexpr bool takes = detail::can_be_kept<V>;
  template <class V>
  using over = OneValue<detail::Kept<V>>;
  template <class T>
  static constexpr void explain() {
    static_assert(
        ByArrival::template accepts<T>,
        "first, last: take a function of a const element, a pointer to a member or a key, which gives "
        "a value that can be copied and kept");
  }

  template <class V, class Value>
  void put(OneValue<V>& state, Value&& value) const {
    if constexpr (Last) {
      state.value = V(std::forward<Value>(value));
    } else {
      if (!state.value) state.value.emplace(std::forward<Value>(value));
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
};

/// A value, and the key that made it the one.
template <class Key, class V>
struct Keyed {
  Key key;
  V value;

  template <class Self>
  static auto fields(Self& self) {
    return std::tie(self.key, self.value);
  }
};
template <class Key, class V>
struct OneKeyed {
  std::optional<Keyed<Key, V>> best{};

  template <class Self>
  static auto fields(Self& self) {
    return std::tie(self.best);
  }
};

/// The value of the element with the least or the greatest key, of equal ones the first or the last.
template <class KeyFn, class Fn, bool Greatest, bool Last>
class ByKey : public Modifiers<ByKey<KeyFn, Fn, Greatest, Last>> {
 public:
  ByKey(KeyFn key, Fn fn) : key_(detail::owned(std::move(key))), extract_(detail::owned(std::move(fn))) {}

  template <class Of, class T>
  using value_of = std::decay_t<std::invoke_result_t<const detail::ExtractOf<Of>&, const T&>>;
  template <class T>
  static constexpr bool fits() {
    if constexpr (std::is_invocable_v<const detail::ExtractOf<KeyFn>&, const T&> &&
                  std::is_invocable_v<const detail::ExtractOf<Fn>&, const T&>) {
      return detail::can_be_kept<value_of<KeyFn, T>> && detail::ordered<value_of<KeyFn, T>> &&
             detail::can_be_kept<value_of<Fn, T>>;
    } else {
      return false;
    }
  }
  template <class T>
  static constexpr bool accepts = fits<T>();
  template <class T>
  using accumulator = OneKeyed<detail::Kept<value_of<KeyFn, T>>, detail::Kept<value_of<Fn, T>>>;
  template <class T>
  static constexpr void explain() {
    static_assert(
        accepts<T>,
        "first_by, last_by, min_by, max_by: take functions of a const element, pointers to members or "
        "keys, of which the first gives what can be compared with <, and both what can be copied and "
        "kept");
  }

  template <class T>
  auto pick(const T& element) const {
    using Key = decltype(key_(element));
    using V = decltype(extract_(element));
    return Keyed<Key, V>{key_(element), extract_(element)};
  }
  template <class Key, class V, class Picked>
  void put(OneKeyed<Key, V>& state, Picked&& picked) const {
    if (detail::is_nan(picked.key)) return;
    if (state.best && !before(picked.key, state.best->key)) return;
    state.best = Keyed<Key, V>{Key(picked.key), V(picked.value)};
  }
  template <class Key, class V, class T>
  void add(OneKeyed<Key, V>& state, const T& element) const {
    decltype(auto) key = key_(element);
    if (detail::is_nan(key)) return;
    if (state.best && !before(key, state.best->key)) return;
    state.best = Keyed<Key, V>{Key(key), V(extract_(element))};
  }
  template <class Key, class V>
  void merge(OneKeyed<Key, V>& into, const OneKeyed<Key, V>& from) const {
    if (from.best) put(into, *from.best);
  }
  template <class Key, class V>
  std::optional<V> result(const OneKeyed<Key, V>& state) const {
    if (!state.best) return std::nullopt;
    return state.best->value;
  }

 private:
  template <class A, class B>
  static bool before(const A& a, const B& b) {
    if constexpr (Greatest && Last) {
      return !(a < b);
    } else if constexpr (Greatest) {
      return b < a;
    } else {
      return a < b;
    }
  }

  [[no_unique_address]] detail::ExtractOf<KeyFn> key_;
  [[no_unique_address]] detail::ExtractOf<Fn> extract_;
};

}  // namespace aggregates

/// The value of the element that came first.
///
/// @param extract  function of a const element, pointer to a member, key or index; without it the element.
///
/// Gives a `std::optional` of the value; empty of none. First is by arrival, also in a merge, where what is
/// merged in counts as later: under disorder it says little about time. See `first_by`. No `remove`.
///
/// Memory: `sizeof(std::optional<V>)` and what the value holds.
/// Cost:   O(1) for each of add, merge and result.
template <class Extract = detail::Identity>
auto first(Extract extract = {}) {
  return aggregates::ByArrival<Extract, false>(std::move(extract));
}

/// The value of the element that came last.
///
/// @param extract  function of a const element, pointer to a member, key or index; without it the element.
///
/// Gives a `std::optional` of the value; empty of none. Last is by arrival, also in a merge, where what is
/// merged in counts as later: under disorder it says little about time. See `last_by`. No `remove`.
///
/// Memory: `sizeof(std::optional<V>)` and what the value holds.
/// Cost:   O(1) for each of add, merge and result; a copy of the value for each element.
template <class Extract = detail::Identity>
auto last(Extract extract = {}) {
  return aggregates::ByArrival<Extract, true>(std::move(extract));
}

/// The value of the element with the least key, such as its time; of equal keys the one that came first.
///
/// @param key      function of a const element, pointer to a member, key or index; gives what has `<`.
/// @param extract  the same, for the value; without it the element.
///
/// Gives a `std::optional` of the value; empty of none. Where keys differ, neither order of arrival nor order
/// of merging matters; to be as sure of equal ones, make the key a tuple with something that differs. An
/// element whose key is NaN is left out. No `remove`.
///
/// Memory: an optional of key and value, 24 bytes of an 8-byte key and a double, and what they hold.
/// Cost:   O(1) for each of add, merge and result.
template <class Key, class Extract = detail::Identity>
auto first_by(Key key, Extract extract = {}) {
  return aggregates::ByKey<Key, Extract, false, false>(std::move(key), std::move(extract));
}

/// The value of the element with the greatest key, such as its time; of equal keys the one that came last.
/// Else as `first_by`.
template <class Key, class Extract = detail::Identity>
auto last_by(Key key, Extract extract = {}) {
  return aggregates::ByKey<Key, Extract, true, true>(std::move(key), std::move(extract));
}

/// The value of the element with the least key; of equal keys the one that came first. Another name of
/// `first_by`, for keys that are no times.
template <class Key, class Extract = detail::Identity>
auto min_by(Key key, Extract extract = {}) {
  return aggregates::ByKey<Key, Extract, false, false>(std::move(key), std::move(extract));
}

/// The value of the element with the greatest key; of equal keys the one that came first. Else as `first_by`.
template <class Key, class Extract = detail::Identity>
auto max_by(Key key, Extract extract = {}) {
  return aggregates::ByKey<Key, Extract, true, false>(std::move(key), std::move(extract));
}

}  // namespace penstock
