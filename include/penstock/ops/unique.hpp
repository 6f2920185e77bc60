// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "penstock/core/stream.hpp"
#include "penstock/ops/detail/key.hpp"
#include "penstock/state/detail/remembers.hpp"
#include "penstock/ops/detail/table.hpp"

namespace penstock {

/// Settings of `unique`.
struct Unique {
  std::size_t maxsize = 0;  ///< keys to remember; 0: all of them, for ever
};

namespace detail {

template <class T, class Fn>
class UniqueStep : public StateStep<UniqueStep<T, Fn>> {
 public:
  template <class>
  using output = T;

  UniqueStep(Fn key, const Unique& options) : key_(std::move(key)), maxsize_(options.maxsize) {}

  template <class V, class Next>
  [[gnu::always_inline]] Pending* operator()(V&& value, const Context* context, Next& next) {
    if (!is_new(std::as_const(value))) {
      this->info().leaves_out();
      return nullptr;
    }
    return next(std::forward<V>(value), context);
  }

  auto state() noexcept { return std::tie(seen_); }
  void restored() {
    while (maxsize_ != 0 && seen_.size() > maxsize_) seen_.erase(seen_.oldest());
  }

 private:
  bool is_new(const T& value) {
    auto&& key = this->run(key_, value);
    if (const auto place = seen_.find(key); place != seen_.nowhere) {
      if (maxsize_ != 0) seen_.refresh(place);
      return false;
    }
    seen_.add(std::forward<decltype(key)>(key));
    if (maxsize_ != 0 && seen_.size() > maxsize_) seen_.erase(seen_.oldest());
    return true;
  }

  [[no_unique_address]] KeyOf<Fn> key_;
  std::size_t maxsize_;
  Table<KeyType<Fn, T>> seen_;
};

template <class Fn>
auto make_unique_by(Fn key, const Unique& options) {
  return [key = std::move(key), options](auto&& stream) mutable {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    constexpr bool is_key = key_of<Fn, T>;
    static_assert(
        is_key,
        "unique: the key must be callable with a const element of the stream and return a value, or be a member, "
        "key or index of the elements");
    if constexpr (is_key) {
      using Key = KeyType<Fn, T>;
      constexpr bool kept = std::equality_comparable<Key> &&
                            std::constructible_from<Key, std::invoke_result_t<KeyOf<Fn>&, const T&>>;
      static_assert(
          kept,
          "unique: the keys, or without a key function the elements, must be comparable with == and copyable");
      if constexpr (kept) {
        Info info{"unique", options.maxsize ? std::to_string(options.maxsize) : std::string{}};
        info.one_to_one = false;
        info.selects = true;
        return std::forward<decltype(stream)>(stream).then(UniqueStep<T, Fn>(std::move(key), options),
                                                           std::move(info));
      }
    }
  };
}

}  // namespace detail

/// Leaves out elements whose key was seen before.
///
///     in   -1-2-1-3-2-|
///          unique()
///     out  -1-2---3---|
///
/// @param options  in any order
///                 - the key: a function of a const element, a pointer to a member, or an index or key as
///                   `pluck` takes them; the elements themselves without one;
///                 - `Unique{.maxsize = n}`: only the last n different keys are remembered, and seeing one
///                   again counts.
///
/// Keys are compared with `==` and found by `std::hash`; tuples and vectors of hashable things will do, and
/// for keys that cannot be hashed all remembered ones are compared, newest first.
///
/// Without `maxsize` every key is kept for ever: memory grows with the number of different keys.
///
/// Back-pressure: passes through.
/// Metadata:      follows its element; an element that is left out is done.
/// Errors:        what the key function throws comes back through emit; the element has failed and is not
///                remembered.
/// Cost:          one look-up; nothing is allocated once `maxsize` keys are known.
/// Recovery:      state: the remembered keys in their order.
/// Example:       examples/02_operators/unique.cpp
/// See also:      filter, partition_unique, timed_window_unique
template <class... Options>
auto unique(Options... options) {
  static_assert(sizeof...(Options) <= 2, "unique: takes at most a key and Unique{.maxsize = n}");
  if constexpr (sizeof...(Options) == 0) {
    return detail::make_unique_by(detail::Identity{}, Unique{});
  } else {
    return [](auto first, auto... rest) {
      if constexpr (std::same_as<decltype(first), Unique>) {
        if constexpr (sizeof...(rest) == 0) {
          return detail::make_unique_by(detail::Identity{}, first);
        } else {
          return detail::make_unique_by(detail::owned(std::move(rest))..., first);
        }
      } else {
        if constexpr (sizeof...(rest) == 0) {
          return detail::make_unique_by(detail::owned(std::move(first)), Unique{});
        } else {
          return detail::make_unique_by(detail::owned(std::move(first)), rest...);
        }
      }
    }(std::move(options)...);
  }
}

}  // namespace penstock
