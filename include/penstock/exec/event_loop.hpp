// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <chrono>
#include <concepts>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include <boost/asio/execution/executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>

#include "penstock/core/error.hpp"
#include "penstock/exec/asio_executor.hpp"
#include "penstock/exec/detail/ground.hpp"
#include "penstock/exec/sleep.hpp"
#include "penstock/exec/timer_queue.hpp"

namespace penstock {

/// `EventLoop loop{background}`: a loop with a thread of its own.
struct Background {};
inline constexpr Background background{};

/// `EventLoop loop{context, one_thread}`: only the thread that makes the loop ever runs the context.
struct OneThread {};
inline constexpr OneThread one_thread{};

/// The event loop of Boost.Asio with a clock, for graphs to run on. There are four kinds, and no hidden
/// thread in any but the second:
///
///     EventLoop loop;                       // owns an io_context: call run(), or let emit run it while it waits
///     EventLoop loop{background};           // owns one and a thread that runs it until the loop ends
///     EventLoop loop{context};              // adopts the application's io_context, or any executor
///     EventLoop loop{context, one_thread};  // the same for a program with one thread
///
/// What is adopted may be run by several threads: the loop's tasks keep to a strand. The loop then counts as
/// run by another thread except inside its own tasks, so make what emits there on `executor()`: sockets,
/// timers, coroutines. With `one_thread` everything in the context is inside, and `emit` works before the
/// context runs.
///
/// Several threads may emit only while the loop is run: the first two kinds say `idle` when nobody runs them,
/// and whoever emits then does the work itself. `asio::make_work_guard(loop.executor())` keeps `run` from
/// returning.
///
/// The loop must outlive the graphs that use it. An adopted loop ends where nobody runs its context or on its
/// strand.
class EventLoop final : public AsioLoop {
 public:
  EventLoop() : EventLoop(std::make_unique<asio::io_context>(1)) {}
  explicit EventLoop(Background) : EventLoop() { start_thread(); }
  // Templates, so that a strand is compiled only by programs that need one.
  template <std::same_as<asio::io_context> Context>
  explicit EventLoop(Context& context) : EventLoop(&context, ground_on(asio::make_strand(context.get_executor()))) {}
  template <class Executor>
    requires(asio::execution::is_executor<Executor>::value)
  explicit EventLoop(Executor executor) : EventLoop(nullptr, ground_on(asio::make_strand(std::move(executor)))) {}
  EventLoop(asio::io_context& context, OneThread) : EventLoop(&context, ground_on(context.get_executor())) {
    home_ = std::this_thread::get_id();
  }
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  ~EventLoop() {
    if (thread_.joinable()) {
      stop();
      thread_.join();
    }
    ending_ = true;
    discard();
    life_->loop = nullptr;
    anchor_->end();
    ground_.reset();
    owned_.reset();  // coroutines and handlers end here, and what they let go of may post once more
    discard();
  }

  /// Runs until there is nothing left to do: no task, no timer, no work announced or under way in Asio.
  /// Throws the first error of background work that reached nobody, and lets pass what a task throws; either
  /// way it may be called again.
  void run() {
    const Inside inside = enter("run");
    owned_->run();
    throw_error();
  }
  /// The same, for that long at the most.
  template <class Rep, class Period>
  void run_for(std::chrono::duration<Rep, Period> time) {
    const Inside inside = enter("run_for");
    using Clock = std::chrono::steady_clock;
    const TimePoint end = detail::later(now(), std::chrono::duration_cast<Duration>(time));
    owned_->run_until(Clock::time_point{std::chrono::duration_cast<Clock::duration>(end.time_since_epoch())});
    throw_error();
  }
  /// Runs what is ready, without waiting for anything.
  void poll() {
    const Inside inside = enter("poll");
    owned_->poll();
    throw_error();
  }
  /// Makes `run` return as soon as the task under way has ended. From any thread. Until `restart` the loop
  /// does not run.
  void stop() {
    own("stop");
    stopped_ = true;
    owned_->stop();
  }
  void restart() {
    own("restart");
    stopped_ = false;
  }
  bool stopped() const noexcept { return stopped_; }

  /// Runs the loop on a thread of its own until `join`, `stop` or the destructor.
  void start_thread() {
    own("start_thread");
    if (thread_.joinable()) detail::misuse("start_thread: the loop has a thread already");
    if (runner_.load() != std::thread::id{}) wrong("start_thread", ": the loop is being run already");
    keep_ = true;
    ++work_;
    guard();
    background_ = true;
    thread_ = std::thread([this] {
      runner_.store(std::this_thread::get_id(), std::memory_order_release);
      while (!stopped_) {
        owned_->restart();
        if (stopped_) break;  // `stop` sets this first, so that no stop is lost
        try {
          owned_->run();
          break;
        } catch (...) {
          report(std::current_exception());
        }
      }
      leave([this] { background_ = false; });
    });
  }
  /// Lets the loop's thread finish what there is to do, joins it and throws the first error that reached
  /// nobody.
  void join() {
    if (position() == Position::inside) {
      detail::misuse("join: called inside the loop, which would wait for itself");
    }
    if (!thread_.joinable()) detail::misuse("join: the loop has no thread of its own");
    if (std::exchange(keep_, false)) work_finished();
    thread_.join();
    throw_error();
  }

  /// Throws std::logic_error when the loop was given an executor instead of a context.
  asio::io_context& io_context() {
    if (!known_) detail::misuse("io_context: the loop was given an executor, not an io_context");
    return *known_;
  }
  /// Waits in a coroutine: `co_await loop.sleep(10ms)`.
  template <class Token = asio::use_awaitable_t<>>
  asio::awaitable<void> sleep(Duration time) {
    return async_sleep(*this, time, Token{});
  }

  TimePoint now() const noexcept override {
    return TimePoint{
        std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch())};
  }

  TimePoint turn_time() const noexcept override {
    if (!in_turn_) return now();
    if (turn_time_ == TimePoint::min()) turn_time_ = now();
    return turn_time_;
  }

  Position position() const noexcept override {
    const std::thread::id me = std::this_thread::get_id();
    if (holder_.load(std::memory_order_relaxed) == me) return Position::inside;
    const std::thread::id runner = runner_.load(std::memory_order_acquire);
    if (runner == me) return Position::inside;
    if (owned_) return runner == std::thread::id{} && !background_ ? Position::idle : Position::elsewhere;
    if (home_ == me) {
      return known_->get_executor().running_in_this_thread() ? Position::inside : Position::idle;
    }
    const bool over = known_ && home_ == std::thread::id{} && known_->stopped();
    return over ? Position::idle : Position::elsewhere;
  }

  void enter() noexcept override {
    const std::thread::id me = std::this_thread::get_id();
    if (holder_.load(std::memory_order_relaxed) != me) {
      held_.lock();
      holder_.store(me, std::memory_order_relaxed);
    }
    ++depth_;
  }
  void leave() noexcept override {
    if (depth_ == 1) {
      if (!ready_.empty()) schedule();
      arm();
      if ((work_ != 0) != guarded_) guard();
      holder_.store(std::thread::id{}, std::memory_order_relaxed);
    }
    if (--depth_ == 0) held_.unlock();
  }

  void post(Task& task) noexcept override {
    enter();
    ready_.push(task);
    leave();
  }
  void post_remote(Task& task) override {
    bool first;
    {
      const std::lock_guard lock{mutex_};
      first = remote_.empty();
      remote_.push(task);
    }
    if (first && !ending_) ground_->post({life_});
  }
  void set(Timer& timer, TimePoint deadline) override {
    const Hold hold{this};
    timers_.set(timer, deadline);
  }
  void cancel(Timer& timer) noexcept override {
    enter();
    timers_.cancel(timer);
    leave();
  }

  void before_wait() const override {
    if (known_ && !owned_ && position() == Position::elsewhere &&
        known_->get_executor().running_in_this_thread()) {
      detail::misuse(
          "emit: this thread runs the io_context but is not inside the loop that waits for it; run what emits on the "
          "loop's executor(), or use async_emit");
    }
  }
  void wait(const Flag& done) override {
    if (position() == Position::inside) {
      detail::misuse("wait: called inside the loop, which would wait for itself");
    }
    std::unique_lock lock{mutex_};
    while (!done.is_set()) {
      if (position() == Position::idle) {
        lock.unlock();
        run_until(done);
        lock.lock();
      } else {
        changed_.wait(lock);
      }
    }
  }
  void wake(Flag& done) noexcept override {
    const std::lock_guard lock{mutex_};
    done.set();
    changed_.notify_all();
  }

  void work_started() noexcept override {
    if (work_.fetch_add(1) == 0 && !here()) guard();
  }
  void work_finished() noexcept override {
    if (work_.fetch_sub(1) == 1 && !here()) guard();
  }

  void report(std::exception_ptr error) noexcept override {
    const Hold hold{this};
    if (!error_) error_ = std::move(error);
    if (!owned_ && known_) schedule();
  }
  /// The error that the next `run` would throw; it will not throw it any more. For loops on an executor,
  /// whose threads must not be thrown at, the only way to it. From any thread.
  std::exception_ptr take_error() noexcept {
    const Hold hold{this};
    return std::exchange(error_, nullptr);
  }

 private:
  friend struct detail::Turn;

  explicit EventLoop(std::unique_ptr<asio::io_context> owned) : EventLoop(owned.get(), ground_on(owned->get_executor())) {
    owned_ = std::move(owned);
  }
  EventLoop(asio::io_context* known, std::unique_ptr<detail::Ground> ground) : known_(known), ground_(std::move(ground)) {
    anchor_ = &detail::LoopAnchor::make(*this, ground_->context());
  }
  template <class Executor>
  static std::unique_ptr<detail::Ground> ground_on(const Executor& executor) {
    return std::make_unique<detail::GroundOn<Executor>>(executor);
  }

  // The thread that runs the loop, from here to the end of the block.
  struct Inside {
    explicit Inside(EventLoop* l) : loop(l) {}
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    ~Inside() {
      if (loop) loop->leave([] {});
    }
    EventLoop* loop;
  };
  bool take_over() noexcept {
    std::thread::id nobody{};
    return runner_.compare_exchange_strong(nobody, std::this_thread::get_id());
  }
  template <class Fn>
  void leave(Fn fn) noexcept {
    const std::lock_guard lock{mutex_};
    runner_.store(std::thread::id{}, std::memory_order_release);
    fn();
    changed_.notify_all();
  }
  Inside enter(const char* what) {
    own(what);
    if (background_) wrong(what, ": the loop runs on a thread of its own");
    if (!take_over()) wrong(what, ": the loop is being run already");
    owned_->restart();
    if (stopped_) owned_->stop();
    return Inside{this};
  }
  void own(const char* what) const {
    if (!owned_) wrong(what, ": the loop has adopted its context; use the context's own ", what);
  }
  [[noreturn, gnu::cold, gnu::noinline]] static void wrong(const char* what, const char* why, const char* end = "") {
    char sentence[256];
    std::snprintf(sentence, sizeof sentence, "%s%s%s", what, why, end);
    detail::misuse(sentence);
  }

  void run_until(const Flag& done) {
    if (owned_ && !take_over()) return;
    const Inside inside{owned_ ? this : nullptr};
    if (known_->stopped()) known_->restart();
    while (!done.is_set()) {
      std::size_t ran = stopped_ ? 0 : 1;  // behind the restart, so that no stop is lost
      try {
        if (ran != 0) ran = known_->run_one();
      } catch (...) {
        report(std::current_exception());
      }
      if (ran != 0 || done.is_set()) continue;
      if (stopped_) detail::misuse("wait: the loop was stopped before that was done what is waited for");
      detail::misuse("wait: the loop ran out of work before that was done what is waited for");
    }
  }

  void schedule() noexcept {  // held
    if (scheduled_ || ending_) return;
    scheduled_ = true;
    ground_->post({life_});
  }

  // Runs what is ready, but lets Asio have its turn after a while. With `rang` the alarm of that number has
  // gone off.
  void turn(std::uint64_t rang) {
    constexpr int at_most = 256;
    {
      const Hold hold{this};
      const InTurn in_turn{*this};
      if (rang == 0) {
        scheduled_ = false;
      } else if (rang == arming_) {
        armed_ = false;
        timers_.take_due(now(), ready_);
      }
      take_remote();
      try {
        for (int i = 0; i < at_most; ++i) {
          Task* task = ready_.pop();
          if (!task) break;
          task->run();
        }
      } catch (...) {
        if (known_) throw;
        report(std::current_exception());
      }
    }
    if (!owned_ && known_) throw_error();
  }
  struct InTurn {
    explicit InTurn(EventLoop& l) noexcept : loop(l) {
      loop.in_turn_ = true;
      loop.turn_time_ = TimePoint::min();
    }
    InTurn(const InTurn&) = delete;
    InTurn& operator=(const InTurn&) = delete;
    ~InTurn() { loop.in_turn_ = false; }
    EventLoop& loop;
  };
  bool here() const noexcept { return holder_.load(std::memory_order_relaxed) == std::this_thread::get_id(); }

  void take_remote() noexcept {
    const std::lock_guard lock{mutex_};
    ready_.splice(remote_);
  }

  // Keeps the one Asio timer at the first deadline. One that is set too early is left to find nothing due.
  void arm() noexcept {
    if (ending_) return;
    if (timers_.empty()) {
      if (std::exchange(armed_, false)) {
        ++arming_;
        ground_->let_sleep();
      }
      return;
    }
    if (armed_ && armed_for_ <= timers_.next()) return;
    armed_ = true;
    armed_for_ = timers_.next();
    ground_->wake(armed_for_, {life_, ++arming_});
  }

  void guard() noexcept {
    const std::lock_guard lock{mutex_};
    guarded_ = work_ != 0 && !ending_;
    if (ground_) ground_->keep(guarded_);
  }

  void throw_error() {
    if (std::exception_ptr error = take_error()) std::rethrow_exception(std::move(error));
  }

  void discard() noexcept {
    for (;;) {
      timers_.discard();
      take_remote();
      Task* task = ready_.pop();
      if (!task) return;
      task->discard();
    }
  }

  std::unique_ptr<asio::io_context> owned_;
  asio::io_context* known_;
  std::unique_ptr<detail::Ground> ground_;
  std::shared_ptr<detail::Turn::Life> life_ = std::make_shared<detail::Turn::Life>(detail::Turn::Life{this});
  std::thread::id home_{};

  // Whoever touches the tasks, the timers or a graph holds the loop: a turn, what runs inside of it, and
  // wiring.
  std::mutex held_;
  std::atomic<std::thread::id> holder_{};
  int depth_ = 0;
  TaskQueue ready_;
  TimerQueue timers_{*this};
  TimePoint armed_for_{};
  std::uint64_t arming_ = 0;
  bool armed_ = false;
  bool scheduled_ = false;
  bool ending_ = false;
  bool in_turn_ = false;
  mutable TimePoint turn_time_{};
  std::exception_ptr error_;
  std::atomic<std::thread::id> runner_{};

  std::mutex mutex_;
  std::condition_variable changed_;
  TaskQueue remote_;
  std::atomic<std::size_t> work_{0};
  std::atomic<bool> guarded_{false};

  std::atomic<bool> stopped_{false};
  std::atomic<bool> background_{false};
  bool keep_ = false;  // the loop's thread waits for more
  std::thread thread_;
};

inline void detail::Turn::operator()() const {
  if (life->loop) life->loop->turn(rang);
}

}  // namespace penstock
