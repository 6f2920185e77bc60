// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/ops/detail/table.hpp"
#include "penstock/time/aggregates/detail/of_value.hpp"
#include "penstock/time/aggregates/stable_hash.hpp"

namespace penstock {
namespace aggregates {

/// Keys in the order in which they came, found by hash. The list is all there is to store: the slots are made
/// again from it when they do not fit it.
template <class Entry>
struct KeyTable {
  std::vector<Entry> entries;
  std::vector<std::uint32_t> slots;  // the place of an entry + 1; 0: none

  template <class Self>
  static auto fields(Self& self) {
    return std::tie(self.entries);
  }
};

}  // namespace aggregates

namespace detail {

template <class V>
concept table_key = std::equality_comparable<V> && (stably_hashable<V> || Hash<V>::exists);

/// The functions of a `KeyTable`, whose entries have their key by `key_of(entry)`.
template <class Key, class Entry, auto KeyOfEntry>
struct KeyTableOf {
  using Table = aggregates::KeyTable<Entry>;
  static constexpr std::size_t nowhere = static_cast<std::size_t>(-1);
  // Up to here one key after the other is compared, and there are no slots.
  static constexpr std::size_t few = 8;

  static std::size_t find(const Table& table, const Key& key) {
    if (table.entries.size() <= few) return scan(table, key);
    if (fits(table)) return table_at(table, slot_of(table, key));
    return scan(table, key);
  }

  /// The place of a key, which `make()` puts in when it is not there. When something throws all is as before.
  template <class Make>
  static std::size_t find_or_add(Table& table, const Key& key, Make make) {
    if (table.entries.size() <= few) {
      const std::size_t place = scan(table, key);
      if (place != nowhere) return place;
      if (table.entries.size() < few) {
        table.entries.push_back(make());
        return table.entries.size() - 1;
      }
    }
    if (!fits(table)) index(table);
    std::size_t slot = slot_of(table, key);
    if (table.slots[slot] != 0) return table.slots[slot] - 1;
    if (2 * (table.entries.size() + 1) > table.slots.size()) {
      index(table);
      slot = slot_of(table, key);
    }
    table.entries.push_back(make());
    table.slots[slot] = static_cast<std::uint32_t>(table.entries.size());
    return table.entries.size() - 1;
  }

  /// Takes out the entry at a place; the last one takes its place.
  static void erase(Table& table, std::size_t place) {
    const std::size_t last = table.entries.size() - 1;
    if (table.entries.size() > few && fits(table)) {
      const std::size_t moved = slot_of(table, key_at(table, last));
      free_slot(table, slot_of(table, key_at(table, place)), moved, place);
    } else {
      table.slots.clear();
    }
    if (place != last) table.entries[place] = std::move(table.entries[last]);
    table.entries.pop_back();
    if (table.entries.size() <= few) table.slots.clear();
  }

 private:
  static const Key& key_at(const Table& table, std::size_t place) { return KeyOfEntry(table.entries[place]); }
  static std::size_t table_at(const Table& table, std::size_t slot) {
    return table.slots[slot] == 0 ? nowhere : table.slots[slot] - 1;
  }
  static bool fits(const Table& table) noexcept { return table.slots.size() > table.entries.size(); }

  static std::size_t scan(const Table& table, const Key& key) {
    for (std::size_t i = 0; i < table.entries.size(); ++i) {
      if (same_key(key_at(table, i), key)) return i;
    }
    return nowhere;
  }

  static std::size_t hash(const Key& key) {
    if constexpr (stably_hashable<Key>) {
      return static_cast<std::size_t>(stable_hash_of(key));
    } else {
      const std::uint64_t mixed = static_cast<std::uint64_t>(Hash<Key>{}(key)) * 0x9E3779B97F4A7C15u;
      return static_cast<std::size_t>(mixed ^ (mixed >> 32));
    }
  }
  // The slot of a key, or the empty one where it would be.
  static std::size_t slot_of(const Table& table, const Key& key) {
    const std::size_t mask = table.slots.size() - 1;
    for (std::size_t slot = hash(key) & mask;; slot = (slot + 1) & mask) {
      if (table.slots[slot] == 0 || same_key(key_at(table, table.slots[slot] - 1), key)) return slot;
    }
  }

  [[gnu::noinline]] static void index(Table& table) {
    std::size_t size = 4 * few;
    while (size < 4 * table.entries.size()) size *= 2;
    if (size > std::numeric_limits<std::uint32_t>::max())
      throw std::length_error("too many keys in a window");
    Table indexed;
    indexed.slots.resize(size);
    const std::size_t mask = size - 1;
    for (std::size_t i = 0; i < table.entries.size(); ++i) {
      std::size_t slot = hash(key_at(table, i)) & mask;
      while (indexed.slots[slot] != 0) slot = (slot + 1) & mask;
      indexed.slots[slot] = static_cast<std::uint32_t>(i + 1);
    }
    table.slots = std::move(indexed.slots);
  }

  // Empties a slot without a hole in any run of filled ones; the slot of the last entry is to say `place`.
  static void free_slot(Table& table, std::size_t slot, std::size_t moved, std::size_t place) {
    table.slots[moved] = static_cast<std::uint32_t>(place + 1);
    const std::size_t mask = table.slots.size() - 1;
    for (std::size_t next = (slot + 1) & mask; table.slots[next] != 0; next = (next + 1) & mask) {
      const std::size_t entry = table.slots[next] - 1;
      // What is moved is still at the end of the list.
      const std::size_t at = entry == place ? table.entries.size() - 1 : entry;
      const std::size_t home = hash(key_at(table, at)) & mask;
      if (((next - home) & mask) >= ((next - slot) & mask)) {
        table.slots[slot] = table.slots[next];
        slot = next;
      }
    }
    table.slots[slot] = 0;
  }
};

}  // namespace detail
}  // namespace penstock
