// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <typeinfo>
#include <utility>

#include "penstock/core/error.hpp"
#include "penstock/exec/asio_executor.hpp"
#include "penstock/exec/sleep.hpp"
#include "penstock/exec/timer_queue.hpp"

namespace penstock {

/// An event loop for tests: its clock starts at 0, stands still while tasks run, and jumps to the next
/// deadline when none is ready, so that an hour of timers takes no time and every run is the same.
///
/// With a seed, ready tasks run in a random order that the seed decides: each time one of the first eight is
/// chosen. What a program may rely on holds under every seed; `trace_hash` tells whether two runs did the
/// same. Seed 0, the default, is first in, first out.
///
///     VirtualLoop loop;
///     Stream<int> source{loop};
///     source.delay(1h).sink(...);
///     source.try_emit(1);
///     loop.run();             // loop.now() is 1h
///
/// Coroutines run on it through `executor()`; let them wait with `sleep`, because Asio's own timers really
/// sleep. Made for one thread, but another one may hand tasks over: `run_with_threads` waits for them.
class VirtualLoop final : public AsioLoop {
 public:
  explicit VirtualLoop(std::uint64_t seed = 0) : seed_(seed), random_(seed) {
    anchor_ = &detail::LoopAnchor::make(*this, context_);
  }
  VirtualLoop(const VirtualLoop&) = delete;
  VirtualLoop& operator=(const VirtualLoop&) = delete;
  ~VirtualLoop() {
    for (;;) {
      timers_.discard();
      take_remote();
      Task* task = ready_.pop();
      if (!task) break;
      task->discard();
    }
    anchor_->end();
  }

  /// Runs until nothing is ready and no timer is set. Like the three below it goes on after an error and then
  /// throws the first one, returns how many tasks ran, and must not be called inside the loop.
  std::size_t run() { return drive(TimePoint::max(), nullptr); }
  /// Runs what is ready and what becomes ready by it, without moving the clock.
  std::size_t run_ready() { return drive(now_, nullptr); }
  /// Runs everything up to and including `time`, where the clock then stands.
  std::size_t run_until(TimePoint time) { return drive(time, nullptr); }
  std::size_t run_for(Duration time) { return drive(detail::later(now_, time), nullptr); }
  /// Like `run`, but where other threads work for this loop (`work_started`) it sleeps until they have handed
  /// over.
  std::size_t run_with_threads() {
    std::size_t ran = run();
    for (;;) {
      {
        std::unique_lock lock{mutex_};
        handed_over_.wait(lock, [this] { return !remote_.empty() || work_ == 0; });
        if (remote_.empty()) return ran;
      }
      ran += run();
    }
  }

  /// The first deadline that is set, if any.
  std::optional<TimePoint> next_deadline() const noexcept {
    return timers_.empty() ? std::nullopt : std::optional{timers_.next()};
  }
  std::uint64_t seed() const noexcept { return seed_; }
  /// A hash over what ran, when and in which order: equal for two runs of one program with one seed.
  std::uint64_t trace_hash() const noexcept { return trace_; }
  /// Adds something of the program's own to the trace.
  void trace(std::uint64_t event) noexcept { trace_ = mix(trace_ ^ event); }

  /// Waits in a coroutine: `co_await loop.sleep(10ms)`.
  asio::awaitable<void> sleep(Duration time) { return async_sleep(*this, time, asio::use_awaitable); }

  TimePoint now() const noexcept override { return now_; }
  Position position() const noexcept override {
    const std::thread::id runner = runner_.load(std::memory_order_acquire);
    if (runner == std::thread::id{}) return Position::idle;
    return runner == std::this_thread::get_id() ? Position::inside : Position::elsewhere;
  }
  void post(Task& task) noexcept override { ready_.push(task); }
  void post_remote(Task& task) override {
    {
      const std::lock_guard lock{mutex_};
      remote_.push(task);
      something_remote_.store(true, std::memory_order_release);
    }
    handed_over_.notify_all();
  }
  void set(Timer& timer, TimePoint deadline) override { timers_.set(timer, deadline); }
  void cancel(Timer& timer) noexcept override { timers_.cancel(timer); }

  void wait(const Flag& done) override {
    switch (position()) {
      case Position::inside:
        detail::misuse("wait: called inside the loop, which would wait for itself");
      case Position::idle:
        drive(TimePoint::max(), &done);
        if (!done.is_set()) {
          detail::misuse("wait: the loop ran out of work before that was done what is waited for");
        }
        break;
      case Position::elsewhere:
        std::unique_lock lock{mutex_};
        woken_.wait(lock, [&] { return done.is_set(); });
    }
  }
  void wake(Flag& done) noexcept override {
    const std::lock_guard lock{mutex_};
    done.set();
    woken_.notify_all();
  }

  void work_started() noexcept override {
    const std::lock_guard lock{mutex_};
    ++work_;
  }
  void work_finished() noexcept override {
    const std::lock_guard lock{mutex_};
    if (--work_ == 0) handed_over_.notify_all();
  }

  void report(std::exception_ptr error) noexcept override {
    if (!error_) error_ = std::move(error);
  }
  /// The error that the next run would throw; it will not throw it any more.
  std::exception_ptr take_error() noexcept { return std::exchange(error_, nullptr); }

 private:
  static constexpr std::uint64_t mix(std::uint64_t x) noexcept {  // splitmix64
    x += 0x9e3779b97f4a7c15U;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
  }

  struct Inside {
    explicit Inside(VirtualLoop& l) : loop(l) {
      std::thread::id nobody{};
      if (!loop.runner_.compare_exchange_strong(nobody, std::this_thread::get_id())) {
        detail::misuse("run: the loop is being run already");
      }
    }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    ~Inside() { loop.runner_.store(std::thread::id{}, std::memory_order_release); }
    VirtualLoop& loop;
  };

  std::size_t drive(TimePoint until, const Flag* done) {
    std::size_t ran = 0;
    {
      const Inside inside{*this};
      while (!done || !done->is_set()) {
        if (something_remote_.load(std::memory_order_acquire)) take_remote();
        timers_.take_due(now_, ready_);
        if (run_one()) {
          ++ran;
        } else if (!timers_.empty() && timers_.next() <= until) {
          now_ = timers_.next();
        } else {
          break;
        }
      }
      if (!done && until != TimePoint::max()) now_ = std::max(now_, until);
    }
    if (!done && error_) std::rethrow_exception(take_error());
    return ran;
  }

  bool run_one() noexcept {
    unsigned skip = 0;
    if (seed_ != 0) {
      random_ = mix(random_);
      skip = static_cast<unsigned>(random_ >> 61);
    }
    Task* task = ready_.pop_after(skip);
    if (!task) return false;
    trace(static_cast<std::uint64_t>(now_.time_since_epoch().count()));
    trace(typeid(*task).hash_code());
    try {
      task->run();
    } catch (...) {
      report(std::current_exception());
    }
    return true;
  }

  void take_remote() noexcept {
    const std::lock_guard lock{mutex_};
    ready_.splice(remote_);
    something_remote_.store(false, std::memory_order_release);
  }

  asio::execution_context context_;
  std::uint64_t seed_;
  std::uint64_t random_;
  std::uint64_t trace_ = 0;
  TimePoint now_{};
  TaskQueue ready_;
  TimerQueue timers_{*this};
  std::exception_ptr error_;
  std::atomic<std::thread::id> runner_{};

  std::mutex mutex_;
  std::condition_variable woken_;
  std::condition_variable handed_over_;
  TaskQueue remote_;
  std::size_t work_ = 0;
  std::atomic<bool> something_remote_{false};
};

}  // namespace penstock
