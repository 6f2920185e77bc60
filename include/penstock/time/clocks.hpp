// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

#include "penstock/core/error.hpp"
#include "penstock/core/loop.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/ops/detail/key.hpp"
#include "penstock/time/detail/function.hpp"
#include "penstock/time/gauges.hpp"
#include "penstock/time/instant.hpp"

// Not an operator: how event_time tells which times have passed.

namespace penstock {

/// When the frontier is told to those behind, if it has moved.
enum class Tell : std::uint8_t {
  batch,   ///< behind the last element of what the source handed over together; an element emitted alone is a batch
  element  ///< behind every element
};

/// Of event_time.
struct EventTimeOptions {
  Tell tell = Tell::batch;
  std::size_t at_most = 0;        ///< told also behind so many elements of one batch; 0: no such bound
  Duration max_future_skew{0};    ///< an element further ahead of the system's clock moves the frontier no further; 0: off
  Duration idle_timeout{0};       ///< without an element for that long the stream is idle; 0: never. Needs a loop
  std::function<std::chrono::system_clock::time_point()> now = nullptr;  ///< for max_future_skew; the system's clock
};

/// An element without a usable event time.
class BadEventTime : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The same as an element of `without_time`.
template <class T>
struct WithoutTime {
  T value;
  std::string reason;
};

/// The frontier stays behind the latest time that has come by `disorder`: an element that is further behind is late.
struct BoundedDisorder {
  EventTime disorder;

  template <class T>
  EventTime frontier(const T&, EventTime latest) const noexcept {
    return detail::earlier_by(latest, disorder);
  }
};
template <class Rep, class Period>
BoundedDisorder bounded_disorder(std::chrono::duration<Rep, Period> disorder) {
  if (disorder < disorder.zero()) detail::bad_argument("bounded_disorder: the disorder must not be negative");
  return {detail::span_of(disorder)};
}
/// Times that never go back: bounded_disorder(0).
inline BoundedDisorder ascending() noexcept { return {0}; }

/// The frontier is what elements say: `fn(element)` returns it, or nothing for most of them.
template <class Fn>
struct Punctuated {
  Fn fn;

  template <class T>
  EventTime frontier(const T& element, EventTime) {
    return detail::event_time_of(fn(element)).value_or(no_frontier);
  }
};
template <class Fn>
Punctuated<Fn> punctuated(Fn fn) {
  return {std::move(fn)};
}

/// Of per_partition.
struct PartitionOptions {
  std::size_t expected = 0;     ///< partitions; until each has had an element or was idle there is no frontier. 0: as they come
  Duration idle_timeout{0};     ///< a partition without an element for that long is not waited for; 0: it is. Needs a loop
  Duration max_drift{0};        ///< a partition further ahead of the one that is behind all others is held; 0: none is
  std::size_t max_held = 1000;  ///< elements that are held before those that bring more have to wait
  bool wait_when_full = true;   ///< when not, the held element that is ahead the least goes on all the same
};

/// A clock for each partition; the frontier is that of the one that is behind all others. Made by `per_partition`.
template <class Fn, class Policy>
struct PerPartition {
  Fn partition;
  Policy policy;
  PartitionOptions options;
};
/// @param partition  of an element: a function, a member, or an index or key, like that of key_by.
/// @param policy     of each partition: bounded_disorder(d), ascending() or punctuated(fn).
///
/// For streams that several sources have filled, or a log with partitions: each is in order by itself, and one of them may
/// be hours behind the others. A partition that wakes up behind the frontier does not hold that up; its elements are late.
/// When all are idle the frontier is that of the one that is ahead of all others, and the stream is idle.
///
/// `max_drift` bounds what the operators behind have to keep for a partition that is behind: the elements of those that
/// are too far ahead are held here, and go on when it has caught up, or is idle. Up to `max_held` of them cost the source
/// nothing; it waits with the next one, which is right where every partition has a source of its own. A source of several
/// partitions that waits for each element could not go on to the one that is behind; let it set wait_when_full to false.
/// With an `idle_timeout` nothing waits for longer than that. Nor does anything while the barrier of a checkpoint is on its way
/// to here, which may stand behind it: what comes before the barrier is held beyond `max_held`, and is part of the snapshot.
template <class Fn, class Policy>
auto per_partition(Fn partition, Policy policy, PartitionOptions options = {}) {
  if (options.idle_timeout < Duration::zero() || options.max_drift < Duration::zero()) {
    detail::bad_argument("per_partition: idle_timeout and max_drift must not be negative");
  }
  if (options.max_drift != Duration::zero() && options.max_held == 0 && !options.wait_when_full) {
    detail::bad_argument("per_partition: a max_drift needs a max_held, or elements that wait");
  }
  auto owned = detail::owned(std::move(partition));
  return PerPartition<decltype(owned), Policy>{std::move(owned), std::move(policy), options};
}

template <class Fn, class T>
concept tells_event_time = detail::key_of<Fn, T> && detail::tells_time<detail::KeyType<Fn, T>>();
template <class Policy, class T>
concept frontier_policy = requires(Policy& policy, const T& element) {
  { policy.frontier(element, EventTime{}) } -> std::same_as<EventTime>;
};


namespace detail {

/// The time of an element as far as it counts for the frontier.
inline EventTime counted(const EventTimeOptions& options, EventTime time, TimeGauges& gauges) {
  if (options.max_future_skew == Duration::zero()) [[likely]] return time;
  const EventTime limit = later_by(*event_time_of(options.now ? options.now() : std::chrono::system_clock::now()),
                                   span_of(options.max_future_skew));
  if (time <= limit) return time;
  gauges.ahead.add();
  return limit;
}

/// The way out for elements without a time, if somebody takes them there.
template <element T>
struct Undated {
  Outlet<WithoutTime<T>> outlet;
  bool diverted = false;

  template <class V>
  [[gnu::noinline]] Pending* take(Info& info, V&& value, const Context* context, const char* reason) {
    info.fails();
    if (!diverted) throw BadEventTime(std::string("event_time: ") + reason);
    return outlet.push(WithoutTime<T>{T(std::forward<V>(value)), reason}, context);
  }
};
inline constexpr const char* no_usable_time = "it has no usable event time";

/// True while an element waits anywhere in the graph.
inline bool waits_somewhere(const Graph& graph) noexcept {
  for (Node* node : graph.nodes()) {
    for (const Info& info : node->infos()) {
      if (info.waiting.get() != 0) return true;
    }
  }
  return false;
}

}  // namespace detail
}  // namespace penstock
