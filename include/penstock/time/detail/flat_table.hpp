// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include "penstock/core/bytes.hpp"

// Not an operator: the hash table under what is kept of keys.

namespace penstock::detail {

/// Hashes may be as poor as the numbers themselves.
inline std::uint64_t mixed(std::uint64_t hash) noexcept {
#ifdef __SIZEOF_INT128__
  __extension__ using Wide = unsigned __int128;
  const Wide product = Wide{hash} * 0x9E3779B97F4A7C15U;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
#else
  hash = (hash ^ (hash >> 33)) * 0xFF51AFD7ED558CCDU;
  hash = (hash ^ (hash >> 33)) * 0xC4CEB9FE1A85EC53U;
  return hash ^ (hash >> 33);
#endif
}

/// How a slot gets into a table that has grown.
template <class Slot>
struct Relocation {
  static constexpr bool moves = !std::is_trivially_copyable_v<Slot> &&
                                (std::is_nothrow_move_constructible_v<Slot> || !std::is_copy_constructible_v<Slot>);
  static Slot&& move(Slot& from) noexcept { return std::move(from); }
};

/// Slots found by their hash, in one piece of memory. They stand in groups of 15 beside 15 bytes of their hashes, which are
/// looked at all at once, and one byte that has a bit for hashes that found no room there and went on to the next group: a
/// search ends at the first group that nothing went past. Slots stay where they are until one is added. Boost.Unordered's flat
/// containers are made the same way; they bring as many lines as all of core.
///
/// What is in a slot, the caller knows: hashes are given with every call, as `mixed` made them.
template <class Slot>
class FlatTable {
 public:
  FlatTable() = default;
  FlatTable(FlatTable&& other) noexcept { swap(other); }
  FlatTable& operator=(FlatTable&& other) noexcept {
    swap(other);
    return *this;
  }
  ~FlatTable() {
    destroy();
    release();
  }

  class Iterator {
   public:
    Iterator() = default;
    Slot& operator*() const noexcept { return *slot_; }
    Slot* operator->() const noexcept { return slot_; }
    [[gnu::always_inline]] Iterator& operator++() noexcept {
      const std::size_t place = reinterpret_cast<std::uintptr_t>(code_) % sizeof(Group);
      const auto* const group = reinterpret_cast<const Group*>(code_ - place);
      if (const std::uint32_t behind = group->taken() >> place >> 1; behind != 0) [[likely]] {
        const auto n = static_cast<unsigned>(std::countr_zero(behind)) + 1;
        code_ += n;
        slot_ += n;
        return *this;
      }
      return *this = table_->first_from(static_cast<std::size_t>(group - table_->groups_) + 1);
    }
    friend bool operator==(const Iterator& a, const Iterator& b) noexcept { return a.slot_ == b.slot_; }

   private:
    friend FlatTable;
    Iterator(const FlatTable* table, unsigned char* code, Slot* slot) noexcept : table_(table), code_(code), slot_(slot) {}
    const FlatTable* table_ = nullptr;
    unsigned char* code_ = nullptr;
    Slot* slot_ = nullptr;  // null: the end
  };

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  Iterator begin() const noexcept { return size_ == 0 ? end() : first_from(0); }
  Iterator end() const noexcept { return {this, nullptr, nullptr}; }

  /// The slot of that hash for which `is(slot)` is true.
  template <class Is>
  [[gnu::always_inline]] Iterator find(std::uint64_t hash, Is is) const {
    const unsigned char code = code_of(hash);
    std::size_t at = first_place(hash);
    for (std::size_t step = 1;; ++step) {
      Group& group = groups_[at];
      if (std::uint32_t hits = group.with(code); hits != 0) {
        fetch(slots_ + at * per_group);
        do {
          const Iterator found = in(at, hits);
          if (is(std::as_const(*found))) [[likely]] return found;
          hits &= hits - 1;
        } while (hits != 0);
      }
      if (!group.went_past(code) || step > last_) [[likely]] return end();
      at = (at + step) & last_;
    }
  }

  /// Makes a slot of `args`, which is not there yet. `hash_of(slot)` is asked when the table grows. When something throws, the
  /// table is as before; but when `hash_of` does, slots that were moved already are gone.
  template <class HashOf, class... Args>
  [[gnu::always_inline]] Iterator add(std::uint64_t hash, HashOf hash_of, Args&&... args) {
    if (size_ >= limit_) [[unlikely]] return grow_and_add(hash, hash_of, std::forward<Args>(args)...);
    return put(hash, std::forward<Args>(args)...);
  }

  void erase(Iterator at) noexcept {
    const auto* const group = reinterpret_cast<const Group*>(at.code_ - reinterpret_cast<std::uintptr_t>(at.code_) % sizeof(Group));
    // Bits that say that something went past are never taken back: instead, the table is made anew the earlier.
    if (group->went_past(*at.code_)) --limit_;
    *at.code_ = 0;
    --size_;
    at.slot_->~Slot();
    if (last_ >= few && size_ < 2 * last_) [[unlikely]] spare();
  }
  /// Keeps the memory.
  void clear() noexcept {
    destroy();
    if (!slots_) return;
    for (std::size_t i = 0; i <= last_; ++i) groups_[i] = Group{};
    size_ = 0;
    limit_ = limit_of(last_ + 1);
  }

 private:
  static constexpr std::size_t per_group = 15;
  static constexpr std::size_t few = 8;  // groups that are not worth being given back

  struct alignas(16) Group {
    unsigned char codes[per_group] = {};  // 0: an empty slot
    unsigned char past = 0;

    std::uint32_t with(unsigned char code) const noexcept {
      return Bytes16{this}.equal(static_cast<char>(code)) & 0x7FFF;
    }
    std::uint32_t taken() const noexcept { return ~with(0) & 0x7FFF; }
    bool went_past(unsigned char code) const noexcept { return (past >> (code & 7)) & 1; }
    void goes_past(unsigned char code) noexcept { past = static_cast<unsigned char>(past | (1U << (code & 7))); }
  };
  static unsigned char code_of(std::uint64_t hash) noexcept {
    const auto code = static_cast<unsigned char>(hash);
    return code == 0 ? 8 : code;
  }
  static std::size_t limit_of(std::size_t groups) noexcept {
    return groups <= 2 ? groups * per_group : groups * per_group / 8 * 7;
  }

  /// By the upper bits, which keys that follow each other spread evenly over.
  std::size_t first_place(std::uint64_t hash) const noexcept { return static_cast<std::size_t>(hash >> shift_) & last_; }

  /// Of what is nearly empty, and has been larger. Slots stay where they are until one is added: then it is made anew.
  [[gnu::noinline]] void spare() noexcept {
    if (size_ != 0) {
      limit_ = size_;
    } else {
      FlatTable none;
      swap(none);
    }
  }

  void swap(FlatTable& other) noexcept {
    std::swap(groups_, other.groups_);
    std::swap(slots_, other.slots_);
    std::swap(last_, other.last_);
    std::swap(shift_, other.shift_);
    std::swap(size_, other.size_);
    std::swap(limit_, other.limit_);
  }

  /// The slot of the first bit.
  [[gnu::always_inline]] Iterator in(std::size_t group, std::uint32_t bits) const noexcept {
    const auto i = static_cast<unsigned>(std::countr_zero(bits));
    return {this, groups_[group].codes + i, slots_ + group * per_group + i};
  }
  /// Memory that will be looked at: the half of a group's slots that is the likelier to have what is looked for.
  static void fetch(const Slot* slots) noexcept {
    const auto* const bytes = reinterpret_cast<const char*>(slots);
    for (std::size_t at = 0; at < per_group / 2 * sizeof(Slot); at += 64) __builtin_prefetch(bytes + at);
  }
  /// The first one in or behind a group.
  Iterator first_from(std::size_t group) const noexcept {
    for (; group <= last_; ++group) {
      if (const std::uint32_t taken = groups_[group].taken(); taken != 0) return in(group, taken);
    }
    return end();
  }

  template <class... Args>
  [[gnu::always_inline]] Iterator put(std::uint64_t hash, Args&&... args) {
    const unsigned char code = code_of(hash);
    std::size_t at = first_place(hash);
    for (std::size_t step = 1;; ++step) {
      Group& group = groups_[at];
      if (const std::uint32_t empty = group.with(0); empty != 0) [[likely]] {
        const Iterator place = in(at, empty);
        ::new (static_cast<void*>(place.slot_)) Slot(std::forward<Args>(args)...);
        *place.code_ = code;
        ++size_;
        return place;
      }
      group.goes_past(code);
      at = (at + step) & last_;
    }
  }

  template <class HashOf, class... Args>
  [[gnu::noinline]] Iterator grow_and_add(std::uint64_t hash, HashOf hash_of, Args&&... args) {
    const std::size_t room = size_ + size_ / 61 + 1;  // more than one: where it is at its limit it is not made anew at once again
    std::size_t groups = 1;
    while (limit_of(groups) < room) groups *= 2;
    FlatTable grown{groups};
    Iterator added = grown.put(hash, std::forward<Args>(args)...);  // `args` may be of a slot
    for (std::size_t at = 0; at <= last_; ++at) {
      for (std::uint32_t taken = groups_[at].taken(); taken != 0; taken &= taken - 1) {
        const Iterator each = in(at, taken);
        const std::uint64_t its = hash_of(std::as_const(*each));
        if constexpr (Relocation<Slot>::moves) {
          grown.put(its, Relocation<Slot>::move(*each));
          each->~Slot();
          *each.code_ = 0;
          --size_;
        } else {
          grown.put(its, std::as_const(*each));
        }
      }
    }
    swap(grown);
    added.table_ = this;
    return added;
  }

  explicit FlatTable(std::size_t groups)
      : last_(groups - 1), shift_(groups == 1 ? 63 : 64 - std::countr_zero(groups)), limit_(limit_of(groups)) {
    void* const memory = ::operator new(offset(groups) + groups * per_group * sizeof(Slot), alignment);
    groups_ = static_cast<Group*>(memory);
    for (std::size_t i = 0; i < groups; ++i) ::new (static_cast<void*>(groups_ + i)) Group;
    slots_ = reinterpret_cast<Slot*>(static_cast<char*>(memory) + offset(groups));
  }
  static constexpr std::align_val_t alignment{alignof(Slot) > alignof(Group) ? alignof(Slot) : alignof(Group)};
  static constexpr std::size_t offset(std::size_t groups) noexcept {
    const std::size_t size = groups * sizeof(Group);
    return (size + alignof(Slot) - 1) / alignof(Slot) * alignof(Slot);
  }
  void destroy() noexcept {
    if constexpr (!std::is_trivially_destructible_v<Slot>) {
      for (Slot& slot : *this) slot.~Slot();
    }
  }
  void release() noexcept {
    // The second follows from the first, but g++ 12 does not see that at -O1, and warns.
    if (slots_ && groups_ != nobody()) ::operator delete(static_cast<void*>(groups_), alignment);
  }

  /// The group of all tables without memory: nothing is found in it, and nothing put.
  static Group* nobody() noexcept {
    static constinit Group group;
    return &group;
  }

  Group* groups_ = nobody();
  Slot* slots_ = nullptr;
  std::size_t last_ = 0;  // group
  int shift_ = 63;        // of hashes, to a group
  std::size_t size_ = 0;
  std::size_t limit_ = 0;
};

}  // namespace penstock::detail
