// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <type_traits>

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
/// The order of results of several keys. For keys that have no `<` that of their hashes has to do.
template <class Key>
bool key_before(const Key& a, const Key& b) {
  if constexpr (requires { static_cast<bool>(a < b); }) {
    return a < b;
  } else {
    const WindowHash<Key> hash;
    return hash(a) < hash(b);
  }
}
template <class Key>
using ShownKey = std::conditional_t<std::is_same_v<Key, Keyless>, void, Key>;

}  // namespace penstock::detail
