// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/json/fwd.hpp>

#include "penstock/sources/field_traits.hpp"
#include "penstock/sources/row_traits.hpp"

// Not an operator: what can stand in a line of a JSON file, for from_jsonl and sink_to_jsonl.

namespace penstock::detail {

template <class T>
inline constexpr bool is_vector = false;
template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;

template <class T>
constexpr bool can_be_json() {
  if constexpr (plain_field<T> || std::is_same_v<T, boost::json::value>) {
    return true;
  } else if constexpr (is_optional<T> || is_vector<T>) {
    return can_be_json<typename T::value_type>();
  } else if constexpr (listed_row<T> || described_row<T> || positional_row<T>) {
    return []<std::size_t... I>(std::index_sequence<I...>) {
      return (can_be_json<column_type<T, I>>() && ...);
    }(std::make_index_sequence<Row<T>::size>{});
  } else {
    return false;
  }
}
template <class T>
concept json_field = can_be_json<T>();

}  // namespace penstock::detail
