// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <exception>
#include <utility>

#include "penstock/core/emit.hpp"

namespace penstock::detail {

/// The engine of every node that emits by itself: queues, timers, sources. Emits one element after the other, rests while
/// the last one still waits further down, goes on when it is through, and survives what goes wrong. Its owner, a Node, has
///
///     bool pump(Receipt& receipt);              // emits what is next with `offer`, which may throw; false: nothing now
///     void pumped(std::exception_ptr error);    // optional: the last one was taken, or has failed
///
/// and calls `wake()` whenever there is something to emit. Without `pumped`, errors are reported like all of background
/// work. On a loop others get their turn after some elements; without one the pump runs when the element under way has
/// come to rest. Nothing is allocated, and recursion is impossible: what is woken meanwhile waits.
///
/// The owner is named as its base class where the pump is a member of that, as it is not there yet when the pump is made.
template <class Owner, class Base = Owner>
class Pump final : public Task {
 public:
  static constexpr int turn = 64;  // elements

  explicit Pump(Base& owner) noexcept : base_(owner) {}
  ~Pump() override {
    if (ended_) *ended_ = true;
  }

  /// True while an element is being emitted or waits further down.
  bool active() const noexcept { return ended_ != nullptr || waits_for_.state() != nullptr; }

  /// For an owner that emits several elements at once: how many it was.
  void count(std::size_t emitted) noexcept { left_ -= static_cast<int>(emitted) - 1; }
  /// Goes on soon.
  void wake() noexcept {
    if (!active() && !posted_) post();
  }
  /// True when it will go on soon.
  bool woken() const noexcept { return posted_; }
  /// Goes on at once: for tasks of the owner, such as timers, that run outside of any element.
  void go() noexcept {
    if (active()) return;
    take_back();
    run();
  }
  /// Rests until `receipt`, of an element that the owner has passed on itself, has settled.
  void rest_until(Receipt receipt) noexcept {
    if (active() || !receipt.pending()) return;
    take_back();
    waits_for_ = std::move(receipt);
    waits_for_.state()->then(*this);
  }
  void stop() noexcept {
    posted_ = true;  // by itself, or by what it waited for
    take_back();
    waits_for_ = {};
  }

  void run() noexcept override {
    posted_ = false;
    StrandRef strand{owner().strand()};  // what is emitted may end the graph, and the pump with it
    bool ended = false;
    ended_ = &ended;
    if (const Receipt last = std::exchange(waits_for_, {}); last.state()) {
      done(last.error());
      if (ended) return;
    }
    for (left_ = owner().loop() ? turn : 1; left_ > 0; --left_) {
      Receipt receipt;
      std::exception_ptr error;
      bool more = true;
      try {
        more = owner().pump(receipt);
      } catch (...) {
        error = std::current_exception();
      }
      if (ended) {
        if (error) strand->report(std::move(error));
        return;
      }
      if (!more) {
        ended_ = nullptr;
        return owner().graph().rested();
      }
      if (receipt.pending()) {
        ended_ = nullptr;
        waits_for_ = std::move(receipt);
        return waits_for_.state()->then(*this);
      }
      done(error ? std::move(error) : receipt.error());
      if (ended) return;
    }
    ended_ = nullptr;
    posted_ = true;
    strand->post(*this);
  }

 private:
  // Where nobody runs the loop, another thread may put something of its own beside the pump: the links belong to whoever
  // holds the loop, and whether it is posted is known without them.
  void post() noexcept {
    posted_ = true;
    owner().strand().post(*this);
  }
  void take_back() noexcept {
    if (!std::exchange(posted_, false)) return;
    const Hold hold{owner().loop()};
    unlink();
  }

  Owner& owner() const noexcept { return static_cast<Owner&>(base_); }
  void done(std::exception_ptr error) noexcept {
    if constexpr (requires { owner().pumped(error); }) {
      owner().pumped(std::move(error));
    } else if (error) {
      owner().graph().report(std::move(error), owner().info());
    }
  }

  Base& base_;
  Receipt waits_for_;
  bool* ended_ = nullptr;  // set while running
  int left_ = 0;           // of the turn
  bool posted_ = false;
};

}  // namespace penstock::detail
