// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "penstock/core/atomic.hpp"
#include "penstock/core/error.hpp"
#include "penstock/core/info.hpp"
#include "penstock/core/list.hpp"
#include "penstock/core/outlet.hpp"

namespace penstock {

class Graph;
struct TimeGauges;

/// A member of a graph: inlets, outlets, and what is known of it. A node lives as long as its graph and is touched on its
/// strand only. Operators derive from it, register their ports in the constructor, and push through their outlets.
class Node {
 public:
  [[gnu::noinline]] explicit Node(Info info) {
    infos_.push_back(std::move(info));
    info_ = &infos_.back();
  }
  /// A chain of fused steps is one node with one Info for each step.
  [[gnu::noinline]] explicit Node(std::vector<Info>&& infos)
      : infos_(std::move(infos)), info_(&detail::last_of(infos_)) {}
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  [[gnu::noinline]] virtual ~Node() = default;

  Graph& graph() const noexcept { return *graph_; }
  Strand& strand() const noexcept { return *strand_; }
  /// The loop, or null.
  Loop* loop() const noexcept { return strand_->loop(); }
  /// The loop of an operator that needs one. Checked when the node is added.
  Loop& clock() const { return *strand_->loop(); }

  std::vector<Info>& infos() noexcept { return infos_; }
  const std::vector<Info>& infos() const noexcept { return infos_; }
  Info& info() noexcept { return *info_; }

  const detail::List<InletBase*>& inlets() const noexcept { return inlets_; }
  const detail::List<OutletBase*>& outlets() const noexcept { return outlets_; }
  /// True once it was taken out of its graph: only handles keep it.
  bool destroyed() const noexcept { return destroyed_; }
  /// Throws std::logic_error when it was destroyed.
  [[gnu::noinline]] void refuse_destroyed() const {
    if (destroyed_) detail::misuse("connect: the operator was destroyed before");
  }

  /// Why the node needs an event loop, as the start of a sentence; null when it does not.
  virtual const char* needs_loop() const noexcept {
    for (const Info& info : infos_) {
      if (info.needs_loop) return info.needs_loop;
    }
    return nullptr;
  }
  /// Called once the node is part of a graph, before anything is connected to it.
  virtual void added() {}
  /// Sources begin and end to produce; both may be called again and in any state.
  virtual void start() {}
  virtual void stop() {}
  /// True while the node will go on by itself: a queue to drain, a timer that will flush, a call under way.
  virtual bool busy() const noexcept { return false; }
  /// Stops for good: cancels timers, ends what is held as dropped, settles receipts with `Stopped`. Called before the
  /// node is destroyed, while the rest of the graph still stands, and possibly more than once.
  virtual void shut_down() noexcept { stop(); }
  /// What there is to see of event time; null for operators that do not deal with it.
  virtual const TimeGauges* time_gauges() const noexcept { return nullptr; }
  /// For nodes without anything before them: sends the barrier of a checkpoint behind everything emitted so far. The receipt
  /// settles when it has gone through all that follows.
  Receipt send_barrier(const Signal& barrier);
  /// Of nodes that emit by themselves: true when it will send the barrier between two elements, and `receipt` settle then.
  virtual bool sends_later(const Signal& barrier, Receipt& receipt) {
    return static_cast<void>(barrier), static_cast<void>(receipt), false;
  }
  /// Of nodes with several inlets: a barrier has come to some of them (true), and now to all (false). In between
  /// nobody may be made to wait for what comes behind the barrier. Of nodes with one inlet: one will come (true), or not.
  virtual void aligning(bool yes) { static_cast<void>(yes); }
  /// Called when `edge` was taken off `inlet`.
  virtual void disconnected(InletBase& inlet) { static_cast<void>(inlet); }

 protected:
  /// To be called in the constructor, in the order in which the ports are to be drawn.
  [[gnu::noinline]] void port(InletBase& inlet) {
    inlet.node_ = this;
    inlets_.push_back(&inlet);
  }
  [[gnu::noinline]] void port(OutletBase& outlet) {
    outlet.node_ = this;
    outlet.strand_ = strand_;
    outlets_.push_back(&outlet);
  }
  void remove_port(InletBase& inlet) {
    const auto found = detail::find_item(inlets_, &inlet);
    if (found != inlets_.end()) inlets_.erase(found);
  }

  /// For nodes that remember something or have several outlets, before they send `signal` on: when it is a barrier, what the
  /// node remembers goes into the snapshot, and the barrier to all outlets but the first, which has its own order.
  [[nodiscard]] Pending* at_barrier(const Signal& signal) {
    return signal.kind == Signal::barrier ? barrier_comes(signal) : nullptr;
  }

  Receipt send_barrier_now(const Signal& barrier);

 private:
  friend class Graph;
  Pending* barrier_comes(const Signal& barrier);
  /// Takes an edge away. What is flushed by that may throw: the first exception is kept, and nothing else left out.
  [[gnu::noinline, gnu::cold]] static void cut(OutletBase& outlet, InletBase& inlet, std::exception_ptr& first) noexcept {
    bool was_there = true;
    try {
      was_there = outlet.detach(inlet);
    } catch (...) {
      if (!first) first = std::current_exception();
    }
    if (!was_there || inlet.node_->destroyed_) return;
    try {
      inlet.node_->disconnected(inlet);
    } catch (...) {
      if (!first) first = std::current_exception();
    }
  }
  /// Takes all its edges away.
  [[gnu::noinline, gnu::cold]] void cut_off() {
    std::exception_ptr first;
    for (InletBase* inlet : inlets_) {
      while (!inlet->upstreams().empty()) cut(*inlet->upstreams().back(), *inlet, first);
    }
    for (OutletBase* outlet : outlets_) {
      while (!outlet->branches().empty()) cut(*outlet, *outlet->branches().back().inlet, first);
    }
    if (first) std::rethrow_exception(first);
  }
  void join(Graph& graph, Strand& strand) noexcept {
    graph_ = &graph;
    strand_ = &strand;
    for (OutletBase* outlet : outlets_) outlet->strand_ = &strand;
  }

  Graph* graph_ = nullptr;
  Strand* strand_ = nullptr;
  std::vector<Info> infos_;
  Info* info_;
  detail::List<InletBase*> inlets_;
  detail::List<OutletBase*> outlets_;
  detail::Atomic<std::size_t> handles_{0};
  bool destroyed_ = false;
};

}  // namespace penstock
