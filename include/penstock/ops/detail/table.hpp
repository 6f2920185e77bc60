// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/state/codec.hpp"

namespace penstock::detail {

template <class T>
concept std_hashable = requires(const T& value) {
  { std::hash<T>{}(value) } -> std::convertible_to<std::size_t>;
};

template <class T>
concept tuple_of_keys = !std_hashable<T> && requires { std::tuple_size<T>::value; };

/// Whether a key is, or has in it, a floating-point number. NaN, which is not equal to itself, would be put in and never
/// be found again: so all NaN are one key, to `Hash` and to `same_key`.
template <class T>
inline constexpr bool has_floats = std::is_floating_point_v<T>;
template <class T, class Allocator>
inline constexpr bool has_floats<std::vector<T, Allocator>> = has_floats<T>;
template <class T>
inline constexpr bool has_floats<std::optional<T>> = has_floats<T>;
template <class T, std::size_t... I>
constexpr bool has_floats_among(std::index_sequence<I...>) {
  return (has_floats<std::remove_cv_t<std::tuple_element_t<I, T>>> || ...);
}
template <tuple_of_keys T>
inline constexpr bool has_floats<T> = has_floats_among<T>(std::make_index_sequence<std::tuple_size_v<T>>{});

template <class T>
[[gnu::always_inline]] inline bool same_key(const T& a, const T& b);
template <class T, std::size_t... I>
bool same_members(const T& a, const T& b, std::index_sequence<I...>) {
  return (same_key(std::get<I>(a), std::get<I>(b)) && ...);
}
template <class T, class Allocator>
bool same_values(const std::vector<T, Allocator>& a, const std::vector<T, Allocator>& b) {
  std::size_t i = 0;
  while (i < a.size() && i < b.size() && same_key(a[i], b[i])) ++i;
  return i == a.size() && i == b.size();
}
template <class T>
bool same_values(const std::optional<T>& a, const std::optional<T>& b) {
  return a && b ? same_key(*a, *b) : !a && !b;
}
/// `==`, but to NaN another NaN is the same.
template <class T>
[[gnu::always_inline]] inline bool same_key(const T& a, const T& b) {
  if constexpr (!has_floats<T>) {
    return a == b;
  } else if constexpr (std::is_floating_point_v<T>) {
    return a == b || (__builtin_isnan(a) && __builtin_isnan(b));
  } else if constexpr (tuple_of_keys<T>) {
    return same_members(a, b, std::make_index_sequence<std::tuple_size_v<T>>{});
  } else {
    return same_values(a, b);
  }
}

/// `std::hash`, and tuples, pairs, arrays and vectors of what can be hashed.
template <class T>
struct Hash {
  static constexpr bool exists = false;
};
template <std_hashable T>
struct Hash<T> {
  static constexpr bool exists = true;
  std::size_t operator()(const T& value) const {
    if constexpr (std::is_floating_point_v<T>) {
      if (__builtin_isnan(value)) return 0x7FF80000;
    }
    return std::hash<T>{}(value);
  }
};
template <class T>
  requires(std_hashable<T> && has_floats<T>)
struct Hash<std::optional<T>> {
  static constexpr bool exists = true;
  std::size_t operator()(const std::optional<T>& value) const { return value ? Hash<T>{}(*value) : 0x7FF80001; }
};
template <tuple_of_keys T>
struct Hash<T> {
  template <std::size_t... I>
  static constexpr bool all(std::index_sequence<I...>) {
    return (Hash<std::remove_cv_t<std::tuple_element_t<I, T>>>::exists && ...);
  }
  static constexpr bool exists = all(std::make_index_sequence<std::tuple_size_v<T>>{});
  std::size_t operator()(const T& value) const {
    std::size_t sum = 0;
    std::apply(
        [&](const auto&... member) {
          ((sum = sum * 31 + Hash<std::remove_cvref_t<decltype(member)>>{}(member)), ...);
        },
        value);
    return sum;
  }
};
template <class T, class Allocator>
  requires(!std_hashable<std::vector<T, Allocator>>)
struct Hash<std::vector<T, Allocator>> {
  static constexpr bool exists = Hash<T>::exists;
  std::size_t operator()(const std::vector<T, Allocator>& values) const {
    std::size_t sum = values.size();
    for (const T& value : values) sum = sum * 31 + Hash<T>{}(value);
    return sum;
  }
};

struct Nothing {};

/// Keys with values, found by hash, or by comparing with one after the other where the keys cannot be hashed,
/// and kept in the order in which they were put in. Memory is used again: a table that does not grow
/// allocates nothing.
template <class Key, class Value = Nothing>
class Table {
 public:
  static_assert(std::equality_comparable<Key>, "the keys must be comparable with ==");

  using Place = std::uint32_t;
  static constexpr Place nowhere = 0xFFFFFFFF;

  struct Item {
    Key key;
    [[no_unique_address]] Value value;
  };

  std::size_t size() const noexcept { return live_; }
  bool empty() const noexcept { return live_ == 0; }
  /// Places hold until the next `add`.
  Item& operator[](Place place) noexcept { return *entries_[place].item; }

  Place find(const Key& key) const {
    if constexpr (hashed) {
      return slots_.empty() ? nowhere : find(key, hash(key));
    } else {
      for (std::size_t i = entries_.size(); i-- > first_;) {
        if (entries_[i].item && same_key(entries_[i].item->key, key)) return static_cast<Place>(i);
      }
      return nowhere;
    }
  }

  /// Puts in a key that is not there, as the newest.
  Place add(Key key, Value value = {}) { return put(Item{std::move(key), std::move(value)}); }

  /// Of a key that is put in when it is not there.
  Value& value_of(const Key& key) {
    const Place place = find(key);
    return (*this)[place != nowhere ? place : add(key)].value;
  }

  void erase(Place place) noexcept {
    entries_[place].item.reset();
    --live_;
    while (first_ < entries_.size() && !entries_[first_].item) ++first_;
  }

  /// Makes a key the newest.
  Place refresh(Place place) {
    if (place + 1 == entries_.size()) return place;
    Item item = std::move(*entries_[place].item);
    erase(place);
    return put(std::move(item));
  }

  /// Of a table that is not empty.
  Place oldest() const noexcept { return static_cast<Place>(first_); }

  template <class Fn>
  void for_each(Fn fn) {
    for (std::size_t i = first_; i < entries_.size(); ++i) {
      if (entries_[i].item) fn(*entries_[i].item);
    }
  }
  template <class Fn>
  void for_each(Fn fn) const {
    for (std::size_t i = first_; i < entries_.size(); ++i) {
      if (entries_[i].item) fn(*entries_[i].item);
    }
  }

  void clear() noexcept {
    entries_.clear();
    for (Place& slot : slots_) slot = nowhere;
    live_ = first_ = 0;
  }

 private:
  static constexpr bool hashed = Hash<Key>::exists;

  struct Entry {
    std::optional<Item> item;  // nothing: was erased, and holds its slot until the next rebuilding
    std::size_t hash;
  };

  // Standard hashes of numbers are the numbers themselves, whose low bits may all be the same.
  static std::size_t hash(const Key& key) {
    const std::uint64_t mixed = static_cast<std::uint64_t>(Hash<Key>{}(key)) * 0x9E3779B97F4A7C15u;
    return static_cast<std::size_t>(mixed ^ (mixed >> 32));
  }

  Place find(const Key& key, std::size_t hash) const {
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t i = hash & mask;; i = (i + 1) & mask) {
      const Place place = slots_[i];
      if (place == nowhere) return nowhere;
      const Entry& entry = entries_[place];
      if (entry.hash == hash && entry.item && same_key(entry.item->key, key)) return place;
    }
  }

  Place put(Item&& item) {
    std::size_t code = 0;
    if constexpr (hashed) code = hash(item.key);
    if (entries_.size() >= limit_) make_room();
    const Place place = static_cast<Place>(entries_.size());
    entries_.push_back(Entry{std::move(item), code});
    ++live_;
    if constexpr (hashed) take_slot(place);
    return place;
  }

  void take_slot(Place place) noexcept {
    const std::size_t mask = slots_.size() - 1;
    std::size_t i = entries_[place].hash & mask;
    while (slots_[i] != nowhere) i = (i + 1) & mask;
    slots_[i] = place;
  }

  // Takes out what was erased when that is at least half of it, and grows otherwise: either way as many keys
  // come in before the next time as are moved now.
  [[gnu::noinline]] void make_room() {
    if (live_ > limit_ / 2 || limit_ == 0) {
      const std::size_t limit = std::max<std::size_t>(8, limit_ * 2);
      if (limit > nowhere / 2) throw std::length_error("too many keys");
      entries_.reserve(limit);
      if constexpr (hashed) slots_.resize(limit * 2);
      limit_ = limit;
    }
    std::erase_if(entries_, [](const Entry& entry) { return !entry.item; });
    first_ = 0;
    if constexpr (hashed) {
      for (Place& slot : slots_) slot = nowhere;
      for (std::size_t i = 0; i < entries_.size(); ++i) take_slot(static_cast<Place>(i));
    }
  }

  std::vector<Entry> entries_;
  std::vector<Place> slots_;
  std::size_t limit_ = 0;
  std::size_t live_ = 0;
  std::size_t first_ = 0;  // nothing lives before it
};

}  // namespace penstock::detail

namespace penstock {

/// Keys and values in their order.
template <class Key, class Value>
  requires(has_codec<Key> && has_codec<Value>)
struct Codec<detail::Table<Key, Value>> {
  static constexpr std::string_view name = "Table";
  static void write(StateWriter& to, const detail::Table<Key, Value>& table) {
    to.put(std::uint64_t{table.size()});
    table.for_each([&](const auto& item) {
      to.put(item.key);
      if constexpr (!std::is_empty_v<Value>) to.put(item.value);
    });
  }
  static detail::Table<Key, Value> read(StateReader& from, std::uint32_t) {
    detail::Table<Key, Value> table;
    for (auto left = from.get<std::uint64_t>(); left > 0; --left) {
      Key key = from.get<Key>();
      if (table.find(key) != table.nowhere) from.fail("the same key comes twice");
      if constexpr (std::is_empty_v<Value>) {
        table.add(std::move(key));
      } else {
        table.add(std::move(key), from.get<Value>());
      }
    }
    return table;
  }
};

}  // namespace penstock
