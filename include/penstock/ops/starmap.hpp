// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

#include "penstock/core/stream.hpp"

namespace penstock {

/// `T` is a tuple, a pair, an array or something else that `std::get` and `std::tuple_size` know.
template <class T>
concept tuple_like = requires {
  { std::tuple_size<T>::value } -> std::convertible_to<std::size_t>;
};

namespace detail {

template <class Fn, class T, class... Args>
struct Starred {
  static constexpr bool callable = false;
};
template <class Fn, class T, class... Args>
  requires(tuple_like<T>)
struct Starred<Fn, T, Args...> {
  template <std::size_t... I>
  static auto of(std::index_sequence<I...>)
      -> std::invoke_result<Fn&, std::tuple_element_t<I, T>..., Args&...>;
  using Result = decltype(of(std::make_index_sequence<std::tuple_size_v<T>>{}));
  static constexpr bool callable = [] {
    if constexpr (requires { typename Result::type; }) {
      return !std::is_void_v<typename Result::type>;
    } else {
      return false;
    }
  }();
};

}  // namespace detail

/// `Fn` can be called with the members of a tuple `T` and the arguments bound to it, and returns a value.
template <class Fn, class T, class... Args>
concept star_mapper_of = detail::Starred<Fn, T, Args...>::callable;

namespace detail {

template <class Fn, class... Args>
class StarmapStep : public Step {
 public:
  template <class In>
  using output = std::decay_t<typename Starred<Fn, In, Args...>::Result::type>;

  explicit StarmapStep(Fn fn, Args... args) : fn_(std::move(fn)), args_(std::move(args)...) {}

  template <class V, class Next>
  [[gnu::always_inline]] Pending* operator()(V&& value, const Context* context, Next& next) {
    using Out = output<std::remove_cvref_t<V>>;
    return std::apply(
        [&](Args&... args) {
          auto call = [&](auto&&... members) {
            return Out(this->run(fn_, std::forward<decltype(members)>(members)..., args...));
          };
          return next(std::apply(call, std::forward<V>(value)), context);
        },
        args_);
  }

 private:
  [[no_unique_address]] Fn fn_;
  [[no_unique_address]] std::tuple<Args...> args_;
};

}  // namespace detail

/// Applies `fn` to the members of every tuple and emits the result.
///
///     in   -(1,2)-(3,4)-|
///          starmap(+)
///     out  -3-----7-----|
///
/// @param fn    called as `fn(members..., args...)` with the members of a tuple, a pair or an array; they are
///              rvalues when this is the element's only use. Its result, decayed, is the new element.
/// @param args  bound to `fn` by value.
///
/// Back-pressure: passes through.
/// Metadata:      follows its element.
/// Errors:        what `fn` throws comes back through emit; the element has failed.
/// Cost:          the call of `fn`.
/// Recovery:      no state.
/// Example:       examples/02_operators/starmap.cpp
/// See also:      map, pluck, zip
template <class Fn, class... Args>
auto starmap(Fn fn, Args... args) {
  return [step = detail::StarmapStep<Fn, Args...>(std::move(fn), std::move(args)...)](auto&& stream) mutable {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    static_assert(
        tuple_like<T>,
        "starmap: the elements must be tuples, pairs or arrays, whose members the function is called with; use "
        "map for others");
    static_assert(!tuple_like<T> || star_mapper_of<Fn, T, Args...>,
                  "starmap: the function must be callable with the members of an element, in order, followed by the "
                  "arguments that were bound, and return a value");
    if constexpr (star_mapper_of<Fn, T, Args...>) {
      return std::forward<decltype(stream)>(stream).then(std::move(step), Info{"starmap"});
    }
  };
}

}  // namespace penstock
