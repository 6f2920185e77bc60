// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <exception>
#include <utility>

#include "penstock/core/barrier.hpp"
#include "penstock/core/doing.hpp"
#include "penstock/core/node_handle.hpp"

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
[[gnu::noinline]] inline Receipt offer(OutletBase& outlet, const Signal& signal) {
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

/// Something that ends with a receipt.
using Work = Doing<Receipt>;

/// A descent where the time of an element does not matter.
[[gnu::noinline]] inline Receipt descend(Strand& strand, Work work) { return strand.descend(work); }

/// Something that another thread wants done on the strand of a graph, and waits for.
class Errand final : public Task {
 public:
  /// Does the work on the loop of `node` and waits until the receipt that it returns has settled.
  [[gnu::noinline]] static void send(Node& node, Work work) {
    const NodeHandle alive{node};
    Errand errand{node, work};
    errand.loop_.before_wait();
    errand.loop_.post_remote(errand);
    errand.loop_.wait(errand.done_);
    if (errand.error_) std::rethrow_exception(errand.error_);
  }

  void run() override {
    if (!receipt_.state()) {
      try {
        receipt_ = descend(node_.strand(), work_);
      } catch (...) {
        error_ = std::current_exception();
      }
      if (receipt_.pending()) return receipt_.state()->then(*this);
    }
    if (receipt_.error()) error_ = receipt_.error();
    receipt_ = {};
    loop_.wake(done_);
  }
  [[gnu::cold]] void discard() noexcept override {
    error_ = stopped("emit: the event loop ended while the element waited for it");
    loop_.wake(done_);
  }

 private:
  Errand(Node& node, Work work) : node_(node), loop_(*node.loop()), work_(work) {}

  Node& node_;
  Loop& loop_;
  Work work_;
  Receipt receipt_;
  std::exception_ptr error_;
  Flag done_;
};

/// Waits, where that is possible, for a receipt that was got on a loop nobody runs.
class Settled final : public Task {
 public:
  [[gnu::noinline]] static void wait(Loop& loop, const Receipt& receipt) {
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
  Flag done_;
};

/// An earlier element that nobody waited for still waits: so does the next one, where that is possible.
[[gnu::noinline, gnu::cold]] inline void wait_for_earlier(OutletBase& outlet, Position position) {
  const NodeHandle alive{*outlet.node()};
  Unwaited& earlier = outlet.unwaited();
  if (position == Position::idle) Settled::wait(*outlet.strand().loop(), Receipt{earlier.receipt()});
  if (earlier.pending()) {
    misuse(
        "emit: an earlier element still waits, and waiting for it here would block the loop that it waits for; use "
        "async_emit to wait or try_emit to be told");
  }
}

/// Does `work`, as one descent, on the strand of `outlet` and waits for its receipt. Where waiting would block
/// the loop itself, the receipt is kept: the work has been done, but the next call throws as long as it is
/// pending.
[[gnu::noinline]] inline void wait_for(OutletBase& outlet, Work work) {
  Loop* loop = outlet.strand().loop();
  const Position position = loop ? loop->position() : Position::inside;
  if (position == Position::elsewhere) return Errand::send(*outlet.node(), work);
  if (outlet.unwaited().pending()) [[unlikely]] wait_for_earlier(outlet, position);
  // One descent round it all: what `work` brings about may end the graph, but not before the end of that.
  const Receipt receipt = outlet.strand().descend([&] {
    Receipt given = work();
    if (given.pending() && position == Position::inside) outlet.unwaited().keep(std::exchange(given, Receipt{}));
    return given;
  });
  if (receipt.pending()) return Settled::wait(*loop, receipt);
  receipt.get();
}

/// The same without waiting: false, and nothing done, while an earlier element waits.
[[gnu::noinline]] inline bool try_to(OutletBase& outlet, Work work) {
  bool taken = true;
  const auto attempt = [&] {
    Unwaited& earlier = outlet.unwaited();
    if (earlier.pending()) {
      taken = false;
      return Receipt{};
    }
    Receipt receipt = descend(outlet.strand(), work);
    if (receipt.pending()) {
      earlier.keep(std::move(receipt));
    } else {
      receipt.get();
    }
    return Receipt{};
  };
  Loop* loop = outlet.strand().loop();
  if (loop && loop->position() == Position::elsewhere) {
    Errand::send(*outlet.node(), attempt);
  } else {
    static_cast<void>(attempt());
  }
  return taken;
}

using Push = Doing<Pending*, const Context*>;

/// Within a descent: pushes one element whose Context was given away. The Refs are let go of here, so that what
/// their callbacks do and throw belongs to the descent.
[[gnu::noinline]] inline Receipt push_given(OutletBase& outlet, Context& given, Push push) {
  const Context context = std::move(given);
  context.bind(outlet.strand());
  try {
    return Receipt{push(context.or_null())};
  } catch (...) {
    context.fail(std::current_exception());
    throw;
  }
}
/// Emits it, and waits.
[[gnu::noinline]] inline void emit_given(OutletBase& outlet, Context& given, Push push) {
  try {
    wait_for(outlet, [&] { return push_given(outlet, given, push); });
  } catch (...) {
    given.fail(std::current_exception());  // when it was refused; otherwise nothing is left in it
    throw;
  }
}

/// Ends a descent of `emit` that was not plain to its end. The end of the descent may end the graph, so it
/// comes last.
[[gnu::noinline, gnu::cold]] inline void finish(OutletBase& outlet, Strand& strand, Pending* pending) {
  const Receipt receipt{pending};
  if (receipt.pending()) outlet.unwaited().keep(receipt);
  strand.end();
  if (!receipt.pending()) receipt.get();
}

}  // namespace penstock::detail
