// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "penstock/core/stream.hpp"
#include "penstock/ops/detail/joined.hpp"
#include "penstock/ops/detail/lent.hpp"

namespace penstock {

/// Settings of `sliding_window`.
struct SlidingWindow {
  bool return_partial = true;  ///< also emits the first windows, which are not full yet
};

namespace detail {

template <class T>
class SlidingWindowStep : public Step {
 public:
  template <class>
  using output = std::vector<T>;

  SlidingWindowStep(std::size_t n, const SlidingWindow& options) : n_(n), partial_(options.return_partial) {}

  template <class V, class Next>
  [[gnu::always_inline]] Pending* operator()(V&& value, const Context* context, Next& next) {
    T fresh(std::forward<V>(value));
    std::vector<T>& window = window_.own();
    if (size_ == n_) {
      std::move(window.begin() + 1, window.end(), window.begin());
      window.back() = std::move(fresh);
    } else {
      window.push_back(std::move(fresh));
      ++size_;
    }
    contexts_.add(context);
    info().holds(size_ == n_ ? n_ - 1 : size_);  // the first of a full window is in no other one
    if (size_ != n_ && !partial_) return nullptr;
    info().passed();
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

 private:
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
    info().holds(0);
  }

  std::size_t n_;
  bool partial_;
  std::size_t size_ = 0;
  Lent<std::vector<T>> window_;
  RecentContexts contexts_;
};

template <class... Options>
auto make_sliding_window(std::size_t n, const SlidingWindow& options) {
  at_least_one("sliding_window", n);
  return [n, options](auto&& stream) {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    static_assert(can_copy<T>, "sliding_window: the elements must be copyable, since each is part of several windows");
    if constexpr (can_copy<T>) {
      Info info{"sliding_window", std::to_string(n), Shape::collect};
      info.one_to_one = false;
      return std::forward<decltype(stream)>(stream).then(SlidingWindowStep<T>(n, options), std::move(info));
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
/// @param options  `SlidingWindow{.return_partial = false}` emits nothing until n elements have come.
///
/// Windows are `std::vector<T>`. What follows sees them by reference; whoever keeps one copies it.
///
/// Back-pressure: passes through.
/// Metadata:      joined, oldest first; an element is held until the last window with it was emitted or the stream has ended.
/// Errors:        std::invalid_argument here when n is 0.
/// Cost:          n moves an element; nothing is allocated.
/// Recovery:      state: the window.
/// Example:       examples/02_operators/sliding_window.cpp
/// See also:      pairwise, partition, timed_window
template <class... Options>
auto sliding_window(std::size_t n, Options... options) {
  static_assert(sizeof...(Options) == 0 || (std::same_as<Options, SlidingWindow> && ...),
                "sliding_window: takes n and SlidingWindow{.return_partial = false}");
  return detail::make_sliding_window(n, SlidingWindow{options...});
}

}  // namespace penstock
