// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "penstock/core/loop.hpp"

namespace penstock {

/// The timers of a loop: a binary heap that knows each timer's place, so that setting, moving and cancelling
/// cost O(log n) and allocate nothing once the heap has grown. Timers of one deadline come out in the order
/// in which they were set.
class TimerQueue {
 public:
  explicit TimerQueue(Loop& loop) noexcept : loop_(&loop) {}
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;
  ~TimerQueue() { discard(); }

  bool empty() const noexcept { return heap_.empty(); }
  std::size_t size() const noexcept { return heap_.size(); }
  /// The first deadline; only when the queue is not empty.
  TimePoint next() const noexcept { return heap_.front()->deadline_; }

  /// Sets `timer`; one that is set, or ready and waiting for its turn, is moved.
  void set(Timer& timer, TimePoint deadline) {
    if (timer.loop_) {
      remove(timer);
    } else {
      timer.unlink();
    }
    heap_.push_back(&timer);
    timer.loop_ = loop_;
    timer.deadline_ = deadline;
    timer.order_ = order_++;
    timer.place_ = heap_.size() - 1;
    rise(timer.place_);
  }

  void cancel(Timer& timer) noexcept {
    if (timer.loop_) remove(timer);
  }

  /// Moves the timers that are due at `now` to the end of `ready`, and says how many they were.
  std::size_t take_due(TimePoint now, TaskQueue& ready) noexcept {
    std::size_t taken = 0;
    for (; !heap_.empty() && next() <= now; ++taken) {
      Timer& timer = *heap_.front();
      remove(timer);
      ready.push(timer);
    }
    return taken;
  }

  /// Discards all timers: the loop ends.
  void discard() noexcept {
    while (!heap_.empty()) {
      Timer& timer = *heap_.back();
      remove(timer);
      timer.discard();
    }
  }

 private:
  static bool before(const Timer& a, const Timer& b) noexcept {
    return a.deadline_ != b.deadline_ ? a.deadline_ < b.deadline_ : a.order_ < b.order_;
  }
  void put(std::size_t place, Timer& timer) noexcept {
    heap_[place] = &timer;
    timer.place_ = place;
  }

  void remove(Timer& timer) noexcept {
    const std::size_t place = timer.place_;
    timer.loop_ = nullptr;
    Timer& last = *heap_.back();
    heap_.pop_back();
    if (&last == &timer) return;
    put(place, last);
    sink(place);
    rise(place);
  }
  void rise(std::size_t place) noexcept {
    Timer& timer = *heap_[place];
    while (place > 0) {
      const std::size_t parent = (place - 1) / 2;
      if (!before(timer, *heap_[parent])) break;
      put(place, *heap_[parent]);
      place = parent;
    }
    put(place, timer);
  }
  void sink(std::size_t place) noexcept {
    Timer& timer = *heap_[place];
    while (2 * place + 1 < heap_.size()) {
      std::size_t child = 2 * place + 1;
      if (child + 1 < heap_.size() && before(*heap_[child + 1], *heap_[child])) ++child;
      if (!before(*heap_[child], timer)) break;
      put(place, *heap_[child]);
      place = child;
    }
    put(place, timer);
  }

  Loop* loop_;
  std::vector<Timer*> heap_;
  std::uint64_t order_ = 0;
};

}  // namespace penstock
