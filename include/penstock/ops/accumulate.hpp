// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "penstock/core/stream.hpp"
#include "penstock/core/view.hpp"
#include "penstock/ops/detail/lent.hpp"
#include "penstock/state/detail/remembers.hpp"

namespace penstock {

/// For `accumulate`: the function returns a pair of the new state and what to emit.
inline constexpr struct ReturnsState {
} returns_state{};
/// For `accumulate`: emits a pair of the state and the result.
inline constexpr struct WithState {
} with_state{};

/// `Fn` can be called with a `const State&`, an element and the arguments bound to it, and returns a value.
template <class Fn, class State, class T, class... Args>
concept accumulator_of = std::is_invocable_v<Fn&, const State&, T, Args&...> &&
                         !std::is_void_v<std::invoke_result_t<Fn&, const State&, T, Args&...>>;

namespace detail {

template <class T>
concept pair_like = requires(T& both) {
  std::get<0>(both);
  std::get<1>(both);
  requires std::tuple_size_v<T> == 2;
};

struct NoStart {};

/// What `accumulate` was told after its function: tags in any place, and else the start and arguments to
/// bind.
template <bool Returns, bool With, class... Plain>
struct AccumulateOptions {
  static constexpr bool returns_state = Returns;
  static constexpr bool with_state = With;
  std::tuple<Plain...> plain;

  template <class Option, class... Rest>
  auto take(Option option, Rest... rest) && {
    if constexpr (std::is_same_v<Option, ReturnsState>) {
      return AccumulateOptions<true, With, Plain...>{std::move(plain)}.take(std::move(rest)...);
    } else if constexpr (std::is_same_v<Option, WithState>) {
      return AccumulateOptions<Returns, true, Plain...>{std::move(plain)}.take(std::move(rest)...);
    } else {
      return AccumulateOptions<Returns, With, Plain..., Option>{
          std::tuple_cat(std::move(plain), std::tuple<Option>(std::move(option)))}
          .take(std::move(rest)...);
    }
  }
  auto take() && { return std::move(*this); }
};

/// A state that fits in registers needs no care: whoever looks at it has a copy.
template <class State>
class Small {
 public:
  explicit Small(State state) : state_(state) {}
  const State& get() const noexcept { return state_; }
  State& own() noexcept { return state_; }
  void set(State&& state) noexcept { state_ = state; }
  template <class Fn>
  [[gnu::always_inline]] decltype(auto) lend(Fn&& fn) {
    return fn(State(state_));
  }

 private:
  State state_;
};

template <class State>
using FoldState = std::conditional_t<by_value<State>, Small<State>, Lent<State>>;

template <bool Returns, class State, class Returned>
struct FoldResult {
  using type = State;
  static constexpr bool fits = std::is_convertible_v<Returned, State>;
  static constexpr bool narrows = std::is_floating_point_v<Returned> && std::is_integral_v<State>;
};
template <class State, class Returned>
  requires(pair_like<Returned>)
struct FoldResult<true, State, Returned> {
  using type = std::decay_t<std::tuple_element_t<1, Returned>>;
  using NewState = std::decay_t<std::tuple_element_t<0, Returned>>;
  static constexpr bool fits = std::is_convertible_v<NewState, State>;
  static constexpr bool narrows = std::is_floating_point_v<NewState> && std::is_integral_v<State>;
};
template <class State, class Returned>
struct FoldResult<true, State, Returned> {
  using type = State;
  static constexpr bool fits = false;
  static constexpr bool narrows = false;
};

template <class Fn, class State, class Result, bool Started, bool Returns, bool With, class... Args>
class AccumulateStep : public StateStep<AccumulateStep<Fn, State, Result, Started, Returns, With, Args...>> {
 public:
  template <class>
  using output = std::conditional_t<With, std::pair<State, Result>, Result>;

  AccumulateStep(Fn fn, std::tuple<State, Args...>&& start)
      : AccumulateStep(std::move(fn), std::move(start), std::index_sequence_for<Args...>{}) {}
  explicit AccumulateStep(Fn fn, std::tuple<>&&) : fn_(std::move(fn)) {}

  template <class V, class Next>
  [[gnu::always_inline]] Pending* operator()(V&& value, const Context* context, Next& next) {
    PENSTOCK_KEEPS("accumulate", State);
    if constexpr (!Started) {
      if (!state_) [[unlikely]] {
        state_.emplace(State(std::as_const(value)));
        return first(context, next);
      }
    }
    if constexpr (Returns) {
      auto both = fold(std::forward<V>(value));
      Result result(std::get<1>(std::move(both)));
      state_->set(State(std::get<0>(std::move(both))));
      return emit(std::move(result), context, next);
    } else {
      state_->set(static_cast<State>(fold(std::forward<V>(value))));
      return emit_state(context, next);
    }
  }

  static constexpr bool saved = has_codec<State>;
  void write(StateWriter& to) const {
    if constexpr (!Started) to.put(state_.has_value());
    if (there()) to.put(state_->get());
  }
  void read(StateReader& from) {
    if constexpr (!Started) {
      state_.reset();
      if (from.get<bool>()) state_.emplace(from.get<State>());
    } else {
      from.get(state_->own());
    }
  }

 private:
  bool there() const noexcept {
    if constexpr (Started) {
      return true;
    } else {
      return state_.has_value();
    }
  }
  template <std::size_t... I>
  AccumulateStep(Fn fn, std::tuple<State, Args...>&& start, std::index_sequence<I...>)
      : fn_(std::move(fn)),
        args_(std::get<I + 1>(std::move(start))...),
        state_(std::in_place, std::get<0>(std::move(start))) {}

  // The state must be as before when the function throws, so it is given away only to one that cannot.
  template <class V>
  [[gnu::always_inline]] auto fold(V&& value) {
    if constexpr (std::is_nothrow_invocable_v<Fn&, State, V, Args&...>) {
      return this->run_bound(fn_, args_, std::move(state_->own()), std::forward<V>(value));
    } else if constexpr (by_value<State>) {
      return this->run_bound(fn_, args_, state_->get(), std::forward<V>(value));
    } else {  // the function may emit at the source while it reads the state
      return state_->lend([&](const State& state) __attribute__((always_inline)) {
        return this->run_bound(fn_, args_, state, std::forward<V>(value));
      });
    }
  }

  template <class Next>
  Pending* first(const Context* context, Next& next) {
    if constexpr (Returns) {
      return emit(Result(state_->get()), context, next);
    } else {
      return emit_state(context, next);
    }
  }
  template <class Next>
  [[gnu::always_inline]] Pending* emit(Result&& result, const Context* context, Next& next) {
    if constexpr (With) {
      return next(std::pair<State, Result>(state_->get(), std::move(result)), context);
    } else {
      return next(std::move(result), context);
    }
  }
  template <class Next>
  [[gnu::always_inline]] Pending* emit_state(const Context* context, Next& next) {
    if constexpr (With) {
      return next(std::pair<State, Result>(state_->get(), state_->get()), context);
    } else {
      return state_->lend([&](auto&& state) { return next(std::forward<decltype(state)>(state), context); });
    }
  }

  // What an optional would be when there is a start: always there.
  struct There : FoldState<State> {
    There() = delete;
    There(std::in_place_t, State&& state) : FoldState<State>(std::move(state)) {}
    There* operator->() noexcept { return this; }
    const There* operator->() const noexcept { return this; }
  };

  [[no_unique_address]] Fn fn_;
  [[no_unique_address]] std::tuple<Args...> args_;
  std::conditional_t<Started, There, std::optional<FoldState<State>>> state_;
};

template <class T, class Fn, bool Returns, bool With, class State, class... Args>
struct AccumulateTypes {
  using Returned = typename std::conditional_t<accumulator_of<Fn, State, T, Args...>,
                                               std::invoke_result<Fn&, const State&, T, Args&...>,
                                               std::type_identity<State>>::type;
  using Fold = FoldResult<Returns, State, std::decay_t<Returned>>;
  template <bool Started>
  using Step = AccumulateStep<Fn, State, typename Fold::type, Started, Returns, With, Args...>;
};

template <class T, class Fn, class Options, class Plain>
struct AccumulateFor;
template <class T, class Fn, class Options>
struct AccumulateFor<T, Fn, Options, std::tuple<>> {
  using State = T;
  static constexpr bool callable = accumulator_of<Fn, T, T>;
  using Types = AccumulateTypes<T, Fn, Options::returns_state, Options::with_state, T>;
  using Step = typename Types::template Step<false>;
};
template <class T, class Fn, class Options, class Start, class... Args>
struct AccumulateFor<T, Fn, Options, std::tuple<Start, Args...>> {
  using State = Start;
  static constexpr bool callable = accumulator_of<Fn, Start, T, Args...>;
  using Types = AccumulateTypes<T, Fn, Options::returns_state, Options::with_state, Start, Args...>;
  using Step = typename Types::template Step<true>;
};

template <class Fn, class... Options>
auto make_accumulate(const char* name, Fn fn, Options... given) {
  auto options = AccumulateOptions<false, false>{}.take(std::move(given)...);
  return [name, fn = std::move(fn), options = std::move(options)](auto&& stream) mutable {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    using Told = decltype(options);
    using For = AccumulateFor<T, Fn, Told, decltype(options.plain)>;
    using Fold = typename For::Types::Fold;
    using State = typename For::State;
    constexpr bool fits = !For::callable || Fold::fits;
    constexpr bool whole = !For::callable || !Fold::narrows;
    constexpr bool copies = !fits || (Told::returns_state && !Told::with_state) || can_copy<State>;
    static_assert(
        For::callable,
        "accumulate: the function must be callable with the state, which is const and has the type of the start "
        "value or, without one, of the elements, and with an element; it returns the new state");
    static_assert(
        fits,
        "accumulate: the function must return something that converts to the state, which has the type of the "
        "start value or, without one, of the elements; with returns_state a pair of that and of what to emit");
    static_assert(
        whole,
        "accumulate: the function returns a floating-point number and the state is an integer, which would cut "
        "it; give a start value such as 0.0");
    static_assert(copies,
                  "accumulate: the state must be copyable to be emitted; with returns_state it need not be");
    if constexpr (For::callable && fits && whole && copies) {
      return std::forward<decltype(stream)>(stream).then(
          typename For::Step(std::move(fn), std::move(options.plain)), Info{name, {}, Shape::state});
    }
  };
}

}  // namespace detail

/// Folds the elements into a state and emits the state after every element.
///
///     in   -1-2-3-4-|
///          accumulate(+)
///     out  -1-3-6-a-|        a = 10
///
/// @param fn       called as `fn(const State&, element, args...)`, returns the new state. One that is
///                 noexcept gets the state as an rvalue and may change it in place: a large state is then
///                 never copied.
/// @param options  in any order
///                 - the start: the state before the first element, and its type. Without one the first
///                   element becomes the state and is emitted unchanged, without a call;
///                 - further values, after the start: arguments bound to `fn`;
///                 - `returns_state`: `fn` returns a pair of the new state and of what to emit;
///                 - `with_state`: emits `std::pair(state, result)`.
///
/// What follows sees the state by reference; whoever keeps it copies it. A `fn` that emits at a source of its own
/// stream sees the state as it was when it was called, and what it returns takes the place of what those elements
/// made of it; one that is noexcept must not.
///
/// Back-pressure: passes through.
/// Metadata:      follows its element.
/// Errors:        what `fn` throws comes back through emit: the element has failed and the state is as before
///                it.
/// Cost:          the call of `fn`; no copy of the state.
/// Recovery:      state: the last one.
/// Example:       examples/02_operators/accumulate.cpp
/// See also:      frequencies, sliding_window, map
template <class Fn, class... Options>
auto accumulate(Fn fn, Options... options) {
  return detail::make_accumulate("accumulate", std::move(fn), std::move(options)...);
}

/// Folds the elements into a state and emits the state after every element: another name of `accumulate`.
///
/// Back-pressure: passes through.
/// Metadata:      follows its element.
/// Errors:        what `fn` throws comes back through emit: the element has failed and the state is as before
///                it.
/// Cost:          the call of `fn`; no copy of the state.
/// Recovery:      state: the last one.
/// Example:       examples/02_operators/accumulate.cpp
/// See also:      accumulate
template <class Fn, class... Options>
auto scan(Fn fn, Options... options) {
  return detail::make_accumulate("scan", std::move(fn), std::move(options)...);
}

}  // namespace penstock
