// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <exception>
#include <type_traits>
#include <utility>

#include "penstock/core/atomic.hpp"
#include "penstock/core/loop.hpp"
#include "penstock/core/task.hpp"

namespace penstock {

/// What all nodes of one graph share so that no two of them run at once: the loop, or without one the thread that emits,
/// and what has to happen when the element under way has come to rest. Counted by its graph, by Refs and by Receipts,
/// so that each of them may outlive the others; touched on the strand only.
class Strand {
 public:
  Strand() = default;
  explicit Strand(Loop* loop) : loop_(loop), state_(loop ? looped : 0) {}
  Strand(const Strand&) = delete;
  Strand& operator=(const Strand&) = delete;

  void retain() noexcept { ++holders_; }
  [[gnu::noinline]] void release() noexcept {
    if (--holders_ == 0) delete this;
  }

  /// The strand that speaks for this one after graphs were joined.
  Strand& root() noexcept {
    Strand* strand = this;
    while (strand->joined_) strand = strand->joined_;
    return *strand;
  }

  Loop* loop() const noexcept { return loop_; }
  void adopt(Loop& loop) noexcept {
    loop_ = &loop;
    set(looped);
  }

  /// True while an element is on its way through the graph.
  bool descending() const noexcept { return (state_.get() & busy) != 0; }
  /// True when an element may simply be pushed: no loop to ask, nothing under way.
  bool plain() const noexcept { return state_.get() == 0; }

  /// True when the end of the descent has something to do.
  bool puts_off() const noexcept { return (state_.get() & work) != 0; }
  /// Ends the batch that is under way behind its present element.
  void interrupt() noexcept {
    if (descending()) set(work);
  }

  /// Runs `task` soon: on the loop, or without one as soon as nothing is under way.
  [[gnu::noinline]] void post(Task& task) noexcept {
    Strand& strand = root();
    if (strand.loop_) {
      strand.loop_->post(task);
    } else {
      strand.after(task);
    }
  }

  /// Runs `task` when the element under way has come to rest, now if there is none.
  [[gnu::noinline]] void after(Task& task) noexcept {
    after_.push(task);
    set(work);
    if (!descending()) come_to_rest();
  }

  /// An error of background work. With a loop it comes out of the loop's `run`, without one out of the `emit` that did
  /// the work.
  [[gnu::noinline, gnu::cold]] void report(std::exception_ptr error) noexcept {
    Strand& strand = root();
    if (strand.loop_) {
      strand.loop_->report(std::move(error));
    } else if (!strand.error_) {
      strand.error_ = std::move(error);
      strand.set(work);
    }
  }

  /// Somewhere an element waits that its emitter did not wait for: emits have to look before they push.
  void owes() noexcept {
    Strand& strand = root();
    ++strand.owed_;
    strand.set(unwaited);
  }
  void owes_no_more() noexcept {
    Strand& strand = root();
    if (--strand.owed_ == 0) strand.clear(unwaited);
  }

  /// Calls `fn` as one descent: what it posts, connects or disconnects waits for its end.
  template <class Fn>
  auto descend(Fn&& fn) {
    if (descending()) return fn();
    begin();
    // What is thrown at the end must find a result to destroy that is not yet returned: clang forgets one that is.
    if constexpr (std::is_void_v<decltype(fn())>) {
      guarded(fn);
      if (!rests()) end();
    } else {
      auto result = guarded(fn);
      if (!rests()) end();
      return result;
    }
  }

  /// The two halves of `descend` on a strand that was plain, for the one caller that cannot afford more. `rest` answers
  /// false when `end` has work to do.
  void begin() noexcept { set(busy); }
  [[gnu::always_inline]] void begin_plain() noexcept { state_.set(busy); }
  [[gnu::always_inline]] bool rest() noexcept {
    if (state_.get() != busy) return false;
    state_.set(0);
    return true;
  }
  /// Ends a descent: runs what was put off, then throws what went wrong in it.
  [[gnu::noinline]] void end() {
    retain();  // what was put off may end the graph and with it this strand
    come_to_rest();
    std::exception_ptr error = std::exchange(error_, nullptr);
    if (error) clear(work);
    release();
    if (error) std::rethrow_exception(error);
  }
  /// The same where an exception is on its way already.
  [[gnu::noinline]] void come_to_rest() noexcept {
    retain();
    set(busy);
    while (Task* task = after_.pop()) {
      if (after_.empty() && !error_) clear(work);  // what it emits may be a batch, with nothing waiting for its end
      try {
        task->run();
      } catch (...) {
        report(std::current_exception());
      }
    }
    clear(error_ ? busy : busy | work);
    release();
  }

  /// From now on `other` stands for this strand. Its graph has been joined to that of `other`.
  void join(Strand& other) noexcept {
    other.after_.splice(after_);
    if (error_ && !other.error_) other.error_ = std::exchange(error_, nullptr);
    other.set(owed_ != 0 ? work | unwaited : work);
    other.owed_ += std::exchange(owed_, 0);
    other.retain();
    joined_ = &other;
  }

 private:
  ~Strand() {
    if (joined_) joined_->release();
  }

  /// Ends a descent after which there is nothing to do; false when there is.
  bool rests() noexcept {
    if ((state_.get() & work) != 0) return false;
    clear(busy);
    return true;
  }

  template <class Fn>
  auto guarded(Fn& fn) {
    try {
      return fn();
    } catch (...) {
      come_to_rest();
      throw;
    }
  }

  static constexpr std::uint32_t busy = 1;
  static constexpr std::uint32_t looped = 2;
  static constexpr std::uint32_t work = 4;  // something waits for the end of the descent
  static constexpr std::uint32_t unwaited = 8;

  void set(std::uint32_t bit) noexcept {
    state_.set(state_.get() | bit);
  }
  void clear(std::uint32_t bit) noexcept {
    state_.set(state_.get() & ~bit);
  }

  Loop* loop_ = nullptr;
  detail::Atomic<std::uint32_t> state_{0};  // atomic only so that other threads may ask whether there is a loop
  std::uint32_t holders_ = 1;
  std::uint32_t owed_ = 0;  // receipts that nobody waits for
  TaskQueue after_;
  std::exception_ptr error_;
  Strand* joined_ = nullptr;
};

/// A counted pointer to a strand.
class StrandRef {
 public:
  StrandRef() = default;
  explicit StrandRef(Strand& strand) noexcept : strand_(&strand) { strand.retain(); }
  StrandRef(const StrandRef& other) noexcept : strand_(other.strand_) {
    if (strand_) strand_->retain();
  }
  StrandRef(StrandRef&& other) noexcept : strand_(std::exchange(other.strand_, nullptr)) {}
  StrandRef& operator=(const StrandRef& other) noexcept { return *this = StrandRef(other); }
  StrandRef& operator=(StrandRef&& other) noexcept {
    Strand* const old = std::exchange(strand_, std::exchange(other.strand_, nullptr));
    if (old) old->release();
    return *this;
  }
  ~StrandRef() {
    if (strand_) strand_->release();
  }

  explicit operator bool() const noexcept { return strand_ != nullptr; }
  Strand& operator*() const noexcept { return strand_->root(); }
  Strand* operator->() const noexcept { return &strand_->root(); }

 private:
  Strand* strand_ = nullptr;
};

}  // namespace penstock
