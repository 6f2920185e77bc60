// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "penstock/core/async_call.hpp"
#include "penstock/core/pump.hpp"
#include "penstock/core/ring.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/core/view.hpp"

namespace penstock {

/// Options of map_async.
struct MapAsync {
  std::size_t parallelism = 4;     ///< calls under way at once, at least 1; their results count until they are taken
  bool ordered = true;             ///< results come in the order of the elements, not as they get ready
  bool stop_on_exception = false;  ///< a failure stops the operator until `start()` of its handle
};

namespace detail {

template <class Fn, class T, class... Args>
constexpr bool asynchronous_mapper() {
  constexpr Style style = style_of<Fn, T, Args...>();
  if constexpr (style == Style::completion) {
    return !std::is_void_v<completion_result<Fn>>;
  } else if constexpr (style == Style::awaitable) {
    using A = Awaits<std::remove_cvref_t<std::invoke_result_t<Fn&, T, Args&...>>>;
    if constexpr (A::known) {
      return !std::is_void_v<typename A::result>;
    } else {
      return true;  // another sentence says what is missing
    }
  } else {
    return false;
  }
}
template <class Fn, class T, class... Args>
constexpr bool unknown_awaitable() {
  if constexpr (style_of<Fn, T, Args...>() == Style::awaitable) {
    return !Awaits<std::remove_cvref_t<std::invoke_result_t<Fn&, T, Args&...>>>::known;
  } else {
    return false;
  }
}

}  // namespace detail

/// `Fn` can be called with a `T` and the arguments bound to it, and gives its result later.
template <class Fn, class T, class... Args>
concept async_mapper_of = detail::asynchronous_mapper<Fn, T, Args...>();

namespace detail {

/// Elements stand in a line, those in front started, the others waiting for a slot; signals stand among them.
template <element T, class Fn, class... Args>
class MapAsyncNode final : public Node, public Receiver<T, MapAsyncNode<T, Fn, Args...>>, private CallOwner {
  using Start = Starter<style_of<Fn, T, Args...>(), Fn, T, Args...>;
  using Result = typename Start::result;
  using Block = FunctionBlock<Fn, Args...>;

 public:
  using Out = std::decay_t<Result>;
  Outlet<Out> outlet;

  MapAsyncNode(Fn fn, std::tuple<Args...> args, MapAsync options)
      : Node(Info{"map_async", std::to_string(options.parallelism)}),
        options_(options),
        fn_(new Block(std::move(fn), std::move(args))) {
    PENSTOCK_KEEPS("map_async", T);
    this->port(static_cast<InletBase&>(*this));
    this->port(outlet);
    info().one_to_one = false;
  }
  ~MapAsyncNode() override { fn_->release(); }

  const char* needs_loop() const noexcept override {
    return Start::needs_loop ? "map_async: a function that returns an awaitable" : nullptr;
  }
  void added() override { start_.open(loop()); }
  bool busy() const noexcept override {
    return running_ != 0 || pump_.active() || (!stopped_ && !line_.empty());
  }
  void start() override {
    if (!std::exchange(stopped_, false)) return;
    pump_.wake();
    fill();
  }
  void shut_down() noexcept override {
    pump_.stop();
    const auto stopped = std::make_exception_ptr(Stopped(info().label() + ": stopped with elements in it"));
    std::exchange(under_way_, {}).settle(stopped);
    for (; !line_.empty(); line_.pop()) {
      Item& item = line_.front();
      item.receipt.settle(stopped);
      if (!item.call) continue;
      item.call->context.drop("map_async was destroyed with the element in it");
      item.call->context.clear();
      info().drops();
      if (item.call->done) {
        delete item.call;
      } else {
        item.call->abandon();
      }
    }
    started_ = slots_ = 0;
    held(0);
    if (std::exchange(running_, 0) != 0 && loop()) loop()->work_finished();
    start_.close();
  }

  template <class V>
  Pending* take(V&& value, const Context* context) {
    info().took();
    auto* call = new Call(*this, *fn_, std::forward<V>(value), Context::of(context));
    const std::size_t place = line_.size();
    line_.push(call, Mark::element, Signal{}, Receipt{});
    held(held_ + 1);
    if (stopped_ || started_ != place || slots_ == options_.parallelism) {
      line_.back().receipt = Receipt::waiting(strand(), &info(), Why::full);
      return line_.back().receipt.share();
    }
    std::exception_ptr error = launch();
    if (error) {
      give_up(place);
      std::rethrow_exception(error);
    }
    if (call->done && place == 0 && line_.size() == 1 && !pump_.active()) return pass_on(call);
    if (call->done) pump_.wake();
    return nullptr;
  }

  // For the pump.
  bool pump(Receipt& receipt) {
    const std::size_t place = stopped_ ? line_.size() : ready();
    if (place == line_.size()) return false;
    if (line_[place].mark == Mark::signal) {
      Item item = line_.pop();
      --started_;
      under_way_ = std::move(item.receipt);
      receipt = offer(outlet, item.signal);
      return true;
    }
    frees_slot_ = line_[place].mark == Mark::element;
    struct End {
      Call* call;
      ~End() { delete call; }
    } end{line_[place].call};
    line_.erase(place);
    --started_;
    if (!frees_slot_) {
      stopped_ = true;
      return true;
    }
    Call& call = *end.call;
    held(held_ - 1);
    if (call.result) {
      info().passed();
      receipt = offer(outlet, std::move(*call.result), call.context);
      return true;
    }
    info().fails();
    call.context.fail(call.error());
    if (options_.stop_on_exception) stopped_ = true;
    graph().report(call.error(), info());
    return true;
  }
  void pumped(std::exception_ptr error) noexcept {
    if (const Receipt receipt = std::exchange(under_way_, {}); receipt.state()) {
      receipt.settle(std::move(error));
    } else if (error) {
      graph().report(std::move(error), info());
    }
    if (std::exchange(frees_slot_, false)) --slots_;
    fill();
  }

 protected:
  Pending* take_signal(const Signal& signal) override {
    if (line_.empty() && !pump_.active()) return outlet.signal(signal);
    Receipt receipt;
    if (signal.kind == Signal::end) receipt = Receipt::waiting(strand(), &info(), Why::order);
    if (started_ == line_.size()) ++started_;
    line_.push(nullptr, Mark::signal, signal, receipt);
    pump_.wake();
    return receipt.release();
  }

 private:
  struct Call final : CallOf<Result> {
    template <class V>
    Call(MapAsyncNode& node, Block& f, V&& v, Context c)
        : CallOf<Result>(node.strand(), node), fn(f), value(std::forward<V>(v)), context(std::move(c)) {
      fn.retain();
    }
    ~Call() override { fn.release(); }
    Block& fn;
    T value;
    Context context;
    bool done = false;
  };
  enum class Mark : std::uint8_t { element, signal, stop };
  struct Item {
    Call* call;
    Mark mark;
    Signal signal;
    Receipt receipt;  // of who waits for a slot, or for the end
  };

  // Calls the function with the first element that was not started. Its exception when it failed at once; the
  // element then still stands in the line.
  std::exception_ptr launch() {
    Call* call = line_[started_].call;
    ++started_;
    ++slots_;
    try {
      start_.start(*fn_, call->value, *call);
    } catch (...) {
      return std::current_exception();
    }
    if (call->launched()) {
      if (running_++ == 0 && loop()) loop()->work_started();
      return nullptr;
    }
    call->done = true;
    return call->result ? nullptr : call->error();
  }
  // The element at `place` failed at once and whoever emitted it knows.
  void give_up(std::size_t place) {
    Call* call = std::exchange(line_[place].call, nullptr);
    if (call->done) {
      delete call;
    } else {
      call->abandon();
    }
    info().fails();
    held(held_ - 1);
    --slots_;
    if (options_.stop_on_exception) {
      line_[place].mark = Mark::stop;
      pump_.wake();
    } else {
      line_.erase(place);
      --started_;
    }
  }
  // Nothing waited anywhere: as with map.
  Pending* pass_on(Call* call) {
    struct End {
      Call* call;
      ~End() { delete call; }
    } end{call};
    line_.clear();
    started_ = 0;
    --slots_;
    held(0);
    info().passed();
    return outlet.push(std::move(*call->result), call->context.or_null());
  }

  // The place of what may be emitted now, or the line's length.
  std::size_t ready() const noexcept {
    for (std::size_t i = 0; i < started_; ++i) {
      if (line_[i].mark != Mark::element) return i == 0 ? 0 : line_.size();
      if (line_[i].call->done) return i;
      if (options_.ordered) break;
    }
    return line_.size();
  }

  // Starts what has a slot. What the functions do may end the graph, so this comes last.
  void fill() noexcept {
    if (stopped_ || started_ == line_.size() || slots_ == options_.parallelism) return;
    const StrandRef home{strand()};
    try {
      home->descend([this] { start_waiting(); });
    } catch (...) {
      home->report(std::current_exception());
    }
  }
  void start_waiting() {
    while (!stopped_ && started_ < line_.size() && slots_ < options_.parallelism) {
      const std::size_t place = started_;
      if (line_[place].mark != Mark::element) {
        ++started_;
        continue;
      }
      const Receipt receipt = std::exchange(line_[place].receipt, {});
      const std::exception_ptr error = launch();
      if (error) {
        line_[place].call->context.fail(error);
        give_up(place);
      } else if (line_[place].call->done) {
        pump_.wake();
      }
      receipt.settle(error);
    }
  }

  void ended(CallBase& base) noexcept override {
    static_cast<Call&>(base).done = true;
    if (--running_ == 0 && loop()) loop()->work_finished();
    pump_.wake();
  }
  void held(std::size_t n) noexcept {
    held_ = n;
    info().holds(n);
  }

  MapAsync options_;
  Block* fn_;
  Start start_;
  Ring<Item> line_;
  std::size_t started_ = 0;  // items at the front of the line
  std::size_t slots_ = 0;    // taken: calls under way, and results that have not been taken further down
  std::size_t running_ = 0;
  std::size_t held_ = 0;
  bool stopped_ = false;
  bool frees_slot_ = false;
  Receipt under_way_;  // of the signal that is being passed on
  Pump<MapAsyncNode> pump_{*this};
};

template <class T, class S, class Fn, class... Args>
auto attach_map_async(S&& stream, Fn fn, std::tuple<Args...> args, MapAsync options) {
  static_assert(
      async_mapper_of<Fn, T, Args...>,
      "map_async: the function must be callable with an element of the stream and give a result later: return an "
      "awaitable that has one, or take a Completion<Result> as its last parameter (map takes plain functions)");
  static_assert(!unknown_awaitable<Fn, T, Args...>(),
                "map_async: the function returns an awaitable; include penstock/penstock.hpp for what can await it");
  if constexpr (async_mapper_of<Fn, T, Args...> && !unknown_awaitable<Fn, T, Args...>()) {
    auto& node =
        attach<MapAsyncNode<T, Fn, Args...>>(stream.stream(), std::move(fn), std::move(args), options);
    return Stream<typename MapAsyncNode<T, Fn, Args...>::Out>{node.outlet};
  }
}

// The options, wherever they stand among the arguments.
inline MapAsync pick_options(MapAsync found) { return found; }
template <class First, class... Rest>
MapAsync pick_options(MapAsync found, const First& first, const Rest&... rest) {
  if constexpr (std::is_same_v<First, MapAsync>) found = first;
  return pick_options(found, rest...);
}
template <class Arg>
auto without_options(Arg&& arg) {
  if constexpr (std::is_same_v<std::remove_cvref_t<Arg>, MapAsync>) {
    return std::tuple<>{};
  } else {
    return std::tuple<std::remove_cvref_t<Arg>>(std::forward<Arg>(arg));
  }
}

}  // namespace detail

/// Applies an asynchronous function to every element, to several at a time, and emits the results.
///
///     in   -1-2-3-------|
///          map_async(takes 3, {.parallelism = 2})
///     out  ----a-b--c---|
///
/// @param fn       a coroutine, or anything that returns an awaitable, called as `fn(element, args...)`; or a
///                 function that is called as `fn(element, args..., Completion<Result>)`. The element lives
///                 until the call is over.
/// @param options  `MapAsync`, and arguments to be bound to `fn` by value.
///
/// Back-pressure: waits when full: until a call for the element can start. A result that is not taken keeps
///                its slot.
/// Metadata:      held until its result was emitted.
/// Errors:        std::invalid_argument here when parallelism is 0. An element whose call fails has failed:
///                who waits for it gets the exception, otherwise it is reported, and the stream goes on. With
///                stop_on_exception the operator stops there, keeps what it holds, and goes on with the next
///                element at `start()` of its handle.
/// Cost:          one pooled block an element; a function that does not wait costs no turn of the loop.
/// Recovery:      no state; elements under way are lost.
/// Example:       examples/02_operators/map_async.cpp
/// See also:      map, sink, buffer
template <class Fn, class... Options>
auto map_async(Fn fn, Options... options) {
  const MapAsync chosen = detail::pick_options(MapAsync{}, options...);
  if (chosen.parallelism == 0) detail::bad_argument("map_async: parallelism must be at least 1");
  return [fn = std::move(fn), chosen,
          args = std::tuple_cat(detail::without_options(std::move(options))...)](auto&& stream) mutable {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    return detail::attach_map_async<T>(stream, std::move(fn), std::move(args), chosen);
  };
}

}  // namespace penstock
