// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>

#include "penstock/core/error.hpp"
#include "penstock/core/loop.hpp"
#include "penstock/core/pool.hpp"

namespace penstock {

namespace asio = boost::asio;

namespace detail {

/// What executors know of a loop. Belongs to the execution context, as a coroutine that is still suspended
/// when the loop ends is destroyed only with the context and touches its executor then.
class LoopAnchor {
 public:
  LoopAnchor(Loop& loop, asio::execution_context& context) noexcept : loop_(&loop), context_(context) {}
  static LoopAnchor& make(Loop& loop, asio::execution_context& context);

  /// Null when the loop has ended.
  Loop* loop() const noexcept { return loop_.load(std::memory_order_relaxed); }
  asio::execution_context& context() const noexcept { return context_; }
  void end() noexcept { loop_ = nullptr; }

  void work_started() const noexcept {
    if (Loop* known = loop()) known->work_started();
  }
  void work_finished() const noexcept {
    if (Loop* known = loop()) known->work_finished();
  }

 private:
  std::atomic<Loop*> loop_;
  asio::execution_context& context_;
};

class LoopAnchors final : public asio::execution_context::service {
 public:
  using key_type = LoopAnchors;
  inline static asio::execution_context::id id;

  explicit LoopAnchors(asio::execution_context& context) : service(context) {}
  LoopAnchor& make(Loop& loop, asio::execution_context& context) {
    const std::lock_guard lock{mutex_};
    return *anchors_.emplace_back(std::make_unique<LoopAnchor>(loop, context));
  }

 private:
  void shutdown() noexcept override {}

  std::mutex mutex_;
  std::vector<std::unique_ptr<LoopAnchor>> anchors_;
};

inline LoopAnchor& LoopAnchor::make(Loop& loop, asio::execution_context& context) {
  return asio::use_service<LoopAnchors>(context).make(loop, context);
}

/// What was given to an executor, as a task that owns itself.
template <class Fn>
class ExecutorTask final : public Task, public Pooled {
 public:
  template <class F>
  explicit ExecutorTask(F&& fn) : fn_(std::forward<F>(fn)) {}
  void run() override {
    Fn fn = std::move(fn_);
    delete this;
    fn();
  }
  void discard() noexcept override { delete this; }

 private:
  Fn fn_;
};

}  // namespace detail

/// A loop as an executor of Boost.Asio, so that coroutines and completion handlers run on it as tasks like
/// all others: one at a time, in virtual time where time is virtual. `asio::any_io_executor` can hold it. May
/// be copied and called on any thread, and destroyed after the loop.
class LoopExecutor {
 public:
  explicit LoopExecutor(detail::LoopAnchor& anchor) noexcept : anchor_(&anchor) {}
  LoopExecutor(const LoopExecutor& other) noexcept
      : LoopExecutor(*other.anchor_, other.never_, other.tracked_, other.uncounted_) {}
  LoopExecutor(LoopExecutor&& other) noexcept
      : anchor_(other.anchor_),
        never_(other.never_),
        tracked_(std::exchange(other.tracked_, false)),
        uncounted_(other.uncounted_) {}
  LoopExecutor& operator=(const LoopExecutor& other) noexcept { return *this = LoopExecutor(other); }
  LoopExecutor& operator=(LoopExecutor&& given) noexcept {
    LoopExecutor other(std::move(given));
    std::swap(anchor_, other.anchor_);
    std::swap(never_, other.never_);
    std::swap(tracked_, other.tracked_);
    std::swap(uncounted_, other.uncounted_);
    return *this;
  }
#if defined(__GNUC__) && !defined(__clang__)
// An executor in an empty boost::optional is not destroyed; at -O1 g++ 12 does not see that.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
  ~LoopExecutor() {
    if (tracked_) anchor_->work_finished();
  }
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

  friend bool operator==(const LoopExecutor& a, const LoopExecutor& b) noexcept {
    return a.anchor_ == b.anchor_ && a.never_ == b.never_ && a.tracked_ == b.tracked_;
  }
  friend bool operator!=(const LoopExecutor& a, const LoopExecutor& b) noexcept { return !(a == b); }

  /// Null when the loop has ended.
  Loop* loop() const noexcept { return anchor_->loop(); }

  /// For what the graph itself starts: begins at once, as emitting does, also where nobody runs the loop, and
  /// does not keep `run` from returning.
  LoopExecutor uncounted() const noexcept { return {*anchor_, never_, false, true}; }

  asio::execution_context& query(asio::execution::context_t) const noexcept { return anchor_->context(); }
  asio::execution::blocking_t query(asio::execution::blocking_t) const noexcept {
    if (never_) return asio::execution::blocking.never;
    return asio::execution::blocking.possibly;
  }
  asio::execution::outstanding_work_t query(asio::execution::outstanding_work_t) const noexcept {
    if (tracked_) return asio::execution::outstanding_work.tracked;
    return asio::execution::outstanding_work.untracked;
  }
  static constexpr asio::execution::mapping_t query(asio::execution::mapping_t) noexcept {
    return asio::execution::mapping.thread;
  }

  LoopExecutor require(asio::execution::blocking_t::never_t) const noexcept {
    return {*anchor_, true, tracked_, uncounted_};
  }
  LoopExecutor require(asio::execution::blocking_t::possibly_t) const noexcept {
    return {*anchor_, false, tracked_, uncounted_};
  }
  LoopExecutor require(asio::execution::outstanding_work_t::tracked_t) const noexcept {
    return {*anchor_, never_, !uncounted_, uncounted_};
  }
  LoopExecutor require(asio::execution::outstanding_work_t::untracked_t) const noexcept {
    return {*anchor_, never_, false, uncounted_};
  }

  template <class Fn>
  void execute(Fn&& fn) const {
    Loop* loop = anchor_->loop();
    if (!loop) return;
    const Position position = loop->position();
    if (!never_ && (position == Position::inside || (uncounted_ && position == Position::idle))) {
      const Hold hold{loop};
      try {
        std::decay_t<Fn> now(std::forward<Fn>(fn));
        now();
      } catch (...) {
        loop->report(std::current_exception());
      }
      return;
    }
    auto* task = new detail::ExecutorTask<std::decay_t<Fn>>(std::forward<Fn>(fn));
    if (position == Position::inside) {
      loop->post(*task);
    } else {
      loop->post_remote(*task);
    }
  }

 private:
  LoopExecutor(detail::LoopAnchor& anchor, bool never, bool tracked, bool uncounted) noexcept
      : anchor_(&anchor), never_(never), tracked_(tracked), uncounted_(uncounted) {
    if (tracked_) anchor_->work_started();
  }

  detail::LoopAnchor* anchor_;
  bool never_ = false;
  bool tracked_ = false;
  bool uncounted_ = false;
};

/// A loop that Boost.Asio can run things on: both of ours.
class AsioLoop : public Loop {
 public:
  /// What `asio::co_spawn`, `asio::post`, sockets and timers are given.
  LoopExecutor executor() const noexcept { return LoopExecutor{*anchor_}; }

  /// The same for a loop that a graph knows. Throws std::logic_error for a loop of the user's own without an
  /// executor.
  static LoopExecutor executor_of(Loop& loop) {
    auto* known = dynamic_cast<AsioLoop*>(&loop);
    if (!known) {
      detail::misuse("executor_of: coroutines need a loop that derives from AsioLoop, as EventLoop does");
    }
    return known->executor();
  }

 protected:
  ~AsioLoop() = default;
  detail::LoopAnchor* anchor_ = nullptr;  // set by the constructor of the loop and ended by its destructor
};

}  // namespace penstock
