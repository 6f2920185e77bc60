// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <tuple>
#include <type_traits>
#include <utility>

#include "penstock/core/stream.hpp"

namespace penstock {

/// `Fn` can be called with a const element and the arguments bound to it.
template <class Fn, class T, class... Args>
concept observer_of = std::is_invocable_v<Fn&, const T&, Args&...>;

namespace detail {

template <class Fn, class... Args>
class TapStep : public Step {
 public:
  template <class In>
  using output = In;

  explicit TapStep(Fn fn, Args... args) : fn_(std::move(fn)), args_(std::move(args)...) {}

  template <class V, class Next>
  [[gnu::always_inline]] Pending* operator()(V&& value, const Context* context, Next& next) {
    static_cast<void>(this->run_bound(fn_, args_, std::as_const(value)));
    return next(std::forward<V>(value), context);
  }

 private:
  [[no_unique_address]] Fn fn_;
  [[no_unique_address]] std::tuple<Args...> args_;
};

}  // namespace detail

/// Lets `fn` look at every element and passes it on unchanged: for logging and counting on the way.
///
///     in   -1-2-3-|
///          tap(print)
///     out  -1-2-3-|
///
/// @param fn    called as `fn(element, args...)` with a const element, before it is passed on; what it
///              returns is ignored.
/// @param args  bound to `fn` by value.
///
/// Back-pressure: passes through.
/// Metadata:      follows its element.
/// Errors:        what `fn` throws comes back through emit; the element has failed and is not passed on.
/// Cost:          the call of `fn`.
/// Recovery:      no state.
/// Example:       examples/02_operators/tap.cpp
/// See also:      sink, map
template <class Fn, class... Args>
auto tap(Fn fn, Args... args) {
  return [step = detail::TapStep<Fn, Args...>(std::move(fn), std::move(args)...)](auto&& stream) mutable {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    static_assert(observer_of<Fn, T, Args...>,
                  "tap: the function must be callable with a const element of the stream; use map to change elements");
    if constexpr (observer_of<Fn, T, Args...>) {
      return std::forward<decltype(stream)>(stream).then(std::move(step), Info{"tap"});
    }
  };
}

}  // namespace penstock
