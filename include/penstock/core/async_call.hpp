// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "penstock/core/completion.hpp"
#include "penstock/core/element.hpp"

namespace penstock::detail {

/// A user's function and what is bound to it. Shared by the node and its calls, on the strand.
template <class Fn, class... Args>
class FunctionBlock {
 public:
  FunctionBlock(Fn fn, std::tuple<Args...> args) : fn_(std::move(fn)), args_(std::move(args)) {}

  template <class... More>
  decltype(auto) operator()(More&&... more) {
    return call_with(std::index_sequence_for<Args...>{}, std::forward<More>(more)...);
  }
  void retain() noexcept { ++holders_; }
  void release() noexcept {
    if (--holders_ == 0) delete this;
  }

 private:
  template <std::size_t... I, class V, class... More>
  decltype(auto) call_with(std::index_sequence<I...>, V&& value, More&&... more) {
    return call(fn_, std::forward<V>(value), std::get<I>(args_)..., std::forward<More>(more)...);
  }

  [[no_unique_address]] Fn fn_;
  [[no_unique_address]] std::tuple<Args...> args_;
  std::uint32_t holders_ = 1;
};

/// How awaitables of type `A` are awaited: exec/await.hpp knows those of Boost.Asio and of the language. It has
///
///     using result = …;
///     class Runner { explicit Runner(Loop&); void start(A, CallOf<result>&) noexcept; void stop() noexcept; };
template <class A>
struct Awaits {
  static constexpr bool known = false;
};
template <class A>
concept awaitable_like = requires(A& a) { a.await_ready(); } || requires(A& a) { a.operator co_await(); } ||
                         requires(A& a) { operator co_await(a); };

template <class Fn>
struct LastParameter {
  using type = void;
};
template <class Fn>
  requires requires { &Fn::operator(); }
struct LastParameter<Fn> : LastParameter<decltype(&Fn::operator())> {};
template <class R, class... Args>
  requires(sizeof...(Args) > 0)
struct LastParameter<R (*)(Args...)> {
  using type = std::tuple_element_t<sizeof...(Args) - 1, std::tuple<Args...>>;
};
template <class C, class R, class... Args>
struct LastParameter<R (C::*)(Args...)> : LastParameter<R (*)(Args...)> {};
template <class C, class R, class... Args>
struct LastParameter<R (C::*)(Args...) const> : LastParameter<R (*)(Args...)> {};
template <class C, class R, class... Args>
struct LastParameter<R (C::*)(Args...) noexcept> : LastParameter<R (*)(Args...)> {};
template <class C, class R, class... Args>
struct LastParameter<R (C::*)(Args...) const noexcept> : LastParameter<R (*)(Args...)> {};

/// The `R` of the `Completion<R>` that a function takes as its last parameter; `Completion<>` when it takes anything.
template <class P>
struct CompletionResult {
  using type = void;
};
template <class R>
struct CompletionResult<Completion<R>> {
  using type = R;
};
template <class Fn>
using completion_result = typename CompletionResult<std::remove_cvref_t<typename LastParameter<Fn>::type>>::type;

/// How a function says that it is through.
enum class Style : std::uint8_t {
  none,        // it cannot be called
  plain,       // by returning
  receipt,     // by the Receipt that it returns
  awaitable,   // by what it returns and has to be awaited
  completion   // by calling the Completion that it is given
};

template <class Fn, class T, class... Args>
constexpr Style style_of() {
  if constexpr (std::is_invocable_v<Fn&, T, Args&...>) {
    using R = std::remove_cvref_t<std::invoke_result_t<Fn&, T, Args&...>>;
    if constexpr (std::is_same_v<R, Receipt>) {
      return Style::receipt;
    } else if constexpr (awaitable_like<R>) {
      return Style::awaitable;
    } else {
      return Style::plain;
    }
  } else if constexpr (std::is_invocable_v<Fn&, T, Args&..., Completion<completion_result<Fn>>>) {
    return Style::completion;
  } else {
    return Style::none;
  }
}

/// Calls an asynchronous function of one style. `start` calls it with the value in the call, where the value stays until
/// the call is over.
template <Style style, class Fn, class T, class... Args>
class Starter;

template <class Fn, class T, class... Args>
class Starter<Style::receipt, Fn, T, Args...> {
 public:
  using result = void;
  static constexpr bool needs_loop = false;

  void open(Loop*) noexcept {}
  void close() noexcept {}
  void start(FunctionBlock<Fn, Args...>& fn, T& value, CallOf<void>& call) {
    Receipt receipt = fn(std::move(value));
    if (receipt.pending()) {
      call.end_with(std::move(receipt));
    } else {
      call.end(receipt.error());
    }
  }
};

template <class Fn, class T, class... Args>
class Starter<Style::completion, Fn, T, Args...> {
 public:
  using result = completion_result<Fn>;
  static constexpr bool needs_loop = false;

  void open(Loop*) noexcept {}
  void close() noexcept {}
  void start(FunctionBlock<Fn, Args...>& fn, T& value, CallOf<result>& call) {
    call.handed_out();
    fn(std::move(value), Completion<result>(call));
  }
};

template <class Fn, class T, class... Args>
class Starter<Style::awaitable, Fn, T, Args...> {
  using Awaitable = std::remove_cvref_t<std::invoke_result_t<Fn&, T, Args&...>>;

 public:
  using result = typename Awaits<Awaitable>::result;
  static constexpr bool needs_loop = true;

  void open(Loop* loop) { runner_.emplace(*loop); }
  void close() noexcept {
    if (runner_) runner_->stop();
  }
  void start(FunctionBlock<Fn, Args...>& fn, T& value, CallOf<result>& call) {
    auto awaitable = fn(std::move(value));
    call.handed_out();
    runner_->start(std::move(awaitable), call);
  }

 private:
  std::optional<typename Awaits<Awaitable>::Runner> runner_;
};

}  // namespace penstock::detail
