// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "penstock/core/pump.hpp"
#include "penstock/core/ring.hpp"

namespace penstock::detail {

struct NoMark {};

[[gnu::cold, gnu::noinline]] inline void stop_waiting(const Info& info, const Receipt& receipt) noexcept {
  receipt.settle(std::make_exception_ptr(Stopped(info.label() + ": stopped with elements in it")));
}

/// An element or a signal in a line, with all that belongs to it.
template <element T, class Mark = NoMark>
struct Held {
  std::optional<T> value;  // nothing: a signal
  Context context;
  Signal signal;
  Receipt receipt;  // of whoever waits for it
  [[no_unique_address]] Mark mark;

  bool watermark() const noexcept { return !value && signal.kind == Signal::watermark; }
};
template <class T, class Mark>
inline constexpr bool grows_by_copies<Held<T, Mark>> =
    !std::is_nothrow_move_constructible_v<Held<T, Mark>> && can_copy<T>;

/// The base of nodes that keep elements and emit them later: elements and signals stand in one line and a pump emits them
/// in order. A receipt that is still with its element when that is emitted settles when the element was taken, and gets
/// its error; errors of elements that nobody waits for are reported. `Self` puts into the line with `add` and has
///
///     Receipt emit(Item& item);                 // as one descent, may throw
///     Pending* pass(const Signal& signal);      // a signal that has not to wait
///
/// which LineNode below does for all that emit what they took. It may replace
///
///     bool ready(Item& first);                  // false: not yet; `Self` wakes the pump later
///     void leaving(Item& item);                 // just before it is emitted
///     void pumped(std::exception_ptr error);    // calls LineBase::pumped
template <class Self, element T, class Mark = NoMark>
class LineBase : public Node {
 public:
  using Item = Held<T, Mark>;

  bool busy() const noexcept override { return !line_.empty() || pump_.active(); }
  [[gnu::cold]] void shut_down() noexcept override {
    pump_.stop();
    stopped(std::exchange(under_way_, {}));
    for (; !line_.empty(); line_.pop()) {
      Item& item = line_.front();
      if (item.value) lose(item.context, "the operator that held it was stopped");
      stopped(item.receipt);
    }
    elements(0);
  }

  // For the pump.
  bool pump(Receipt& receipt) {
    if (line_.empty() || !owner().ready(line_.front())) return false;
    Item item = line_.pop();
    if (!item.value && item.signal.kind == Signal::barrier) return send_barrier_on(item);
    under_way_ = std::move(item.receipt);
    owner().leaving(item);
    if (item.value) {
      elements(elements_ - 1);
      info().passed();
    }
    receipt = owner().emit(item);
    return true;
  }
  void pumped(std::exception_ptr error) noexcept {
    if (const Receipt receipt = std::exchange(under_way_, {}); receipt.state()) {
      receipt.settle(std::move(error));
    } else if (error) {
      graph().report(std::move(error), info());
    }
  }
  bool ready(const Item&) const noexcept { return true; }
  void leaving(const Item&) noexcept {}

 protected:
  explicit LineBase(Info info) : Node(std::move(info)), pump_(*this) { this->info().one_to_one = false; }

  /// Puts an element at the end of the line.
  template <class V>
  Item& add(V&& value, Context context, Mark mark = {}, Receipt receipt = {}) {
    context.bind(strand());
    Item& item = line_.push(std::optional<T>(std::forward<V>(value)), std::move(context), Signal{}, std::move(receipt),
                            std::move(mark));
    elements(elements_ + 1);
    pump_.wake();
    return item;
  }
  /// Puts a signal at the end of the line, or passes it on when nothing stands there. Whoever sends the end or a barrier
  /// waits until it has gone through.
  Pending* add(const Signal& signal) {
    return LineBase::busy() ? queue(signal) : owner().pass(signal);
  }
  [[gnu::noinline]] Pending* queue(const Signal& signal) {
    if (signal.kind == Signal::watermark && !line_.empty() && line_.back().watermark()) {
      line_.back().signal = signal;
      return nullptr;
    }
    Receipt receipt;
    if (signal.kind == Signal::end || signal.kind == Signal::barrier) {
      receipt = Receipt::waiting(strand(), &info(), Why::order);
    }
    line_.push(std::optional<T>(), Context{}, signal, receipt, Mark{});
    pump_.wake();
    return receipt.release();
  }
  /// Takes an element out of the middle. Where that leaves two watermarks side by side the later one says all: true
  /// when the one before it has left the line too.
  bool take_out(std::size_t place) {
    line_.erase(place);
    elements(elements_ - 1);
    if (place == 0 || place == line_.size() || !line_[place - 1].watermark() || !line_[place].watermark()) return false;
    line_.erase(place - 1);
    return true;
  }

  /// Calls a user's function and counts it when it throws.
  template <class Fn, class... Args>
  decltype(auto) run(Fn& fn, Args&&... args) {
    try {
      return call(fn, std::forward<Args>(args)...);
    } catch (...) {
      info().fails();
      throw;
    }
  }

  /// Ends the Refs of an element that a policy gives up.
  void lose(const Context& context, const char* reason) noexcept {
    context.drop(reason);
    info().drops();
  }

  /// Ends a receipt of somebody who waited for what will not come.
  void stopped(const Receipt& receipt) noexcept {
    if (receipt.state()) stop_waiting(info(), receipt);
  }

  void elements(std::size_t n) noexcept {
    elements_ = n;
    info().holds(n + besides_);
  }
  /// Elements that `Self` keeps outside of the line.
  void besides(std::size_t n) noexcept {
    besides_ = n;
    info().holds(elements_ + n);
  }

  Self& owner() noexcept { return static_cast<Self&>(*this); }

  Ring<Item> line_;
  std::size_t elements_ = 0;  // in the line, which has signals too
  Receipt under_way_;         // of the element that was emitted last
  Pump<Self, LineBase> pump_;

 private:
  /// What stands behind a barrier need not wait until that has gone through.
  [[gnu::noinline]] bool send_barrier_on(Item& item) {
    owner().leaving(item);
    send_behind(item.receipt, [&] { return owner().emit(item); });
    return true;
  }

  std::size_t besides_ = 0;
};

/// The base of those that emit what they took.
template <class Self, element T, class Mark = NoMark>
class LineNode : public LineBase<Self, T, Mark> {
 public:
  Outlet<T> outlet;

  Receipt emit(typename LineBase<Self, T, Mark>::Item& item) {
    if (!item.value) return offer(outlet, item.signal);
    return offer(outlet, std::move(*item.value), item.context);
  }
  Pending* pass(const Signal& signal) { return outlet.signal(signal); }

 protected:
  using LineBase<Self, T, Mark>::LineBase;
};

}  // namespace penstock::detail
