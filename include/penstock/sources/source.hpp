// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <utility>

#include "penstock/core/pump.hpp"
#include "penstock/core/stream.hpp"

// Not an operator: what all sources are made of.

namespace penstock {

/// What a source does when an element that it emitted fails, or when it could not make one. The error is
/// reported either way: to the graph's handler, else out of the loop's `run` or, without a loop, out of
/// `start`.
enum class OnFailure : std::uint8_t {
  go_on,  ///< the next element follows
  stop    ///< the source stops; `start` goes on behind the element that failed
};

/// What `start` and `stop` mean for every source: each may be called in any state and at any time, twice is
/// once, and however often they are called one pump is at work.
class SourceBase : public Node {
 public:
  /// True before `start`, after `stop`, after the end, and after a failure that stops. May be read on any
  /// thread.
  bool stopped() const noexcept { return !running_.get(); }

  void start() final {
    if (!stopped()) return;
    about_to_start();
    running_.set(true);
    // Without a loop the whole source runs in here, and what goes wrong is thrown from here.
    if (loop()) return pump_.wake();
    strand().descend([this] { pump_.wake(); });
  }

  void stop() final {
    if (stopped()) return;
    halt();
    alarm_.cancel();
    graph().rested();
  }

  bool busy() const noexcept final { return pump_.active() || (!stopped() && !asleep_); }

  void shut_down() noexcept override {
    stop();
    pump_.stop();
    if (const Receipt sent = std::exchange(barrier_sent_, {}); sent.state()) {
      sent.settle(detail::stopped("checkpoint: the source was destroyed before its barrier"));
    }
  }

  /// Between two elements: at once, or when the one that waits further down is through.
  bool sends_later(const Signal& barrier, Receipt& receipt) final {
    // Behind its end nothing is emitted that the barrier could go between.
    if (!pump_.active() || outlets().front()->ended()) return false;
    barrier_ = barrier;
    receipt = barrier_sent_ = Receipt::waiting(strand(), &info(), Why::order);
    return true;
  }

  // For the pump.
  bool pump(Receipt& receipt) {
    if (barrier_sent_.state()) {
      detail::pass_on(send_barrier_now(barrier_), std::exchange(barrier_sent_, {}));
      return true;
    }
    asleep_ = false;
    alarm_.cancel();
    if (Epochs* epochs = graph().epochs(); epochs && !stopped()) [[unlikely]] carried_ = epochs->stirs(info());
    return !stopped() && emit_next(receipt);
  }
  void pumped(std::exception_ptr error) noexcept {
    if (!error) return;
    if (on_failure_ == OnFailure::stop) stop();
    graph().report(std::move(error), info());  // last: whoever hears of it may end the graph
  }

 protected:
  SourceBase(Info info, OnFailure on_failure) : Node(std::move(info)), on_failure_(on_failure) {
    this->info().shape = Shape::source;
    this->info().one_to_one = false;
  }

  /// For `next`: there is nothing now; ask again at `time`.
  std::nullopt_t later(TimePoint time) {
    clock().set(alarm_, time);
    return nothing_yet();
  }
  /// For `next`: there is nothing now; `wake` will be called on the strand when there is.
  std::nullopt_t nothing_yet() noexcept {
    asleep_ = true;
    return std::nullopt;
  }
  /// Ends the wait of `later` or `nothing_yet`.
  void wake() noexcept {
    if (std::exchange(asleep_, false)) pump_.wake();
  }

 private:
  template <element T, class Self>
  friend class SourceNode;

  struct Alarm final : Timer {
    explicit Alarm(SourceBase& source) noexcept : source_(source) {}
    void run() override { source_.pump_.go(); }
    SourceBase& source_;
  };

  virtual void about_to_start() = 0;
  virtual void has_stopped() noexcept = 0;
  virtual bool emit_next(Receipt& receipt) = 0;

  void halt() noexcept {
    running_.set(false);
    asleep_ = false;
    strand().interrupt();
    has_stopped();
  }

  const Ref* carried_ = nullptr;  // by the next element
  Signal barrier_;
  Receipt barrier_sent_;  // of a barrier that waits for its turn
  detail::Pump<SourceBase> pump_{*this};
  Alarm alarm_{*this};
  detail::Atomic<bool> running_{false};
  bool asleep_ = false;
  OnFailure on_failure_;
};

/// The base of sources: asks for one element after the other, emits each, and waits while it waits. A source
/// derives from it and has
///
///     std::optional<T> next();   // the next element; nothing is the end of the stream
///
/// in which `return later(time)` and `return nothing_yet()` say that there is nothing at the moment. What
/// `next` throws is reported, and it is asked again unless the source stops on failures. It may set `context`
/// for the element that it returns, and have an `on_start` and `on_stop` of its own. from_periodic.hpp holds
/// a small one. A source that has many elements side by side may also have
///
///     Batch<T>& at_hand();       // those that come next; none: ask `next`
///     void used(std::size_t n);  // when it likes to know: so many of them were emitted
///     void emitting(const Batch<T>& now);  // and before that: `now.next` tells how far it is
///
/// and they are emitted together, with nothing beside them. One with a second outlet may have
///
///     bool aside(Receipt& receipt);  // emits, before the next element, something else; false: there is nothing
///
/// which the source waits for like for an element.
template <element T, class Self>
class SourceNode : public SourceBase {
 public:
  using value_type = T;

  Outlet<T> outlet;

 protected:
  explicit SourceNode(Info info, OnFailure on_failure = OnFailure::go_on)
      : SourceBase(std::move(info), on_failure) {
    this->port(outlet);
  }

  /// Called whenever the source is started; `outlet.ended()` when it had come to its end.
  void on_start() {}
  /// Called whenever it stops, the end included.
  void on_stop() noexcept {}

  Context context;

 private:
  Self& self() noexcept { return static_cast<Self&>(*this); }

  void about_to_start() final { self().on_start(); }
  void has_stopped() noexcept final { self().on_stop(); }

  bool emit_next(Receipt& receipt) final {
    if constexpr (requires { self().at_hand(); }) {
      if (Batch<T>& batch = self().at_hand(); !batch.empty()) return emit_batch(batch, receipt);
    }
    if constexpr (requires { self().aside(receipt); }) {
      if (self().aside(receipt)) return true;  // nothing of this may be touched any more
    }
    std::optional<T> value = self().next();
    if (!value) return !asleep_ && end(receipt);
    reopen();
    info().passed();
    if (carried_) context.add(*carried_);
    // The context goes along: what is emitted may end the graph, and this with it.
    receipt = context.empty() ? detail::offer(outlet, std::move(*value))
                              : detail::offer(outlet, std::move(*value), Context{std::move(context)});
    return true;
  }

  bool emit_batch(Batch<T>& batch, Receipt& receipt) {
    reopen();
    receipt = this->strand().descend([&] {  // nothing of this may be touched behind it: it may have ended the graph
      Batch<T> now{batch.next, batch.end, &this->strand()};
      constexpr int turn = detail::Pump<SourceBase>::turn;
      if (this->loop() && now.end - now.next > turn) now.end = now.next + turn;
      const Used used{batch, now, *this};
      if (carried_) now.end = now.next + 1;
      if constexpr (requires { self().emitting(now); }) self().emitting(now);
      return carried_ ? one_of(now) : Receipt{outlet.push_all(now)};
    });
    return true;
  }
  /// Nothing travels beside the elements of a batch.
  Receipt one_of(Batch<T>& batch) {
    const Context carried{*carried_};
    carried.bind(this->strand());
    try {
      return Receipt{outlet.push(batch.take(), &carried)};
    } catch (...) {
      carried.fail(std::current_exception());
      throw;
    }
  }
  struct Used {
    Batch<T>& batch;
    Batch<T>& now;
    SourceNode& source;
    ~Used() {
      const auto n = static_cast<std::size_t>(now.next - batch.next);
      batch.next = now.next;
      source.info().passed(n);
      source.pump_.count(n);
      if constexpr (requires { source.self().used(n); }) source.self().used(n);
    }
  };

  void reopen() {
    if (outlet.ended()) [[unlikely]] static_cast<void>(detail::offer(outlet, Signal{Signal::reopen}));
  }

  bool end(Receipt& receipt) {
    halt();
    if (!outlet.ended()) receipt = detail::offer(outlet, Signal{Signal::end});
    return true;
  }
};

/// A stream that makes its elements itself once it is started.
template <element T>
class Source : public Stream<T> {
 public:
  template <class Self>
  explicit Source(SourceNode<T, Self>& node) : Stream<T>(node.outlet) {}

  /// Starts this source alone; on every other handle `start` starts all sources of the graph.
  void start() const {
    this->on_strand([this] { this->node().start(); });
  }
  /// After it no further element comes; one that waits now is still taken.
  void stop() const {
    this->on_strand([this] { this->node().stop(); });
  }
  bool stopped() const noexcept { return static_cast<const SourceBase&>(this->node()).stopped(); }

  Source named(std::string name) const {
    this->rename(std::move(name));
    return *this;
  }
};

namespace detail {

/// Puts a source into a graph of its own.
template <class Owner>
auto& make_source(Loop* loop, Owner node) {
  return (new Graph(loop))->add(std::move(node));
}

}  // namespace detail
}  // namespace penstock
