// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "penstock/core/atomic.hpp"
#include "penstock/core/receipt.hpp"

namespace penstock {
namespace detail {

class CallBase;

/// The node that made a call.
class CallOwner {
 public:
  /// The call is over. Called on the strand, outside of any element; the call is the owner's to delete.
  virtual void ended(CallBase& call) noexcept = 0;

 protected:
  ~CallOwner() = default;
};

/// An asynchronous call under way. Two sides know it: the node, and what will end it, which may do so on any thread, but once.
/// When the node goes first the call lives on until it is ended, so that what the function was given stays alive.
class CallBase : public Task, public Pooled {
 public:
  CallBase(Strand& strand, CallOwner& owner) : owner_(&owner), home_(strand), loop_(strand.loop()) {}

  const std::exception_ptr& error() const noexcept { return error_; }

  /// Ends the call, from any thread.
  void end(std::exception_ptr error) noexcept {
    if (!over(std::move(error))) return;
    if (loop_ && loop_->position() == Position::elsewhere) {
      loop_->post_remote(*this);
    } else {
      home_->post(*this);
    }
  }
  /// The same where nothing is under way on the strand.
  void end_here(std::exception_ptr error) noexcept {
    if (over(std::move(error))) run();
  }
  /// Ends the call when `receipt` settles.
  void end_with(Receipt receipt) noexcept {
    waits_for_ = std::move(receipt);
    waits_for_.state()->then(*this);
  }

  /// The function has returned. False when the call was over before that, and nobody will be told.
  bool launched() noexcept {
    return launched_ = state_.change(State::starting, State::running);
  }
  /// Somebody else will end the call.
  void handed_out() noexcept { handed_out_ = true; }
  /// The owner has no more interest in the call.
  void abandon() noexcept {
    owner_ = nullptr;
    if (!handed_out_ || (!launched_ && !launched())) delete this;
  }

  void run() final {
    if (waits_for_.state()) error_ = waits_for_.error();
    if (owner_) {
      owner_->ended(*this);
    } else {
      delete this;
    }
  }
  void discard() noexcept final {
    if (!owner_) delete this;
  }

 private:
  enum class State : std::uint8_t { starting, running, over };

  // True when the node has to be told.
  bool over(std::exception_ptr error) noexcept {
    error_ = std::move(error);
    return state_.exchange(State::over) == State::running;
  }

  CallOwner* owner_;
  StrandRef home_;
  Loop* loop_;
  Receipt waits_for_;
  std::exception_ptr error_;
  Atomic<State> state_{State::starting};
  bool handed_out_ = false;
  bool launched_ = false;
};

struct NoResult {};
template <class R>
using result_or_none = std::conditional_t<std::is_void_v<R>, NoResult, R>;

/// A call with a result.
template <class R>
class CallOf : public CallBase {
 public:
  using CallBase::CallBase;
  std::optional<result_or_none<R>> result;
};

}  // namespace detail

/// Given to an asynchronous function as its last argument: to be called once, on any thread, when the work on the element
/// is done, with its result if it has one, or with the exception that it failed with. It may be called before the function
/// returns. One that is destroyed without having been called fails the element.
///
///     source.sink([&](Row row, Completion<> done) { db.store(row, [done = std::move(done)]() mutable { done(); }); });
template <class R = void>
class [[nodiscard]] Completion {
 public:
  explicit Completion(detail::CallOf<R>& call) noexcept : call_(&call) {}
  Completion(Completion&& other) noexcept : call_(std::exchange(other.call_, nullptr)) {}
  Completion& operator=(Completion&& other) noexcept {
    Completion old(std::move(other));
    std::swap(call_, old.call_);
    return *this;
  }
  ~Completion() {
    if (call_) {
      call_->end(std::make_exception_ptr(
          std::logic_error("Completion: destroyed without having been called; the element has failed")));
    }
  }

  void operator()()
    requires(std::is_void_v<R>)
  {
    take().end(nullptr);
  }
  template <class V>
    requires(!std::is_void_v<R> && std::is_constructible_v<R, V> &&
             !std::is_same_v<std::remove_cvref_t<V>, std::exception_ptr>)
  void operator()(V&& result) {
    detail::CallOf<R>& call = take();
    try {
      call.result.emplace(std::forward<V>(result));
    } catch (...) {
      return call.end(std::current_exception());
    }
    call.end(nullptr);
  }
  /// A null `error` is success, where there is no result.
  void operator()(std::exception_ptr error) {
    if (!std::is_void_v<R> && !error) {
      error = std::make_exception_ptr(std::logic_error("Completion: called with neither a result nor an error"));
    }
    take().end(std::move(error));
  }

 private:
  detail::CallOf<R>& take() {
    if (!call_) throw std::logic_error("Completion: called twice");
    return *std::exchange(call_, nullptr);
  }

  detail::CallOf<R>* call_;
};

}  // namespace penstock
