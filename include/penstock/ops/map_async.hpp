// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "penstock/core/async_call.hpp"
#include "penstock/core/box.hpp"
#include "penstock/core/pump.hpp"
#include "penstock/core/ring.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/core/view.hpp"
#include "penstock/ops/detail/alarm.hpp"
#include "penstock/ops/on_error.hpp"

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

/// What map_async does about failures when it was told by on_error.
template <element T>
struct CallGuard {
  using Letters = std::conditional_t<can_copy<T>, Outlet<DeadLetter<T>>, NoResult>;

  explicit CallGuard(const Retry& retry, bool keeps_copies) : backoff(retry), keeps(keeps_copies) {}

  Backoff backoff;
  bool keeps;  // copies of the elements
  OnError policy = OnError::skip;
  std::optional<Letters> letters;

  bool propagates() const noexcept { return policy == OnError::propagate && !letters; }
};

/// Elements stand in a line, those in front started, the others waiting for a slot; signals stand among them. An
/// element that is tried again keeps its place and its slot.
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
    info().recovery = Recovery::drained;
  }
  ~MapAsyncNode() override { fn_->release(); }

  const char* needs_loop() const noexcept override {
    return Start::needs_loop ? "map_async: a function that returns an awaitable" : nullptr;
  }
  void added() override { start_.open(loop()); }
  /// Applies an error policy from now on.
  template <class Final>
  void guard(const Retry& retry, bool keeps, const Final& last) {
    const Hold hold{loop()};
    auto guard = make_box<CallGuard<T>>(retry, keeps);
    if (guard->backoff.needs_loop() && !loop()) {
      misuse(
          "on_error: a retry with a back-off needs an event loop: give one to the source, as in "
          "Stream<int> source{loop}");
    }
    guard_ = std::move(guard);
    if constexpr (is_divert<Final>) {
      this->port(guard_->letters.emplace());
      Stream<DeadLetter<T>>{*guard_->letters}.connect(last.letters);
    } else {
      guard_->policy = last;
    }
  }
  bool busy() const noexcept override {
    return running_ != 0 || resting_ != 0 || pump_.active() || (!stopped_ && !line_.empty());
  }
  void start() override {
    if (!std::exchange(stopped_, false)) return;
    pump_.wake();
    fill();
  }
  void shut_down() noexcept override {
    pump_.stop();
    alarm_.cancel();
    const auto stopped = std::make_exception_ptr(Stopped(info().label() + ": stopped with elements in it"));
    std::exchange(under_way_, {}).settle(stopped);
    for (; !line_.empty(); line_.pop()) {
      Item& item = line_.front();
      item.receipt.settle(stopped);
      if (!item.call) continue;
      item.call->context.drop("map_async was destroyed with the element in it");
      item.call->context.clear();
      info().drops();
      dispose(item.call);
    }
    started_ = slots_ = resting_ = 0;
    held(0);
    if (std::exchange(running_, 0) != 0 && loop()) loop()->work_finished();
    start_.close();
  }

  template <class V>
  Pending* take(V&& value, const Context* context) {
    info().took();
    const std::size_t place = line_.size();
    auto* made = new Call(*this, *fn_, std::forward<V>(value), Context::of(context));
    line_.push(made, Mark::element, Signal{}, Receipt{});
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
    Call* call = line_[place].call;
    const bool alone = place == 0 && line_.size() == 1 && !pump_.active();
    if (alone && call->done && call->result) return pass_on(call);
    if (call->over()) pump_.wake();
    return nullptr;
  }

  // For the pump.
  bool pump(Receipt& receipt) {
    const std::size_t place = stopped_ ? line_.size() : ready();
    if (place == line_.size()) return false;
    if (line_[place].mark == Mark::signal) {
      Item item = line_.pop();
      --started_;
      if (item.signal.kind == Signal::barrier) {
        send_behind(item.receipt, [&] { return strand().descend([&] { return Receipt{pass(item.signal)}; }); });
        return true;
      }
      under_way_ = std::move(item.receipt);
      receipt = strand().descend([&] { return Receipt{pass(item.signal)}; });
      return true;
    }
    frees_slot_ = line_[place].mark == Mark::element;
    struct End {
      Call* call;
      ~End() {
        if (call) dispose(call);
      }
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
    receipt = gave_up(call, call.failure ? call.failure : call.error());
    return true;
  }
  void rang() { again(); }
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
    if (line_.empty() && !pump_.active()) return pass(signal);
    if (signal.kind == Signal::watermark && !line_.empty() && line_.back().watermark()) {
      line_.back().signal = signal;
      return nullptr;
    }
    Receipt receipt;
    if (signal.kind == Signal::end || signal.kind == Signal::barrier) {
      receipt = Receipt::waiting(strand(), &info(), Why::order);
    }
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
    /// Ended, or failed for good before anybody else could end it.
    bool over() const noexcept { return done || failure; }
    bool resting() const noexcept { return until.has_value(); }

    Block& fn;
    T value;
    Context context;
    bool done = false;  // ended
    std::exception_ptr failure;
    // Under an error policy:
    Box<T> kept;         // for another attempt, or for the letter
    std::size_t made = 0;            // attempts
    std::optional<TimePoint> until;  // the next one
  };
  enum class Mark : std::uint8_t { element, signal, stop };
  struct Item {
    Call* call;
    Mark mark;
    Signal signal;
    Receipt receipt;  // of who waits for a slot, or for the end

    bool watermark() const noexcept { return mark == Mark::signal && signal.kind == Signal::watermark; }
  };

  static void dispose(Call* call) noexcept {
    if (call->done) {
      delete call;
    } else {
      call->abandon();
    }
  }

  // Calls the function with the first element that was not started. Its exception when it failed at once; the
  // element then still stands in the line.
  std::exception_ptr launch() {
    const std::size_t place = started_++;
    ++slots_;
    std::exception_ptr error = attempt(place);
    if (!error || !guard_ || guard_->propagates()) return error;
    line_[place].call->failure = std::move(error);  // for the pump
    return nullptr;
  }
  // Calls the function with the element at `place` until it does not fail at once, or rests.
  std::exception_ptr attempt(std::size_t place) {
    for (;;) {
      std::exception_ptr error = call_with(*line_[place].call);
      if (!error) return error;
      try {
        if (!renew(place)) return error;
      } catch (...) {
        return std::current_exception();  // no copy of the element: it has failed for good
      }
      if (line_[place].call->resting()) return nullptr;
    }
  }
  std::exception_ptr call_with(Call& call) {
    ++call.made;
    try {
      if constexpr (can_copy<T>) {
        if (guard_ && guard_->keeps && !call.kept) call.kept = make_box<T>(std::as_const(call.value));
      }
      start_.start(*fn_, call.value, call);
    } catch (...) {
      return std::current_exception();
    }
    if (call.launched()) {
      if (running_++ == 0 && loop()) loop()->work_started();
      return nullptr;
    }
    call.done = true;
    return call.result ? nullptr : call.error();
  }

  // Puts a new call in the place of one that has failed, unless that was the last attempt. It rests, or is due at
  // once.
  bool renew(std::size_t place) {
    if constexpr (can_copy<T>) {
      Call* failed = line_[place].call;
      if (!guard_ || !failed->kept || failed->made >= guard_->backoff.attempts()) return false;
      auto* call = new Call(*this, *fn_, std::as_const(*failed->kept), Context{});
      call->context = std::move(failed->context);  // not before: the copy of the element may throw
      call->kept = std::move(failed->kept);
      call->made = failed->made;
      line_[place].call = call;
      dispose(failed);
      const Duration pause = guard_->backoff.pause(call->made);
      if (pause != Duration{}) rest(*call, Backoff::after(pause, loop()));
      return true;
    } else {
      return false;
    }
  }
  void rest(Call& call, TimePoint until) {
    call.until = until;
    ++resting_;
    ring_at(until);
  }
  void ring_at(TimePoint time) {
    if (!alarm_.active() || time < alarm_.deadline()) clock().set(alarm_, time);
  }
  // Calls again what has rested. What the functions do may end the graph, so this comes last.
  void again() noexcept {
    const StrandRef home{strand()};
    try {
      home->descend([this] { try_again(); });
    } catch (...) {
      home->report(std::current_exception());
    }
  }
  void try_again() {
    for (std::size_t place = 0; place < started_; ++place) {
      Call* call = line_[place].call;
      if (!call || !call->resting()) continue;
      if (*call->until != TimePoint::min() && clock().now() < *call->until) {
        ring_at(*call->until);
        continue;
      }
      call->until.reset();
      --resting_;
      std::exception_ptr error = attempt(place);
      call = line_[place].call;
      call->failure = std::move(error);
      if (call->over()) pump_.wake();
    }
  }
  // What becomes of an element behind its last attempt, when nobody waits for it.
  Receipt gave_up(Call& call, std::exception_ptr error) {
    if constexpr (can_copy<T>) {
      if (guard_ && guard_->letters && call.kept) {
        DeadLetter<T> letter{std::move(*call.kept), call.context, info().label(), std::move(error)};
        return offer(*guard_->letters, std::move(letter), call.context);
      }
    }
    if (guard_ && !guard_->letters && guard_->policy == OnError::skip) {
      call.context.drop(skipped);
      return {};
    }
    call.context.fail(error);
    if (options_.stop_on_exception) stopped_ = true;
    graph().report(std::move(error), info());
    return {};
  }
  Pending* pass(const Signal& signal) {
    if (signal.kind == Signal::barrier) {
      Join join{strand()};
      join.add(this->at_barrier(signal));
      join.add(outlet.signal(signal));
      return join.finish();
    }
    if constexpr (can_copy<T>) {
      if (guard_ && guard_->letters && (signal.kind == Signal::end || signal.kind == Signal::reopen)) {
        return send_all(
            strand(), [&] { return outlet.signal(signal); }, [&] { return guard_->letters->signal(signal); });
      }
    }
    return outlet.signal(signal);
  }

  // The element at `place` failed at once and whoever emitted it knows.
  void give_up(std::size_t place) {
    dispose(std::exchange(line_[place].call, nullptr));
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
      if (line_[i].call->over()) return i;
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
      } else if (line_[place].call->over()) {
        pump_.wake();
      }
      receipt.settle(error);
    }
  }

  void ended(CallBase& base) noexcept override {
    Call& call = static_cast<Call&>(base);
    call.done = true;
    if (--running_ == 0 && loop()) loop()->work_finished();
    if (guard_ && !call.result && tries_again(call)) return;
    pump_.wake();
  }
  // Of a call that has failed while it was under way.
  bool tries_again(const Call& call) noexcept {
    std::size_t place = 0;
    while (line_[place].call != &call) ++place;
    try {
      if (!renew(place)) return false;
    } catch (...) {
      return false;  // no copy of the element: it has failed for good
    }
    Call& fresh = *line_[place].call;
    if (!fresh.resting()) {
      fresh.until = TimePoint::min();
      ++resting_;
      again();
    }
    return true;
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
  Box<CallGuard<T>> guard_;
  std::size_t resting_ = 0;  // until they are tried again
  Alarm<MapAsyncNode> alarm_{*this};
};

/// What map_async gives back: a stream for which on_error can still say something, in the same expression.
template <class N, element T>
class AsyncMapped : public Stream<typename N::Out> {
  using Base = Stream<typename N::Out>;

 public:
  explicit AsyncMapped(N& node) : Base(node.outlet), node_(&node) {}

  AsyncMapped named(std::string name) const {
    this->rename(std::move(name));
    return *this;
  }
  template <class... Policies>
  auto on_error(Policies... policies) && {
    return std::move(*this) | penstock::on_error(std::move(policies)...);
  }
  template <class... Policies>
  auto on_error(Policies... policies) const& {
    return Base::on_error(std::move(policies)...);  // which says where it stands
  }
  template <bool retries, class Final>
  Base guard(const ErrorPolicies<retries, Final>& policies) && {
    using Policies = ErrorPolicies<retries, Final>;
    if constexpr (Policies::template suits<T>()) {
      node_->guard(policies.retry(), Policies::keeps, policies.last());
    }
    return *this;
  }

 private:
  N* node_;
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
    using Node = MapAsyncNode<T, Fn, Args...>;
    return AsyncMapped<Node, T>{attach<Node>(stream.stream(), std::move(fn), std::move(args), options)};
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
/// Right behind it on_error says what happens to an element whose call fails; one that is tried again keeps
/// its place and its slot.
///
/// Back-pressure: waits when full: until a call for the element can start. A result that is not taken keeps
///                its slot.
/// Metadata:      held until its result was emitted.
/// Errors:        std::invalid_argument here when parallelism is 0. An element whose call fails has failed:
///                who waits for it gets the exception, otherwise it is reported, and the stream goes on. With
///                stop_on_exception the operator stops there, keeps what it holds, and goes on with the next
///                element at `start()` of its handle.
/// Cost:          one pooled block an element; a function that does not wait costs no turn of the loop.
/// Recovery:      drained: a checkpoint waits for the calls under way.
/// Example:       examples/02_operators/map_async.cpp
/// See also:      map, on_error, sink, buffer
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
