// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "penstock/core/error.hpp"
#include "penstock/core/ref.hpp"
#include "penstock/core/ring.hpp"

namespace penstock {

/// A place in the input of a source, such as an offset or a line number.
using SourcePosition = std::uint64_t;

namespace detail {

struct IgnoreAdvance {
  void operator()(SourcePosition) const noexcept {}
};

/// What a tracker and its Refs share; lives until the last of them is gone. Touched on the strand only.
template <class OnAdvance>
class PrefixState {
 public:
  PrefixState(SourcePosition first, OnAdvance on_advance)
      : position_(first), next_(first), on_advance_(std::move(on_advance)) {}

  void retain() noexcept { ++holders_; }
  void release() noexcept {
    if (--holders_ == 0) delete this;
  }
  /// The tracker is gone: nobody is told any more.
  void orphan() noexcept { orphan_ = true; }

  SourcePosition position() const noexcept { return position_; }
  SourcePosition next() const noexcept { return next_; }
  std::size_t open() const noexcept { return open_; }
  std::uint64_t dropped() const noexcept { return dropped_; }

  std::uint64_t issue(SourcePosition position, SourcePosition count) {
    if (count == 0) bad_argument("PrefixTracker: a Ref must stand for at least one position");
    if (position < next_) {
      bad_argument("PrefixTracker: positions are issued in order, each once; " + std::to_string(position) +
                   " comes after " + std::to_string(next_ - 1));
    }
    entries_.push(Entry{position, position + count, Status::open, nullptr});
    next_ = position + count;
    ++open_;
    return first_number_ + entries_.size() - 1;
  }

  void finish(std::uint64_t number, const Ending& ending) {
    Entry& entry = entries_[static_cast<std::size_t>(number - first_number_)];
    --open_;
    if (ending.outcome == Outcome::failed) {
      entry.status = Status::failed;
      entry.error = ending.error;
      return;
    }
    dropped_ += ending.outcome == Outcome::dropped;
    entry.status = Status::finished;
    advance();
  }

  const std::exception_ptr* error(SourcePosition position) const noexcept {
    const Entry* entry = find(position);
    return entry && entry->status == Status::failed ? &entry->error : nullptr;
  }
  std::optional<SourcePosition> failed() const noexcept {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (entries_[i].status == Status::failed) return entries_[i].from;
    }
    return std::nullopt;
  }
  bool resolve(SourcePosition position) {
    Entry* entry = const_cast<Entry*>(find(position));
    if (!entry || entry->status != Status::failed) return false;
    entry->status = Status::finished;
    entry->error = nullptr;
    advance();
    return true;
  }

 private:
  enum class Status : std::uint8_t { open, finished, failed };
  struct Entry {
    SourcePosition from;
    SourcePosition to;
    Status status;
    std::exception_ptr error;
  };

  const Entry* find(SourcePosition position) const noexcept {
    std::size_t low = 0;
    std::size_t high = entries_.size();
    while (low < high) {
      const std::size_t middle = low + (high - low) / 2;
      if (entries_[middle].to <= position) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low < entries_.size() && entries_[low].from <= position ? &entries_[low] : nullptr;
  }

  void advance() {
    const SourcePosition before = position_;
    while (!entries_.empty() && entries_.front().status == Status::finished) {
      position_ = entries_.pop().to;
      ++first_number_;
    }
    if (position_ != before && !orphan_) on_advance_(position_);
  }

  Ring<Entry> entries_;
  SourcePosition position_;
  SourcePosition next_;
  std::uint64_t first_number_ = 0;  // of the first entry; numbers have no gaps, positions may
  std::size_t open_ = 0;
  std::uint64_t dropped_ = 0;
  std::uint32_t holders_ = 1;
  bool orphan_ = false;
  [[no_unique_address]] OnAdvance on_advance_;
};

}  // namespace detail

/// Tells a source up to which position all of its input has been processed, whatever order it is processed
/// in: what a source may commit and, after a crash, go on from.
///
///     PrefixTracker tracker{[&](SourcePosition position) { commit(position); }};
///     for (Record record : records) source.emit(record, tracker.issue(record.offset));
///
/// Each element is emitted with a Ref of the tracker. `position()` is the lowest position that is not
/// finished: everything below it is. Done counts as finished, and so does dropped, because an operator that
/// drops has declared that it may; `dropped()` counts it. A position that *failed* stops the prefix for good:
/// nothing behind it is reported, although it may be finished, until the failure is resolved, by a dead
/// letter or another try, with `resolve`. So what failed is never skipped, and is read again after a restart.
///
/// Belongs to the strand that its Refs end on, like they do. Refs may outlive it; it is told nothing then.
///
/// Cost: amortized O(1) a position, and memory for the positions from the first that is not finished to the
/// last one issued.
template <class OnAdvance = detail::IgnoreAdvance>
class PrefixTracker {
 public:
  PrefixTracker() : PrefixTracker(OnAdvance{}) {}
  /// @param on_advance  called as `on_advance(position())` whenever that has grown, in the callback of the
  ///                    Ref that ended.
  /// @param first       the first position that is not finished.
  explicit PrefixTracker(OnAdvance on_advance, SourcePosition first = 0)
      : state_(new detail::PrefixState<OnAdvance>(first, std::move(on_advance))) {}
  PrefixTracker(const PrefixTracker&) = delete;
  PrefixTracker& operator=(const PrefixTracker&) = delete;
  ~PrefixTracker() {
    state_->orphan();
    state_->release();
  }

  /// A Ref for the next position.
  Ref issue() { return issue(state_->next()); }
  /// A Ref for the positions from `position` up to, but without, `position + count`. Throws
  /// std::invalid_argument when that is not behind all that was issued. Positions that are left out between
  /// two Refs do not exist and hold up nothing.
  Ref issue(SourcePosition position, SourcePosition count = 1) {
    return Ref{Finish{*state_, state_->issue(position, count)}};
  }

  /// Everything below is finished.
  SourcePosition position() const noexcept { return state_->position(); }
  /// Refs that have not ended.
  std::size_t open() const noexcept { return state_->open(); }
  /// Refs that ended as dropped.
  std::uint64_t dropped() const noexcept { return state_->dropped(); }
  /// The first position that has failed and was not resolved.
  std::optional<SourcePosition> failed() const noexcept { return state_->failed(); }
  /// What the position failed with, or null.
  std::exception_ptr error(SourcePosition position) const noexcept {
    const std::exception_ptr* error = state_->error(position);
    return error ? *error : nullptr;
  }
  /// What failed at `position` has been dealt with and counts as finished. False when nothing has failed
  /// there.
  bool resolve(SourcePosition position) { return state_->resolve(position); }

 private:
  using State = detail::PrefixState<OnAdvance>;

  class Finish {
   public:
    Finish(State& state, std::uint64_t number) noexcept : state_(&state), number_(number) { state.retain(); }
    Finish(Finish&& other) noexcept : state_(std::exchange(other.state_, nullptr)), number_(other.number_) {}
    ~Finish() {
      if (state_) state_->release();
    }
    void operator()(const Ending& ending) { state_->finish(number_, ending); }

   private:
    State* state_;
    std::uint64_t number_;
  };

  State* state_;
};

template <class OnAdvance>
PrefixTracker(OnAdvance) -> PrefixTracker<OnAdvance>;
template <class OnAdvance>
PrefixTracker(OnAdvance, SourcePosition) -> PrefixTracker<OnAdvance>;

}  // namespace penstock
