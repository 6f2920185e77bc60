// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <string>
#include <type_traits>
#include <vector>

#include "penstock/core/error.hpp"
#include "penstock/sources/field_traits.hpp"
#include "penstock/sources/row_traits.hpp"

// Not an operator: the members of a row that are its key, for sinks that keep a table.

namespace penstock::detail {

template <class T, class Options, class Arg>
inline constexpr bool is_key_column = false;
template <class T, class Options, class M>
inline constexpr bool is_key_column<T, Options, M T::*> = std::is_object_v<M> && !may_be_missing<M>;

/// Pointers to members, one at least, and at most one set of options behind them.
template <class T, class Options, class First, class... Rest>
constexpr bool key_columns() {
  if constexpr (!is_key_column<T, Options, First>) {
    return false;
  } else if constexpr (sizeof...(Rest) == 0 || (sizeof...(Rest) == 1 && (std::is_same_v<Rest, Options> && ...))) {
    return true;
  } else {
    return key_columns<T, Options, Rest...>();
  }
}
template <class T, class Options, class... Args>
inline constexpr bool are_key_columns = false;
template <class T, class Options, class First, class... Rest>
inline constexpr bool are_key_columns<T, Options, First, Rest...> = key_columns<T, Options, First, Rest...>();

template <class T, class Options>
struct KeyColumns {
  const char* who;
  std::vector<std::size_t> columns{};  ///< their places in the row
  Options options{};

  void take(const Options& given) { options = given; }
  template <class M>
  void take(M T::*member) {
    const T row{};
    std::size_t found = Row<T>::size;
    each_column<T>([&](auto i) {
      const auto& column = Row<T>::template get<i>(row);
      if constexpr (std::is_same_v<std::remove_cvref_t<decltype(column)>, M>) {
        if (&column == &(row.*member)) found = i;
      }
      return true;
    });
    if (found == Row<T>::size) bad_argument(std::string{who} + ": a member of the key is no column of the row");
    columns.push_back(found);
  }
};

}  // namespace penstock::detail
