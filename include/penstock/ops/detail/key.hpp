// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "penstock/core/element.hpp"

namespace penstock::detail {

/// `T` finds a value by a key: maps.
template <class T, class Key>
concept looked_up_by = requires(const T& table, const Key& key) {
  typename T::mapped_type;
  { table.find(key) != table.end() } -> std::convertible_to<bool>;
  table.find(key)->second;
};
/// `T` has values at positions: vectors, arrays, texts.
template <class T, class Index>
concept indexed_by = std::integral<Index> && !looked_up_by<T, Index> && requires(const T& list) {
  list[std::size_t{}];
  { list.size() } -> std::convertible_to<std::size_t>;
};
template <class T, class Pick>
concept picked_by = looked_up_by<T, Pick> || indexed_by<T, Pick> ||
                    (std::is_member_pointer_v<Pick> && std::is_invocable_v<Pick&, const T&>);

template <class Pick>
std::string pick_text(const Pick& pick) {
  if constexpr (std::integral<Pick>) {
    return std::to_string(pick);
  } else if constexpr (std::convertible_to<const Pick&, std::string>) {
    return pick;
  } else {
    return {};
  }
}

template <class Pick>
[[noreturn, gnu::cold, gnu::noinline]] void nothing_at(const char* op, const Pick& pick, std::size_t size) {
  const std::string text = pick_text(pick);
  throw std::out_of_range(std::string(op) + ": nothing at " + (text.empty() ? "the key" : text) +
                          " in an element of size " + std::to_string(size));
}

/// The value at a key or index of `from`, or a member of it.
template <class T, class Pick>
  requires(picked_by<std::remove_cvref_t<T>, Pick>)
decltype(auto) pick_from(const char* op, T&& from, Pick& pick) {
  if constexpr (looked_up_by<std::remove_cvref_t<T>, Pick>) {
    const auto found = from.find(pick);
    if (found == from.end()) nothing_at(op, pick, from.size());
    if constexpr (std::is_lvalue_reference_v<T>) {
      return (found->second);
    } else {
      return std::move(found->second);
    }
  } else if constexpr (indexed_by<std::remove_cvref_t<T>, Pick>) {
    bool inside = static_cast<std::size_t>(pick) < from.size();
    if constexpr (std::signed_integral<Pick>) inside = inside && pick >= 0;
    if (!inside) nothing_at(op, pick, from.size());
    using Item = decltype(from[std::size_t{}]);
    // A view is not the owner of what it shows, also when it is itself given away.
    constexpr bool owns =
        std::is_const_v<std::remove_reference_t<decltype(std::as_const(from)[std::size_t{}])>>;
    if constexpr (!std::is_lvalue_reference_v<Item>) {
      return static_cast<typename std::remove_cvref_t<T>::value_type>(from[static_cast<std::size_t>(pick)]);
    } else if constexpr (std::is_lvalue_reference_v<T> || !owns) {
      return from[static_cast<std::size_t>(pick)];
    } else {
      return std::move(from[static_cast<std::size_t>(pick)]);
    }
  } else {
    return call(pick, std::forward<T>(from));
  }
}

/// Keys are kept, and texts of unknown life are copied for that.
template <class Pick>
auto owned(Pick pick) {
  if constexpr (std::is_same_v<Pick, const char*> || std::is_same_v<Pick, char*>) {
    return std::string(pick);
  } else {
    return pick;
  }
}

/// What operators with a key take: a function of an element, a pointer to a member, or, as in pluck, a key or
/// an index.
template <class Fn, class T>
concept key_of =
    (std::is_invocable_v<Fn&, const T&> && !std::is_void_v<std::invoke_result_t<Fn&, const T&>>) ||
    picked_by<T, Fn>;

template <class Fn>
class KeyOf {
 public:
  explicit KeyOf(Fn fn) : fn_(std::move(fn)) {}

  template <class T>
    requires(key_of<Fn, T>)
  decltype(auto) operator()(const T& value) {
    if constexpr (std::is_invocable_v<Fn&, const T&>) {
      return call(fn_, value);
    } else {
      return pick_from("key", value, fn_);
    }
  }

 private:
  [[no_unique_address]] Fn fn_;
};

template <class Fn, class T>
using KeyType = std::decay_t<std::invoke_result_t<KeyOf<Fn>&, const T&>>;

}  // namespace penstock::detail
