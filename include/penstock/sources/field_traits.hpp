// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include <boost/describe/enum.hpp>
#include <boost/describe/enumerators.hpp>
#include <boost/mp11/algorithm.hpp>

#include "penstock/core/error.hpp"
#include "penstock/sources/detail/time_text.hpp"

// Not an operator: how single values are read from text and written as text, for from_csv and the like.

namespace penstock {

/// Says how a `T` of the user's stands in a file:
///
///     template <>
///     struct penstock::field_traits<Money> {
///       static const char* read(std::string_view text, Money& value);  // null, or why not: "is not a price"
///       static void write(const Money& value, std::string& into);      // appends
///     };
///
/// Known without one: numbers, all of the text of which must be one (`std::from_chars`); `bool` as true,
/// false, 1 or 0; `char`, `std::string`; `std::chrono::sys_time` of any precision as in ISO 8601; enums that
/// BOOST_DESCRIBE_ENUM describes, by name; and `std::optional` of these for what may be missing.
template <class T>
struct field_traits {};

namespace detail {

template <class T>
concept users_field = requires(std::string_view text, T& value, std::string& into) {
  { field_traits<T>::read(text, value) } -> std::convertible_to<const char*>;
  field_traits<T>::write(std::as_const(value), into);
};
template <class T>
concept described_enum = std::is_enum_v<T> && boost::describe::has_describe_enumerators<T>::value;

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_sys_time = false;
template <class D>
inline constexpr bool is_sys_time<std::chrono::sys_time<D>> = true;

template <class T>
concept number = std::is_arithmetic_v<T> && !std::same_as<T, bool> && !std::same_as<T, char> &&
                 !std::same_as<T, wchar_t> && !std::same_as<T, char8_t> && !std::same_as<T, char16_t> &&
                 !std::same_as<T, char32_t>;

/// A value that is one text.
template <class T>
concept plain_field = users_field<T> || number<T> || std::same_as<T, bool> || std::same_as<T, char> ||
                      std::same_as<T, std::string> || is_sys_time<T> || described_enum<T>;

template <class T>
inline constexpr bool field_or_none = plain_field<T>;
template <class T>
inline constexpr bool field_or_none<std::optional<T>> = plain_field<T>;
template <class T>
concept field = field_or_none<T>;

template <number T>
const char* read_number(std::string_view text, T& value) noexcept {
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (error == std::errc{} && end == last) [[likely]] return nullptr;
  return error == std::errc::result_out_of_range && end == last ? "is out of range" : "is not a number";
}

/// Null, or what is wrong with `text`. Behind it `value` may be anything then.
template <field T>
const char* read_field(std::string_view text, bool quoted, T& value, const TimeText& time) {
  if constexpr (users_field<T>) {
    return field_traits<T>::read(text, value);
  } else if constexpr (is_optional<T>) {
    if (text.empty() && !quoted) {
      value.reset();
      return nullptr;
    }
    return read_field(text, quoted, value ? *value : value.emplace(), time);
  } else if constexpr (std::same_as<T, std::string>) {
    value.assign(text);
    return nullptr;
  } else if constexpr (std::same_as<T, char>) {
    if (text.size() != 1) return "is not one character";
    value = text[0];
    return nullptr;
  } else if constexpr (std::same_as<T, bool>) {
    value = text == "true" || text == "1" || text == "True" || text == "TRUE";
    return value || text == "false" || text == "0" || text == "False" || text == "FALSE"
               ? nullptr
               : "is neither true nor false";
  } else if constexpr (number<T>) {
    return read_number(text, value);
  } else if constexpr (is_sys_time<T>) {
    return time.read(text, value);
  } else {
    bool found = false;
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto one) {
      if (!found && text == one.name) {
        value = one.value;
        found = true;
      }
    });
    return found ? nullptr : "is not one of the names";
  }
}

template <number T>
void write_number(T value, std::string& into) {
  char text[std::numeric_limits<T>::digits10 + 32];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  into.append(text, end);
}

/// Appends what read_field reads. Nothing for an empty optional.
template <field T>
void write_field(const T& value, std::string& into, const TimeText& time) {
  if constexpr (users_field<T>) {
    field_traits<T>::write(value, into);
  } else if constexpr (is_optional<T>) {
    if (value) write_field(*value, into, time);
  } else if constexpr (std::same_as<T, std::string>) {
    into.append(value);
  } else if constexpr (std::same_as<T, char>) {
    into += value;
  } else if constexpr (std::same_as<T, bool>) {
    into.append(value ? "true" : "false");
  } else if constexpr (number<T>) {
    write_number(value, into);
  } else if constexpr (is_sys_time<T>) {
    time.write(value, into);
  } else {
    const char* name = nullptr;
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto one) {
      if (value == one.value) name = one.name;
    });
    if (!name) throw std::out_of_range("a value of an enum that has no name cannot be written");
    into.append(name);
  }
}

/// Whether `T` can hold nothing at all.
template <class T>
inline constexpr bool may_be_missing = is_optional<T> && !users_field<T>;

}  // namespace detail
}  // namespace penstock
