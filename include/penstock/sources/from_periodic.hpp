// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include "penstock/core/box.hpp"
#include "penstock/sources/source.hpp"
#include "penstock/state/detail/remembers.hpp"

namespace penstock {

/// `Fn` can be called without an argument and returns an element.
template <class Fn>
concept producer = std::is_invocable_v<Fn&> && element<std::decay_t<std::invoke_result_t<Fn&>>>;

namespace detail {

template <class Fn>
class PeriodicNode final : public SourceNode<std::decay_t<std::invoke_result_t<Fn&>>, PeriodicNode<Fn>>,
                           public Remembers<PeriodicNode<Fn>> {
 public:
  using T = std::decay_t<std::invoke_result_t<Fn&>>;

  PeriodicNode(Fn fn, Duration interval, OnFailure on_failure)
      : PeriodicNode::SourceNode(Info{"from_periodic"}, on_failure), fn_(std::move(fn)), interval_(interval) {
    this->remember(this->info(), Recovery::replays);
  }

  const char* needs_loop() const noexcept override { return "from_periodic: the clock"; }

  void on_start() { due_ = std::max(due_, this->clock().now()); }

  std::optional<T> next() {
    const TimePoint now = this->clock().now();
    if (now < due_) return this->later(due_);
    due_ = detail::later(now - (now - due_) % interval_, interval_);
    return fn_();
  }

  // The time that is left until the next turn.
  static constexpr bool saved = true;
  void write(StateWriter& to) const {
    const TimePoint now = this->clock().now();
    to.put(std::max(now, due_) - now);
  }
  void read(StateReader& from) { due_ = detail::later(this->clock().now(), from.get<Duration>()); }

 private:
  Fn fn_;
  Duration interval_;
  TimePoint due_{TimePoint::min()};
};

}  // namespace detail

/// Emits what `fn` returns at once and then every `interval`, on a grid that does not drift.
///
///     from_periodic(loop, read, 3 ticks)
///     out  a--b--c--d…
///
/// @param fn          called without an argument; an exception leaves out that turn.
/// @param interval    between two elements, more than 0. Turns that come while an element still waits are
///                    left out, but for one that follows as soon as it is taken.
/// @param on_failure  whether it goes on when `fn` or what is behind it fails.
///
/// Stopped and started again it emits at once, unless `interval` has not passed yet.
///
/// Back-pressure: waits for each element.
/// Metadata:      none.
/// Errors:        std::invalid_argument here when `interval` is not more than 0; what `fn` or what is behind
///                it throws is reported, and it goes on or stops as `on_failure` says.
/// Cost:          one timer an element.
/// Recovery:      the time until the next turn is saved, and `fn` is asked then; what it has told before, it is not asked
///                again.
/// Example:       examples/02_operators/from_periodic.cpp
/// See also:      from_range, from_queue, sample
template <class Fn>
auto from_periodic(Loop& loop, Fn fn, Duration interval, OnFailure on_failure = OnFailure::go_on) {
  static_assert(producer<Fn>, "from_periodic: the function must be callable without an argument and return a value");
  if constexpr (producer<Fn>) {
    if (interval <= Duration::zero()) detail::bad_argument("from_periodic: the interval must be more than 0");
    using Made = detail::PeriodicNode<Fn>;
    return Source<typename Made::T>{
        detail::make_source(&loop, detail::make_box<Made>(std::move(fn), interval, on_failure))};
  }
}

}  // namespace penstock
