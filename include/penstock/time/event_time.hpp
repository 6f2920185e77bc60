// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>
#include <type_traits>
#include <utility>

#include "penstock/core/stream.hpp"
#include "penstock/ops/detail/key.hpp"
#include "penstock/time/clocks.hpp"
#include "penstock/time/detail/event_time_node.hpp"
#include "penstock/time/detail/partition_clock_node.hpp"
#include "penstock/time/instant.hpp"

namespace penstock {

/// What event_time returns: a stream whose elements have an event time.
template <element T>
class TimedStream : public Stream<T> {
 public:
  template <class Node>
  explicit TimedStream(Node& node) : Stream<T>(node.outlet), undated_(&node.undated) {}

  /// The elements without a usable event time. They are no errors any more when somebody takes them here.
  Stream<WithoutTime<T>> without_time() const {
    undated_->diverted = true;
    return Stream<WithoutTime<T>>{undated_->outlet};
  }
  TimedStream named(std::string name) const {
    this->rename(std::move(name));
    return *this;
  }

 private:
  detail::Undated<T>* undated_;
};

namespace detail {

template <element T, class Time, class Policy>
struct ClockOf {
  static constexpr bool fits = frontier_policy<Policy, T>;
  using type = EventTimeNode<T, Time, Policy>;
};
template <element T, class Time, class Fn, class Policy>
struct ClockOf<T, Time, PerPartition<Fn, Policy>> {
  static constexpr bool fits = frontier_policy<Policy, T> && partitions<Fn, T>;
  using type = PartitionClockNode<T, Time, Fn, Policy>;
};

}  // namespace detail

/// Puts its event time beside every element, and tells those behind which times have passed: the *frontier* is a
/// promise that no later element has a time before it. An element behind the frontier all the same is late, and
/// what that means is up to the operators behind.
///
///     in        a10 b12 | a11 | c15 |         batches, times in seconds
///               event_time(&T::time, bounded_disorder(2s))
///     frontier          10    .     13
///
/// @param time     of an element: a function of it, a pointer to a member, or an index or key as `pluck` takes them, which
///                 gives a `std::chrono::time_point` of the system's clock, microseconds since 1970 as an integer, or an
///                 optional of these. Times before 1970 are as good as others.
/// @param policy   what the frontier is: `bounded_disorder(d)`, the latest time so far less d; `ascending()`, the latest
///                 time; `punctuated(fn)`, what elements say; `per_partition(fn, policy)`, the least one of the partitions
///                 that the stream has, see there.
/// @param options  see EventTimeOptions.
///
/// The frontier never goes back, and is told behind the elements that have moved it: what moves it is judged before it
/// moves. By default that is behind every batch of the source, and no clock of the machine plays a part in it, so the
/// same batches give the same answers. The end of the stream stands for a frontier behind all times.
///
/// Back-pressure: passes through; an element of a partition that is too far ahead is held, or waits.
/// Metadata:      follows its element; held with it.
/// Errors:        std::invalid_argument here for negative settings; an element whose time cannot be told is a BadEventTime
///                through emit, or an element of `without_time()`. It moves nothing.
/// Cost:          the call of `time` and some comparisons; one signal a batch. With partitions a look-up an element, and
///                O(partitions) each time that the least one of them goes on.
/// Recovery:      state: the frontiers and the latest times, and what is held.
/// Example:       examples/11_event_time/windows.cpp
/// See also:      key_by, window
template <class Fn, class Policy, class... Options>
auto event_time(Fn time, Policy policy, Options... chosen) {
  static_assert(sizeof...(Options) <= 1 && (std::is_same_v<Options, EventTimeOptions> && ...),
                "event_time: takes the time, a policy and EventTimeOptions{...}");
  EventTimeOptions options{std::move(chosen)...};
  if (options.max_future_skew < Duration::zero() || options.idle_timeout < Duration::zero()) {
    detail::bad_argument("event_time: max_future_skew and idle_timeout must not be negative");
  }
  return [time = detail::owned(std::move(time)), policy = std::move(policy), options = std::move(options)](auto&& stream) mutable {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    using Time = decltype(time);
    constexpr bool has_time = tells_event_time<Time, T>;
    static_assert(has_time,
                  "event_time: the time must be a function of a const element, or a member, key or index of it, that gives "
                  "a time point of the system's clock, microseconds as an integer, or an optional of these");
    using Clock = detail::ClockOf<T, Time, Policy>;
    static_assert(Clock::fits,
                  "event_time: the policy is bounded_disorder(d), ascending() or punctuated(fn), or per_partition(fn, policy) with a "
                  "function of a const element whose results are copyable, comparable with == and have a hash");
    if constexpr (has_time && Clock::fits) {
      return TimedStream<T>{attach<typename Clock::type>(stream.stream(), std::move(time), std::move(policy), std::move(options))};
    }
  };
}

}  // namespace penstock
