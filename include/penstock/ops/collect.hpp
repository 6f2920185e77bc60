// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "penstock/core/box.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/core/view.hpp"
#include "penstock/ops/detail/joined.hpp"
#include "penstock/state/detail/remembers.hpp"
#include "penstock/state/detail/gate.hpp"

namespace penstock {
namespace detail {

template <element T>
class CollectNode final : public Node,
                          public AlignedReceiver<T, CollectNode<T>>,
                          public Remembers<CollectNode<T>> {
 public:
  CollectNode() : Node(Info{"collect", {}, Shape::collect}) {
    this->info().one_to_one = false;
    PENSTOCK_KEEPS("collect", T);
    this->port(static_cast<InletBase&>(*this));
    this->port(outlet);
    this->remember(this->info());
  }

  void shut_down() noexcept override {
    context_.drop("collect was stopped before it was told to flush");
    context_.clear();
    info().drops(items_.size());
    info().holds(0);
    items_.clear();
    size_ = 0;
  }

  template <class V>
  Pending* take(V&& value, const Context* context) {
    info().took();
    items_.push_back(std::forward<V>(value));
    if (context) [[unlikely]] context_.append(*context);
    info().holds(++size_);
    return nullptr;
  }

  /// What comes while this is under way belongs to the next vector.
  Pending* flush() {
    std::vector<T> items = std::exchange(items_, {});
    size_ = 0;
    const Context joined = std::exchange(context_, {});
    info().holds(0);
    info().passed();
    auto push = [this](std::vector<T>&& all, const Context* context) {
      return outlet.push(std::move(all), context);
    };
    return emit_joined(push, std::move(items), joined);
  }
  Receipt flush_now() {
    return strand().descend([this] { return Receipt{flush()}; });
  }

  /// An inlet whose elements tell it to flush.
  template <element A>
  InletBase& trigger() {
    auto made = make_box<Trigger<A>>(*this);
    InletBase& inlet = *made;
    triggers_.push_back(std::move(made));
    port(inlet);
    return inlet;
  }

  auto state() noexcept { return std::tie(items_, context_); }
  void restored() noexcept {
    size_ = items_.size();
    info().holds(size_);
  }

  Outlet<std::vector<T>> outlet;

 protected:
  Pending* take_signal(const Signal& signal) override {
    static_cast<void>(this->at_barrier(signal));  // there is no other outlet
    if (signal.kind != Signal::end || items_.empty()) return outlet.signal(signal);
    return send_all(strand(), [&] { return flush(); }, [&] { return outlet.signal(signal); });
  }

 private:
  struct AnyTrigger {
    virtual ~AnyTrigger() = default;
  };
  template <element A>
  class Trigger final : public AlignedReceiver<A, Trigger<A>>, public AnyTrigger {
   public:
    explicit Trigger(CollectNode& node) : node_(node) {}
    template <class V>
    Pending* take(V&&, const Context*) {
      return node_.flush();
    }

   protected:
    Pending* take_signal(const Signal&) override { return nullptr; }

   private:
    CollectNode& node_;
  };

  std::vector<T> items_;
  std::size_t size_ = 0;  // of `items_`, where it can be read without waiting for the push_back
  Context context_;
  std::vector<Box<AnyTrigger>> triggers_;
};

}  // namespace detail

/// What `collect` returns: the stream of vectors, and the means to have them emitted.
template <element T>
class Collected : public Stream<std::vector<T>> {
  using Node = detail::CollectNode<T>;

 public:
  explicit Collected(Node& node) : Stream<std::vector<T>>(node.outlet), flush(node) {}

  /// `flush()`, and the function that can be handed to the sink of another stream.
  class Flush {
   public:
    explicit Flush(Node& node) : node_(node) {}

    /// Emits what was collected, also when that is nothing, and waits as `emit` does.
    void operator()() const {
      detail::wait_for(node().outlet, [this] { return node().flush_now(); });
    }
    /// The same for every element of another stream: `ticks.sink(collected.flush)`. The sink waits for the
    /// vector. For a stream of the same graph use `flush_on`: a function that holds its own graph would keep
    /// it alive for ever.
    template <class Any>
    Receipt operator()(const Any&) const {
      Loop* loop = node_->loop();
      if (!loop || loop->position() != Position::elsewhere) return node().flush_now();
      (*this)();
      return {};
    }

   private:
    Node& node() const noexcept { return static_cast<Node&>(*node_); }
    detail::NodeHandle node_;
  };

  Flush flush;

  /// Flushes with every element of `other`, which becomes part of this graph and waits for the vectors.
  template <class S>
    requires(stream_like<std::remove_cvref_t<S>>)
  Collected flush_on(S&& other) const {
    auto stream = std::forward<S>(other).stream();
    Graph& graph = Graph::merge(this->graph(), stream.graph());
    auto& node = static_cast<Node&>(this->node());
    graph.connect(stream.outlet(), node.template trigger<typename decltype(stream)::value_type>());
    return *this;
  }
  Collected named(std::string name) const {
    this->rename(std::move(name));
    return *this;
  }
};

/// Keeps elements until it is told to flush, and then emits them as one vector.
///
///     in     -1-2-----3-|
///     flush  -----f-f---
///            collect()
///     out    -----a-b---(c|)        a = [1,2], b = [], c = [3]
///
/// Returns a `Collected<T>`, which is a `Stream<std::vector<T>>` with
/// - `flush()`: emits now, waiting as `emit` does;
/// - `flush` as a function for the sink of a stream of another graph: `ticks.sink(collected.flush)`;
/// - `flush_on(ticks)`: flushes with every element of that stream.
///
/// A flush emits an empty vector when nothing was collected. What comes while a vector is being emitted
/// belongs to the next one; what is left when the stream ends is emitted then.
///
/// Back-pressure: none for the elements; whoever flushes waits.
/// Metadata:      joined in the order of arrival; held until emitted.
/// Errors:        what goes wrong behind it comes out of the flush, and all elements of the vector have
///                failed.
/// Cost:          O(1) an element; memory grows until it is flushed.
/// Recovery:      state: the collected elements.
/// Example:       examples/02_operators/collect.cpp
/// See also:      partition, timed_window
template <class>
auto collect() {
  return [](auto&& stream) {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    return Collected<T>{attach<detail::CollectNode<T>>(stream.stream())};
  };
}

}  // namespace penstock
