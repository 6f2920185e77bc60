// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <exception>
#include <utility>

#include "penstock/core/graph.hpp"

namespace penstock::detail {

struct NotContiguous;

/// Pushes one element into what is behind `outlet`, as one descent. An exception marks its Refs as failed.
template <class T>
Receipt offer(Outlet<T>& outlet, T&& value, const Context& context) {
  Strand& strand = outlet.strand();
  context.bind(strand);
  return strand.descend([&] {
    try {
      return Receipt{outlet.push(std::move(value), context.or_null())};
    } catch (...) {
      context.fail(std::current_exception());
      throw;
    }
  });
}

/// The same with nothing beside the element.
template <class T>
Receipt offer(Outlet<T>& outlet, T&& value) {
  return outlet.strand().descend([&] { return Receipt{outlet.push(std::move(value), nullptr)}; });
}

/// Pushes elements of a batch, as one descent, until one waits or the descent has something to do at its end.
template <class T>
Receipt offer_all(Outlet<T>& outlet, Batch<T>& batch) {
  batch.strand = &outlet.strand();
  return outlet.strand().descend([&] { return Receipt{outlet.push_all(batch)}; });
}

/// Where the elements of a range that lie side by side begin; nothing for other ranges.
template <class Range>
auto first_of(Range& range) {
  if constexpr (requires { std::size(range), *std::data(range); }) {
    return std::data(range);
  } else {
    return static_cast<NotContiguous*>(nullptr);
  }
}

/// Sends a signal into what is behind `outlet`, as one descent.
inline Receipt offer(OutletBase& outlet, const Signal& signal) {
  return outlet.strand().descend([&] { return Receipt{outlet.signal(signal)}; });
}

/// `offer` for elements of background work: an exception is counted and reported, and the work goes on. A node that emits
/// more than one element by itself uses a Pump.
template <class T>
Receipt deliver(Outlet<T>& outlet, T&& value, const Context& context, Info& from) noexcept {
  try {
    return offer(outlet, std::move(value), context);
  } catch (...) {
    outlet.node()->graph().report(std::current_exception(), from);
    return {};
  }
}

/// Something that another thread wants done on the strand of `outlet`, and waits for.
template <class Fn>
class Errand final : public Task {
 public:
  Errand(Loop& loop, Fn& fn) : loop_(loop), fn_(fn) {}

  /// Runs `fn` on the loop and waits until the receipt that it returns has settled.
  void send() {
    loop_.before_wait();
    loop_.post_remote(*this);
    loop_.wait(done_);
    if (error_) std::rethrow_exception(error_);
  }

  void run() override {
    if (!receipt_.state()) {
      try {
        receipt_ = fn_();
      } catch (...) {
        error_ = std::current_exception();
      }
      if (receipt_.pending()) return receipt_.state()->then(*this);
    }
    if (receipt_.error()) error_ = receipt_.error();
    receipt_ = {};
    loop_.wake(done_);
  }
  void discard() noexcept override {
    error_ = std::make_exception_ptr(Stopped("emit: the event loop ended while the element waited for it"));
    loop_.wake(done_);
  }

 private:
  Loop& loop_;
  Fn& fn_;
  Receipt receipt_;
  std::exception_ptr error_;
  std::atomic<bool> done_{false};
};

/// Waits, where that is possible, for a receipt that was got on a loop nobody runs.
class Settled final : public Task {
 public:
  static void wait(Loop& loop, Receipt receipt) {
    if (receipt.pending()) {
      Settled settled{loop};
      receipt.state()->then(settled);
      loop.wait(settled.done_);
    }
    receipt.get();
  }

 private:
  explicit Settled(Loop& loop) : loop_(loop) {}
  void run() override { loop_.wake(done_); }

  Loop& loop_;
  std::atomic<bool> done_{false};
};

/// An earlier element that nobody waited for still waits: so does the next one, where that is possible.
[[gnu::noinline]] inline void wait_for_earlier(OutletBase& outlet, Position position) {
  const NodeHandle alive{*outlet.node()};
  Unwaited& earlier = outlet.unwaited();
  if (position == Position::idle) Settled::wait(*outlet.strand().loop(), earlier.receipt());
  if (earlier.pending()) {
    misuse(
        "emit: an earlier element still waits, and waiting for it here would block the loop that it waits for; use "
        "async_emit to wait or try_emit to be told");
  }
}

/// Does `fn`, which returns a receipt, on the strand of `outlet` and waits for the receipt. Where waiting would block the
/// loop itself, the receipt is kept: `fn` has been done, but the next call throws as long as it is pending.
template <class Fn>
void wait_for(OutletBase& outlet, Fn fn) {
  Loop* loop = outlet.strand().loop();
  const Position position = loop ? loop->position() : Position::inside;
  if (position == Position::elsewhere) {
    const NodeHandle alive{*outlet.node()};
    return Errand<Fn>{*loop, fn}.send();
  }
  if (outlet.unwaited().pending()) [[unlikely]] wait_for_earlier(outlet, position);
  // One descent round it all: what `fn` brings about may end the graph, but not before the end of that.
  const Receipt receipt = outlet.strand().descend([&] {
    Receipt given = fn();
    if (given.pending() && position == Position::inside) outlet.unwaited().keep(std::exchange(given, Receipt{}));
    return given;
  });
  if (receipt.pending()) return Settled::wait(*loop, receipt);
  receipt.get();
}

/// The same without waiting: false, and nothing done, while an earlier element waits.
template <class Fn>
bool try_to(OutletBase& outlet, Fn fn) {
  bool taken = true;
  auto attempt = [&] {
    Unwaited& earlier = outlet.unwaited();
    if (earlier.pending()) {
      taken = false;
      return Receipt{};
    }
    Receipt receipt = fn();
    if (receipt.pending()) {
      earlier.keep(std::move(receipt));
    } else {
      receipt.get();
    }
    return Receipt{};
  };
  Loop* loop = outlet.strand().loop();
  if (loop && loop->position() == Position::elsewhere) {
    Errand<decltype(attempt)>{*loop, attempt}.send();
  } else {
    static_cast<void>(attempt());
  }
  return taken;
}

}  // namespace penstock::detail
