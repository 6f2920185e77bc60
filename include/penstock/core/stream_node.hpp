// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "penstock/core/emit.hpp"
#include "penstock/core/search.hpp"

namespace penstock::detail {

/// What `Stream<T> source` stands for, as far as it is the same for all `T`.
class StreamNodeBase : public Node {
 public:
  /// Sends the end. Where a cycle begins that waits until nothing goes round in it any more.
  [[gnu::noinline]] Pending* end() {
    const auto closes_cycle = [](const OutletBase* upstream) { return upstream->closes_cycle(); };
    const List<OutletBase*>& from = inlets().front()->upstreams();
    if (graph().idle() || !any_of(from, closes_cycle)) return out().signal({Signal::end});
    if (!ending_.state()) {
      ending_ = Receipt::waiting(strand(), &info(), Why::order);
      graph().when_idle(at_rest_);
    }
    return ending_.share();
  }
  [[gnu::cold]] void shut_down() noexcept override {
    at_rest_.unlink();
    if (const Receipt ending = std::exchange(ending_, {}); ending.state()) {
      ending.settle(stopped("close: the stream was stopped before"));
    }
  }

 protected:
  [[gnu::noinline]] StreamNodeBase() : Node(Info{"Stream"}) {}
  [[gnu::noinline]] ~StreamNodeBase() override = default;

  [[gnu::noinline]] Pending* signal_or_end(const Signal& signal) {
    return signal.kind == Signal::end ? end() : out().signal(signal);
  }

 private:
  OutletBase& out() noexcept { return *outlets().front(); }

  struct AtRest final : Task {
    explicit AtRest(StreamNodeBase& n) noexcept : node(n) {}
    void run() override { node.go_on_to_end(); }
    StreamNodeBase& node;
  };

  [[gnu::noinline, gnu::cold]] void go_on_to_end() {
    if (!graph().idle()) return graph().when_idle(at_rest_);
    const Receipt ending = std::exchange(ending_, {});
    std::exception_ptr error;
    try {
      static_cast<void>(offer(out(), {Signal::end}));
    } catch (...) {
      error = std::current_exception();
    }
    ending.settle(std::move(error));
  }

  AtRest at_rest_{*this};
  Receipt ending_;  // of an end that waits
};

/// What `Stream<T> source` stands for: passes on what is emitted at it and what is connected to it.
template <element T>
class StreamNode final : public StreamNodeBase, public Receiver<T, StreamNode<T>> {
 public:
  StreamNode() {
    this->port(static_cast<InletBase&>(*this));
    this->port(outlet);
  }

  template <class V>
  Pending* take(V&& value, const Context* context) {
    info().took();
    return outlet.push(std::forward<V>(value), context);
  }
  Pending* push_all(Batch<T>& batch) override {
    if (!info().counting) return outlet.push_all(batch);
    const CountTaken count{info().in, batch};
    return outlet.push_all(batch);
  }

  Outlet<T> outlet;

 protected:
  Pending* take_signal(const Signal& signal) override { return this->signal_or_end(signal); }
};

/// Makes the graph of a stream that is no operator's.
[[gnu::noinline]] inline OutletBase& begin(Loop* loop, Box<Node> node, std::string&& name) {
  OutletBase& outlet = *node->outlets().front();
  if (!name.empty()) node->info().name = name;
  (new Graph(loop))->add(std::move(node));
  return outlet;
}

/// Sends the end into what is behind `outlet`, unless that has happened.
[[gnu::noinline]] inline Receipt offer_end_now(OutletBase& outlet) {
  if (outlet.ended()) return {};
  return outlet.strand().descend([&] {
    auto* source = dynamic_cast<StreamNodeBase*>(outlet.node());
    return Receipt{source ? source->end() : outlet.signal({Signal::end})};
  });
}

/// The same behind the element under way, which the end would overtake on the branches that it has not come to.
[[gnu::noinline]] inline Receipt offer_end(OutletBase& outlet) {
  struct Behind final : Task {
    Behind(OutletBase& o, Receipt r) : alive(*o.node()), outlet(o), receipt(std::move(r)) {}
    void run() override {
      send_behind(receipt, [this] { return offer_end_now(outlet); });
      delete this;
    }
    void discard() noexcept override { delete this; }
    NodeHandle alive;
    OutletBase& outlet;
    Receipt receipt;
  };
  if (!outlet.strand().descending() || outlet.ended()) return offer_end_now(outlet);
  const Receipt receipt = Receipt::waiting(outlet.strand(), &outlet.node()->info(), Why::order);
  outlet.strand().after(*new Behind{outlet, receipt});
  return receipt;
}

[[gnu::noinline]] inline void close(OutletBase& outlet) {
  const Loop* const loop = outlet.strand().loop();
  if ((loop && loop->position() == Position::elsewhere) || !outlet.strand().descending()) {
    return wait_for(outlet, [&] { return offer_end_now(outlet); });
  }
  if (const Receipt receipt = offer_end(outlet); receipt.pending()) outlet.unwaited().keep(receipt);
}

}  // namespace penstock::detail
