// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>

#include "penstock/time/detail/flat_table.hpp"
#include "penstock/time/detail/window_parts.hpp"

// Not an operator: hash tables of keys, without and with values beside them.

namespace penstock::detail {

template <class Key, class Value>
struct Relocation<std::pair<const Key, Value>> {
  using Slot = std::pair<const Key, Value>;
  static constexpr bool moves = (std::is_nothrow_move_constructible_v<Key> && std::is_nothrow_move_constructible_v<Value>) ||
                                !std::is_copy_constructible_v<Slot>;
  /// The slot is given up, and so its key may be.
  static std::pair<Key&&, Value&&> move(Slot& from) noexcept {
    return {std::move(const_cast<Key&>(from.first)), std::move(from.second)};
  }
};

/// As std::unordered_map, but entries move when one is added.
template <class Key, class Value>
class FlatMap {
 public:
  using value_type = std::pair<const Key, Value>;
  using Entries = FlatTable<value_type>;
  using iterator = typename Entries::Iterator;

  std::size_t size() const noexcept { return entries_.size(); }
  bool empty() const noexcept { return entries_.empty(); }
  iterator begin() const noexcept { return entries_.begin(); }
  iterator end() const noexcept { return entries_.end(); }

  iterator find(const Key& key) const { return find(key, hash(key)); }

  template <class K, class... Args>
  std::pair<iterator, bool> try_emplace(K&& key, Args&&... args) {
    const std::uint64_t code = hash(key);
    if (const iterator known = find(key, code); known != end()) return {known, false};
    const auto hash_of = [](const value_type& entry) { return hash(entry.first); };
    return {entries_.add(code, hash_of, std::piecewise_construct, std::forward_as_tuple(std::forward<K>(key)),
                         std::forward_as_tuple(std::forward<Args>(args)...)),
            true};
  }
  template <class K, class V>
  std::pair<iterator, bool> emplace(K&& key, V&& value) {
    return try_emplace(std::forward<K>(key), std::forward<V>(value));
  }
  template <class K, class V>
  std::pair<iterator, bool> insert_or_assign(K&& key, V&& value) {
    const auto done = try_emplace(std::forward<K>(key), std::forward<V>(value));
    if (!done.second) done.first->second = std::forward<V>(value);
    return done;
  }
  template <class K>
  Value& operator[](K&& key) {
    return try_emplace(std::forward<K>(key)).first->second;
  }

  void erase(iterator at) noexcept { entries_.erase(at); }
  void erase(const Key& key) {
    if (const iterator at = find(key); at != end()) entries_.erase(at);
  }
  void clear() noexcept { entries_.clear(); }

 private:
  static std::uint64_t hash(const Key& key) { return mixed(WindowHash<Key>{}(key)); }
  [[gnu::always_inline]] iterator find(const Key& key, std::uint64_t code) const {
    return entries_.find(code, [&](const value_type& entry) { return same_key(entry.first, key); });
  }

  Entries entries_;
};

/// As std::unordered_set, but keys move when one is added.
template <class Key>
class FlatSet {
 public:
  using Keys = FlatTable<Key>;

  std::size_t size() const noexcept { return keys_.size(); }
  auto begin() const noexcept { return keys_.begin(); }
  auto end() const noexcept { return keys_.end(); }

  template <class K>
  void insert(K&& key) {
    const std::uint64_t code = hash(key);
    if (find(key, code) == end()) keys_.add(code, hash, std::forward<K>(key));
  }
  void erase(const Key& key) {
    if (const auto at = find(key, hash(key)); at != end()) keys_.erase(at);
  }

 private:
  static std::uint64_t hash(const Key& key) { return mixed(WindowHash<Key>{}(key)); }
  auto find(const Key& key, std::uint64_t code) const {
    return keys_.find(code, [&](const Key& each) { return same_key(each, key); });
  }

  Keys keys_;
};

}  // namespace penstock::detail
