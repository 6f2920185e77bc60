// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

namespace penstock {

/// What may flow through a stream: an object type that can be moved. Copying is asked for only where a stream has
/// several consumers.
template <class T>
concept element = std::is_object_v<T> && std::same_as<T, std::remove_cv_t<T>> && std::move_constructible<T>;

namespace detail {

/// Small trivially copyable values travel in registers; all others by reference, borrowed (`const T&`) or given
/// (`T&&`).
template <class T>
inline constexpr bool by_value = std::is_trivially_copyable_v<T> && sizeof(T) <= 16;

/// Whether a `T` can be copied. Containers say so of themselves even when what they hold cannot be.
template <class T>
inline constexpr bool can_copy = std::copy_constructible<T>;
template <class T>
  requires requires {
    typename T::value_type;
    typename T::allocator_type;
  }
inline constexpr bool can_copy<T> = std::copy_constructible<T> && can_copy<typename T::value_type>;
template <class A, class B>
inline constexpr bool can_copy<std::pair<A, B>> = can_copy<A> && can_copy<B>;
template <class... Ts>
inline constexpr bool can_copy<std::tuple<Ts...>> = (can_copy<Ts> && ...);

/// How an element is handed to a function off the fast path that is not inlined. With its address the fast path would no
/// longer be a tail call.
template <class V>
using Aside = std::conditional_t<by_value<std::remove_cvref_t<V>>, std::remove_cvref_t<V>, V&&>;

/// Calls `fn`, which may also be a pointer to a member. `std::invoke` without the weight of <functional>.
template <class Fn, class... Args>
  requires std::is_invocable_v<Fn&, Args...>
[[gnu::always_inline]] constexpr decltype(auto) call(Fn& fn, Args&&... args) noexcept(
    std::is_nothrow_invocable_v<Fn&, Args...>) {
  if constexpr (std::is_member_pointer_v<Fn>) {
    return [&]<class First, class... Rest>(First&& first, Rest&&... rest) -> decltype(auto) {
      auto&& object = [&]() -> decltype(auto) {
        if constexpr (std::is_pointer_v<std::remove_cvref_t<First>>) {
          return *std::forward<First>(first);
        } else {
          return std::forward<First>(first);
        }
      }();
      if constexpr (std::is_member_object_pointer_v<Fn>) {
        return (std::forward<decltype(object)>(object).*fn);
      } else {
        return (std::forward<decltype(object)>(object).*fn)(std::forward<Rest>(rest)...);
      }
    }(std::forward<Args>(args)...);
  } else {
    return fn(std::forward<Args>(args)...);
  }
}

/// The default key and the default "no change" function.
struct Identity {
  template <class T>
  constexpr T&& operator()(T&& value) const noexcept {
    return std::forward<T>(value);
  }
};

}  // namespace detail
}  // namespace penstock
