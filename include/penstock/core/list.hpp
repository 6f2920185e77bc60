// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

namespace penstock::detail {

/// The memory of a List, the same code for all of them.
class ListMemory {
 public:
  ListMemory() = default;
  ListMemory(const ListMemory&) = delete;
  ListMemory& operator=(const ListMemory&) = delete;

  bool empty() const noexcept { return size_ == 0; }
  std::size_t size() const noexcept { return size_; }
  void clear() noexcept { size_ = 0; }
  void pop_back() noexcept { --size_; }

 protected:
  [[gnu::noinline]] ~ListMemory() { ::operator delete(items_); }

  [[gnu::noinline]] void add(const void* item, std::size_t bytes) {
    if (size_ == capacity_) {
      const std::size_t capacity = capacity_ == 0 ? 2 : capacity_ * 2;
      void* const more = ::operator new(capacity * bytes);
      if (size_ != 0) std::memcpy(more, items_, size_ * bytes);
      ::operator delete(std::exchange(items_, more));
      capacity_ = capacity;
    }
    std::memcpy(static_cast<char*>(items_) + size_++ * bytes, item, bytes);
  }
  [[gnu::noinline]] void remove(void* item, std::size_t bytes) noexcept {
    char* const at = static_cast<char*>(item);
    const char* const end = static_cast<char*>(items_) + size_-- * bytes;
    std::memmove(at, at + bytes, static_cast<std::size_t>(end - at) - bytes);
  }

  void* items_ = nullptr;

 private:
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

/// What core needs of std::vector for the pointers and plain records that graphs are made of: each vector would
/// cost every program that includes the core a copy of its code.
template <class T>
class List : public ListMemory {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  T* begin() noexcept { return data(); }
  T* end() noexcept { return data() + size(); }
  const T* begin() const noexcept { return data(); }
  const T* end() const noexcept { return data() + size(); }
  T* data() noexcept { return static_cast<T*>(items_); }
  const T* data() const noexcept { return static_cast<const T*>(items_); }
  T& operator[](std::size_t i) noexcept { return data()[i]; }
  const T& operator[](std::size_t i) const noexcept { return data()[i]; }
  T& front() noexcept { return *begin(); }
  const T& front() const noexcept { return *begin(); }
  T& back() noexcept { return end()[-1]; }
  const T& back() const noexcept { return end()[-1]; }

  void push_back(T item) { add(&item, sizeof item); }
  void erase(T* item) noexcept { remove(item, sizeof *item); }

  /// A copy, for who goes through the items while they change.
  operator std::vector<T>() const { return std::vector<T>(begin(), end()); }  // NOLINT: as if it were one
};

}  // namespace penstock::detail
