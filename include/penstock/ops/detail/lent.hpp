// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <utility>
#include <vector>

#include "penstock/core/box.hpp"

namespace penstock::detail {

/// A state that is lent, not copied, to what is behind while an element is emitted. A function down there may
/// emit at the source again, and that element then finds the state lent: it works on a copy, which is the
/// state afterwards.
template <class State>
class Lent {
 public:
  Lent() = default;
  explicit Lent(State state) : state_(std::move(state)) {}

  const State& get() const noexcept { return newer_.empty() ? state_ : *newer_.back(); }
  /// The state, to be changed: nobody else looks at it.
  State& own() {
    if (lent_ > newer_.size()) [[unlikely]] newer_.push_back(make_box<State>(get()));
    return newer_.empty() ? state_ : *newer_.back();
  }
  /// Replaces the state.
  void set(State&& state) {
    if (lent_ > newer_.size()) [[unlikely]] {
      newer_.push_back(make_box<State>(std::move(state)));
    } else {
      (newer_.empty() ? state_ : *newer_.back()) = std::move(state);
    }
  }

  /// Calls `fn(const State&)`.
  template <class Fn>
  [[gnu::always_inline]] decltype(auto) lend(Fn&& fn) {
    struct Back {
      Lent& lent;
      ~Back() {
        --lent.lent_;
        if (!lent.newer_.empty()) [[unlikely]] lent.settle();
      }
    } back{*this};
    const State& state = get();
    ++lent_;
    return fn(state);
  }

 private:
  /// Each that is lent keeps its state; the newest one stands behind them.
  [[gnu::noinline, gnu::cold]] void settle() noexcept {
    for (; newer_.size() > lent_; newer_.pop_back()) {
      if (newer_.size() == 1) {
        state_ = std::move(*newer_.back());
      } else {
        std::swap(newer_[newer_.size() - 2], newer_.back());
      }
    }
  }

  State state_;
  std::vector<Box<State>> newer_;
  std::size_t lent_ = 0;
};

}  // namespace penstock::detail
