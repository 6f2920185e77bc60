// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <exception>
#include <optional>
#include <utility>

#include "penstock/core/line.hpp"
#include "penstock/core/ring.hpp"
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
