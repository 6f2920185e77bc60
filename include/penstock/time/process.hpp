// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>
#include <type_traits>
#include <utility>

#include "penstock/core/stream.hpp"
#include "penstock/time/detail/process_node.hpp"
#include "penstock/time/key_by.hpp"

namespace penstock {
namespace detail {

template <class Fn>
concept has_members = std::is_aggregate_v<Fn> || names_its_members<Fn>;
template <class Fn, class T, class Ctx>
concept takes_elements = requires(Fn& fn, const T& element, Ctx& ctx) { fn.element(element, ctx); };

}  // namespace detail

/// What process returns: what the function emits, and beside it its side outputs.
template <class Processor>
class ProcessedStream : public Stream<typename Processor::Result> {
 public:
  explicit ProcessedStream(Processor& node) : Stream<typename Processor::Result>(node.outlet) {}

  /// What comes out of a SideOutput that is a member of the function.
  template <class Fn, class T>
  Stream<T> side(SideOutput<T> Fn::*output) const {
    return Stream<T>{(static_cast<Processor&>(this->node()).function().*output).port().outlet};
  }
  ProcessedStream named(std::string name) const {
    this->rename(std::move(name));
    return *this;
  }
};

/// Calls a function of your own with every element, which remembers things of each key and sets timers.
///
///     struct Dedupe {
///       penstock::ValueState<bool> seen{"seen", {.time_to_live = 1h}};
///
///       void element(const Event& event, auto& ctx) {
///         if (!seen.has_value()) ctx.emit(event);
///         seen = true;
///       }
///     };
///     events.key_by(&Event::id) | process(Dedupe{})
///
///     in        a1 b1 a2 | b99 | a99        minutes; when a99 comes the frontier has passed the hour of a
///               key_by(letter) process(Dedupe{})
///     out       a1 b1      b99   a99
///
/// @param function  an aggregate, or a class with `auto members() { return std::tie(...); }` that names its states and side
///                  outputs. It has `void element(const T&, auto& ctx)`, and may have `void timer(auto& ctx)`, for timers in
///                  event time, and `void processing_timer(auto& ctx)`. `using output = ...` says what it emits; without it
///                  that is elements.
///
/// States are ValueState, ListState and MapState, all of the key whose turn it is; other members are shared by all keys, and not
/// saved. A state lives until it is cleared, or the frontier comes to the end of its time to live: an element that is ahead
/// of the frontier still finds it, and so does a timer before that end.
/// What it emits has the event time of its element or timer; that of a processing-time timer is the frontier. ProcessContext
/// says what `ctx` can do. Timers come in the order of their time and then their key, before the states that end at the
/// same time; one that is set for a time that has passed comes behind the element. Late elements are the function's
/// business: `ctx.is_late()`. When the stream ends all timers come, and then all states are gone.
///
/// Back-pressure: an element waits for all that it brings about; so does what moves the frontier.
/// Metadata:      follows its element; what timers emit has none.
/// Errors:        what the function throws comes back through emit; the states and timers of the key are as before, and
///                nothing was emitted. A timer that throws has been, and does not hold up the others. std::logic_error through
///                emit for event times where there are none.
/// Cost:          one look-up an element; for a new key and for lists and maps memory, and O(log n) for a timer of n keys with
///                timers and of n timers of its key; one that is set between others moves those on its nearer side. A key
///                takes memory as long as it has a state or a timer; what it leaves is for other keys, and is given back when
///                there are none any more.
/// Recovery:      state: all states and timers, of processing time what is left of it.
/// Example:       examples/11_event_time/process.cpp
/// See also:      key_by, window, accumulate
template <class Fn>
auto process(Fn function) {
  return [function = std::move(function)](auto&& stream) mutable {
    using S = std::remove_cvref_t<decltype(stream)>;
    constexpr bool keyed = requires { typename S::key_type; };
    static_assert(keyed, "process: put key_by(...) before");
    constexpr bool looked_through = detail::has_members<Fn>;
    static_assert(looked_through,
                  "process: the function must be an aggregate, or name its states and side outputs in "
                  "`auto members() { return std::tie(...); }`");
    if constexpr (keyed && looked_through) {
      using T = typename S::value_type;
      using KeyFn = std::remove_cvref_t<decltype(stream.key())>;
      using Processor = detail::KeyedProcessNode<T, KeyFn, typename S::key_type, Fn>;
      constexpr bool takes = detail::takes_elements<Fn, T, ProcessContext<Processor>>;
      static_assert(takes, "process: the function needs a member `void element(const T&, auto& ctx)`");
      if constexpr (takes) return ProcessedStream<Processor>{attach<Processor>(stream.stream(), stream.key(), std::move(function))};
    }
  };
}

}  // namespace penstock
