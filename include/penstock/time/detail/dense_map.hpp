// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <tuple>
#include <utility>
#include <vector>

#include "penstock/core/box.hpp"
#include "penstock/time/detail/flat_table.hpp"
#include "penstock/time/detail/window_parts.hpp"

// Not an operator: a hash table for what is kept of keys.

namespace penstock::detail {

/// Keys with values that stand side by side in blocks, found by a table of their places. Only that table is partly empty,
/// which costs 6 to 12 bytes an entry; one of the entries themselves would be up to half of it. Entries stay where they are,
/// and the place of one that was erased is used again. The memory of many is given back with the last of them.
template <class Key, class Value>
class DenseMap {
 public:
  using value_type = std::pair<const Key, Value>;

 private:
  using Place = std::uint32_t;
  static constexpr std::size_t per_block = 64;
  static constexpr std::size_t few = 2;  // blocks
  struct Block {
    alignas(value_type) std::byte entries[per_block * sizeof(value_type)];
  };
  using Index = FlatTable<Place>;

  template <class Map, class Entry>
  class Iterator {
   public:
    Iterator(Map& map, typename Index::Iterator at) noexcept : map_(&map), at_(at) {}
    Entry& operator*() const noexcept { return map_->at(*at_); }
    Entry* operator->() const noexcept { return &map_->at(*at_); }
    Iterator& operator++() noexcept {
      ++at_;
      return *this;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) noexcept { return a.at_ == b.at_; }

   private:
    friend DenseMap;
    Map* map_;
    typename Index::Iterator at_;
  };

 public:
  using iterator = Iterator<DenseMap, value_type>;
  using const_iterator = Iterator<const DenseMap, const value_type>;

  DenseMap() = default;
  DenseMap(const DenseMap&) = delete;
  DenseMap& operator=(const DenseMap&) = delete;
  ~DenseMap() { clear(); }

  std::size_t size() const noexcept { return index_.size(); }
  bool empty() const noexcept { return index_.empty(); }
  iterator begin() noexcept { return {*this, index_.begin()}; }
  iterator end() noexcept { return {*this, index_.end()}; }
  const_iterator begin() const noexcept { return {*this, index_.begin()}; }
  const_iterator end() const noexcept { return {*this, index_.end()}; }

  [[gnu::always_inline]] iterator find(const Key& key) { return {*this, find(key, hash(key))}; }
  const_iterator find(const Key& key) const { return {*this, find(key, hash(key))}; }

  template <class K, class... Args>
  std::pair<iterator, bool> try_emplace(K&& key, Args&&... args) {
    const std::uint64_t code = hash(key);
    const auto known = find(key, code);
    if (known != index_.end()) return {iterator{*this, known}, false};
    const Place place = free_place();
    value_type* entry = std::construct_at(&at(place), std::piecewise_construct, std::forward_as_tuple(std::forward<K>(key)),
                                          std::forward_as_tuple(std::forward<Args>(args)...));
    try {
      const auto added = index_.add(code, [this](Place each) { return hash(at(each).first); }, place);
      taken(place);
      return {iterator{*this, added}, true};
    } catch (...) {
      std::destroy_at(entry);
      throw;
    }
  }
  template <class K, class V>
  std::pair<iterator, bool> emplace(K&& key, V&& value) {
    return try_emplace(std::forward<K>(key), std::forward<V>(value));
  }
  void erase(iterator at) {
    const Place place = *at.at_;
    free_.push_back(place);
    index_.erase(at.at_);
    std::destroy_at(&this->at(place));
    if (index_.empty() && blocks_.size() > few) [[unlikely]] give_back();
  }
  void clear() noexcept {
    for (value_type& entry : *this) std::destroy_at(&entry);
    index_.clear();
    blocks_.clear();
    free_.clear();
    used_ = 0;
  }

 private:
  static std::uint64_t hash(const Key& key) { return mixed(WindowHash<Key>{}(key)); }
  [[gnu::always_inline]] auto find(const Key& key, std::uint64_t code) const {
    return index_.find(code, [&](Place place) { return same_key(at(place).first, key); });
  }
  value_type& at(Place place) const noexcept {
    return reinterpret_cast<value_type*>(blocks_[place / per_block]->entries)[place % per_block];
  }
  Place free_place() {
    if (!free_.empty()) return free_.back();
    if (used_ == ~Place{0}) throw std::length_error("too many keys");
    if (used_ / per_block == blocks_.size()) blocks_.push_back(Box<Block>{new Block});
    return used_;
  }
  [[gnu::noinline]] void give_back() noexcept {
    std::vector<Box<Block>>{}.swap(blocks_);
    std::vector<Place>{}.swap(free_);
    used_ = 0;
  }
  void taken(Place place) noexcept {
    if (place == used_) {
      ++used_;
    } else {
      free_.pop_back();
    }
  }

  std::vector<Box<Block>> blocks_;
  std::vector<Place> free_;
  Place used_ = 0;
  Index index_;
};

}  // namespace penstock::detail
