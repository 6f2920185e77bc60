// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstddef>
#include <new>

// g++ tells of sanitizers by macros, clang by features.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PENSTOCK_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PENSTOCK_SANITIZED 1
#endif
#endif

namespace penstock::detail {

/// Recycles the small blocks behind Refs and Receipts: a free list per size and thread. A block may be returned on
/// another thread than the one that took it; it then serves that thread. Sanitizers see the plain allocator, so that
/// they can tell a block that is used after its end.
class Pool {
 public:
  static constexpr std::size_t grain = 32;
  static constexpr std::size_t largest = 512;
  static constexpr std::size_t kept_per_size = 1024;

  [[gnu::noinline]] static void* take(std::size_t bytes) {
#ifndef PENSTOCK_SANITIZED
    if (bytes <= largest) {
      Shelf& shelf = shelves()[index(bytes)];
      if (Block* block = shelf.first) {
        shelf.first = block->next;
        --shelf.size;
        return block;
      }
      return ::operator new(rounded(bytes));
    }
#endif
    return ::operator new(bytes);
  }

  [[gnu::noinline]] static void give(void* memory, [[maybe_unused]] std::size_t bytes) noexcept {
#ifndef PENSTOCK_SANITIZED
    if (bytes <= largest) {
      Shelf& shelf = shelves()[index(bytes)];
      if (shelf.size < kept_per_size) {
        shelf.first = ::new (memory) Block{shelf.first};
        ++shelf.size;
        return;
      }
    }
#endif
    ::operator delete(memory);
  }

 private:
  struct Block {
    Block* next;
  };
  struct Shelf {
    Block* first = nullptr;
    std::size_t size = 0;
  };
  struct Shelves : std::array<Shelf, largest / grain> {
    [[gnu::cold]] ~Shelves() {
      for (Shelf& shelf : *this) {
        while (Block* block = shelf.first) {
          shelf.first = block->next;
          ::operator delete(block);
        }
        shelf.size = kept_per_size;  // what is returned after the thread's end goes straight to the allocator
      }
    }
  };

  static constexpr std::size_t index(std::size_t bytes) { return (bytes + grain - 1) / grain - 1; }
  static constexpr std::size_t rounded(std::size_t bytes) { return (index(bytes) + 1) * grain; }
  static Shelves& shelves() {
    static thread_local Shelves mine;
    return mine;
  }
};

/// Gives a class and everything derived from it pooled memory, unless it wants more than the usual alignment. The class
/// needs a virtual destructor.
struct Pooled {
  static void* operator new(std::size_t bytes) { return Pool::take(bytes); }
  static void operator delete(void* memory, std::size_t bytes) noexcept { Pool::give(memory, bytes); }
  static void* operator new(std::size_t bytes, std::align_val_t at) { return ::operator new(bytes, at); }
  static void operator delete(void* memory, std::size_t, std::align_val_t at) noexcept { ::operator delete(memory, at); }
};

}  // namespace penstock::detail
