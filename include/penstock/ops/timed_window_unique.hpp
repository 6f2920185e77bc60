// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/core/stream.hpp"
#include "penstock/core/view.hpp"
#include "penstock/ops/detail/key.hpp"
#include "penstock/ops/detail/pick.hpp"
#include "penstock/ops/detail/table.hpp"
#include "penstock/ops/detail/timed_window.hpp"
#include "penstock/ops/keep.hpp"

namespace penstock {

namespace detail {

/// The elements of a window that have different keys.
template <element T, class Fn>
class GatheredUnique {
 public:
  GatheredUnique(Keep keep, Fn key) : keep_(keep), key_(std::move(key)) {
    PENSTOCK_KEEPS("timed_window_unique", T);
  }

  template <class V>
  bool add(V&& value, const Context* context) {
    auto&& key = call(key_, std::as_const(value));
    const auto place = items_.find(key);
    const bool fresh = place == items_.nowhere;
    if (!fresh && keep_ == Keep::first) return false;
    KeyType<Fn, T> kept(std::forward<decltype(key)>(key));
    if (fresh) {
      items_.add(std::move(kept), Item{std::forward<V>(value), Context::of(context)});
    } else {
      Item item{std::forward<V>(value), Context::of(context)};  // first: when that fails the older one is still there
      items_.erase(place);
      items_.add(std::move(kept), std::move(item));
    }
    return fresh;
  }
  std::size_t size() const noexcept { return items_.size(); }
  Context context() {
    Context all;
    items_.for_each([&](auto& item) { all.append(item.value.context); });
    return all;
  }
  std::vector<T> take() {
    std::vector<T> values;
    values.reserve(size());
    items_.for_each([&](auto& item) { values.push_back(std::move(item.value.value)); });
    clear();
    return values;
  }
  template <class Each>
  void lose(Each fn) {
    items_.for_each([&](auto& item) { fn(item.value.context); });
  }
  void clear() noexcept { items_.clear(); }
  static constexpr bool saved = has_codec<T> && has_codec<KeyType<Fn, T>>;
  void write(StateWriter& to) const { to.put(items_); }
  void read(StateReader& from) { from.get(items_); }

 private:
  using Item = Beside<T>;

  Keep keep_;
  [[no_unique_address]] KeyOf<Fn> key_;
  Table<KeyType<Fn, T>, Item> items_;  // in order
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
/// @param options   a key function, called as `key(const element&)`, or a member, key or index of the
///                  elements, which without one are their own keys; Keep::first, the default, or Keep::last;
///                  TimedWindow as in `timed_window`.
///
/// Back-pressure: an element that comes while the window before is on its way waits for that; the others do
///                not.
/// Metadata:      joined; held with the window, released after it; that of an element left out is done.
/// Errors:        std::invalid_argument here for a wrong interval, std::logic_error here without an event
///                loop; what the key function throws comes back through emit; what goes wrong behind is
///                reported.
/// Cost:          O(1) an element and a hash; one vector a window; one timer.
/// Recovery:      state: the unfinished window and the time that is left to it.
/// Example:       examples/02_operators/timed_window_unique.cpp
/// See also:      timed_window, partition_unique, unique
template <class... Options>
auto timed_window_unique(Duration interval, Options... options) {
  detail::positive(interval, "timed_window_unique: the interval");
  return [interval, given = detail::pick<TimedWindow>(options...), keep = detail::pick<Keep>(options...),
          key = detail::window_key(options...)](auto&& stream) mutable {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    using Key = decltype(key);
    constexpr bool is_key = detail::key_of<Key, T>;
    static_assert(
        is_key,
        "timed_window_unique: the key must be callable with a const element of the stream and return a value, or "
        "be a member, key or index of the elements");
    if constexpr (is_key) {
      using Fill = detail::GatheredUnique<T, Key>;
      using Gatherer = detail::TimedWindowNode<T, Fill>;
      auto& node =
          attach<Gatherer>(stream.stream(), "timed_window_unique", interval, given, Fill{keep, std::move(key)});
      return Stream<std::vector<T>>{node.outlet};
    }
  };
}

}  // namespace penstock
