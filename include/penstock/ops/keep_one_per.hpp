// SPDX-License-Identifier: BSL-1.0
#pragma once

// Not an operator: an option of buffer, apart because it needs a hash table.

#include <cstddef>
#include <utility>

#include "penstock/ops/buffer.hpp"
#include "penstock/ops/detail/key.hpp"
#include "penstock/ops/detail/table.hpp"

namespace penstock {

namespace detail {

template <class Key>
struct KeepOnePer {
  Key key;

  template <element T>
  static constexpr bool accepts = key_of<Key, T>;

  template <element T>
  class Index {
   public:
    static constexpr bool keyed = true;
    explicit Index(KeepOnePer keep) : key_(std::move(keep.key)) {}

    /// The place in the line of the element with the key of `value`, or `unlimited`.
    std::size_t operator()(const T& value) {
      const auto found = places_.find(key_(value));
      return found == places_.nowhere ? unlimited : places_[found].value - left_;
    }
    void add(const T& value, std::size_t place) { places_.add(KeyType<Key, T>(key_(value)), left_ + place); }
    void leaves(const T* value, std::size_t place) {
      if (value) {
        if (const auto found = at(*value, place); found != places_.nowhere) places_.erase(found);
      }
      ++left_;
    }
    /// One behind `value`, which is at `place`, has left.
    void stays(const T& value, std::size_t place) {
      if (const auto found = at(value, place - 1); found != places_.nowhere) ++places_[found].value;
    }
    void clear() noexcept { places_.clear(); }

   private:
    auto at(const T& value, std::size_t place) {
      const auto found = places_.find(key_(value));
      return found != places_.nowhere && places_[found].value == left_ + place ? found : places_.nowhere;
    }

    KeyOf<Key> key_;
    Table<KeyType<Key, T>, std::size_t> places_;
    std::size_t left_ = 0;  // items that have left the line: places count from the first ever
  };
};

}  // namespace detail

/// For `buffer`: of the elements in the queue that have the same key only the newest is kept, in the place of
/// the first; the others' Refs end as dropped. An element that is on its way already is not replaced.
///
/// Not across a signal, such as a watermark or a checkpoint: elements that came after it stay behind it.
///
/// @param key  called as `key(const element&)`, more than once for an element; or a member, key or index of
///             the elements.
template <class Key>
detail::KeepOnePer<Key> keep_one_per(Key key) {
  return {std::move(key)};
}

}  // namespace penstock
