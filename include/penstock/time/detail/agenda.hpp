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
struct Agenda {
  std::int64_t wake = never;          // when it is looked at: not after the first of what comes up
  std::size_t place = 0;              // in the queue, unless `wake` is never
  std::vector<std::int64_t> timers;  // latest first, none twice

  std::int64_t first_timer() const noexcept { return timers.empty() ? never : timers.back(); }

  /// False when there is one of that time already.
  bool add(std::int64_t time) {
    const auto at = std::lower_bound(timers.begin(), timers.end(), time, std::greater<>{});
    if (at != timers.end() && *at == time) return false;
    timers.insert(at, time);
    return true;
  }
  bool remove(std::int64_t time) noexcept {
    const auto at = std::lower_bound(timers.begin(), timers.end(), time, std::greater<>{});
    if (at == timers.end() || *at != time) return false;
    timers.erase(at);
    return true;
  }
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
      its.place = heap_.size() - 1;
    } else if (wake == never) {
      const std::size_t place = its.place;
      its.wake = never;
      Item* last = heap_.back();
      heap_.pop_back();
      if (last != &item) {
        put(place, last);
        sift(place);
      }
      return;
    }
    its.wake = wake;
    sift(its.place);
  }
  void clear() noexcept { heap_.clear(); }

 private:
  static Agenda& agenda(Item& item) noexcept { return AgendaOf{}(item); }
  static bool before(Item& a, Item& b) {
    const std::int64_t left = agenda(a).wake;
    const std::int64_t right = agenda(b).wake;
    return left != right ? left < right : KeyBefore{}(a.first, b.first);
  }
  void put(std::size_t place, Item* item) noexcept {
    heap_[place] = item;
    agenda(*item).place = place;
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
