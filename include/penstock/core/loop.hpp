// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>

#if __has_include(<bits/chrono.h>)
#include <bits/chrono.h>  // libstdc++: durations and literals, without calendars and their streams
#else
#include <chrono>
#endif

#include "penstock/core/atomic.hpp"
#include "penstock/core/task.hpp"

namespace penstock {

class Loop;

/// Time on a loop: nanoseconds of its clock, which is monotonic and need not be the machine's.
using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::time_point<Loop, Duration>;

namespace detail {
/// `time` and so much: the end of time where that is further than time goes, so that the longest Duration means for ever.
constexpr TimePoint later(TimePoint time, Duration by) noexcept {
  Duration::rep sum = 0;
  const bool over = __builtin_add_overflow(time.time_since_epoch().count(), by.count(), &sum);
  if (over) return by.count() > 0 ? TimePoint::max() : TimePoint::min();
  return TimePoint{Duration{sum}};
}
}  // namespace detail

/// A task that a loop runs at a time. Cancelling and dying take it out of the loop's timer queue.
class Timer : public Task {
 public:
  void cancel() noexcept;
  /// True while the timer waits for its time or, the time having come, for its turn.
  bool active() const noexcept { return loop_ != nullptr || queued(); }
  TimePoint deadline() const noexcept { return deadline_; }

 protected:
  ~Timer() override { cancel(); }

 private:
  friend class TimerQueue;
  Loop* loop_ = nullptr;
  TimePoint deadline_{};
  std::uint64_t order_ = 0;  // timers of one deadline become ready in the order in which they were set
  std::size_t place_ = 0;
};

/// Where the calling thread stands towards a loop.
enum class Position : std::uint8_t {
  inside,    ///< the loop is running this thread: do not wait, graphs may be touched
  idle,      ///< nobody runs the loop: graphs may be touched, and the caller may run it
  elsewhere  ///< another thread runs it: hand over
};

/// What the nodes of a graph run on: one task at a time, and a clock. `EventLoop` runs on Boost.Asio, the testing room's
/// `VirtualLoop` on a clock that jumps. A loop must outlive the graphs, the Refs and the Receipts that use it.
class Loop {
 public:
  virtual TimePoint now() const noexcept = 0;
  /// When the turn began that is running now; `now()` outside of one. For what is measured and not waited for: one
  /// reading of the clock for all that happens in a turn.
  virtual TimePoint turn_time() const noexcept { return now(); }
  virtual Position position() const noexcept = 0;

  /// Holds the loop until `leave`: no task of it runs in another thread, and the caller counts as inside. From any thread,
  /// also where nobody runs the loop, and nested as often as one likes. For changes to what runs on it; see Hold.
  virtual void enter() noexcept {}
  virtual void leave() noexcept {}

  /// Runs `task` soon, never inside this call. Only where `position()` is not `elsewhere`.
  virtual void post(Task& task) noexcept = 0;
  /// The same from any thread. The task must stay alive until it has run or was discarded.
  virtual void post_remote(Task& task) = 0;
  /// Runs `timer` at `deadline`, or soon when that has passed; a timer that is active already is moved.
  virtual void set(Timer& timer, TimePoint deadline) = 0;
  virtual void cancel(Timer& timer) noexcept = 0;

  /// Throws std::logic_error when `wait` would block a thread that the loop itself may need. Asked before something to wait
  /// for is handed over.
  virtual void before_wait() const {}
  /// Returns when `done` is set, which a task of this loop will do with `wake`: runs the loop when nobody does, else
  /// sleeps. Throws std::logic_error when called inside the loop, and when the loop runs out of work first.
  virtual void wait(const Flag& done) = 0;
  /// Sets `done` and wakes whoever waits for it. The waiter may destroy `done` as soon as it is set.
  virtual void wake(Flag& done) noexcept = 0;

  /// Work of this loop that goes on elsewhere, in another thread or in a user's hands: `run` waits for it instead of
  /// returning. From any thread; every start is followed by one finish.
  virtual void work_started() noexcept {}
  virtual void work_finished() noexcept {}

  /// An error that reached nobody: a background drain failed and its graph has no error handler. The loop keeps the first
  /// one and throws it from its `run`.
  virtual void report(std::exception_ptr error) noexcept = 0;

 protected:
  ~Loop() = default;
};

/// Holds a loop, if there is one, to the end of the block.
class Hold {
 public:
  explicit Hold(Loop* loop) noexcept : loop_(loop) {
    if (loop_) loop_->enter();
  }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  ~Hold() {
    if (loop_) loop_->leave();
  }

 private:
  Loop* loop_;
};

inline void Timer::cancel() noexcept {
  if (loop_) loop_->cancel(*this);
  unlink();
}

}  // namespace penstock
