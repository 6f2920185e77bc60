// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "penstock/core/context.hpp"
#include "penstock/core/element.hpp"
#include "penstock/core/list.hpp"
#include "penstock/core/receipt.hpp"
#include "penstock/core/search.hpp"
#include "penstock/core/signal.hpp"

namespace penstock {

class Node;
class OutletBase;
namespace detail {
class Alignment;
}

/// The untyped side of a node's input: what wiring, drawing and signals need.
class InletBase {
 public:
  [[gnu::noinline]] InletBase() = default;
  InletBase(const InletBase&) = delete;
  InletBase& operator=(const InletBase&) = delete;

  /// Null for the inlet of what is not connected.
  Node* node() const noexcept { return node_; }
  const detail::List<OutletBase*>& upstreams() const noexcept { return upstreams_; }
  /// What outlets are to push into: this, or something of the node's that stands before it. Asked when edges
  /// are wired.
  virtual InletBase& entry() noexcept { return *this; }
  /// Of nodes with several inlets: a node to stand before this one that holds what comes behind a barrier until the
  /// others have it too. Null: there is none.
  virtual Node* make_gate(detail::Alignment& among) { return static_cast<void>(among), nullptr; }

  /// A signal of the edge from `from`. Those of several edges are made one sequence; the end counts only when every edge
  /// has ended.
  [[gnu::noinline]] Pending* receive(const OutletBase& from, const Signal& signal) {
    const auto place = static_cast<std::size_t>(detail::find_item(upstreams_, &from) - upstreams_.begin());
    if (upstreams_.size() == 1) {
      merged_.take(place, signal, [](const Signal&) {});
      if (signal.kind == Signal::end) ++ended_;
      if (signal.kind == Signal::reopen) --ended_;
      return take_signal(signal);
    }
    return receive_one_of(place, signal);
  }

 protected:
  [[gnu::noinline]] ~InletBase() = default;
  virtual Pending* take_signal(const Signal& signal) = 0;

 private:
  friend class Node;
  friend class OutletBase;

  [[gnu::noinline]] Pending* receive_one_of(std::size_t place, const Signal& signal) {
    if (signal.kind == Signal::end && ++ended_ == upstreams_.size()) {
      merged_.leave_out(place);
      return take_signal(signal);
    }
    if (signal.kind == Signal::reopen && ended_-- == upstreams_.size()) {
      merged_.begin_anew(place);
      return take_signal(signal);
    }
    Receipt last;  // a later signal waits for those before it
    merged_.take(place, signal, [&](const Signal& one) { last = Receipt{take_signal(one)}; });
    return last.release();
  }

  Node* node_ = nullptr;
  detail::List<OutletBase*> upstreams_;
  detail::InputSignals merged_{0};  // by the place among the upstreams
  std::size_t ended_ = 0;
};

/// Elements that are handed over together, with nothing beside them. Whoever takes them moves `next` on before each, and
/// stops behind an element that has to wait and behind one that has put something off to the end of the descent; the rest
/// stays with the giver. So a batch does the same as its elements one by one.
template <class T>
struct Batch {
  /// Values are copied out of a batch, everything else is moved.
  using Item = std::conditional_t<detail::by_value<T>, const T, T>;

  Item* next;
  Item* end;
  const Strand* strand;

  bool empty() const noexcept { return next == end; }
  /// The next one, to be passed on.
  decltype(auto) take() noexcept {
    if constexpr (detail::by_value<T>) {
      return T(*next++);
    } else {
      return std::move(*next++);
    }
  }
  bool interrupted() const noexcept { return strand->puts_off(); }
};

namespace detail {

// Values in registers, everything else borrowed or given; what cannot be copied is only ever given.
template <class T>
class InletInterface : public InletBase {
 public:
  virtual Pending* push(const T& value, const Context* context) = 0;
  virtual Pending* push(T&& value, const Context* context) = 0;
};
template <class T>
  requires(by_value<T>)
class InletInterface<T> : public InletBase {
 public:
  virtual Pending* push(T value, const Context* context) = 0;
};
template <class T>
  requires(!by_value<T> && !can_copy<T>)
class InletInterface<T> : public InletBase {
 public:
  virtual Pending* push(T&& value, const Context* context) = 0;
};

}  // namespace detail

/// Takes elements of type `T`: one virtual call an element, or one for a whole batch. Returns null when the element was
/// taken, otherwise a receipt that the caller owns. An exception means that the element failed.
template <element T>
class Inlet : public detail::InletInterface<T> {
 public:
  virtual Pending* push_all(Batch<T>& batch) = 0;

 protected:
  ~Inlet() = default;
};

namespace detail {

/// Counts what is taken out of a batch to the end of the block.
template <class T>
class CountTaken {
 public:
  CountTaken(Counter& counter, const Batch<T>& batch) noexcept : counter_(counter), batch_(batch), first_(batch.next) {}
  CountTaken(const CountTaken&) = delete;
  CountTaken& operator=(const CountTaken&) = delete;
  ~CountTaken() { counter_.add(static_cast<std::uint64_t>(batch_.next - first_)); }

 private:
  Counter& counter_;
  const Batch<T>& batch_;
  const typename Batch<T>::Item* first_;
};

template <element T, class Self>
class BatchReceiver : public Inlet<T> {
 public:
  Pending* push_all(Batch<T>& batch) override {
    const auto end = batch.end;
    const Strand& strand = *batch.strand;
    while (batch.next != end) {
      Pending* pending = self().take(batch.take(), nullptr);
      if (pending || strand.puts_off()) return pending;
    }
    return nullptr;
  }

 protected:
  ~BatchReceiver() = default;
  Self& self() noexcept { return static_cast<Self&>(*this); }
};

}  // namespace detail

/// Implements an inlet for `Self`, which has a public `Pending* take(V&& value, const Context*)` where `V&&` is `T&&` or
/// `const T&`, and may override `take_signal`.
template <element T, class Self>
class Receiver : public detail::BatchReceiver<T, Self> {
 public:
  Pending* push(const T& value, const Context* context) final { return this->self().take(value, context); }
  Pending* push(T&& value, const Context* context) final { return this->self().take(std::move(value), context); }

 protected:
  ~Receiver() = default;
};
template <element T, class Self>
  requires(detail::by_value<T>)
class Receiver<T, Self> : public detail::BatchReceiver<T, Self> {
 public:
  Pending* push(T value, const Context* context) final { return this->self().take(std::move(value), context); }

 protected:
  ~Receiver() = default;
};
template <element T, class Self>
  requires(!detail::by_value<T> && !detail::can_copy<T>)
class Receiver<T, Self> : public detail::BatchReceiver<T, Self> {
 public:
  Pending* push(T&& value, const Context* context) final { return this->self().take(std::move(value), context); }

 protected:
  ~Receiver() = default;
};

}  // namespace penstock
