// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "penstock/core/stream.hpp"
#include "penstock/state/detail/remembers.hpp"
#include "penstock/ops/filter.hpp"

namespace penstock {
namespace detail {

class TakeStep : public StateStep<TakeStep> {
 public:
  template <class In>
  using output = In;

  explicit TakeStep(std::size_t n) : left_(n) {}

  template <class V, class Next>
  [[gnu::always_inline]] Pending* operator()(V&& value, const Context* context, Next& next) {
    if (left_ == 0) {
      info().leaves_out();
      return nullptr;
    }
    --left_;
    return next(std::forward<V>(value), context);
  }

  auto state() noexcept { return std::tie(left_); }

 private:
  std::uint64_t left_;
};

template <class Fn, class... Args>
class TakeWhileStep : public StateStep<TakeWhileStep<Fn, Args...>> {
 public:
  template <class In>
  using output = In;

  explicit TakeWhileStep(Fn fn, Args... args) : fn_(std::move(fn)), args_(std::move(args)...) {}

  template <class V, class Next>
  [[gnu::always_inline]] Pending* operator()(V&& value, const Context* context, Next& next) {
    if (!over_) {
      over_ = !std::apply(
          [&](Args&... args) { return static_cast<bool>(this->run(fn_, std::as_const(value), args...)); },
          args_);
    }
    if (over_) {
      this->info().leaves_out();
      return nullptr;
    }
    return next(std::forward<V>(value), context);
  }

  auto state() noexcept { return std::tie(over_); }

 private:
  [[no_unique_address]] Fn fn_;
  [[no_unique_address]] std::tuple<Args...> args_;
  bool over_ = false;
};

}  // namespace detail

/// Passes on the first `n` elements.
///
///     in   -1-2-3-4-|
///          take(2)
///     out  -1-2-----|
///
/// @param n  elements to pass on; 0 passes nothing.
///
/// The stream goes on afterwards, and is not ended.
///
/// Back-pressure: passes through.
/// Metadata:      follows its element; an element that is left out is done.
/// Errors:        none of its own.
/// Cost:          one comparison.
/// Recovery:      state: how many are left.
/// Example:       examples/02_operators/take.cpp
/// See also:      take_while, skip, slice
template <class>
auto take(std::size_t n) {
  return [n](auto&& stream) {
    Info info{"take", std::to_string(n)};
    info.one_to_one = false;
    info.selects = true;
    return std::forward<decltype(stream)>(stream).then(detail::TakeStep(n), std::move(info));
  };
}

/// Passes on elements until the first that `predicate` rejects; that one and all behind it are left out.
///
///     in   -1-2-5-1-|
///          take_while(x -> x < 3)
///     out  -1-2-----|
///
/// @param predicate  called as `predicate(element, args...)` with a const element, until it says no.
/// @param args       bound to `predicate` by value.
///
/// Back-pressure: passes through.
/// Metadata:      follows its element; an element that is left out is done.
/// Errors:        what `predicate` throws comes back through emit; the element has failed, and the next one
///                is asked about.
/// Cost:          the call of `predicate`.
/// Recovery:      state: whether it is over.
/// Example:       examples/02_operators/take.cpp
/// See also:      take, filter, skip
template <class Fn, class... Args>
auto take_while(Fn predicate, Args... args) {
  return [step = detail::TakeWhileStep<Fn, Args...>(std::move(predicate), std::move(args)...)](
             auto&& stream) mutable {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    static_assert(predicate_of<Fn, T, Args...>,
                  "take_while: the predicate must be callable with a const element of the stream and return bool");
    if constexpr (predicate_of<Fn, T, Args...>) {
      Info info{"take_while"};
      info.one_to_one = false;
      info.selects = true;
      return std::forward<decltype(stream)>(stream).then(std::move(step), std::move(info));
    }
  };
}

}  // namespace penstock
