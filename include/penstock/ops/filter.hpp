// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <tuple>
#include <type_traits>
#include <utility>

#include "penstock/core/stream.hpp"

namespace penstock {

/// `Fn` can be called with a `const T&` and the arguments bound to it, and answers yes or no.
template <class Fn, class T, class... Args>
concept predicate_of = std::is_invocable_r_v<bool, Fn&, const T&, Args&...>;

namespace detail {

struct Truth {
  template <class T>
  constexpr auto operator()(const T& value) const noexcept(noexcept(static_cast<bool>(value)))
      -> decltype(static_cast<bool>(value)) {
    return static_cast<bool>(value);
  }
};

template <bool Wanted, class Fn, class... Args>
class FilterStep : public Step {
 public:
  template <class In>
  using output = In;

  explicit FilterStep(Fn fn, Args... args) : fn_(std::move(fn)), args_(std::move(args)...) {}

  template <class V, class Next>
  [[gnu::always_inline]] Pending* operator()(V&& value, const Context* context, Next& next) {
    const bool accepted = static_cast<bool>(this->run_bound(fn_, args_, std::as_const(value)));
    if (accepted == Wanted) return next(std::forward<V>(value), context);
    info().leaves_out();
    return nullptr;
  }

 private:
  [[no_unique_address]] Fn fn_;
  [[no_unique_address]] std::tuple<Args...> args_;
};

template <bool Wanted, class Fn, class... Args>
auto make_filter(const char* name, Fn fn, Args... args) {
  return [name,
          step = FilterStep<Wanted, Fn, Args...>(std::move(fn), std::move(args)...)](auto&& stream) mutable {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    static_assert(predicate_of<Fn, T, Args...>,
                  "filter: the predicate must be callable with a const element of the stream and return bool");
    if constexpr (predicate_of<Fn, T, Args...>) {
      Info info{name};
      info.one_to_one = false;
      info.selects = true;
      return std::forward<decltype(stream)>(stream).then(std::move(step), std::move(info));
    }
  };
}

}  // namespace detail

/// Passes on the elements that `predicate` accepts.
///
///     in   -1-2-3-4-|
///          filter(even)
///     out  ---2---4-|
///
/// @param predicate  called as `predicate(element, args...)` with a const element. Without one, elements are
///                   passed on that are true by themselves: numbers other than 0, pointers and optionals that
///                   hold something.
/// @param args       bound to `predicate` by value.
///
/// Back-pressure: passes through.
/// Metadata:      follows its element; an element that is left out is done.
/// Errors:        what `predicate` throws comes back through emit; the element has failed.
/// Cost:          the call of `predicate`.
/// Recovery:      no state.
/// Example:       examples/02_operators/filter.cpp
/// See also:      remove, split, take_while, unique
template <class... Args>
auto filter(Args... args) {
  if constexpr (sizeof...(Args) == 0) {
    return detail::make_filter<true>("filter", detail::Truth{});
  } else {
    return detail::make_filter<true>("filter", std::move(args)...);
  }
}

/// Passes on the elements that `predicate` rejects: `filter` the other way round.
///
/// Back-pressure: passes through.
/// Metadata:      follows its element; an element that is left out is done.
/// Errors:        what `predicate` throws comes back through emit; the element has failed.
/// Cost:          the call of `predicate`.
/// Recovery:      no state.
/// Example:       examples/02_operators/filter.cpp
/// See also:      filter
template <class Fn, class... Args>
auto remove(Fn predicate, Args... args) {
  return detail::make_filter<false>("remove", std::move(predicate), std::move(args)...);
}

}  // namespace penstock
