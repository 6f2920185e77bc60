// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>  // std::allocator

namespace penstock::detail {

/// Elements side by side in memory of their own: put in at the end, given up at the front. Pointers and no
/// sizes, so that putting one in reads nothing but what putting in the one before has written.
template <class T>
class Block {
 public:
  Block() = default;
  /// An empty one with room for `n`.
  explicit Block(std::size_t n)
      : begin_(std::allocator<T>{}.allocate(n)), first_(begin_), end_(begin_), limit_(begin_ + n) {}
  Block(Block&& other) noexcept { *this = std::move(other); }
  Block& operator=(Block&& other) noexcept {
    std::swap(begin_, other.begin_);
    std::swap(first_, other.first_);
    std::swap(end_, other.end_);
    std::swap(limit_, other.limit_);
    return *this;
  }
  ~Block() {
    keep_last(0);
    if (begin_) std::allocator<T>{}.deallocate(begin_, capacity());
  }

  bool empty() const noexcept { return end_ == first_; }
  bool full() const noexcept { return end_ == limit_; }
  std::size_t size() const noexcept { return static_cast<std::size_t>(end_ - first_); }
  std::size_t capacity() const noexcept { return static_cast<std::size_t>(limit_ - begin_); }
  T* data() noexcept { return first_; }
  const T* begin() const noexcept { return first_; }
  const T* end() const noexcept { return end_; }

  /// Of one that is not full.
  template <class V>
  [[gnu::always_inline]] void add(V&& value) {
    T* const place = end_;
    ::new (static_cast<void*>(place)) T(std::forward<V>(value));
    end_ = place + 1;
  }
  /// Of any one: grows by doubling.
  template <class V>
  void push(V&& value) {
    if (full()) grow(capacity() == 0 ? 16 : capacity() * 2);
    add(std::forward<V>(value));
  }
  /// Gives up all but the last `n`.
  [[gnu::always_inline]] void keep_last(std::size_t n) noexcept {
    if constexpr (!std::is_trivially_destructible_v<T>) {
      while (size() > n) (first_++)->~T();
    } else {
      first_ = end_ - n;
    }
  }
  void clear() noexcept {
    keep_last(0);
    first_ = end_ = begin_;
  }

  /// Moves what is in here to the start of this memory, or of a larger one, so that as many more have room.
  [[gnu::noinline]] void make_room(std::size_t least) {
    if constexpr (std::is_nothrow_move_constructible_v<T>) {
      if (size() * 2 <= capacity() && capacity() != 0) return slide();
    }
    grow(room(size(), least));
  }
  /// Moves what is in here to memory for `n`.
  void grow(std::size_t n) {
    Block larger(n);
    for (T* item = first_; item != end_; ++item) larger.add(std::move_if_noexcept(*item));
    *this = std::move(larger);
  }
  /// Copies of the last `n`, with room for as many more, while somebody looks at these.
  Block copy_last(std::size_t n, std::size_t least) const {
    Block copies(room(n, least));
    for (const T* item = end_ - n; item != end_; ++item) copies.add(*item);
    return copies;
  }

 private:
  static std::size_t room(std::size_t n, std::size_t least) noexcept { return n * 2 < least ? least : n * 2; }

  /// What is in here is at most half of the memory and stands at its end, so the places do not overlap.
  void slide() noexcept {
    const std::size_t n = size();
    if constexpr (std::is_trivially_copyable_v<T>) {
      if (n != 0) std::memcpy(static_cast<void*>(begin_), static_cast<const void*>(first_), n * sizeof(T));
    } else {
      for (std::size_t i = 0; i < n; ++i) {
        ::new (static_cast<void*>(begin_ + i)) T(std::move(first_[i]));
        first_[i].~T();
      }
    }
    first_ = begin_;
    end_ = begin_ + n;
  }

  T* begin_ = nullptr;
  T* first_ = nullptr;
  T* end_ = nullptr;
  T* limit_ = nullptr;
};

}  // namespace penstock::detail
