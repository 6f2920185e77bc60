// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <exception>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/core/handle.hpp"
#include "penstock/core/operators.hpp"
#include "penstock/core/step.hpp"
#include "penstock/core/stream_node.hpp"

namespace penstock {

/// A handle on a place in a graph where elements of type `T` come by: something to emit at, to go on from and to
/// connect. Cheap to copy; what functions take and return. Default-made it is the source of a new graph.
template <element T>
class Stream : public Handle, public Operators<Stream<T>> {
 public:
  using value_type = T;

  /// A source without an event loop: operators run inside `emit`, in the calling thread.
  explicit Stream(std::string name = {}) : Stream(nullptr, std::move(name)) {}
  /// A source on `loop`, which must outlive it.
  explicit Stream(Loop& loop, std::string name = {}) : Stream(&loop, std::move(name)) {}
  /// A handle on an outlet that an operator has made.
  explicit Stream(Outlet<T>& outlet) : Handle(*outlet.node()), outlet_(&outlet) {}

  Outlet<T>& outlet() const noexcept { return *outlet_; }

  /// Hands over one element and waits until the graph has taken it. A function's exception comes back here.
  ///
  /// Without a loop the whole graph runs inside this call. With one: from another thread the element is handed over and the
  /// caller sleeps until it is taken; where nobody runs the loop the caller runs it; and on the loop itself, where
  /// waiting would be a deadlock, an element that must wait is taken and kept, and the next `emit` throws
  /// std::logic_error, without taking its own, until that one is through.
  [[gnu::always_inline]] void emit(T value) const {
    Outlet<T>& outlet = *outlet_;
    Strand& strand = outlet.strand();
    if (!strand.plain()) [[unlikely]] {
      return emit_with_care(std::move(value));
    }
    strand.begin_plain();
    Pending* pending;
    try {
      pending = outlet.push(std::move(value), nullptr);
    } catch (...) {
      strand.come_to_rest();
      throw;
    }
    if (pending || !strand.rest()) [[unlikely]] detail::finish(outlet, strand, pending);
  }
  /// The same with Refs, metadata or an event time beside the element.
  [[gnu::noinline]] void emit(T value, Context context) const {
    const auto push = [&](const Context* c) { return outlet_->push(std::move(value), c); };
    detail::emit_given(*outlet_, context, push);
  }
  /// Emits every element of a range as `emit` does, in order. Where they lie side by side they are handed over in batches,
  /// which costs less and changes nothing else. Elements of an rvalue container are moved; one that throws leaves those
  /// behind it where they are.
  template <class Range>
  void emit_all(Range&& range) const {
    const Stream alive{*this};  // a sink may drop the last handle between two elements
    using Item = std::remove_pointer_t<decltype(detail::first_of(range))>;
    constexpr bool given = !std::is_lvalue_reference_v<Range> && !std::is_const_v<Item>;
    if constexpr (std::is_same_v<std::remove_const_t<Item>, T> && (given || detail::by_value<T>)) {
      typename Batch<T>::Item* const first = detail::first_of(range);
      Batch<T> batch{first, first + std::size(range), nullptr};
      while (!batch.empty()) alive.emit_batch(batch);
    } else {
      for (auto&& value : range) {
        if constexpr (std::is_lvalue_reference_v<Range> || std::is_const_v<std::remove_reference_t<decltype(value)>>) {
          alive.emit(T(value));
        } else {
          alive.emit(T(std::move(value)));
        }
      }
    }
  }

  /// Never waits: false, and the element is not taken, while an earlier one still waits.
  bool try_emit(T value, Context context = {}) const {
    const auto push = [&](const Context* c) { return outlet_->push(std::move(value), c); };
    return detail::try_to(*outlet_, [&] { return detail::push_given(*outlet_, context, push); });
  }
  /// Starts to emit and completes with `void(std::exception_ptr)` when the element is taken. Any Asio completion token:
  /// use_awaitable, use_future, deferred, a callback. Elements that are not waited for keep their order.
  template <class Token>
  auto async_emit(T value, Token&& token) const {
    return penstock::async_emit(*this, std::move(value), Context{}, std::forward<Token>(token));
  }
  template <class Token>
  auto async_emit(T value, Context context, Token&& token) const {
    return penstock::async_emit(*this, std::move(value), std::move(context), std::forward<Token>(token));
  }
  /// The step under all of these, for operators and sources on the strand: emits now and returns the receipt.
  Receipt push(T value, const Context& context = {}) const {
    return detail::offer(*outlet_, std::move(value), context);
  }

  /// Ends the stream: every operator flushes what it holds. Nothing can be emitted here afterwards. Waits like `emit`; in a
  /// sink the end comes behind the element under way.
  void close() const { detail::close(*outlet_); }
  /// The same for any Asio completion token, with `void(std::exception_ptr)`.
  template <class Token>
  auto async_close(Token&& token) const {
    return penstock::async_close(*this, std::forward<Token>(token));
  }
  Receipt push_end() const { return detail::offer_end(*outlet_); }

  /// Sends everything that comes by here also into `downstream`, which must have been made with `Stream<T> name`. An edge
  /// that closes a cycle is a feedback edge: see `connect_feedback` for its bound.
  /// The end of a cycle waits until the whole graph is idle, work beside the cycle included.
  void connect(const Stream& downstream) const { connect_feedback(downstream, 0); }
  /// @param bound  elements that may wait on the edge when it closes a cycle; one more throws Overflow. 0: no bound.
  void connect_feedback(const Stream& downstream, std::size_t bound) const;
  /// Undoes `connect`. Throws std::logic_error when there is no such edge.
  void disconnect(const Stream& downstream) const;

  Stream named(std::string name) const {
    this->rename(std::move(name));
    return *this;
  }

  /// The start of a chain: see Chain::then.
  template <class Next>
  auto then(Next step, Info info) const {
    return Chain<T>{*this}.then(std::move(step), std::move(info));
  }
  Stream stream() const { return *this; }

 private:
  Stream(Loop* loop, std::string&& name) : Stream(make(loop, std::move(name))) {}
  [[gnu::noinline]] static Outlet<T>& make(Loop* loop, std::string&& name) {
    auto node = detail::make_box<detail::StreamNode<T>>();
    return static_cast<Outlet<T>&>(detail::begin(loop, std::move(node), std::move(name)));
  }

  // By value: whose address is asked for does not stay in a register, on the fast path neither.
  [[gnu::noinline]] void emit_with_care(T value) const {
    detail::wait_for(*outlet_, [&] { return Receipt{outlet_->push(std::move(value), nullptr)}; });
  }

  // As `emit`, up to where the batch is interrupted.
  [[gnu::noinline]] void emit_batch(Batch<T>& batch) const {
    Outlet<T>& outlet = *outlet_;
    Strand& strand = outlet.strand();
    batch.strand = &strand;
    if (!strand.plain()) return detail::wait_for(outlet, [&] { return Receipt{outlet.push_all(batch)}; });
    strand.begin_plain();
    Pending* pending;
    try {
      pending = outlet.push_all(batch);
    } catch (...) {
      strand.come_to_rest();
      throw;
    }
    if (pending || !strand.rest()) detail::finish(outlet, strand, pending);
  }

  Outlet<T>* outlet_;
};

template <class T>
Stream(Outlet<T>&) -> Stream<T>;

namespace detail {

/// What a chain is beside its steps, the same for all element types.
struct Written {
  Written(Node& node, OutletBase& from) : source(node), outlet(&from), ticket(from.ticket()) {}
  Written(const Written&) = delete;
  Written& operator=(const Written&) = delete;
  [[gnu::noinline]] ~Written() = default;

  /// Wires the node that the chain becomes.
  [[gnu::noinline]] Node& put(Box<Node> node, InletBase& inlet) {
    Node& added = *node;
    source->graph().add_behind(*outlet, ticket, std::move(node), inlet);
    return added;
  }
  void become(Node& node) { made = NodeHandle{node}; }
  void check() const {
    if (made) misuse("Chain: a chain that was used before cannot be moved from; use it by its name");
  }

  NodeHandle source;
  OutletBase* outlet;
  std::uint64_t ticket;
  std::vector<Info> infos;
  NodeHandle made;
};

}  // namespace detail

/// Operators that have been written down but are not yet a node: method calls on temporaries end up here and become one
/// fused node when something consumes them. A chain that nothing consumes does nothing. One that has a name becomes a node
/// at its first use and is shared by all its uses. Never named in signatures: `Stream<T>` is what functions take and return.
template <element In, class... Steps>
class [[nodiscard("a chain does nothing until a sink consumes it")]] Chain : public Operators<Chain<In, Steps...>> {
 public:
  using value_type = typename detail::Fold<In, Steps...>::value;

  explicit Chain(const Stream<In>& source)
    requires(sizeof...(Steps) == 0)
      : written_(detail::make_box<detail::Written>(source.node(), source.outlet())) {}
  Chain(detail::Box<detail::Written> written, std::tuple<Steps...> steps)
      : written_(std::move(written)), steps_(std::move(steps)) {}

  Chain(Chain&&) = default;
  Chain& operator=(Chain&&) = default;

  /// One more step: a longer chain, or when the step emits nothing the finished node.
  template <class Step>
  auto then(Step step, Info info) && {
    written_->check();
    detail::add_info(written_->infos, std::move(info), step);
    auto steps = std::tuple_cat(std::move(steps_), std::tuple<Step>(std::move(step)));
    if constexpr (std::is_void_v<typename detail::Fold<In, Steps..., Step>::value>) {
      return Sink{build<Steps..., Step>(std::move(steps))};
    } else {
      return Chain<In, Steps..., Step>{std::move(written_), std::move(steps)};
    }
  }

  /// The node that this chain becomes.
  Stream<value_type> stream() {
    if constexpr (sizeof...(Steps) == 0) {
      return Stream<In>{static_cast<Outlet<In>&>(*written_->outlet)};
    } else {
      if (!written_->made) written_->become(build<Steps...>(std::move(steps_)));
      return Stream<value_type>{static_cast<Outlet<value_type>&>(*written_->made->outlets().front())};
    }
  }
  operator Stream<value_type>() { return stream(); }  // NOLINT: chains are what `Stream<T> s = …` is written with

  /// Takes the last step away: returns `fn(the chain before it, the step, its Info)`.
  template <class Fn>
    requires(detail::has_last<Steps...>)
  auto without_last(Fn fn) && {
    written_->check();
    const auto split = [&]<class... Before>(std::tuple<Before...> before, auto step, Info info) {
      return fn(Chain<In, Before...>{std::move(written_), std::move(before)}, std::move(step),
                std::move(info));
    };
    return detail::split_last(written_->infos, steps_, split);
  }

  /// Names the last operator.
  Chain named(std::string name) && {
    detail::last_of(written_->infos).name = std::move(name);
    return std::move(*this);
  }

 private:
  template <class... All>
  Node& build(std::tuple<All...> steps) {
    auto node = detail::make_box<detail::ChainNode<In, All...>>(std::move(written_->infos), std::move(steps));
    InletBase& inlet = *node;
    return written_->put(std::move(node), inlet);
  }

  detail::Box<detail::Written> written_;
  std::tuple<Steps...> steps_;
};

/// How operators with a node of their own are wired: makes an `N` in the graph of `upstream` and connects its inlet.
template <class N, element T, class... Args>
N& attach(const Stream<T>& upstream, Args&&... args) {
  const Hold hold{upstream.loop()};
  auto made = detail::make_box<N>(std::forward<Args>(args)...);
  N& node = *made;
  Outlet<T>& outlet = upstream.outlet();
  upstream.graph().add_behind(outlet, outlet.ticket(), std::move(made), static_cast<Inlet<T>&>(node));
  return node;
}

/// An operator from a step: `source | step(MyStep{3}, {"my_step", "3"})`.
template <class S>
auto step(S step, Info info) {
  return [step = std::move(step), info = std::move(info)](auto&& stream) mutable {
    return std::forward<decltype(stream)>(stream).then(std::move(step), std::move(info));
  };
}

}  // namespace penstock
