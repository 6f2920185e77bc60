// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <optional>
#include <tuple>
#include <utility>

#include "penstock/core/stream.hpp"
#include "penstock/core/view.hpp"
#include "penstock/ops/detail/joined.hpp"
#include "penstock/state/detail/remembers.hpp"

namespace penstock {
namespace detail {

template <class T>
class PairwiseStep : public StateStep<PairwiseStep<T>> {
 public:
  template <class>
  using output = std::pair<T, T>;

  template <class V, class Next>
  [[gnu::always_inline]] Pending* operator()(V&& value, const Context* context, Next& next) {
    PENSTOCK_KEEPS("pairwise", T);
    if (!before_) [[unlikely]] {
      before_.emplace(std::as_const(value));
      context_ = Context::of(context);
      this->info().holds(1);
      return nullptr;
    }
    T kept(std::as_const(value));
    if constexpr (std::is_nothrow_constructible_v<T, V>) {
      return go_on(std::move(kept), std::forward<V>(value), context, next);
    } else {
      T now(std::forward<V>(value));  // before the older one is moved out
      return go_on(std::move(kept), std::move(now), context, next);
    }
  }

  template <class Next>
  Pending* signal(const Signal& signal, Next& next) {
    if (signal.kind == Signal::end) let_go();
    return next.signal(signal);
  }
  void shut_down() noexcept {
    context_.drop("pairwise was stopped while it held the element");
    let_go();
  }

  auto state() noexcept { return std::tie(before_, context_); }
  void restored() noexcept { this->info().holds(before_ ? 1 : 0); }

 private:
  template <class V, class Next>
  [[gnu::always_inline]] Pending* go_on(T&& kept, V&& now, const Context* context, Next& next) {
    std::pair<T, T> pair(std::move_if_noexcept(*before_), std::forward<V>(now));
    *before_ = std::move(kept);
    this->info().passed();
    if (!context && context_.empty()) [[likely]] return next(std::move(pair), nullptr);
    return emit(std::move(pair), context, next);
  }
  template <class Next>
  [[gnu::noinline]] Pending* emit(std::pair<T, T>&& pair, const Context* context, Next& next) {
    Context joined = std::exchange(context_, Context::of(context));
    joined.append(context);
    return emit_joined(next, std::move(pair), joined);
  }
  void let_go() noexcept {
    before_.reset();
    context_.clear();
    this->info().holds(0);
  }

  std::optional<T> before_;
  Context context_;
};

}  // namespace detail

/// Emits every element together with the one before it.
///
///     in   -1-2-3-4-|
///          pairwise()
///     out  ---a-b-c-|        a = (1,2), b = (2,3), c = (3,4)
///
/// The elements are copied; pairs are `std::pair(before, now)`.
///
/// Back-pressure: passes through.
/// Metadata:      joined, older first; the newer element is held until the next pair was emitted or the
///                stream has ended.
/// Errors:        none of its own.
/// Cost:          one copy of an element.
/// Recovery:      state: the last element.
/// Example:       examples/02_operators/pairwise.cpp
/// See also:      sliding_window, accumulate
template <class>
auto pairwise() {
  return [](auto&& stream) {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    static_assert(detail::can_copy<T>,
                  "pairwise: the elements must be copyable, since each is part of two pairs");
    if constexpr (detail::can_copy<T>) {
      Info info{"pairwise", {}, Shape::collect};
      info.one_to_one = false;
      return std::forward<decltype(stream)>(stream).then(detail::PairwiseStep<T>(), std::move(info));
    }
  };
}

}  // namespace penstock
