// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "penstock/core/stream.hpp"
#include "penstock/ops/detail/pick.hpp"
#include "penstock/ops/detail/timed_window.hpp"
#include "penstock/ops/keep.hpp"

namespace penstock {

/// `Fn` gives a hashable key for a `const T&`.
template <class Fn, class T>
concept window_key_of =
    std::is_invocable_v<Fn&, const T&> && requires(const std::decay_t<std::invoke_result_t<Fn&, const T&>>& key) {
      boost::hash<std::decay_t<std::invoke_result_t<Fn&, const T&>>>{}(key);
      { key == key } -> std::convertible_to<bool>;
    };

namespace detail {

/// The elements of a window that have different keys.
template <element T, class Key>
class GatheredUnique {
 public:
  GatheredUnique(Keep keep, Key key) : keep_(keep), key_(std::move(key)) {}

  template <class V>
  bool add(V&& value, const Context* context) {
    auto [place, fresh] = places_.try_emplace(call(key_, std::as_const(value)), items_.size());
    if (!fresh) {
      if (keep_ == Keep::first) return false;
      items_[place->second].reset();
      place->second = items_.size();
    }
    items_.push_back(Item{std::forward<V>(value), Context::of(context)});
    return fresh;
  }
  std::size_t size() const noexcept { return places_.size(); }
  Context context() const {
    Context all;
    for (const std::optional<Item>& item : items_) {
      if (item) all.append(item->context);
    }
    return all;
  }
  std::vector<T> take() {
    std::vector<T> values;
    values.reserve(size());
    for (std::optional<Item>& item : items_) {
      if (item) values.push_back(std::move(item->value));
    }
    clear();
    return values;
  }
  template <class Fn>
  void lose(Fn fn) const {
    for (const std::optional<Item>& item : items_) {
      if (item) fn(item->context);
    }
  }
  void clear() noexcept {
    items_.clear();
    places_.clear();
  }

 private:
  struct Item {
    T value;
    Context context;
  };

  Keep keep_;
  [[no_unique_address]] Key key_;
  std::vector<std::optional<Item>> items_;  // in order; nothing where a later element took over
  boost::unordered_flat_map<std::decay_t<std::invoke_result_t<Key&, const T&>>, std::size_t> places_;
};

template <class... Options>
auto window_key(Options... options) {
  if constexpr (sizeof...(Options) == 0) {
    return Identity{};
  } else {
    return [](auto first, auto... rest) {
      if constexpr (std::is_same_v<decltype(first), Keep> || std::is_same_v<decltype(first), TimedWindow>) {
        return window_key(std::move(rest)...);
      } else {
        return first;
      }
    }(std::move(options)...);
  }
}

}  // namespace detail

/// Gathers the elements of each interval that have different keys into a vector.
///
///     in   -121-13---2-|
///          timed_window_unique(8 ticks, Keep::last)
///     out  a-------b---c|     a = [], b = [2, 1, 3], c = [2] at the end
///
/// @param interval  longer than 0.
/// @param options   a key function, called as `key(const element&)`, which without one is the element itself; Keep::first,
///                  the default, or Keep::last; TimedWindow as in `timed_window`.
///
/// Back-pressure: an element that comes while the window before is on its way waits for that; the others do not.
/// Metadata:      joined; held with the window, released after it; that of an element left out is done.
/// Errors:        std::invalid_argument here for a wrong interval, std::logic_error here without an event loop; what the key
///                function throws comes back through emit; what goes wrong behind is reported.
/// Cost:          O(1) an element and a hash; one vector a window; one timer.
/// Recovery:      the unfinished window is saved.
/// Example:       examples/02_operators/timed_window_unique.cpp
/// See also:      timed_window, partition_unique, unique
template <class... Options>
auto timed_window_unique(Duration interval, Options... options) {
  detail::positive(interval, "timed_window_unique: the interval");
  return [interval, given = detail::pick<TimedWindow>(options...), keep = detail::pick<Keep>(options...),
          key = detail::window_key(options...)](auto&& stream) mutable {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    using Key = decltype(key);
    static_assert(window_key_of<Key, T>,
                  "timed_window_unique: the key must be callable with a const element and give what can be hashed");
    if constexpr (window_key_of<Key, T>) {
      using Fill = detail::GatheredUnique<T, Key>;
      using Window = detail::TimedWindowNode<T, Fill>;
      auto& node = attach<Window>(stream.stream(), "timed_window_unique", interval, given, Fill{keep, std::move(key)});
      return Stream<std::vector<T>>{node.outlet};
    }
  };
}

}  // namespace penstock
