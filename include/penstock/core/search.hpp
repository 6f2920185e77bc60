// SPDX-License-Identifier: BSL-1.0
#pragma once

namespace penstock::detail {

// What core needs of <algorithm>, which would cost twice as much as core.

/// Where the first item stands for which `is` answers true; the end when there is none.
template <class Items, class Is>
constexpr auto find_where(Items& items, Is is) {
  auto at = items.begin();
  while (at != items.end() && !is(*at)) ++at;
  return at;
}
template <class Items, class Item>
constexpr auto find_item(Items& items, const Item& wanted) {
  return find_where(items, [&](const auto& item) { return item == wanted; });
}
template <class Items, class Is>
constexpr bool any_of(const Items& items, Is is) {
  return find_where(items, is) != items.end();
}

template <class Items, class Is>
constexpr bool all_of(const Items& items, Is is) {
  return find_where(items, [&](const auto& item) { return !is(item); }) == items.end();
}
/// In a row of items where those for which `is_before` answers true come first: the first one that is none of them.
template <class Items, class Is>
constexpr auto find_sorted(Items& items, Is is_before) {
  auto at = items.begin();
  for (auto left = items.end() - at; left > 0;) {
    const auto half = left / 2;
    if (is_before(at[half])) {
      at += half + 1;
      left -= half + 1;
    } else {
      left = half;
    }
  }
  return at;
}
template <class Items, class Item>
constexpr bool has_item(const Items& items, const Item& wanted) {
  return find_item(items, wanted) != items.end();
}

}  // namespace penstock::detail
