// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <boost/describe/bases.hpp>
#include <boost/describe/class.hpp>
#include <boost/describe/members.hpp>
#include <boost/describe/modifiers.hpp>
#include <boost/mp11/algorithm.hpp>
#include <boost/mp11/list.hpp>
#include <boost/pfr/core.hpp>

#include "penstock/sources/bad_row.hpp"

// Not an operator: which members of a struct are the columns of a row, for from_csv and the like.

namespace penstock {

/// One column of a `row_traits`.
template <class T, class Member>
struct Column {
  std::string_view name;
  Member T::*member;
};
template <class T, class Member>
constexpr Column<T, Member> column(std::string_view name, Member T::*member) {
  return {name, member};
}

/// Says what the columns of a `T` are, where its own description does not do:
///
///     template <>
///     struct penstock::row_traits<Event> {
///       static constexpr auto columns = std::tuple{penstock::column("event_time", &Event::time),
///                                                  penstock::column("price", &Event::price)};
///     };
///
/// Without one, a struct with `BOOST_DESCRIBE_STRUCT(Event, (), (time, price))` has columns with the names of
/// its members, those of its bases first; and any other aggregate, and a std::tuple, has columns by position.
template <class T>
struct row_traits {};

namespace detail {

template <class T>
inline constexpr bool is_tuple = false;
template <class... Ts>
inline constexpr bool is_tuple<std::tuple<Ts...>> = sizeof...(Ts) > 0;

template <class T>
concept listed_row = requires { row_traits<T>::columns; };
template <class T>
concept described_row =
    std::is_class_v<T> && !listed_row<T> && boost::describe::has_describe_members<T>::value;
template <class T>
concept positional_row = !listed_row<T> && !described_row<T> &&
                         (is_tuple<T> ||
                          (std::is_class_v<T> && std::is_aggregate_v<T> && !std::is_empty_v<T>));

/// How the columns of a `T` are got at, whichever way they are told.
template <class T>
struct Row;

template <listed_row T>
struct Row<T> {
  static constexpr bool named = true;
  static constexpr std::size_t size =
      std::tuple_size_v<std::remove_cvref_t<decltype(row_traits<T>::columns)>>;
  static constexpr std::array<std::string_view, size> names = std::apply(
      [](const auto&... columns) { return std::array<std::string_view, size>{columns.name...}; },
      row_traits<T>::columns);
  template <std::size_t I, class U>
  static constexpr auto& get(U& row) noexcept {
    return row.*std::get<I>(row_traits<T>::columns).member;
  }
};

template <described_row T>
struct Row<T> {
  using Members =
      boost::describe::describe_members<T, boost::describe::mod_public | boost::describe::mod_inherited>;
  static constexpr bool named = true;
  static constexpr std::size_t size = boost::mp11::mp_size<Members>::value;
  static constexpr std::array<std::string_view, size> names =
      []<class... Ds>(boost::mp11::mp_list<Ds...>) {
        return std::array<std::string_view, size>{Ds::name...};
      }(boost::mp11::mp_rename<Members, boost::mp11::mp_list>{});
  template <std::size_t I, class U>
  static constexpr auto& get(U& row) noexcept {
    return row.*boost::mp11::mp_at_c<Members, I>::pointer;
  }
};

template <positional_row T>
struct Row<T> {
  static constexpr bool named = false;
  static constexpr std::size_t size = [] {
    if constexpr (is_tuple<T>) {
      return std::tuple_size_v<T>;
    } else {
      return boost::pfr::tuple_size_v<T>;
    }
  }();
  static constexpr std::array<std::string_view, size> names{};
  template <std::size_t I, class U>
  static constexpr auto& get(U& row) noexcept {
    if constexpr (is_tuple<T>) {
      return std::get<I>(row);
    } else {
      return boost::pfr::get<I>(row);
    }
  }
};

/// Whether a `T` is its columns and nothing besides, as far as that can be known.
template <class T>
inline constexpr bool columns_are_all = [] {
  if constexpr (positional_row<T>) {
    return true;
  } else if constexpr (described_row<T> && std::is_aggregate_v<T>) {
    using Bases = boost::describe::describe_bases<T, boost::describe::mod_any_access>;
    if constexpr (boost::mp11::mp_empty<Bases>::value) {
      return boost::pfr::tuple_size_v<T> == Row<T>::size;
    } else {
      return false;
    }
  } else {
    return false;
  }
}();

/// What rows are read into: made first, and filled then.
template <class T>
concept row_object = std::default_initializable<T> && std::movable<T>;

/// Calls `fn(std::integral_constant<std::size_t, I>)` for each column, until one call returns false.
template <class T, class Fn>
constexpr bool each_column(Fn&& fn) {
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    return (fn(std::integral_constant<std::size_t, I>{}) && ...);
  }(std::make_index_sequence<Row<T>::size>{});
}

/// What a bad row calls a column.
template <class T>
std::string column_name(std::size_t i) {
  return Row<T>::named ? std::string(Row<T>::names[i]) : std::to_string(i + 1);
}

template <class T, std::size_t I>
using column_type = std::remove_cvref_t<decltype(Row<T>::template get<I>(std::declval<T&>()))>;

}  // namespace detail
}  // namespace penstock
