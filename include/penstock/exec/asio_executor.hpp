// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <exception>
#include <type_traits>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>

#include "penstock/core/error.hpp"
#include "penstock/core/loop.hpp"
#include "penstock/core/pool.hpp"

namespace penstock {

namespace asio = boost::asio;

namespace detail {

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

/// A loop as an executor of Boost.Asio, so that coroutines and completion handlers run on it as tasks like all others: one
/// at a time, in virtual time where time is virtual. `asio::any_io_executor` can hold it. May be copied and called on any
/// thread; the loop must outlive it.
class LoopExecutor {
 public:
  LoopExecutor(Loop& loop, asio::execution_context& context) noexcept : loop_(&loop), context_(&context) {}
  LoopExecutor(const LoopExecutor& other) noexcept
      : loop_(other.loop_), context_(other.context_), never_(other.never_), tracked_(other.tracked_), eager_(other.eager_) {
    if (tracked_) loop_->work_started();
  }
  LoopExecutor& operator=(LoopExecutor other) noexcept {
    std::swap(loop_, other.loop_);
    std::swap(context_, other.context_);
    std::swap(never_, other.never_);
    std::swap(tracked_, other.tracked_);
    std::swap(eager_, other.eager_);
    return *this;
  }
  ~LoopExecutor() {
    if (tracked_) loop_->work_finished();
  }

  Loop& loop() const noexcept { return *loop_; }
  friend bool operator==(const LoopExecutor& a, const LoopExecutor& b) noexcept {
    return a.loop_ == b.loop_ && a.never_ == b.never_ && a.tracked_ == b.tracked_;
  }
  friend bool operator!=(const LoopExecutor& a, const LoopExecutor& b) noexcept { return !(a == b); }

  /// The same, but what is dispatched to it while nobody runs the loop starts at once, as emitting does.
  LoopExecutor eager() const noexcept {
    LoopExecutor other{*loop_, *context_};
    other.eager_ = true;
    return other;
  }

  asio::execution_context& query(asio::execution::context_t) const noexcept { return *context_; }
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

  LoopExecutor require(asio::execution::blocking_t::never_t) const noexcept { return with(true, tracked_); }
  LoopExecutor require(asio::execution::blocking_t::possibly_t) const noexcept { return with(false, tracked_); }
  LoopExecutor require(asio::execution::outstanding_work_t::tracked_t) const noexcept { return with(never_, true); }
  LoopExecutor require(asio::execution::outstanding_work_t::untracked_t) const noexcept { return with(never_, false); }

  template <class Fn>
  void execute(Fn&& fn) const {
    const Position position = loop_->position();
    if (!never_ && (position == Position::inside || (eager_ && position == Position::idle))) {
      try {
        std::decay_t<Fn> now(std::forward<Fn>(fn));
        now();
      } catch (...) {
        loop_->report(std::current_exception());
      }
      return;
    }
    auto* task = new detail::ExecutorTask<std::decay_t<Fn>>(std::forward<Fn>(fn));
    if (position == Position::inside) {
      loop_->post(*task);
    } else {
      loop_->post_remote(*task);
    }
  }

 private:
  LoopExecutor with(bool never, bool tracked) const noexcept {
    LoopExecutor other{*loop_, *context_};
    other.never_ = never;
    other.tracked_ = tracked;
    other.eager_ = eager_;
    if (tracked) loop_->work_started();
    return other;
  }

  Loop* loop_;
  asio::execution_context* context_;
  bool never_ = false;
  bool tracked_ = false;
  bool eager_ = false;
};

/// A loop that Boost.Asio can run things on: both of ours.
class AsioLoop : public Loop {
 public:
  /// What `asio::co_spawn`, `asio::post` and `asio::bind_executor` are given.
  LoopExecutor executor() noexcept { return LoopExecutor{*this, context()}; }
  virtual asio::execution_context& context() noexcept = 0;

  /// The same for a loop that a graph knows. Throws std::logic_error for a loop of the user's own without an executor.
  static LoopExecutor executor_of(Loop& loop) {
    auto* known = dynamic_cast<AsioLoop*>(&loop);
    if (!known) detail::misuse("executor_of: coroutines need a loop that derives from AsioLoop, as EventLoop does");
    return known->executor();
  }

 protected:
  ~AsioLoop() = default;
};

}  // namespace penstock
