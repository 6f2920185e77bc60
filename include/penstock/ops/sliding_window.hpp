// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/core/stream.hpp"
#include "penstock/core/view.hpp"
#include "penstock/ops/detail/block.hpp"
#include "penstock/ops/detail/joined.hpp"
#include "penstock/ops/detail/lent.hpp"
#include "penstock/ops/detail/pick.hpp"
#include "penstock/state/detail/remembers.hpp"

namespace penstock {

/// Settings of `sliding_window`.
struct SlidingWindow {
  bool return_partial = true;  ///< also emits the first windows, which are not full yet
};

namespace detail {

template <class T>
class SlidingWindowStep : public StateStep<SlidingWindowStep<T>> {
 public:
  template <class>
  using output = std::vector<T>;

  SlidingWindowStep(std::size_t n, const SlidingWindow& options) : n_(n), partial_(options.return_partial) {}

  template <class V, class Next>
  [[gnu::always_inline]] Pending* operator()(V&& value, const Context* context, Next& next) {
    T fresh(std::forward<V>(value));
    std::vector<T>& window = window_.own();
    if (size_ == n_) {
      slide(window, std::move(fresh));
    } else {
      window.push_back(std::move(fresh));
      ++size_;
    }
    contexts_.add(context);
    this->info().holds(size_ == n_ ? n_ - 1 : size_);  // the first of a full window is in no other one
    if (size_ != n_ && !partial_) return nullptr;
    this->info().passed();
    return window_.lend([&](const std::vector<T>& lent) {
      if (contexts_.empty()) [[likely]] return next(lent, nullptr);
      return emit(lent, next);
    });
  }

  template <class Next>
  Pending* signal(const Signal& signal, Next& next) {
    if (signal.kind == Signal::end) let_go();
    return next.signal(signal);
  }
  void shut_down() noexcept {
    contexts_.drop("sliding_window was stopped while it held the element");
    let_go();
  }

  // Of the elements of a full window all but the first are part of the next one, which is what counts.
  auto state() { return std::tie(window_.own(), contexts_.ring()); }
  void restored() {
    std::vector<T>& window = window_.own();
    if (window.size() > n_) window.erase(window.begin(), window.end() - static_cast<std::ptrdiff_t>(n_));
    size_ = window.size();
    contexts_.keep_last(size_);
    this->info().holds(size_ == n_ ? n_ - 1 : size_);
  }

 private:
  static constexpr bool slides_in_place = std::is_nothrow_move_assignable_v<T>;

  [[gnu::always_inline]] void slide(std::vector<T>& window, T&& fresh) {
    if constexpr (slides_in_place) {
      std::move(window.begin() + 1, window.end(), window.begin());
      window.back() = std::move(fresh);
    } else {
      // Half of it may have been moved when something throws, so the new window is made beside the old one.
      next_.clear();
      next_.reserve(n_);
      for (std::size_t i = 1; i < n_; ++i) next_.push_back(std::as_const(window[i]));
      next_.push_back(std::move(fresh));
      window.swap(next_);
      next_.clear();
    }
  }
  template <class Next>
  [[gnu::noinline]] Pending* emit(const std::vector<T>& window, Next& next) {
    const Context joined = contexts_.joined();
    if (size_ == n_) contexts_.slide(n_);
    return emit_joined(next, window, joined);
  }
  void let_go() noexcept {
    window_.set({});
    size_ = 0;
    contexts_.clear();
    this->info().holds(0);
  }

  std::size_t n_;
  bool partial_;
  std::size_t size_ = 0;
  Lent<std::vector<T>> window_;
  [[no_unique_address]] std::conditional_t<slides_in_place, Identity, std::vector<T>> next_;
  RecentContexts contexts_;
};

/// The windows side by side in one block, each one element further than the one before. Every so many
/// elements the last ones are carried back to the start of the block.
template <class T>
class SlidingViewStep : public StateStep<SlidingViewStep<T>> {
 public:
  template <class>
  using output = View<T>;

  SlidingViewStep(std::size_t n, const SlidingWindow& options) : n_(n), partial_(options.return_partial) {}

  template <class V, class Next>
  [[gnu::always_inline]] Pending* operator()(V&& value, const Context* context, Next& next) {
    if (state_ != plain || block_.full() || context) [[unlikely]] {
      return take<V>(std::forward<V>(value), context, next);
    }
    if constexpr (!std::is_trivially_destructible_v<T>) block_.keep_last(n_ - 1);
    block_.add(std::forward<V>(value));
    this->info().passed();
    const Lending lending{*this};
    return next(View<T>{block_.end() - n_, n_}, nullptr);
  }

  template <class Next>
  Pending* signal(const Signal& signal, Next& next) {
    if (signal.kind == Signal::end) let_go();
    return next.signal(signal);
  }
  void shut_down() noexcept {
    contexts_.drop("sliding_window was stopped while it held the element");
    let_go();
  }

  static constexpr bool saved = has_codec<T>;
  void write(StateWriter& to) const {
    to.put(std::uint64_t{kept()});
    for (std::size_t i = kept(); i > 0; --i) to.put(*(block_.end() - i));
    to.put(contexts_.ring());
  }
  void read(StateReader& from) {
    let_go();
    for (auto left = from.get<std::uint64_t>(); left > 0; --left) {
      if (block_.full()) block_.make_room(least);
      block_.add(from.get<T>());
      if (size_ != n_) ++size_;
    }
    from.get(contexts_.ring());
    contexts_.keep_last(kept());
    this->info().holds(kept());
  }

 private:
  enum State : unsigned char {
    plain,    // the window is full, nothing stands beside the elements, nobody looks at a window
    special,  // not so
    lent,     // somebody looks at a window, and before it was plain
    watched   // somebody looks at a window
  };
  static constexpr std::size_t least = sizeof(T) < 1024 ? 4096 / sizeof(T) : 4;

  /// What is behind may emit at the source again while it looks at a window. Nothing that it may see goes
  /// away before.
  class Lending {
   public:
    explicit Lending(SlidingViewStep& step) noexcept : step_(step) { step.state_ = lent; }
    ~Lending() {
      if (step_.state_ == lent) [[likely]] {
        step_.state_ = plain;
      } else {
        step_.back();
      }
    }

   private:
    SlidingViewStep& step_;
  };

  template <class V, class Next>
  [[gnu::noinline]] Pending* take(Aside<V> value, const Context* context, Next& next) {
    const bool looked_at = state_ >= lent;
    if (!looked_at) block_.keep_last(kept());
    if (block_.full()) make_room(looked_at);
    block_.add(std::forward<V>(value));
    if (size_ != n_) ++size_;
    contexts_.add(context);
    this->info().holds(kept());
    if (size_ != n_ && !partial_) return nullptr;
    this->info().passed();
    const Context joined = contexts_.joined();
    if (size_ == n_) contexts_.slide(n_);
    state_ = watched;
    struct Back {
      SlidingViewStep& step;
      bool outermost;
      ~Back() {
        if (outermost) step.back();
      }
    } const back{*this, !looked_at};
    return emit_joined(next, View<T>{block_.end() - size_, size_}, joined);
  }
  /// Nobody looks at a window any more.
  [[gnu::noinline]] void back() noexcept {
    older_.clear();
    state_ = size_ == n_ && contexts_.empty() ? plain : special;
  }
  void make_room(bool looked_at) {
    if (!looked_at) return block_.make_room(least);
    Block<T> next = block_.copy_last(kept(), least);
    older_.push_back(std::move(block_));
    block_ = std::move(next);
  }
  // So many of the elements that are there belong to the next window.
  std::size_t kept() const noexcept { return size_ == n_ ? n_ - 1 : size_; }
  void let_go() noexcept {
    size_ = 0;
    if (state_ >= lent) {
      state_ = watched;
    } else {
      block_.clear();
      state_ = special;
    }
    contexts_.clear();
    this->info().holds(0);
  }

  Block<T> block_;
  std::size_t n_;
  State state_ = special;
  bool partial_;
  std::size_t size_ = 0;
  std::vector<Block<T>> older_;  // are looked at, while new elements have had to go elsewhere
  RecentContexts contexts_;
};

template <bool viewed>
auto make_sliding_window(std::size_t n, const SlidingWindow& options) {
  at_least_one("sliding_window", n);
  return [n, options](auto&& stream) {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    static_assert(can_copy<T>,
                  "sliding_window: the elements must be copyable, since each is part of several windows");
    PENSTOCK_KEEPS("sliding_window", T);
    if constexpr (can_copy<T> && keepable<T>) {
      using Slider = std::conditional_t<viewed, SlidingViewStep<T>, SlidingWindowStep<T>>;
      Info info{"sliding_window", std::to_string(n), Shape::collect};
      info.one_to_one = false;
      return std::forward<decltype(stream)>(stream).then(Slider(n, options), std::move(info));
    }
  };
}

}  // namespace detail

/// Emits the last `n` elements, oldest first, with every element.
///
///     in   -1-2-3-4-|
///          sliding_window(2)
///     out  -a-b-c-d-|        a = [1], b = [1,2], c = [2,3], d = [3,4]
///
/// @param n        elements in a window, at least 1.
/// @param options  in any order
///                 - `as_view`: windows are a `View<T>` of the operator's own memory, valid during the push
///                   only, and what would keep one does not compile;
///                 - `SlidingWindow{.return_partial = false}` emits nothing until n elements have come.
///
/// Without `as_view` windows are `std::vector<T>`. What follows sees them by reference; whoever keeps one
/// copies it.
///
/// Back-pressure: passes through.
/// Metadata:      joined, oldest first; an element is held until the last window with it was emitted or the
///                stream has ended.
/// Errors:        std::invalid_argument here when n is 0.
/// Cost:          n moves an element; with `as_view` O(1), at most two moves. Nothing is allocated.
/// Recovery:      state: the window.
/// Example:       examples/02_operators/sliding_window.cpp
/// See also:      pairwise, partition, timed_window
template <class... Options>
auto sliding_window(std::size_t n, Options... options) {
  constexpr bool viewed = (std::same_as<Options, AsView> || ...);
  static_assert(((std::same_as<Options, SlidingWindow> || std::same_as<Options, AsView>) && ...),
                "sliding_window: takes n, as_view and SlidingWindow{.return_partial = false}");
  return detail::make_sliding_window<viewed>(n, detail::pick<SlidingWindow>(options...));
}

}  // namespace penstock
