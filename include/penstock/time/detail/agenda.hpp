// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "penstock/core/algorithm.hpp"
#include "penstock/state/keyed_state.hpp"

// Not an operator: what comes up for keys, and when.

namespace penstock::detail {

/// What comes up for one key in one kind of time.
class Agenda {
 public:
  std::int64_t wake = never;  // when it is looked at: not after the first of what comes up
  std::uint32_t place = 0;    // in the queue, unless `wake` is never

  std::size_t size() const noexcept { return timers_.size() - begin_; }
  std::int64_t first_timer() const noexcept { return size() == 0 ? never : timers_[begin_]; }

  /// False when there is one of that time already.
  bool add(std::int64_t time) {
    auto at = find(time);
    if (at != timers_.end() && *at == time) return false;
    if (at - begin() >= timers_.end() - at) {
      timers_.insert(at, time);
      return true;
    }
    // Nearer to the first one, those before it make way, so that timers which come in either order cost the same.
    if (begin_ == 0) {
      const auto before = at - timers_.begin();
      const std::size_t room = timers_.size() / 2 + 1;
      timers_.insert(timers_.begin(), room, 0);
      begin_ = static_cast<std::uint32_t>(room);
      at = begin() + before;
    }
    *std::move(begin(), at, begin() - 1) = time;
    --begin_;
    return true;
  }
  bool remove(std::int64_t time) noexcept {
    const auto at = find(time);
    if (at == timers_.end() || *at != time) return false;
    if (at == begin()) {
      remove_first();
    } else {
      timers_.erase(at);
    }
    return true;
  }
  void remove_first() noexcept {
    if (++begin_ * std::size_t{2} < timers_.size()) return;
    timers_.erase(timers_.begin(), begin());
    begin_ = 0;
  }
  void clear() noexcept {
    timers_.clear();
    begin_ = 0;
  }

  /// As they are saved.
  std::vector<std::int64_t> latest_first() const { return {timers_.rbegin(), timers_.rend() - begin_}; }
  void latest_first(std::vector<std::int64_t> timers) {
    timers_.assign(timers.rbegin(), timers.rend());
    begin_ = 0;
  }

 private:
  std::vector<std::int64_t>::iterator begin() noexcept { return timers_.begin() + begin_; }
  std::vector<std::int64_t>::iterator find(std::int64_t time) noexcept { return std::lower_bound(begin(), timers_.end(), time); }

  std::uint32_t begin_ = 0;           // those before it have been
  std::vector<std::int64_t> timers_;  // earliest first, none twice
};

/// The keys that something comes up for, in the order of time and key. A heap of pointers, in which every item knows its
/// place: each stands here once at most, and can be taken out. `agenda(item)` is its Agenda.
template <class Item, class AgendaOf, class KeyBefore>
class WakeQueue {
 public:
  bool empty() const noexcept { return heap_.empty(); }
  std::size_t size() const noexcept { return heap_.size(); }
  Item& front() const noexcept { return *heap_.front(); }
  std::int64_t first_wake() const noexcept { return heap_.empty() ? never : agenda(*heap_.front()).wake; }

  /// Puts in, moves or, for `never`, takes out.
  void set(Item& item, std::int64_t wake) {
    Agenda& its = agenda(item);
    if (its.wake == never) {
      if (wake == never) return;
      heap_.push_back(&item);
      its.place = static_cast<std::uint32_t>(heap_.size() - 1);
    } else if (wake == never) {
      const std::size_t place = its.place;
      its.wake = never;
      Item* last = heap_.back();
      heap_.pop_back();
      if (last != &item) {
        put(place, last);
        sift(place);
      } else if (heap_.empty() && heap_.capacity() > few) {
        std::vector<Item*>{}.swap(heap_);
      }
      return;
    }
    its.wake = wake;
    sift(its.place);
  }
  void clear() noexcept { heap_.clear(); }

 private:
  static constexpr std::size_t few = 128;  // for which no memory is given back

  static Agenda& agenda(Item& item) noexcept { return AgendaOf{}(item); }
  static bool before(Item& a, Item& b) {
    const std::int64_t left = agenda(a).wake;
    const std::int64_t right = agenda(b).wake;
    return left != right ? left < right : KeyBefore{}(a.first, b.first);
  }
  void put(std::size_t place, Item* item) noexcept {
    heap_[place] = item;
    agenda(*item).place = static_cast<std::uint32_t>(place);
  }
  void sift(std::size_t place) {
    Item* const item = heap_[place];
    while (place > 0 && before(*item, *heap_[(place - 1) / 2])) {
      put(place, heap_[(place - 1) / 2]);
      place = (place - 1) / 2;
    }
    for (std::size_t child; (child = 2 * place + 1) < heap_.size(); place = child) {
      if (child + 1 < heap_.size() && before(*heap_[child + 1], *heap_[child])) ++child;
      if (!before(*heap_[child], *item)) break;
      put(place, heap_[child]);
    }
    put(place, item);
  }

  std::vector<Item*> heap_;
};

}  // namespace penstock::detail
