// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <exception>
#include <utility>
#include <vector>

#include "penstock/core/line.hpp"
#include "penstock/core/stream.hpp"

// How the barrier of a checkpoint passes a node with several inlets: before each of them stands a gate.

namespace penstock::detail {

class Alignment;

/// What an Alignment knows of a gate.
class BarrierGate {
 public:
  bool closed = false;  ///< its barrier has come, and others have not
  bool ended = false;   ///< nothing comes by here any more

  /// The barrier, to the node.
  virtual Pending* send(const Signal& barrier) = 0;
  virtual void open() noexcept = 0;
  virtual Alignment& alignment() const noexcept = 0;

 protected:
  ~BarrierGate() = default;
};

/// The gates of one node. The first barrier of an epoch closes the gate that it comes to; when every gate that has not ended
/// has one, the node gets it from all of them and they open again. So what the node saves holds everything from before
/// the barrier and nothing from behind it. Counted by its gates and by whoever takes the snapshots.
class Alignment {
 public:
  explicit Alignment(Node& node) : node_(node) {}
  Alignment(const Alignment&) = delete;
  Alignment& operator=(const Alignment&) = delete;

  Alignment* retain() noexcept {
    ++holders_;
    return this;
  }
  void release() noexcept {
    if (--holders_ == 0) delete this;
  }

  void add(BarrierGate& gate) { gates_.push_back(&gate); }
  void remove(BarrierGate& gate) noexcept { std::erase(gates_, &gate); }

  /// A receipt that settles when the barrier has gone through all that follows.
  Pending* comes(BarrierGate& gate, const Signal& barrier) {
    if (barrier.value <= past_) return nullptr;
    if (!through_.state()) through_ = Receipt::waiting(node_.strand(), &node_.info(), Why::barrier);
    const Receipt through = through_;
    barrier_ = barrier;
    gate.closed = true;
    review();
    return through.pending() ? through.share() : nullptr;
  }
  /// A gate has ended: the others do not wait for it, nor for the barrier that comes to it behind the end.
  void review() {
    if (!through_.state()) return;
    for (const BarrierGate* gate : gates_) {
      if (!gate->closed && !gate->ended) return node_.aligning(true);
    }
    const Receipt through = std::exchange(through_, {});
    past_ = barrier_.value;
    Join join{node_.strand()};
    try {
      for (BarrierGate* gate : gates_) {
        if (gate->closed) join.add(gate->send(barrier_));
      }
      pass_on(Receipt{join.finish()}, through);
    } catch (...) {
      through.settle(std::current_exception());
    }
    open();
  }
  /// The epoch is not to be: nobody waits for its barrier any more.
  void give_up(std::int64_t epoch) {
    past_ = epoch;
    if (const Receipt through = std::exchange(through_, {}); through.state()) {
      through.settle(stopped("checkpoint: the epoch was given up"));
      open();
    }
  }

 private:
  ~Alignment() = default;

  void open() {
    node_.aligning(false);
    for (BarrierGate* gate : gates_) {
      if (std::exchange(gate->closed, false)) gate->open();
    }
  }

  Node& node_;
  std::vector<BarrierGate*> gates_;
  Signal barrier_;
  Receipt through_;
  std::int64_t past_ = 0;  ///< the last epoch whose barrier went through, or that was given up
  std::uint32_t holders_ = 1;
};

template <element T>
class GateNode final : public LineNode<GateNode<T>, T>, public Receiver<T, GateNode<T>>, public BarrierGate {
  using Line = LineNode<GateNode, T>;

 public:
  explicit GateNode(Alignment& alignment) : Line(Info{"align", {}, Shape::join}), alignment_(*alignment.retain()) {
    this->info().recovery = Recovery::drained;
    this->port(static_cast<InletBase&>(*this));
    this->port(this->outlet);
    alignment.add(*this);
  }
  ~GateNode() override { alignment_.release(); }

  template <class V>
  Pending* take(V&& value, const Context* context) {
    this->info().took();
    if (!closed && !Line::busy()) [[likely]] {
      this->info().passed();
      return this->outlet.push(std::forward<V>(value), context);
    }
    const Receipt receipt = Receipt::waiting(this->strand(), &this->info(), Why::barrier);
    this->add(std::forward<V>(value), Context::of(context), {}, receipt);
    return receipt.share();
  }

  bool ready(const typename Line::Item&) const noexcept { return !closed; }
  Receipt emit(typename Line::Item& item) {
    if (item.value) return Line::emit(item);
    return this->strand().descend([&] { return Receipt{pass(item.signal)}; });
  }
  Pending* pass(const Signal& signal) {
    if (signal.kind == Signal::end && signal.value == gone.value) {
      this->graph().destroy(*this);
      return nullptr;
    }
    if (signal.kind == Signal::barrier) return leaves_ ? send(signal) : alignment_.comes(*this, signal);
    ended = leaves_ || signal.kind == Signal::end || (ended && signal.kind != Signal::reopen);
    Join join{this->strand()};
    join.add(this->outlet.signal(signal));
    if (ended) alignment_.review();
    return join.finish();
  }

  /// The stream is gone. Behind what is held of it the gate goes too, and its node sees what it would without a gate.
  void disconnected(InletBase&) override {
    leaves_ = ended = true;
    static_cast<void>(Receipt{Line::add(gone)});
  }
  bool sends_later(const Signal& barrier, Receipt& receipt) override {
    if (!Line::busy()) return false;
    receipt = Receipt{Line::queue(barrier)};
    return true;
  }
  void shut_down() noexcept override {
    alignment_.remove(*this);
    Line::shut_down();
  }

  Pending* send(const Signal& barrier) override { return this->outlet.signal(barrier); }
  void open() noexcept override { this->pump_.wake(); }
  Alignment& alignment() const noexcept override { return alignment_; }

 protected:
  Pending* take_signal(const Signal& signal) override {
    return closed ? Line::queue(signal) : Line::add(signal);
  }

 private:
  static constexpr Signal gone{Signal::end, 1};  // as no end is sent: the last in the line of a gate that leaves

  Alignment& alignment_;
  bool leaves_ = false;
};

/// The base of the inlets of a node that has several.
template <element T, class Self>
class AlignedReceiver : public Receiver<T, Self> {
 public:
  Node* make_gate(Alignment& among) override { return new GateNode<T>(among); }

 protected:
  ~AlignedReceiver() = default;
};

}  // namespace penstock::detail
