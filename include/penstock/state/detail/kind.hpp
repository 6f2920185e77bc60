// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "penstock/core/ring.hpp"
#include "penstock/state/detail/members.hpp"
#include "penstock/state/detail/type_name.hpp"

// Which types can be state, and what they are called. Containers and their kin are known by what they can do, so that
// their headers are not needed here.

namespace penstock {

/// A user's own way to save a `T`, which comes before all others:
///
///     template <>
///     struct penstock::Codec<Account> {
///       static constexpr std::uint32_t version = 2;
///       static void write(StateWriter& to, const Account& account);
///       static Account read(StateReader& from, std::uint32_t saved_by);  // this version or an older one
///     };
///
/// It stands where `Account` is defined, so that nobody sees the one without the other. The name by which snapshots know
/// it is that of the type; `static constexpr std::string_view name` sets another one.
template <class T>
struct Codec;

/// Opt-in for containers from elsewhere that are filled by `push_back`, `insert` or `emplace` as those of the standard
/// library and Boost are. Not for what holds more than its elements.
template <class T>
inline constexpr bool is_state_container = false;

namespace detail::coding {

enum class Kind : std::uint8_t {
  none, own, boolean, number, real, text, duration, time, optional, variant, tuple, array, sequence, set, map, ring, fields,
  members
};

template <class... Ts>
struct Parts {};

template <class T>
concept with_codec = requires { sizeof(Codec<T>); };
template <class T>
concept with_fields = requires(T& value) { T::fields(value); };
template <class T>
concept tuple_like = from_library<T> && requires { std::tuple_size<T>::value; };
template <class T>
concept container = (from_library<T> || is_state_container<T>) && requires(T& of) {
  typename T::value_type;
  of.size(), of.clear(), of.begin(), of.end();
};
template <class T>
concept optional_like = from_library<T> && requires(T& of) { of.has_value(), of.reset(), of.emplace(std::move(*of)); };
template <class T>
inline constexpr bool is_ring = false;
template <class T>
inline constexpr bool is_ring<Ring<T>> = true;
template <class T>
concept text_view = std::is_same_v<T, std::string_view>;

template <class T>
constexpr Kind kind_of() {
  if constexpr (!std::is_object_v<T> || !std::is_same_v<T, std::remove_cv_t<T>>) return Kind::none;
  else if constexpr (with_codec<T>) return Kind::own;
  else if constexpr (std::is_same_v<T, bool>) return Kind::boolean;
  else if constexpr ((std::is_integral_v<T> && sizeof(T) <= 8) || std::is_enum_v<T>) return Kind::number;
  else if constexpr (std::is_floating_point_v<T>) return Kind::real;
  else if constexpr (!std::is_class_v<T>) return Kind::none;
  else if constexpr (std::is_same_v<T, std::string> || text_view<T>) return Kind::text;
  else if constexpr (with_fields<T>) return Kind::fields;
  else if constexpr (tuple_like<T>) return requires(T& array) { array.data(); } ? Kind::array : Kind::tuple;
  else if constexpr (from_library<T> && requires { typename T::clock; })
    return requires { requires !T::clock::is_steady; } ? Kind::time : Kind::none;
  else if constexpr (from_library<T> && requires { typename T::period; }) return Kind::duration;
  else if constexpr (optional_like<T>) return Kind::optional;
  else if constexpr (from_library<T> && requires(T& of) { of.valueless_by_exception(); }) return Kind::variant;
  else if constexpr (container<T> && requires { typename T::mapped_type; }) return Kind::map;
  else if constexpr (container<T> && requires { typename T::key_type; }) return Kind::set;
  else if constexpr (container<T> && requires(T& of) { of.push_back(std::declval<typename T::value_type>()); })
    return Kind::sequence;
  else if constexpr (is_ring<T>) return Kind::ring;
  else return member_count<T> != untold ? Kind::members : Kind::none;
}
template <class T>
inline constexpr Kind kind = kind_of<T>();

template <class... Ts>
constexpr Parts<std::remove_cvref_t<Ts>...> parts_in(const std::tuple<Ts...>*);
template <template <class...> class Of, class... Ts>
constexpr Parts<Ts...> arguments_of(const Of<Ts...>*);
template <class T, std::size_t... I>
constexpr Parts<std::remove_cv_t<std::tuple_element_t<I, T>>...> elements_of(std::index_sequence<I...>);
struct MembersIn {
  template <class... Ms>
  constexpr Parts<std::remove_const_t<Ms>...> operator()(Ms&...) const {
    return {};
  }
};

/// The types that a `T` is made of, as Parts.
template <class T>
constexpr auto find_parts() {
  if constexpr (kind<T> == Kind::map) return Parts<typename T::key_type, typename T::mapped_type>{};
  else if constexpr (requires { typename T::value_type; } && kind<T> >= Kind::optional && kind<T> <= Kind::ring)
    return Parts<typename T::value_type>{};
  else if constexpr (kind<T> == Kind::time) return Parts<typename T::duration>{};
  else if constexpr (kind<T> == Kind::duration) return Parts<typename T::rep>{};
  else if constexpr (kind<T> == Kind::variant) return decltype(arguments_of(static_cast<T*>(nullptr))){};
  else if constexpr (kind<T> == Kind::tuple)
    return decltype(elements_of<T>(std::make_index_sequence<std::tuple_size_v<T>>{})){};
  else if constexpr (kind<T> == Kind::fields)
    return decltype(parts_in(static_cast<decltype(T::fields(std::declval<T&>()))*>(nullptr))){};
  else if constexpr (kind<T> == Kind::members) return decltype(with_members(std::declval<const T&>(), MembersIn{})){};
  else return Parts<>{};
}
template <class T>
using parts_of = decltype(find_parts<T>());

template <class T>
struct IsState;
/// Also false of a type while the question about itself is being answered, as for one that holds a vector of its own kind.
template <class T>
inline constexpr bool is_state = requires { requires IsState<T>::value; };
template <class... Ts>
constexpr bool are_state(Parts<Ts...>) {
  return (is_state<Ts> && ...);
}
template <class T, class... Ts>
constexpr bool made_of(Parts<Ts...>) {
  return requires { T{std::declval<Ts (*)()>()()...}; };
}
template <class T>
constexpr bool find_state() {
  if constexpr (kind<T> == Kind::none || text_view<T> || !std::move_constructible<T>) return false;
  else if constexpr (!are_state(parts_of<T>{})) return false;
  else if constexpr (kind<T> == Kind::tuple || kind<T> == Kind::members || (kind<T> == Kind::fields && !std::default_initializable<T>))
    return made_of<T>(parts_of<T>{});
  else return std::default_initializable<T> || kind<T> == Kind::own || kind<T> == Kind::variant;
}
template <class T>
struct IsState : std::bool_constant<find_state<T>()> {};

template <class T>
[[gnu::cold]] void sign(std::string& text);
template <class... Ts>
void sign_parts(std::string& text, Parts<Ts...>) {
  [[maybe_unused]] const char* comma = "";
  ((text += comma, comma = ",", sign<Ts>(text)), ...);
}
template <class T>
constexpr const char* generic_name() {
  constexpr const char* names[] = {"duration", "time", "optional", "variant", "tuple", "array", "vector", "set", "map", "vector"};
  return names[static_cast<int>(kind<T>) - static_cast<int>(Kind::duration)];
}
template <class T>
constexpr std::string_view codec_name() {
  if constexpr (requires { Codec<T>::name; }) return Codec<T>::name;
  else return type_name<T>();
}
template <class T>
constexpr std::uint32_t codec_version() {
  if constexpr (requires { Codec<T>::version; }) return Codec<T>::version;
  else return 1;
}

/// Appends what a type is called in snapshots. Types that are saved alike are called alike.
template <class T>
void sign(std::string& text) {
  constexpr Kind is = kind<T>;
  if constexpr (is == Kind::own) {
    text.append(codec_name<T>()).append(" v").append(std::to_string(codec_version<T>()));
    if constexpr (requires { Codec<T>::sign(text); }) Codec<T>::sign(text);
  } else if constexpr (is == Kind::boolean) {
    text += "bool";
  } else if constexpr (std::is_same_v<T, char>) {
    text += "char";
  } else if constexpr (std::is_enum_v<T>) {
    text += "enum<", sign<std::underlying_type_t<T>>(text), text += ">";
  } else if constexpr (is == Kind::number) {
    text.append(std::is_signed_v<T> ? "i" : "u").append(std::to_string(8 * sizeof(T)));
  } else if constexpr (is == Kind::real) {
    text.append("f").append(std::to_string(std::numeric_limits<T>::digits == 64 ? 80 : 8 * sizeof(T)));
  } else if constexpr (is == Kind::text) {
    text += "string";
  } else if constexpr (is == Kind::fields || is == Kind::members) {
    text.append(type_name<T>()) += "{";
    sign_parts(text, parts_of<T>{});
    text += "}";
  } else {
    text.append(generic_name<T>()) += "<";
    sign_parts(text, parts_of<T>{});
    if constexpr (is == Kind::duration)
      text.append(",").append(std::to_string(T::period::num)).append("/").append(std::to_string(T::period::den));
    if constexpr (is == Kind::array) text.append(",").append(std::to_string(std::tuple_size_v<T>));
    text += ">";
  }
}

}  // namespace detail::coding
}  // namespace penstock
