// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <tuple>
#include <type_traits>
#include <utility>

#include "penstock/core/stream.hpp"

namespace penstock {

/// `Fn` can be called with a `T` and the arguments bound to it, and returns a value.
template <class Fn, class T, class... Args>
concept mapper_of =
    std::is_invocable_v<Fn&, T, Args&...> && !std::is_void_v<std::invoke_result_t<Fn&, T, Args&...>>;

namespace detail {

template <class Fn, class... Args>
class MapStep : public Step {
 public:
  template <class In>
  using output = std::decay_t<std::invoke_result_t<Fn&, In, Args&...>>;

  explicit MapStep(Fn fn, Args... args) : fn_(std::move(fn)), args_(std::move(args)...) {}

  template <class V, class Next>
  [[gnu::always_inline]] Pending* operator()(V&& value, const Context* context, Next& next) {
    using Out = output<std::remove_cvref_t<V>>;
    return next(Out(this->run_bound(fn_, args_, std::forward<V>(value))), context);
  }

 private:
  [[no_unique_address]] Fn fn_;
  [[no_unique_address]] std::tuple<Args...> args_;
};

}  // namespace detail

/// Applies `fn` to every element and emits the result.
///
///     in   -1-2-3-|
///          map(x -> x * 10)
///     out  -a-b-c-|        a = 10, b = 20, c = 30
///
/// @param fn    called as `fn(element, args...)`; may be a pointer to a member. Its result, decayed, is the
///              new element. It gets the element as an rvalue when this is its only use, otherwise as a const
///              lvalue.
/// @param args  bound to `fn` by value.
///
/// Back-pressure: passes through.
/// Metadata:      follows its element.
/// Errors:        what `fn` throws comes back through emit; the element has failed.
/// Cost:          the call of `fn`.
/// Recovery:      no state.
/// Example:       examples/02_operators/map.cpp
/// See also:      starmap, map_async, filter
template <class Fn, class... Args>
auto map(Fn fn, Args... args) {
  return [step = detail::MapStep<Fn, Args...>(std::move(fn), std::move(args)...)](auto&& stream) mutable {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    static_assert(mapper_of<Fn, T, Args...>,
                  "map: the function must be callable with an element of the stream and return a value (sink and tap "
                  "take functions that return nothing)");
    if constexpr (mapper_of<Fn, T, Args...>) {
      return std::forward<decltype(stream)>(stream).then(std::move(step), Info{"map"});
    }
  };
}

}  // namespace penstock
