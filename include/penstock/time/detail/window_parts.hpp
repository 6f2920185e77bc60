// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/ops/detail/key.hpp"
#include "penstock/ops/detail/table.hpp"

// Not an operator: keys of windows.

namespace penstock::detail {

/// The key of a stream that has none.
struct Keyless {
  friend bool operator==(Keyless, Keyless) noexcept { return true; }
  friend bool operator<(Keyless, Keyless) noexcept { return false; }
};
struct KeylessOf {
  template <class T>
  Keyless operator()(const T&) const noexcept {
    return {};
  }
};
template <class Key>
struct WindowHash : Hash<Key> {};
template <>
struct WindowHash<Keyless> {
  std::size_t operator()(Keyless) const noexcept { return 0; }
};
template <class Key>
bool key_before(const Key& a, const Key& b);
/// Of what stands one behind the other in keys. -1: `a` comes first; 0: they are the same; 1: `b` does.
template <class Part>
int order_of(const Part& a, const Part& b) {
  return key_before(a, b) ? -1 : key_before(b, a) ? 1 : 0;
}
/// The order of keys that have numbers in them which may be NaN. NaN comes behind all others.
template <class Float>
  requires std::is_floating_point_v<Float>
bool float_before(Float a, Float b) {
  return a < b || (__builtin_isnan(b) && !__builtin_isnan(a));
}
template <class T, class Allocator>
bool float_before(const std::vector<T, Allocator>& a, const std::vector<T, Allocator>& b) {
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
    if (const int order = order_of(a[i], b[i]); order != 0) return order < 0;
  }
  return a.size() < b.size();
}
template <class T>
bool float_before(const std::optional<T>& a, const std::optional<T>& b) {
  return a && b ? key_before(*a, *b) : !a && b;
}
template <tuple_of_keys Key>
bool float_before(const Key& a, const Key& b) {
  int order = 0;
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    static_cast<void>((((order = order_of(std::get<I>(a), std::get<I>(b))) == 0) && ...));
  }(std::make_index_sequence<std::tuple_size_v<Key>>{});
  return order < 0;
}
/// The order of results of several keys. For keys that have no `<` that of their hashes has to do.
template <class Key>
bool key_before(const Key& a, const Key& b) {
  if constexpr (has_floats<Key>) {
    return float_before(a, b);
  } else if constexpr (requires { static_cast<bool>(a < b); }) {
    return a < b;
  } else {
    const WindowHash<Key> hash;
    return hash(a) < hash(b);
  }
}
template <class Key>
using ShownKey = std::conditional_t<std::is_same_v<Key, Keyless>, void, Key>;

}  // namespace penstock::detail
