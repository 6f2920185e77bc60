// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <exception>
#include <optional>
#include <utility>

#include "penstock/core/line.hpp"
#include "penstock/core/stream.hpp"

// Not an operator: nodes of which one input may bring about many results.

namespace penstock::detail {

/// Emits results in bursts: at once for as long as what follows takes them; the rest stands in the line, and whoever brought the
/// burst about waits for the last of it. A result that fails does not hold up the others.
template <class Self, element Out>
class BurstNode : public LineNode<Self, Out> {
  using Line = LineNode<Self, Out>;

 protected:
  explicit BurstNode(Info info) : Line(std::move(info)) {}

  /// One result, in order behind those before it: what `make()` returns.
  template <class Make>
  void put(Make make, Context&& context) {
    emitted_ = true;
    try {
      if (first_.state()) this->pump_.rest_until(std::exchange(first_, {}));
      if (Line::busy()) {
        Line::add(make(), std::move(context));
        waits_ = true;
        return;
      }
      Out out = make();
      this->info().passed();
      first_ = Receipt{this->outlet.push(std::move(out), context.or_null())};
      if (!first_.pending()) first_ = {};
      emitted_ = true;  // what was emitted may have brought something about here, and ended that burst
    } catch (...) {
      // What the others have gathered is theirs: the burst goes on.
      context.fail(std::current_exception());
      failed(std::current_exception());
    }
  }
  /// Something has failed that is to fail whoever has brought the burst about.
  void failed(std::exception_ptr error) noexcept {
    emitted_ = true;
    if (!error_) error_ = std::move(error);
  }
  /// Calls a function that calls `put`, where no element brought that about.
  template <class Fn>
  void in_background(Fn fn) {
    try {
      this->strand().descend([&] {
        fn();
        emitted_ = waits_ = false;
        if (first_.state()) this->pump_.rest_until(std::exchange(first_, {}));
        if (const auto error = std::exchange(error_, nullptr)) std::rethrow_exception(error);
      });
    } catch (...) {
      this->graph().report(std::current_exception(), this->info());
    }
  }

  /// Whether there is a burst to be ended.
  bool emitted() const noexcept { return emitted_; }
  /// The receipt of the burst, for whoever has brought it about. Throws what the first result failed with that failed.
  [[gnu::noinline]] Pending* end_burst() {
    emitted_ = false;
    Receipt last{error_ ? nullptr : last_in_line()};
    waits_ = false;
    Receipt first = std::exchange(first_, {});
    if (const auto error = std::exchange(error_, nullptr)) std::rethrow_exception(error);
    return last.state() ? last.release() : first.release();
  }
  /// What the results of the burst wait for that stand in the line: the last one, if nothing has been put behind it. Those
  /// before it are told of as errors of background work.
  Pending* last_in_line() {
    if (!waits_ || this->line_.empty() || !this->line_.back().value) return nullptr;
    Receipt& last = this->line_.back().receipt;
    if (!last.state()) last = Receipt::waiting(this->strand(), &this->info(), Why::order);
    return last.share();
  }
  Pending* behind_burst(const Signal& signal) {
    Join join{this->strand()};
    std::exception_ptr error;
    try {
      if (emitted_) join.add(end_burst());
    } catch (...) {
      error = std::current_exception();
    }
    join.add(Line::add(signal));
    if (error) std::rethrow_exception(error);
    return join.finish();
  }

  bool emitted_ = false;  // in the burst under way

 private:
  bool waits_ = false;
  Receipt first_;         // of a result that waits and has none behind it
  std::exception_ptr error_;
};

}  // namespace penstock::detail
