// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <exception>
#include <utility>

#include "penstock/core/graph.hpp"

// How the barrier of a checkpoint enters and passes a node.

namespace penstock {
namespace detail {

/// Settles `to` as `from` settles.
[[gnu::noinline]] inline void pass_on(Receipt from, Receipt to) {
  struct Settled final : Task {
    Settled(Receipt&& f, Receipt&& t) : from(std::move(f)), to(std::move(t)) {}
    [[gnu::noinline]] void run() override {
      to.settle(from.error());
      delete this;
    }
    // It had settled. What waits for the other one hears of it, or would be kept alive by waiting.
    void discard() noexcept override { run(); }
    Receipt from;
    Receipt to;
  };
  if (!from.pending()) return to.settle(from.error());
  if (to.state()) to.state()->leave();
  Pending* const state = from.state();
  state->then(*new Settled(std::move(from), std::move(to)));
}

/// Sends a barrier that has stood in a line, and settles the receipt of whoever sent it as that settles. What stands behind
/// it need not wait until then.
template <class Send>
void send_behind(const Receipt& receipt, Send send) noexcept {
  try {
    pass_on(send(), receipt);
  } catch (...) {
    receipt.settle(std::current_exception());
  }
}

}  // namespace detail

inline Receipt Node::send_barrier(const Signal& barrier) {
  Receipt receipt;
  return sends_later(barrier, receipt) ? receipt : send_barrier_now(barrier);
}

[[gnu::noinline]] inline Receipt Node::send_barrier_now(const Signal& barrier) {
  return strand_->descend([&] {
    Join join{*strand_};
    join.add(barrier_comes(barrier));
    if (!outlets_.empty()) join.add(outlets_.front()->signal(barrier));
    return Receipt{join.finish()};
  });
}

[[gnu::noinline]] inline Pending* Node::barrier_comes(const Signal& barrier) {
  if (graph_->epochs() && info_->state) graph_->epochs()->passes(*info_, barrier.value);
  Join join{*strand_};
  for (std::size_t i = 1; i < outlets_.size(); ++i) join.add(outlets_[i]->signal(barrier));
  return join.finish();
}

}  // namespace penstock
