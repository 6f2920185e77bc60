// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace penstock::detail {

/// A stable sort by merging, in place of that of <algorithm>, which costs a third as much as core. For what is not sorted
/// with every element.
template <class T, class Before>
void put_in_order(std::vector<T>& items, Before before) {
  const std::size_t size = items.size();
  const auto end_of = [size](std::size_t begin, std::size_t width) { return width < size - begin ? begin + width : size; };
  std::vector<T> merged;
  for (std::size_t width = 1; width < size; width *= 2) {
    merged.clear();
    merged.reserve(size);
    for (std::size_t begin = 0; begin < size;) {
      const std::size_t middle = end_of(begin, width);
      const std::size_t end = end_of(middle, width);
      std::size_t left = begin;
      std::size_t right = middle;
      while (left < middle || right < end) {
        const bool from_right = left == middle || (right < end && before(std::as_const(items[right]), std::as_const(items[left])));
        merged.push_back(std::move(items[from_right ? right++ : left++]));
      }
      begin = end;
    }
    items.swap(merged);
  }
}
template <class T>
void put_in_order(std::vector<T>& items) {
  put_in_order(items, [](const T& a, const T& b) { return a < b; });
}

}  // namespace penstock::detail
