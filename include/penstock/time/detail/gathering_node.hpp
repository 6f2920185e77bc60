// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <exception>
#include <optional>
#include <utility>

#include "penstock/core/ring.hpp"
#include "penstock/time/detail/burst_node.hpp"

// Not an operator: nodes behind which a sink may emit at the source again.

namespace penstock::detail {

/// A BurstNode that is through with an element or a signal before the first result of it goes out. What is behind may emit
/// at the source again: that finds nothing half done here, and its results and signals come behind those that are going
/// out. Whoever has brought about those waits for it too, and gets the errors.
template <class Self, element Out>
class GatheringNode : public BurstNode<Self, Out> {
  using Line = LineNode<Self, Out>;
  using Burst = BurstNode<Self, Out>;
  using Gathered = Held<Out, std::exception_ptr>;  // a result, a signal or an error

 protected:
  explicit GatheringNode(Info info) : Burst(std::move(info)) {}

  /// One result: what `make()` returns now.
  template <class Make>
  void put(Make make, Context&& context) {
    this->emitted_ = true;
    try {
      gathered_.push(std::optional<Out>(make()), std::move(context), Signal{}, Receipt{}, nullptr);
    } catch (...) {
      context.fail(std::current_exception());
      this->failed(std::current_exception());
    }
  }
  /// In order with the results.
  void failed(std::exception_ptr error) noexcept {
    this->emitted_ = true;
    try {
      gathered_.push(std::optional<Out>(), Context{}, Signal{}, Receipt{}, error);
    } catch (...) {
      Burst::failed(std::move(error));
    }
  }
  /// Calls a function that calls `put`. What it has put before it throws goes out.
  template <class Fn>
  [[gnu::always_inline]] void gather(Fn fn) {
    try {
      fn();
    } catch (...) {
      hand_on_in_background();
      throw;
    }
  }
  template <class Fn>
  void in_background(Fn fn) {
    Burst::in_background([&] {
      gather(fn);
      hand_on_in_background();
    });
  }

  /// @param besides  what has to be waited for too.
  [[gnu::noinline]] Pending* end_burst(Pending* besides = nullptr) {
    Join join{this->strand()};
    join.add(besides);
    if (!handing_on_) {
      hand_on(join);
      join.add(Burst::end_burst());
    }
    return join.finish();
  }
  Pending* behind_burst(const Signal& signal) {
    if (handing_on_ || !this->emitted_) return add(signal);
    Join join{this->strand()};
    gathered_.push(std::optional<Out>(), Context{}, signal, Receipt{}, nullptr);
    hand_on(join);
    join.add(Burst::end_burst());
    return join.finish();
  }
  Pending* add(const Signal& signal) {
    if (!handing_on_) return Line::add(signal);
    if (signal.kind != Signal::end && signal.kind != Signal::barrier) {
      gathered_.push(std::optional<Out>(), Context{}, signal, Receipt{}, nullptr);
      return nullptr;
    }
    // Somebody waits for these.
    Join join{this->strand()};
    hand_on_all(join);
    send(signal, join);
    return join.finish();
  }

 private:
  struct Leave {
    Ring<Gathered>& from;
    ~Leave() { from.erase(0); }
  };

  void hand_on(Join& join) noexcept {
    if (std::exchange(handing_on_, true)) return;
    hand_on_all(join);
    handing_on_ = false;
  }
  void hand_on_all(Join& join) noexcept {
    while (!gathered_.empty()) {
      Gathered& next = gathered_.front();
      if (next.value) [[likely]] {
        Context context = std::move(next.context);
        Burst::put([&] {
          const Leave leave{gathered_};
          return Out(std::move(*next.value));
        }, std::move(context));
      } else if (next.mark) {
        Burst::failed(std::move(next.mark));
        gathered_.erase(0);
      } else {
        const Signal signal = next.signal;
        gathered_.erase(0);
        send(signal, join);
      }
    }
  }
  void send(const Signal& signal, Join& join) noexcept {
    try {
      join.add(this->last_in_line());
      join.add(Line::add(signal));
    } catch (...) {
      Burst::failed(std::current_exception());
    }
  }
  [[gnu::noinline]] void hand_on_in_background() noexcept {
    Join nobody{this->strand()};
    hand_on(nobody);
  }

  Ring<Gathered> gathered_;
  bool handing_on_ = false;
};

}  // namespace penstock::detail
