// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <utility>

#include "penstock/core/box.hpp"
#include "penstock/core/error.hpp"
#include "penstock/core/list.hpp"
#include "penstock/core/port.hpp"
#include "penstock/core/search.hpp"

namespace penstock {

/// The untyped side of a node's output: the branches behind it, in the order in which they were written.
class OutletBase {
 public:
  struct Branch {
    InletBase* inlet;
    std::uint64_t ticket;
  };

  [[gnu::noinline]] explicit OutletBase(InletBase& target) : target_(&target) {}
  OutletBase(const OutletBase&) = delete;
  OutletBase& operator=(const OutletBase&) = delete;

  Node* node() const noexcept { return node_; }
  Strand& strand() const noexcept { return *strand_; }
  const detail::List<Branch>& branches() const noexcept { return branches_; }

  /// A place in the order of the branches, for a chain that becomes a node only later.
  std::uint64_t ticket() noexcept { return next_ticket_++; }

  /// Sends a signal to every branch, and then throws what the first of them threw, if any.
  [[gnu::noinline]] Pending* signal(const Signal& signal) {
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

  [[gnu::noinline]] void attach(InletBase& inlet, std::uint64_t ticket) {
    const auto same = [&](const Branch& branch) { return branch.inlet == &inlet; };
    if (detail::any_of(branches_, same)) return;
    branches_.push_back({&inlet, ticket});
    std::size_t place = branches_.size() - 1;
    for (; place > 0 && branches_[place - 1].ticket > ticket; --place) {
      std::swap(branches_[place], branches_[place - 1]);
    }
    try {
      rewire();
    } catch (...) {
      branches_.erase(&branches_[place]);
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
  [[gnu::noinline]] bool detach(InletBase& inlet) {
    const auto same = [&](const Branch& branch) { return branch.inlet == &inlet; };
    const auto found = detail::find_where(branches_, same);
    if (found == branches_.end()) return false;
    branches_.erase(found);
    rewire();
    const auto edge = detail::find_item(inlet.upstreams_, this);
    inlet.merged_.remove(static_cast<std::size_t>(edge - inlet.upstreams_.begin()));
    inlet.upstreams_.erase(edge);
    const auto from_outside = [](const OutletBase* upstream) { return !upstream->closes_cycle_; };
    if (ended_ || closes_cycle_) {
      --inlet.ended_;
    } else if (inlet.ended_ == inlet.upstreams_.size() && detail::any_of(inlet.upstreams_, from_outside)) {
      static_cast<void>(Receipt{inlet.take_signal({Signal::end})});
    }
    return true;
  }

 protected:
  [[gnu::noinline]] ~OutletBase() = default;

  /// An inlet that passes elements on to several.
  struct Fan {
    InletBase* inlet;
    detail::List<InletBase*>* targets;
  };

  InletBase* target_;  // never null: nothing, the one inlet, or a fan-out

 private:
  friend class Node;

  /// What stands behind it when nothing is connected, and after its end.
  virtual InletBase& stub(bool ended) = 0;
  virtual Fan fan_out() = 0;

  /// Brings the fast path in line with `branches_`.
  [[gnu::noinline]] void rewire() {
    if (ended_ || branches_.empty()) {
      target_ = &stub(ended_);
    } else if (branches_.size() == 1) {
      target_ = &branches_.front().inlet->entry();
    } else {
      const Fan fan = fan_out();
      fan.targets->clear();
      for (const Branch& branch : branches_) fan.targets->push_back(&branch.inlet->entry());
      target_ = fan.inlet;
    }
  }

  Node* node_ = nullptr;
  Strand* strand_ = nullptr;
  detail::List<Branch> branches_;
  std::uint64_t next_ticket_ = 0;
  Unwaited unwaited_;
  bool ended_ = false;
  bool closes_cycle_ = false;
};

namespace detail {

/// Behind an outlet that nothing is connected to, or that has ended.
template <element T>
class Stub final : public Receiver<T, Stub<T>> {
 public:
  [[gnu::noinline]] static Stub& instance(bool ended) {
    static Stub stubs[]{Stub{false}, Stub{true}};
    return stubs[ended];
  }
  template <class V>
  Pending* take(V&&, const Context*) {
    if (ended_) misuse("emit: the stream was closed before");
    return nullptr;
  }

 protected:
  Pending* take_signal(const Signal&) override { return nullptr; }

 private:
  explicit Stub(bool ended) : ended_(ended) {}

  bool ended_;
};

/// Behind an outlet with several branches: the only place where elements are copied and receipts joined. Every branch
/// but the last borrows the value, the last one gets it.
template <element T>
class FanOut final : public Receiver<T, FanOut<T>> {
 public:
  explicit FanOut(OutletBase& outlet) : outlet_(outlet) {}

  List<InletBase*> targets;

  template <class V>
  Pending* take(V&& value, const Context* context) {
    InletBase* const* target = targets.data();
    InletBase* const* last = target + targets.size() - 1;
    for (; target != last; ++target) {
      if (Pending* pending = inlet(target).push(std::as_const(value), context)) {
        return join<V>(pending, target + 1, last, std::forward<V>(value), context);
      }
    }
    return inlet(last).push(std::forward<V>(value), context);
  }

 protected:
  Pending* take_signal(const Signal&) override { return nullptr; }

 private:
  static Inlet<T>& inlet(InletBase* const* target) noexcept { return static_cast<Inlet<T>&>(**target); }

  template <class V>
  [[gnu::noinline, gnu::cold]] Pending* join(Pending* first, InletBase* const* target, InletBase* const* last,
                                             Aside<V> value, const Context* context) {
    Join join{outlet_.strand()};
    join.add(first);
    for (; target != last; ++target) join.add(inlet(target).push(std::as_const(value), context));
    join.add(inlet(last).push(std::forward<V>(value), context));
    return join.finish();
  }

  OutletBase& outlet_;
};

}  // namespace detail

/// A node's output. Emitting is one indirect call.
template <element T>
class Outlet final : public OutletBase {
 public:
  Outlet() : OutletBase(detail::Stub<T>::instance(false)) {}
  ~Outlet() = default;

  [[gnu::always_inline]] Pending* push(T&& value, const Context* context) {
    return target().push(std::move(value), context);
  }
  [[gnu::always_inline]] Pending* push(const T& value, const Context* context)
    requires(detail::can_copy<T>)
  {
    if constexpr (requires { target().push(value, context); }) {
      return target().push(value, context);
    }
  }
  Pending* push_all(Batch<T>& batch) { return target().push_all(batch); }

 private:
  [[gnu::always_inline]] Inlet<T>& target() const noexcept { return static_cast<Inlet<T>&>(*target_); }

  InletBase& stub(bool ended) override { return detail::Stub<T>::instance(ended); }
  Fan fan_out() override {
    if constexpr (detail::can_copy<T>) {
      if (!fan_) fan_ = detail::make_box<detail::FanOut<T>>(*this);
      return {fan_.get(), &fan_->targets};
    } else {
      detail::misuse("Stream: the elements cannot be copied, so the stream can have one consumer only");
    }
  }

  struct None {};
  detail::Box<std::conditional_t<detail::can_copy<T>, detail::FanOut<T>, None>> fan_;
};

}  // namespace penstock
