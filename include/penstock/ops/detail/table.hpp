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

/// `std::hash`, and tuples, pairs, arrays and vectors of what can be hashed.
template <class T>
struct Hash {
  static constexpr bool exists = false;
};
template <std_hashable T>
struct Hash<T> {
  static constexpr bool exists = true;
  std::size_t operator()(const T& value) const { return std::hash<T>{}(value); }
};
template <class T>
  requires(!std_hashable<T> && requires { std::tuple_size<T>::value; })
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
        if (entries_[i].item && entries_[i].item->key == key) return static_cast<Place>(i);
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
      if (entry.hash == hash && entry.item && entry.item->key == key) return place;
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
