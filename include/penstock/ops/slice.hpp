// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "penstock/core/stream.hpp"
#include "penstock/state/detail/remembers.hpp"

namespace penstock {

/// Which elements `slice` passes on, by their position, counted from 0 over all elements.
struct Slice {
  std::optional<std::int64_t> start = std::nullopt;  ///< the first position that passes; nothing: 0
  std::optional<std::int64_t> end = std::nullopt;    ///< the first that does not pass any more; nothing: none
  std::optional<std::int64_t> step = std::nullopt;   ///< of as many, counted from `start`, one passes; nothing: 1
};

namespace detail {

class SliceStep : public StateStep<SliceStep> {
 public:
  template <class In>
  using output = In;

  explicit SliceStep(const Slice& bounds)
      : next_(checked("start", bounds.start.value_or(0), 0)),
        end_(bounds.end ? checked("end", *bounds.end, 0) : never),
        step_(checked("step", bounds.step.value_or(1), 1)) {
    if (next_ >= end_) next_ = never;
  }

  template <class V, class Next>
  [[gnu::always_inline]] Pending* operator()(V&& value, const Context* context, Next& next) {
    if (position_++ != next_) {
      info().leaves_out();
      return nullptr;
    }
    next_ = end_ - next_ > step_ ? next_ + step_ : never;
    return next(std::forward<V>(value), context);
  }

  auto state() noexcept { return std::tie(position_, next_); }
  // The run that saved it may have had another end.
  void restored() noexcept {
    if (next_ >= end_) next_ = never;
  }

  static std::string describe(const Slice& bounds) {
    const auto text = [](const std::optional<std::int64_t>& bound) {
      return bound ? std::to_string(*bound) : std::string{};
    };
    return text(bounds.start) + ":" + text(bounds.end) +
           (bounds.step ? ':' + text(bounds.step) : std::string{});
  }

 private:
  static constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();

  static std::uint64_t checked(const char* name, std::int64_t bound, std::int64_t least) {
    if (bound < least) {
      bad_argument("slice: " + std::string(name) + " must be at least " + std::to_string(least) + ", not " +
                   std::to_string(bound) + "; positions are counted from the first element");
    }
    return static_cast<std::uint64_t>(bound);
  }

  std::uint64_t position_ = 0;
  std::uint64_t next_;  // the position that passes next
  std::uint64_t end_;
  std::uint64_t step_;
};

inline auto make_slice(const Slice& bounds) {
  return [bounds, step = SliceStep(bounds)](auto&& stream) {
    Info info{"slice", SliceStep::describe(bounds)};
    info.one_to_one = false;
    info.selects = true;
    return std::forward<decltype(stream)>(stream).then(SliceStep(step), std::move(info));
  };
}

}  // namespace detail

/// Passes on the elements at some positions, as a slice of a list does.
///
///     in   -0-1-2-3-4-5-6-7-|
///          slice({.start = 1, .end = 6, .step = 2})
///     out  ---1---3---5-----|
///
/// @param bounds  a `Slice`, or up to three of start, end and step in this order, each a number or
///                `std::nullopt`. The step is counted from `start`. An end of 0, or one not behind `start`,
///                lets nothing pass.
///
/// After `end` nothing passes any more; the stream goes on and is not ended.
///
/// Back-pressure: passes through.
/// Metadata:      follows its element; an element that is left out is done.
/// Errors:        std::invalid_argument here when a bound is negative or the step is 0.
/// Cost:          one comparison.
/// Recovery:      state: the position and the next one that passes.
/// Example:       examples/02_operators/slice.cpp
/// See also:      take, skip, filter
template <class... Bounds>
auto slice(Bounds... bounds) {
  static_assert(sizeof...(Bounds) <= 3, "slice: takes at most a start, an end and a step");
  return detail::make_slice(Slice{bounds...});
}
template <std::same_as<Slice> Bounds>
auto slice(Bounds bounds) {
  return detail::make_slice(bounds);
}

}  // namespace penstock
