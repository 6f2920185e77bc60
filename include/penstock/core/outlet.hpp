// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include "penstock/core/error.hpp"
#include "penstock/core/port.hpp"

namespace penstock {

/// The untyped side of a node's output: the branches behind it, in the order in which they were written.
class OutletBase {
 public:
  struct Branch {
    InletBase* inlet;
    std::uint64_t ticket;
  };

  OutletBase() = default;
  OutletBase(const OutletBase&) = delete;
  OutletBase& operator=(const OutletBase&) = delete;

  Node* node() const noexcept { return node_; }
  Strand& strand() const noexcept { return *strand_; }
  const std::vector<Branch>& branches() const noexcept { return branches_; }

  /// A place in the order of the branches, for a chain that becomes a node only later.
  std::uint64_t ticket() noexcept { return next_ticket_++; }

  /// Sends a signal to every branch, and then throws what the first of them threw, if any.
  Pending* signal(const Signal& signal) {
    if (signal.kind == Signal::end) ended_ = true;
    if (signal.kind == Signal::reopen) ended_ = false;
    if (signal.kind == Signal::end || signal.kind == Signal::reopen) rewire();
    Join join{*strand_};
    std::exception_ptr first;  // what is flushed in one branch may throw; the signal is for all of them
    for (std::size_t i = 0; i < branches_.size(); ++i) {
      try {
        join.add(branches_[i].inlet->receive(*this, signal));
      } catch (...) {
        if (!first) first = std::current_exception();
      }
    }
    if (first) std::rethrow_exception(first);
    return join.finish();
  }
  /// The receipt that the last `emit` on the strand did not wait for.
  Unwaited& unwaited() noexcept { return unwaited_; }
  /// True after the end was sent.
  bool ended() const noexcept { return ended_; }

  /// Says that it closes a cycle: nobody behind it waits for its end.
  void close_cycle() noexcept { closes_cycle_ = true; }
  bool closes_cycle() const noexcept { return closes_cycle_; }

  /// Looks again at what stands behind it.
  void refresh() { rewire(); }

  void attach(InletBase& inlet, std::uint64_t ticket) {
    const auto same = [&](const Branch& branch) { return branch.inlet == &inlet; };
    if (std::any_of(branches_.begin(), branches_.end(), same)) return;
    const auto later = [&](const Branch& branch) { return branch.ticket > ticket; };
    const auto place = std::find_if(branches_.begin(), branches_.end(), later);
    const auto inserted = branches_.insert(place, {&inlet, ticket});
    try {
      rewire();
    } catch (...) {
      branches_.erase(inserted);
      throw;
    }
    inlet.upstreams_.push_back(this);
    inlet.merged_.add();
    if (ended_ || closes_cycle_) {
      ++inlet.ended_;
      inlet.merged_.leave_out(inlet.upstreams_.size() - 1);
    }
  }

  /// False when `inlet` was not connected. An inlet that loses its last edge that had not ended gets the end now, unless it
  /// has none left but one that closes a cycle.
  bool detach(InletBase& inlet) {
    const auto same = [&](const Branch& branch) { return branch.inlet == &inlet; };
    const auto found = std::find_if(branches_.begin(), branches_.end(), same);
    if (found == branches_.end()) return false;
    branches_.erase(found);
    rewire();
    const auto edge = std::find(inlet.upstreams_.begin(), inlet.upstreams_.end(), this);
    inlet.merged_.remove(static_cast<std::size_t>(edge - inlet.upstreams_.begin()));
    inlet.upstreams_.erase(edge);
    const auto from_outside = [](const OutletBase* upstream) { return !upstream->closes_cycle_; };
    if (ended_ || closes_cycle_) {
      --inlet.ended_;
    } else if (inlet.ended_ == inlet.upstreams_.size() &&
               std::any_of(inlet.upstreams_.begin(), inlet.upstreams_.end(), from_outside)) {
      static_cast<void>(Receipt{inlet.take_signal({Signal::end})});
    }
    return true;
  }

 protected:
  ~OutletBase() = default;
  /// Brings the fast path in line with `branches_`.
  virtual void rewire() = 0;

 private:
  friend class Node;
  Node* node_ = nullptr;
  Strand* strand_ = nullptr;
  std::vector<Branch> branches_;
  std::uint64_t next_ticket_ = 0;
  Unwaited unwaited_;
  bool ended_ = false;
  bool closes_cycle_ = false;
};

namespace detail {

/// Behind an outlet that nothing is connected to.
template <element T>
class NullInlet final : public Receiver<T, NullInlet<T>> {
 public:
  static NullInlet& instance() {
    static NullInlet one;
    return one;
  }
  template <class V>
  Pending* take(V&&, const Context*) noexcept {
    return nullptr;
  }

 protected:
  Pending* take_signal(const Signal&) override { return nullptr; }
};

/// Behind an outlet after its end.
template <element T>
class EndedInlet final : public Receiver<T, EndedInlet<T>> {
 public:
  static EndedInlet& instance() {
    static EndedInlet one;
    return one;
  }
  template <class V>
  Pending* take(V&&, const Context*) {
    misuse("emit: the stream was closed before");
  }

 protected:
  Pending* take_signal(const Signal&) override { return nullptr; }
};

/// Behind an outlet with several branches: the only place where elements are copied and receipts joined. Every branch
/// but the last borrows the value, the last one gets it.
template <element T>
class FanOut final : public Receiver<T, FanOut<T>> {
 public:
  explicit FanOut(OutletBase& outlet) : outlet_(outlet) {}

  std::vector<Inlet<T>*> targets;

  template <class V>
  Pending* take(V&& value, const Context* context) {
    if constexpr (detail::can_copy<T>) {
      Inlet<T>* const* target = targets.data();
      Inlet<T>* const* last = target + targets.size() - 1;
      for (; target != last; ++target) {
        if (Pending* pending = (*target)->push(std::as_const(value), context)) {
          return join<V>(pending, target + 1, last, std::forward<V>(value), context);
        }
      }
      return (*last)->push(std::forward<V>(value), context);
    } else {
      return targets.front()->push(std::forward<V>(value), context);
    }
  }

 protected:
  Pending* take_signal(const Signal&) override { return nullptr; }

 private:
  template <class V>
  [[gnu::noinline, gnu::cold]] Pending* join(Pending* first, Inlet<T>* const* target, Inlet<T>* const* last,
                                             Aside<V> value, const Context* context) {
    Join join{outlet_.strand()};
    join.add(first);
    for (; target != last; ++target) join.add((*target)->push(std::as_const(value), context));
    join.add((*last)->push(std::forward<V>(value), context));
    return join.finish();
  }

  OutletBase& outlet_;
};

}  // namespace detail

/// A node's output. Emitting is one indirect call to a target that is never null: nothing, the one inlet, or a fan-out.
template <element T>
class Outlet final : public OutletBase {
 public:
  ~Outlet() = default;

  [[gnu::always_inline]] Pending* push(T&& value, const Context* context) {
    return target_->push(std::move(value), context);
  }
  [[gnu::always_inline]] Pending* push(const T& value, const Context* context)
    requires(detail::can_copy<T>)
  {
    if constexpr (requires { target_->push(value, context); }) {
      return target_->push(value, context);
    }
  }
  Pending* push_all(Batch<T>& batch) { return target_->push_all(batch); }

 private:
  void rewire() override {
    if (ended()) {
      target_ = &detail::EndedInlet<T>::instance();
    } else if (branches().empty()) {
      target_ = &detail::NullInlet<T>::instance();
    } else if (branches().size() == 1) {
      target_ = &static_cast<Inlet<T>*>(branches().front().inlet)->entry();
    } else {
      if constexpr (!detail::can_copy<T>) {
        detail::misuse("Stream: the elements cannot be copied, so the stream can have one consumer only");
      }
      if (!fan_) fan_ = std::make_unique<detail::FanOut<T>>(*this);
      fan_->targets.clear();
      for (const Branch& branch : branches()) fan_->targets.push_back(&static_cast<Inlet<T>*>(branch.inlet)->entry());
      target_ = fan_.get();
    }
  }

  Inlet<T>* target_ = &detail::NullInlet<T>::instance();
  std::unique_ptr<detail::FanOut<T>> fan_;
};

}  // namespace penstock
