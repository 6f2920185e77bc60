// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <utility>

namespace penstock::detail {

template <template <class...> class Kind, class T>
inline constexpr bool is_kind = false;
template <template <class...> class Kind, class... Args>
inline constexpr bool is_kind<Kind, Kind<Args...>> = true;

/// The first of the typed options that is a `Kind<…>`, or `otherwise`.
template <template <class...> class Kind, class Otherwise>
Otherwise pick(Otherwise otherwise) {
  return otherwise;
}
template <template <class...> class Kind, class Otherwise, class First, class... Rest>
auto pick(Otherwise otherwise, First first, Rest... rest) {
  if constexpr (is_kind<Kind, First>) {
    return first;
  } else {
    return pick<Kind>(std::move(otherwise), std::move(rest)...);
  }
}

/// The first option that is a `Plain`, or a default-made one.
template <class Plain>
Plain pick() {
  return {};
}
template <class Plain, class First, class... Rest>
Plain pick(First first, Rest... rest) {
  if constexpr (std::same_as<Plain, First>) {
    return first;
  } else {
    return pick<Plain>(std::move(rest)...);
  }
}

}  // namespace penstock::detail
