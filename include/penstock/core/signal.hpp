// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "penstock/core/doing.hpp"
#include "penstock/core/list.hpp"
#include "penstock/core/search.hpp"

namespace penstock {

/// What travels on the edges in order with the elements and says something about all that follow.
struct Signal {
  enum Kind : std::uint8_t {
    end,        ///< no element follows
    reopen,     ///< elements follow after all: a source was started again
    watermark,  ///< no later element has a time before `value`
    idle,       ///< nothing for a while: do not wait for this edge
    active,     ///< the end of `idle`
    barrier     ///< checkpoint `value`
  };
  Kind kind = end;
  std::int64_t value = 0;
};

namespace detail {

/// Makes one sequence of signals out of those of several inputs: the frontier is the least one of the inputs that are not
/// idle, never goes back, and does not wait for an input that woke up behind it; idle when all are; a barrier when the
/// last input has delivered it that has not ended, or any when all have. Ends are left to the operator.
class InputSignals {
 public:
  explicit InputSignals(std::size_t n) {
    for (; n > 0; --n) add();
  }

  void add() { inputs_.push_back(Input{}); }
  /// There is no such input: it delivers nothing.
  void leave_out(std::size_t i) { inputs_[i].ended = true; }
  void begin_anew(std::size_t i) { inputs_[i] = Input{}; }
  void remove(std::size_t i) { inputs_.erase(&inputs_[i]); }
  bool ended(std::size_t i) const noexcept { return inputs_[i].ended; }
  bool all_ended() const noexcept {
    return !any_of(inputs_, [](const Input& input) { return !input.ended; });
  }

  using Send = Doing<void, const Signal&>;

  [[gnu::noinline]] void take(std::size_t i, const Signal& signal, Send send) {
    Input& input = inputs_[i];
    switch (signal.kind) {
      case Signal::end: input.ended = true; break;
      case Signal::reopen: return begin_anew(i);
      case Signal::watermark: raise(input.frontier, signal.value); break;
      case Signal::idle: input.idle = true; break;
      case Signal::active: input.idle = false; break;
      case Signal::barrier: input.barrier = signal.value; break;
    }
    review(send);
  }
  /// Sends what has become true, also after `remove`.
  [[gnu::noinline]] void review(Send send) {
    bool live = false;
    bool idle = true;
    bool waits = false;
    std::int64_t frontier = std::numeric_limits<std::int64_t>::max();
    std::int64_t barrier = std::numeric_limits<std::int64_t>::max();
    std::int64_t behind_end = lowest;
    for (const Input& input : inputs_) {
      if (input.ended) {
        raise(behind_end, input.barrier);
        continue;
      }
      live = true;
      lower(barrier, input.barrier);
      if (input.idle) continue;
      idle = false;
      if (input.frontier < frontier_) continue;
      waits = true;
      lower(frontier, input.frontier);
    }
    if (!live) {
      // What the operator holds may go on for long behind the last end, and belongs into the snapshot.
      barrier = behind_end;
      idle = idle_;
    }
    if (idle_ && !idle) {
      idle_ = false;
      send(Signal{Signal::active, 0});
    }
    if (waits && frontier > frontier_) {
      frontier_ = frontier;
      send(Signal{Signal::watermark, frontier});
    }
    if (barrier > barrier_) {
      barrier_ = barrier;
      send(Signal{Signal::barrier, barrier});
    }
    if (idle && !idle_) {
      idle_ = true;
      send(Signal{Signal::idle, 0});
    }
  }

 private:
  static void raise(std::int64_t& value, std::int64_t to) noexcept {
    if (value < to) value = to;
  }
  static void lower(std::int64_t& value, std::int64_t to) noexcept {
    if (value > to) value = to;
  }

  static constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
  struct Input {
    std::int64_t frontier = lowest;
    std::int64_t barrier = lowest;
    bool idle = false;
    bool ended = false;
  };

  List<Input> inputs_;
  std::int64_t frontier_ = lowest;
  std::int64_t barrier_ = lowest;
  bool idle_ = false;
};

}  // namespace detail
}  // namespace penstock
