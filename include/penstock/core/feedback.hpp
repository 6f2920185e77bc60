// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "penstock/core/line.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/core/view.hpp"

namespace penstock {
namespace detail {

/// An edge that closes a cycle. Keeps what comes and hands it on when the element under way has come to rest, in order, by a
/// loop and never by recursion; a receipt that waits holds up the elements behind it. Says nothing of the end: a cycle
/// ends when what is outside of it has ended and nothing goes round in it. What is flushed by that end and comes round
/// once more is dropped.
template <element T>
class FeedbackEdge final : public LineNode<FeedbackEdge<T>, T>, public Receiver<T, FeedbackEdge<T>> {
  using Line = LineNode<FeedbackEdge<T>, T>;

 public:
  explicit FeedbackEdge(std::size_t bound)
      : Line(Info{"feedback", bound ? std::to_string(bound) : std::string{}, Shape::collect}), bound_(bound) {
    PENSTOCK_KEEPS("connect", T);
    this->info().recovery = Recovery::refused;
    this->port(static_cast<InletBase&>(*this));
    this->port(this->outlet);
    this->outlet.close_cycle();
  }

  template <class V>
  Pending* take(V&& value, const Context* context) {
    this->info().took();
    if (bound_ != 0 && this->elements_ == bound_) {
      this->info().fails();
      throw Overflow("connect: " + std::to_string(bound_) + " elements wait on the feedback edge already, and waiting " +
                     "for it here would be a deadlock");
    }
    this->add(std::forward<V>(value), Context::of(context));
    return nullptr;
  }

  bool pump(Receipt& receipt) {
    for (; !this->line_.empty() && cycle_ended(); this->line_.pop()) {
      this->lose(this->line_.front().context, "its cycle has ended");
      this->elements(this->elements_ - 1);
    }
    return Line::pump(receipt);
  }

 protected:
  Pending* take_signal(const Signal&) override { return nullptr; }

 private:
  bool cycle_ended() const noexcept {
    const auto& into = this->outlet.branches();
    return !into.empty() && into.front().inlet->node()->outlets().front()->ended();
  }

  std::size_t bound_;
};

}  // namespace detail

template <element T>
void Stream<T>::connect_feedback(const Stream& downstream, std::size_t bound) const {
  auto* target = dynamic_cast<detail::StreamNode<T>*>(&downstream.node());
  if (!target) {
    detail::misuse("connect: downstream must be a stream made with `Stream<T> name`; \"" + downstream.info().label() +
                   "\" has no inlet of its own");
  }
  this->node().refuse_destroyed();
  target->refuse_destroyed();
  Graph& graph = Graph::merge(this->graph(), downstream.graph());
  if (Graph::reaches(downstream.node(), this->node())) {
    auto& edge = graph.add(detail::make_box<detail::FeedbackEdge<T>>(bound));
    graph.connect(edge.outlet, *target);
    graph.connect(*outlet_, edge);
  } else {
    graph.connect(*outlet_, *target);
  }
}

template <element T>
void Stream<T>::disconnect(const Stream& downstream) const {
  for (const OutletBase::Branch& branch : outlet_->branches()) {
    Node* node = branch.inlet->node();
    if (node == &downstream.node()) return this->graph().disconnect(*outlet_, *branch.inlet);
    if (auto* edge = dynamic_cast<detail::FeedbackEdge<T>*>(node)) {
      const auto& behind = edge->outlet.branches();
      if (!behind.empty() && behind.front().inlet->node() == &downstream.node()) return this->graph().destroy(*edge);
    }
  }
  detail::misuse("disconnect: \"" + downstream.info().label() + "\" is not connected to \"" + this->info().label() + "\"");
}

}  // namespace penstock
