// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/core/box.hpp"
#include "penstock/core/iterator.hpp"
#include "penstock/sources/source.hpp"
#include "penstock/state/detail/remembers.hpp"

namespace penstock {

/// Can be walked through with a range-based `for`, and its values can be elements.
template <class Range>
concept range_of_elements = requires(Range& range) {
  std::begin(range) == std::end(range);
  requires element<std::iter_value_t<decltype(std::begin(range))>>;
};

namespace detail {

template <class Range>
using RangeValue = std::iter_value_t<decltype(std::begin(std::declval<Range&>()))>;

/// Values that lie side by side: emitted in batches.
template <class Range>
concept array_of_values = by_value<RangeValue<Range>> && requires(Range& range) {
  { std::data(range) } -> std::convertible_to<const RangeValue<Range>*>;
  std::size(range);
};

[[noreturn, gnu::cold]] inline void range_too_short(const StateReader& from, std::uint64_t taken, std::uint64_t size) {
  from.fail(std::to_string(taken) + " elements had been emitted, and the range has " + std::to_string(size));
}

template <class Range>
class RangeNode final : public SourceNode<RangeValue<Range>, RangeNode<Range>>, public Remembers<RangeNode<Range>> {
 public:
  using T = RangeValue<Range>;

  RangeNode(Range range, OnFailure on_failure)
      : RangeNode::SourceNode(Info{"from_range"}, on_failure), range_(std::move(range)) {
    this->remember(this->info(), Recovery::replays);
  }

  void on_start() {
    if (std::copy_constructible<T> && this->outlet.ended()) at_.reset();
  }

  std::optional<T> next() {
    if (!at_) {
      at_.emplace(std::begin(range_));
      taken_ = 0;
    }
    if (*at_ == std::end(range_)) return std::nullopt;
    T value = take();
    advance();
    return std::optional<T>(std::move(value));
  }

  static constexpr bool saved = true;
  void write(StateWriter& to) const { to.put(at_ ? taken_ : std::uint64_t{0}); }
  void read(StateReader& from) {
    const auto taken = from.get<std::uint64_t>();
    at_.emplace(std::begin(range_));
    for (taken_ = 0; taken_ < taken; advance()) {
      if (*at_ == std::end(range_)) range_too_short(from, taken, taken_);
    }
  }

 private:
  T take() {
    try {
      if constexpr (std::copy_constructible<T>) {
        return T(**at_);
      } else {
        return T(std::move(**at_));
      }
    } catch (...) {
      advance();
      throw;
    }
  }
  void advance() {
    ++*at_;
    ++taken_;
  }

  std::uint64_t taken_ = 0;
  Range range_;
  std::optional<decltype(std::begin(std::declval<Range&>()))> at_;
};

template <class Range>
  requires(array_of_values<Range>)
class RangeNode<Range> final : public SourceNode<RangeValue<Range>, RangeNode<Range>>,
                               public Remembers<RangeNode<Range>> {
 public:
  using T = RangeValue<Range>;

  RangeNode(Range range, OnFailure on_failure)
      : RangeNode::SourceNode(Info{"from_range"}, on_failure), range_(std::move(range)) {
    this->remember(this->info(), Recovery::replays);
  }

  void on_start() {
    if (rest_.next == nullptr || this->outlet.ended()) {
      rest_ = {std::data(range_), std::data(range_) + std::size(range_), nullptr};
    }
  }
  Batch<T>& at_hand() noexcept { return rest_; }
  void emitting(const Batch<T>& now) noexcept { now_ = &now; }
  void used(std::size_t) noexcept { now_ = nullptr; }
  std::optional<T> next() noexcept { return std::nullopt; }

  static constexpr bool saved = true;
  void write(StateWriter& to) const {
    const auto* at = now_ ? now_->next : rest_.next;
    to.put(at ? static_cast<std::uint64_t>(at - std::data(range_)) : std::uint64_t{0});
  }
  void read(StateReader& from) {
    const auto taken = from.get<std::uint64_t>();
    const std::uint64_t size = std::size(range_);
    if (taken > size) range_too_short(from, taken, size);
    rest_ = {std::data(range_) + taken, std::data(range_) + size, nullptr};
  }

 private:
  Range range_;
  Batch<T> rest_{};
  const Batch<T>* now_ = nullptr;  // while it is emitted
};

template <class Range>
auto make_range_source(Loop* loop, Range range, OnFailure on_failure) {
  static_assert(range_of_elements<Range>,
                "from_range: the argument must be a range, something that a range-based for loop can go through");
  if constexpr (range_of_elements<Range>) {
    using Made = RangeNode<Range>;
    return Source<RangeValue<Range>>{
        make_source(loop, make_box<Made>(std::move(range), on_failure))};
  }
}

}  // namespace detail

/// Emits the elements of a range one after the other, each when the one before it is taken, and then ends.
/// Streamz: from_iterable.
///
///     from_range(loop, {1, 2, 3})
///     out  123|
///
/// @param loop        where it runs. Without one everything is emitted inside `start`.
/// @param range       kept by value: anything a range-based `for` goes through, also one that makes its
///                    elements as it goes and never ends.
/// @param on_failure  whether the next element follows when one fails.
///
/// After `stop` it goes on where it was; started after its end it starts over (elements that cannot be copied
/// are there once only).
///
/// Back-pressure: waits for each element.
/// Metadata:      none.
/// Errors:        what is behind it or the range throws is reported; goes on or stops as `on_failure` says.
/// Cost:          one copy an element; a loop's other tasks get their turn every 64 elements.
/// Recovery:      read again from the number of the next element, which is saved: the range has to be the same then.
/// Example:       examples/02_operators/from_range.cpp
/// See also:      from_queue, from_periodic, from_textfile
template <class Range>
auto from_range(Loop& loop, Range range, OnFailure on_failure = OnFailure::go_on) {
  return detail::make_range_source(&loop, std::move(range), on_failure);
}
template <element T>
auto from_range(Loop& loop, std::initializer_list<T> range, OnFailure on_failure = OnFailure::go_on) {
  return detail::make_range_source(&loop, std::vector<T>(range), on_failure);
}
template <class Range>
  requires(!std::derived_from<Range, Loop>)
auto from_range(Range range, OnFailure on_failure = OnFailure::go_on) {
  return detail::make_range_source(nullptr, std::move(range), on_failure);
}
template <element T>
auto from_range(std::initializer_list<T> range, OnFailure on_failure = OnFailure::go_on) {
  return detail::make_range_source(nullptr, std::vector<T>(range), on_failure);
}

/// Streamz's name of from_range.
template <class... Args>
auto from_iterable(Args&&... args) {
  return from_range(std::forward<Args>(args)...);
}

}  // namespace penstock
