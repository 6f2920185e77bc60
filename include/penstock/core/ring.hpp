// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <limits>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>  // std::allocator

#include "penstock/core/element.hpp"

namespace penstock {

/// A bound that is none.
inline constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

namespace detail {

/// Whether a growing ring copies its items, because moving them may throw half-way and copies leave the old ones whole. Not
/// those of structs, which say that they can be copied even when what they hold cannot be; those that know it say so here.
template <class T>
inline constexpr bool grows_by_copies = !std::is_nothrow_move_constructible_v<T> && !std::is_aggregate_v<T> && can_copy<T>;

/// First in, first out, in memory that is used again: grows by doubling and then allocates nothing. What every queue of
/// the library is made of.
template <class T>
class Ring {
 public:
  using value_type = T;

  Ring() = default;
  Ring(Ring&& other) noexcept
      : items_(std::exchange(other.items_, nullptr)),
        capacity_(std::exchange(other.capacity_, 0)),
        head_(std::exchange(other.head_, 0)),
        size_(std::exchange(other.size_, 0)) {}
  Ring& operator=(const Ring&) = delete;
  ~Ring() {
    if (items_) free();
  }

  bool empty() const noexcept { return size_ == 0; }
  std::size_t size() const noexcept { return size_; }
  T& operator[](std::size_t i) noexcept { return items_[(head_ + i) & (capacity_ - 1)]; }
  const T& operator[](std::size_t i) const noexcept { return items_[(head_ + i) & (capacity_ - 1)]; }
  T& front() noexcept { return (*this)[0]; }
  T& back() noexcept { return (*this)[size_ - 1]; }

  template <class... Args>
  T& push(Args&&... args) {
    if (size_ == capacity_) grow();
    T* item = ::new (static_cast<void*>(&(*this)[size_])) T{std::forward<Args>(args)...};
    ++size_;
    return *item;
  }

  T pop() {
    T item = std::move(front());
    drop_front();
    return item;
  }

  /// Takes out one item in the middle; cheap when few stand before it.
  void erase(std::size_t place) {
    for (; place > 0; --place) (*this)[place] = std::move((*this)[place - 1]);
    drop_front();
  }

  void clear() noexcept {
    while (size_ != 0) drop_front();
  }

 private:
  void drop_front() noexcept {
    front().~T();
    head_ = (head_ + 1) & (capacity_ - 1);
    --size_;
  }
  [[gnu::noinline]] void free() noexcept {
    clear();
    std::allocator<T>{}.deallocate(items_, capacity_);
  }
  [[gnu::noinline]] void grow() {
    const std::size_t capacity = capacity_ == 0 ? 4 : capacity_ * 2;
    T* items = std::allocator<T>{}.allocate(capacity);
    if constexpr (std::is_nothrow_move_constructible_v<T>) {
      for (std::size_t i = 0; i < size_; ++i) {
        ::new (static_cast<void*>(items + i)) T(std::move((*this)[i]));
        (*this)[i].~T();
      }
    } else {
      fill(items, capacity);
      for (std::size_t i = 0; i < size_; ++i) (*this)[i].~T();
    }
    if (items_) std::allocator<T>{}.deallocate(items_, capacity_);
    items_ = items;
    capacity_ = capacity;
    head_ = 0;
  }
  /// Makes all items again in larger memory; when one cannot be made, gives that back.
  void fill(T* items, std::size_t capacity) {
    std::size_t made = 0;
    try {
      for (; made < size_; ++made) {
        T& item = (*this)[made];
        if constexpr (grows_by_copies<T>) {
          ::new (static_cast<void*>(items + made)) T(std::as_const(item));
        } else {
          ::new (static_cast<void*>(items + made)) T(std::move(item));
        }
      }
    } catch (...) {
      while (made != 0) items[--made].~T();
      std::allocator<T>{}.deallocate(items, capacity);
      throw;
    }
  }

  T* items_ = nullptr;
  std::size_t capacity_ = 0;  // a power of two
  std::size_t head_ = 0;
  std::size_t size_ = 0;
};

}  // namespace detail
}  // namespace penstock
