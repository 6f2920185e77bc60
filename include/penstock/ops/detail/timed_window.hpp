// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <exception>
#include <utility>
#include <vector>

#include "penstock/core/line.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/ops/detail/alarm.hpp"
#include "penstock/state/detail/remembers.hpp"

namespace penstock {

struct TimedWindow {
  bool empty = true;  ///< emits windows without elements too
};

namespace detail {

/// The node of the timed windows. Its `Fill` gathers one window:
///
///     bool add(V&& value, const Context* context);   // may throw, and is then as before; false: an element was left out
///     std::size_t size();
///     Context context();                             // of all elements, then
///     std::vector<T> take();                         // the elements; empty afterwards
///     void lose(fn);                                 // calls fn with their Contexts
///     void clear();
///
/// and, to be saved, `saved`, `write` and `read` as of Remembers.
template <element T, class Fill>
class TimedWindowNode final : public LineNode<TimedWindowNode<T, Fill>, std::vector<T>>,
                              public Receiver<T, TimedWindowNode<T, Fill>>,
                              public Remembers<TimedWindowNode<T, Fill>> {
  using Line = LineNode<TimedWindowNode, std::vector<T>>;

 public:
  TimedWindowNode(const char* name, Duration interval, TimedWindow options, Fill fill)
      : Line(Info{name, to_text(interval), Shape::time}),
        grid_{{}, interval},
        options_(options),
        fill_(std::move(fill)),
        alarm_(*this),
        name_(name) {
    this->port(static_cast<InletBase&>(*this));
    this->port(this->outlet);
    this->remember(this->info());
  }

  const char* needs_loop() const noexcept override { return name_; }
  void added() override {
    grid_.origin = this->clock().now();
    if (options_.empty) set_at_wiring(this->clock(), alarm_, grid_.origin);
  }
  bool busy() const noexcept override { return Line::busy() || fill_.size() != 0; }
  void shut_down() noexcept override {
    alarm_.cancel();
    Line::shut_down();
    fill_.lose([&](const Context& context) { context.drop("the window was stopped before its end"); });
    this->info().drops(fill_.size());
    fill_.clear();
    this->besides(0);
    this->stopped(std::exchange(full_, {}));
  }

  template <class V>
  Pending* take(V&& value, const Context* context) {
    this->info().took();
    try {
      if (!fill_.add(std::forward<V>(value), context)) this->info().leaves_out();
    } catch (...) {
      this->info().fails();
      throw;
    }
    this->besides(fill_.size());
    if (!alarm_.active()) arm();
    if (!Line::busy()) return nullptr;
    if (!full_.state()) full_ = Receipt::waiting(this->strand(), &this->info(), Why::full);
    return full_.share();
  }

  void rang() {
    if (options_.empty || fill_.size() != 0) arm();
    if (!Line::busy() && (options_.empty || fill_.size() != 0)) {
      flush();
      this->pump_.go();
    }
  }
  void pumped(std::exception_ptr error) noexcept {
    Line::pumped(std::move(error));
    std::exchange(full_, {}).settle();
  }

  // With the time that is left to the window: none where it has ended, as the first one has at once, and the alarm had not
  // had its turn.
  static constexpr bool saved = Fill::saved;
  void write(StateWriter& to) const {
    const TimePoint now = this->clock().now();
    const bool over = alarm_.active() && alarm_.deadline() <= now;
    to.put(over ? Duration::zero() : grid_.after(now) - now);
    fill_.write(to);
  }
  void read(StateReader& from) {
    const TimePoint now = this->clock().now();
    const TimePoint end = later(now, from.get<Duration>());
    grid_.origin = end - grid_.interval;
    fill_.read(from);
    this->besides(fill_.size());
    alarm_.cancel();
    if (options_.empty || fill_.size() != 0) this->clock().set(alarm_, end);
  }

 protected:
  Pending* take_signal(const Signal& signal) override {
    static_cast<void>(this->at_barrier(signal));  // there is no other outlet
    if (signal.kind == Signal::end) {
      alarm_.cancel();
      if (fill_.size() != 0) flush();
    } else if (signal.kind == Signal::reopen) {
      if (options_.empty) arm();
    } else if (signal.kind != Signal::barrier && fill_.size() != 0) {
      // What it says of the elements before it is true only behind their window.
      if (signal.kind != Signal::watermark || behind_.empty() || behind_.back().kind != signal.kind) {
        behind_.push_back({});
      }
      behind_.back() = signal;
      return nullptr;
    }
    return Line::add(signal);
  }

 private:
  void arm() {
    const TimePoint now = this->clock().now();
    this->clock().set(alarm_, grid_.after(now));
  }
  /// Ends the window: it stands in the line then.
  void flush() {
    this->besides(0);
    Context context = fill_.context();
    Line::add(fill_.take(), std::move(context));
    for (const Signal& signal : std::exchange(behind_, {})) Line::add(signal);
  }

  Grid grid_;
  TimedWindow options_;
  Fill fill_;
  std::vector<Signal> behind_;  // signals that wait for the window being filled
  Receipt full_;                // of elements that came while the window before was on its way
  Alarm<TimedWindowNode> alarm_;
  const char* name_;
};

}  // namespace detail
}  // namespace penstock
