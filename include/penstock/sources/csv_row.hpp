// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <utility>

#include "penstock/sources/field_traits.hpp"
#include "penstock/sources/row_traits.hpp"

// Not an operator: what from_csv and sink_to_csv take for a row.

namespace penstock {
namespace detail {

template <class T>
inline constexpr bool all_fields = [] {
  return []<std::size_t... I>(std::index_sequence<I...>) {
    return (field<column_type<T, I>> && ...);
  }(std::make_index_sequence<Row<T>::size>{});
}();

}  // namespace detail

/// Can be a row of a CSV file: its columns are known, and each of them is a single value.
template <class T>
concept csv_row = (detail::listed_row<T> || detail::described_row<T> || detail::positional_row<T>) &&
                  detail::all_fields<T>;

}  // namespace penstock
