// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <type_traits>
#include <utility>

#include "penstock/core/stream.hpp"
#include "penstock/ops/detail/key.hpp"
#include "penstock/ops/detail/table.hpp"

namespace penstock {

/// What key_by returns: a stream and how the key of an element is told. The operators on it keep something for each key.
template <element T, class Fn>
class KeyedStream {
 public:
  using value_type = T;
  using key_type = detail::KeyType<Fn, T>;

  KeyedStream(Stream<T> stream, Fn key) : stream_(std::move(stream)), key_(std::move(key)) {}

  const Stream<T>& stream() const noexcept { return stream_; }
  const Fn& key() const noexcept { return key_; }

  /// See window.
  template <class Windows, class... Options>
  auto window(Windows windows, Options... options) const {
    return penstock::window(std::move(windows), std::move(options)...)(*this);
  }
  template <class Windows, class S = T>
  auto window(Windows windows, detail::Later<WindowOptions, S> options) const {
    return penstock::window(std::move(windows), std::move(options))(*this);
  }
  /// See process.
  template <class Function>
  auto process(Function function) const {
    return penstock::process(std::move(function))(*this);
  }

 private:
  Stream<T> stream_;
  Fn key_;
};

template <element T, class Fn, class Operator>
auto operator|(const KeyedStream<T, Fn>& stream, Operator&& op) {
  return std::forward<Operator>(op)(stream);
}

/// Says what the key of an element is. Nothing happens to the elements: the operators behind keep something for each key, and
/// keep the order of the elements of one.
///
///     events | key_by(&Event::brand) | window(tumbling(1h)) | aggregate(count())
///
/// @param key  a function of a const element, a pointer to a member, or an index or key as `pluck` takes them. Keys must be
///             copyable, comparable with == and have a hash: `std::hash`, or tuples, pairs, arrays and vectors of such. All
///             NaN are one key, also inside those; a key of a type of your own must be equal to itself.
///
/// Back-pressure: passes through.
/// Metadata:      follows its element.
/// Errors:        what the key function throws comes back through emit.
/// Cost:          the operators behind call the function once an element.
/// Recovery:      no state.
/// Example:       examples/11_event_time/windows.cpp
/// See also:      window, event_time
template <class Fn>
auto key_by(Fn key) {
  return [key = detail::owned(std::move(key))](auto&& stream) mutable {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    using Key = decltype(key);
    constexpr bool is_key = detail::key_of<Key, T>;
    static_assert(is_key,
                  "key_by: the key must be callable with a const element of the stream and return a value, or be a member, "
                  "key or index of the elements");
    if constexpr (is_key) {
      using Type = detail::KeyType<Key, T>;
      constexpr bool hashed = std::equality_comparable<Type> && std::copy_constructible<Type> && detail::Hash<Type>::exists;
      static_assert(hashed, "key_by: the keys must be copyable, comparable with == and have a hash");
      if constexpr (hashed) return KeyedStream<T, Key>{stream.stream(), std::move(key)};
    }
  };
}

}  // namespace penstock
