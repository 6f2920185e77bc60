// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstddef>
#include <exception>
#include <tuple>
#include <utility>
#include <vector>

#include "penstock/time/detail/burst_node.hpp"

// Not an operator: nodes that keep what a user's function emits until that has returned.

namespace penstock::detail {

template <class T>
struct Staged {
  template <class V>
  Staged(std::in_place_t, V&& made_of) : value(std::forward<V>(made_of)) {}
  T value;
};
/// An output beside the main one.
template <element T>
struct SidePort {
  Outlet<T> outlet;
  std::vector<Staged<T>> staged;
};

/// Several outputs, of which each may get any number of results by one call of a function. `Ports` is a tuple of SidePort.
template <class Self, element Out, class Ports>
class StagedNode : public BurstNode<Self, Out> {
 protected:
  explicit StagedNode(Info info) : BurstNode<Self, Out>(std::move(info)) {
    this->port(this->outlet);
    for_each_port([this](auto& port) { this->port(port.outlet); });
  }

  /// Where what a call emits begins. Before it may stand what is being emitted of the call that has brought this one about.
  struct Staging {
    std::size_t main;
    std::array<std::size_t, std::tuple_size_v<Ports>> sides;
  };
  Staging begin_staging() const noexcept {
    return std::apply([this](const auto&... port) { return Staging{staged_.size(), {port.staged.size()...}}; }, ports_);
  }
  void take_back(const Staging& staging) {
    shorten(staged_, staging.main);
    std::size_t i = 0;
    for_each_port([&](auto& port) { shorten(port.staged, staging.sides[i++]); });
  }
  /// Emits what one call has emitted. What that brings about here stages its own behind it, and is through with it
  /// before we go on.
  [[gnu::always_inline]] void hand_on(const Staging& staging, const Context* context, EventTime time) {
    if (staged_.size() != staging.main) {
      drain(staged_, staging.main, [&](Out&& value) {
        this->put([&]() -> Out&& { return std::move(value); }, beside(context, time));
      });
    }
    std::size_t i = 0;
    for_each_port([&](auto& port) {
      const std::size_t from = staging.sides[i++];
      if (port.staged.size() == from) return;
      drain(port.staged, from, [&](auto&& value) {
        guard([&] {
          Join both{this->strand()};
          both.add(waiting_.share());
          const Context own = beside(context, time);
          both.add(port.outlet.push(std::move(value), own.or_null()));
          waiting_ = Receipt{both.finish()};
        });
      });
    });
  }
  bool brought_about() const noexcept { return this->emitted() || waiting_.state(); }
  /// The receipt of all that was emitted, for whoever has brought it about.
  [[gnu::noinline]] Pending* end_turn() {
    Join join{this->strand()};
    join.add(std::exchange(waiting_, {}).release());
    join.add(this->end_burst());
    return join.finish();
  }
  /// Nobody waits for the side outputs.
  void end_background_turn() noexcept { waiting_ = {}; }

  Pending* signal_behind(const Signal& signal) {
    Join join{this->strand()};
    join.add(this->at_barrier(signal));  // sends it to the side outputs
    if (signal.kind != Signal::barrier) {
      for_each_port([&](auto& port) { guard([&] { join.add(port.outlet.signal(signal)); }); });
    }
    join.add(std::exchange(waiting_, {}).release());
    join.add(this->behind_burst(signal));
    return join.finish();
  }

  Ports ports_;
  std::vector<Staged<Out>> staged_;

 private:
  template <class Fn>
  void for_each_port(Fn fn) {
    std::apply([&](auto&... port) { (fn(port), ...); }, ports_);
  }
  static Context beside(const Context* context, EventTime time) {
    Context own = Context::of(context);
    own.event_time(time);
    return own;
  }
  template <class O, class Push>
  static void drain(std::vector<Staged<O>>& staged, std::size_t from, Push push) {
    const std::size_t to = staged.size();
    for (std::size_t i = from; i < to; ++i) {
      O value = std::move(staged[i].value);
      push(std::move(value));
    }
    shorten(staged, from);
  }
  template <class O>
  static void shorten(std::vector<O>& staged, std::size_t size) {
    staged.erase(staged.begin() + static_cast<std::ptrdiff_t>(size), staged.end());
  }
  /// An error of what is behind a side output fails the element, and holds up nothing else.
  template <class Push>
  void guard(Push push) {
    try {
      push();
    } catch (...) {
      this->failed(std::current_exception());
    }
  }

  Receipt waiting_;  // of side outputs
};

}  // namespace penstock::detail
