// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <exception>
#include <tuple>
#include <type_traits>
#include <utility>

#include "penstock/core/async_call.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/core/view.hpp"
#include "penstock/ops/on_error.hpp"

namespace penstock {

/// `Fn` can be called with a `T` and the arguments bound to it, and when it likes with a Completion behind
/// them.
template <class Fn, class T, class... Args>
concept consumer_of = detail::style_of<Fn, T, Args...>() != detail::Style::none;

namespace detail {

template <class Fn, class... Args>
class SinkStep : public Step {
 public:
  template <class In>
  using output = void;

  SinkStep(Fn fn, std::tuple<Args...> args) : fn_(std::move(fn)), args_(std::move(args)) {}

  template <class V, class Next>
  [[gnu::always_inline]] Pending* operator()(V&& value, const Context*, Next&) {
    if constexpr (std::is_invocable_v<Fn&, V&&, Args&...>) {
      static_cast<void>(this->run_bound(fn_, args_, std::forward<V>(value)));
    } else {
      static_cast<void>(this->run_bound(fn_, args_, std::remove_cvref_t<V>(value)));
    }
    return nullptr;
  }

 private:
  [[no_unique_address]] Fn fn_;
  [[no_unique_address]] std::tuple<Args...> args_;
};

/// The end of a stream in a function that is not through when it returns.
template <element T, class Fn, class... Args>
class AsyncSink final : public Node, public Receiver<T, AsyncSink<T, Fn, Args...>>, private CallOwner {
  using Start = Starter<style_of<Fn, T, Args...>(), Fn, T, Args...>;
  using Result = typename Start::result;
  using Block = FunctionBlock<Fn, Args...>;

 public:
  AsyncSink(Fn fn, std::tuple<Args...> args)
      : Node(Info{"sink", {}, Shape::sink}), fn_(new Block(std::move(fn), std::move(args))) {
    PENSTOCK_KEEPS("sink", T);
    this->port(static_cast<InletBase&>(*this));
  }
  ~AsyncSink() override { fn_->release(); }

  const char* needs_loop() const noexcept override {
    return Start::needs_loop ? "sink: a function that returns an awaitable" : nullptr;
  }
  void added() override { start_.open(loop()); }
  bool busy() const noexcept override { return active_ != 0; }
  void shut_down() noexcept override {
    while (Call* call = first_) {
      remove(*call);
      call->context.drop("the sink was destroyed while it was busy with the element");
      call->context.clear();
      info().drops();
      call->receipt.settle(
          std::make_exception_ptr(Stopped(info().label() + ": destroyed while busy with the element")));
      call->abandon();
    }
    start_.close();
    rest();
  }

  template <class V>
  Pending* take(V&& value, const Context* context) {
    info().took();
    auto* call = new Call(*this, *fn_, std::forward<V>(value));
    try {
      start_.start(*fn_, call->value, *call);
    } catch (...) {
      info().fails();
      call->abandon();
      throw;
    }
    if (!call->launched()) return over(call);
    call->context = Context::of(context);
    call->receipt = Receipt::waiting(strand(), &info(), Why::sink);
    add(*call);
    return call->receipt.share();
  }

 protected:
  Pending* take_signal(const Signal& signal) override {
    if (signal.kind == Signal::barrier) {
      Join join{strand()};
      for (const Call* call = first_; call; call = call->next) join.add(call->receipt.share());
      return join.finish();
    }
    if (signal.kind != Signal::end || active_ == 0) return nullptr;
    if (!end_.pending()) end_ = Receipt::waiting(strand(), &info(), Why::sink);
    return end_.share();
  }

 private:
  struct Call final : CallOf<Result> {
    template <class V>
    Call(AsyncSink& sink, Block& f, V&& v)
        : CallOf<Result>(sink.strand(), sink), fn(f), value(std::forward<V>(v)) {
      fn.retain();
    }
    ~Call() override { fn.release(); }
    Block& fn;
    T value;
    Context context;
    Receipt receipt;
    Call* next = nullptr;
    Call* previous = nullptr;
  };

  // It did not wait: as with a plain function.
  Pending* over(Call* call) {
    const std::exception_ptr error = call->error();
    delete call;
    if (error) {
      info().fails();
      std::rethrow_exception(error);
    }
    return nullptr;
  }

  void ended(CallBase& base) noexcept override {
    Call& call = static_cast<Call&>(base);
    remove(call);
    const std::exception_ptr error = call.error();
    if (error) {
      info().fails();
      call.context.fail(error);
    }
    call.context.clear();
    call.receipt.settle(error);
    delete &call;
    rest();
  }

  void add(Call& call) noexcept {
    call.previous = last_;
    (last_ ? last_->next : first_) = &call;
    last_ = &call;
    info().holds(++active_);
    if (active_ == 1 && loop()) loop()->work_started();
  }
  void remove(Call& call) noexcept {
    (call.previous ? call.previous->next : first_) = call.next;
    (call.next ? call.next->previous : last_) = call.previous;
    info().holds(--active_);
    if (active_ == 0 && loop()) loop()->work_finished();
  }
  void rest() noexcept {
    if (active_ != 0) return;
    std::exchange(end_, {}).settle();
    graph().rested();
  }

  Block* fn_;
  Start start_;
  Call* first_ = nullptr;
  Call* last_ = nullptr;
  std::size_t active_ = 0;
  Receipt end_;
};

template <class... Args>
inline constexpr bool ends_with_policies = false;
template <class Last>
inline constexpr bool ends_with_policies<Last> = is_error_policies<Last>;
template <class First, class Second, class... Rest>
inline constexpr bool ends_with_policies<First, Second, Rest...> = ends_with_policies<Second, Rest...>;

template <class Fn, class... Args>
auto make_sink(Fn fn, Args... args) {
  return [fn = std::move(fn), args = std::tuple<Args...>(std::move(args)...)](auto&& stream) mutable {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    static_assert(consumer_of<Fn, T, Args...>,
                  "sink: the function must be callable with an element of the stream, and may take a Completion<> "
                  "behind it");
    constexpr Style style = style_of<Fn, T, Args...>();
    if constexpr (style == Style::plain) {
      return std::forward<decltype(stream)>(stream).then(
          SinkStep<Fn, Args...>(std::move(fn), std::move(args)), Info{"sink", {}, Shape::sink});
    } else if constexpr (style == Style::awaitable) {
      using Awaitable = std::remove_cvref_t<std::invoke_result_t<Fn&, T, Args&...>>;
      static_assert(Awaits<Awaitable>::known,
                    "sink: the function returns an awaitable; include penstock/penstock.hpp for what can await it");
      if constexpr (Awaits<Awaitable>::known) {
        return Sink{attach<AsyncSink<T, Fn, Args...>>(stream.stream(), std::move(fn), std::move(args))};
      }
    } else if constexpr (style != Style::none) {
      return Sink{attach<AsyncSink<T, Fn, Args...>>(stream.stream(), std::move(fn), std::move(args))};
    }
  };
}

template <class Fn, class... Args, std::size_t... I>
auto guarded_sink(Fn fn, std::tuple<Args...> args, std::index_sequence<I...>) {
  return [fn = std::move(fn), args = std::move(args)](auto&& stream) mutable {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    using Bound = std::tuple<std::tuple_element_t<I, std::tuple<Args...>>...>;
    auto& policies = std::get<sizeof...(I)>(args);
    constexpr bool plain = style_of<Fn, T, std::tuple_element_t<I, std::tuple<Args...>>...>() == Style::plain;
    if constexpr (plain && !std::remove_cvref_t<decltype(policies)>::keeps) {
      SinkStep<Fn, std::tuple_element_t<I, std::tuple<Args...>>...> step(
          std::move(fn), Bound(std::move(std::get<I>(args))...));
      return std::forward<decltype(stream)>(stream).then(policies.around(std::move(step)),
                                                         Info{"sink", {}, Shape::sink});
    } else {
      return make_sink(std::move(fn), std::move(std::get<I>(args))...)(policies.before_sink(stream.stream()));
    }
  };
}

}  // namespace detail

/// Ends a stream: calls `fn` with every element. A function that is through when it returns costs only its
/// call. One that is not says so by what it returns or takes, and the element is through when its work is:
///
///     stream.sink([](Row row) { table.add(row); });  // plain
///     stream.sink([&](Row row) -> asio::awaitable<void> { co_await db.write(std::move(row)); });
///     stream.sink([&](Row row, Completion<> done) { db.write(row, std::move(done)); });  // a callback
///     stream.sink([&](Row row) { return other.push(std::move(row)); });                  // a Receipt
///
///     in    -1--2------3-|
///           sink(takes 3)
///     taken ----1--2-----3
///
/// Calls are started in order. Who waits for its element gives one at a time; otherwise as many are under way
/// as elements come, and `buffer` in front is what bounds them. A coroutine runs at once to where it first
/// waits, on the loop, and one that does not wait costs no turn of it. The element lives in the sink until
/// the call is over, so a coroutine may take it by reference. When the graph ends, calls under way go on, and
/// what they use of the function stays until then.
///
/// @param fn    called as `fn(element, args...)` or `fn(element, args..., Completion<>)`; may be a pointer to
///              a member.
/// @param args  bound to `fn` by value; the last one may be a policy: sink(fn, on_error(...)).
///
/// Back-pressure: ends here: waits for what `fn` returned or for its Completion.
/// Metadata:      held until the work on the element is over; dropped when the graph ends before.
/// Errors:        an exception, from a call under way too, comes back through emit or the Receipt; the
///                element has failed.
/// Cost:          the call of `fn`; one pooled block for an element that waits.
/// Recovery:      at_least_once: after a restart elements may come again. A checkpoint waits for the work under way.
/// Example:       examples/02_operators/sink.cpp
/// See also:      map_async, on_error, buffer, tap
template <class Fn, class... Args>
auto sink(Fn fn, Args... args) {
  if constexpr (detail::ends_with_policies<Args...>) {
    return detail::guarded_sink(std::move(fn), std::tuple<Args...>(std::move(args)...),
                                std::make_index_sequence<sizeof...(Args) - 1>{});
  } else {
    return detail::make_sink(std::move(fn), std::move(args)...);
  }
}

}  // namespace penstock
