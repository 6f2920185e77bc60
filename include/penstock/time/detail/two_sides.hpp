// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <utility>

#include "penstock/core/signal.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/state/detail/gate.hpp"

// Not an operator: nodes with a left and a right input.

namespace penstock::detail {

/// One input of a TwoSides.
template <class Owner, element T, std::size_t I>
class Side final : public AlignedReceiver<T, Side<Owner, T, I>> {
 public:
  explicit Side(Owner& owner) noexcept : owner_(owner) {}

  template <class V>
  Pending* take(V&& value, const Context* context) {
    return owner_.self().template take<I>(std::forward<V>(value), context);
  }

 protected:
  Pending* take_signal(const Signal& signal) override { return owner_.self().signal(I, signal); }

 private:
  Owner& owner_;
};

/// Takes elements of two streams. `Self`, which derives from this and from `Base`, has
///
///     Pending* take<I>(V&& value, const Context*);        // I: 0 left, 1 right
///     Pending* signal(std::size_t i, const Signal&);      // of one input
template <class Self, element Left, element Right, class Base>
class TwoSides : public Base {
 public:
  Side<TwoSides, Left, 0> left_side{*this};
  Side<TwoSides, Right, 1> right_side{*this};

  Self& self() noexcept { return static_cast<Self&>(*this); }

  /// An input that nothing comes to any more has ended.
  void disconnected(InletBase& inlet) override {
    if (!inlet.upstreams().empty()) return;
    const std::size_t i = &inlet == &static_cast<InletBase&>(left_side) ? 0 : 1;
    if (!signals_.ended(i)) static_cast<void>(Receipt{self().signal(i, {Signal::end})});
  }

 protected:
  explicit TwoSides(Info info) : Base(std::move(info)) {
    this->port(static_cast<InletBase&>(left_side));
    this->port(static_cast<InletBase&>(right_side));
  }

  InputSignals signals_{2};
};

/// A node of both streams, and its graph.
template <class Joiner, element Left, element Right, class... Args>
Joiner& join_streams(const Stream<Left>& left, const Stream<Right>& right, Args&&... args) {
  Graph& graph = Graph::merge(left.graph(), right.graph());
  const Hold hold{graph.loop()};
  Joiner& node = graph.add(make_box<Joiner>(std::forward<Args>(args)...));
  try {
    graph.connect(left.outlet(), node.left_side);
    graph.connect(right.outlet(), node.right_side);
  } catch (...) {
    graph.destroy(node);
    throw;
  }
  return node;
}

}  // namespace penstock::detail
