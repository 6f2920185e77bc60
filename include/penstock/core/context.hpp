// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <utility>

#include "penstock/core/ref.hpp"

namespace penstock {

struct Trace;

/// Microseconds since 1970, negative before.
using EventTime = std::int64_t;
inline constexpr EventTime no_event_time = std::numeric_limits<EventTime>::min();
/// The frontier of a stream that has told nothing, and that of one that is over.
inline constexpr EventTime no_frontier = std::numeric_limits<EventTime>::min();
inline constexpr EventTime frontier_at_end = std::numeric_limits<EventTime>::max();

/// What travels beside an element: Refs (which carry metadata), the event time, and a trace for a sampled few. Nodes get it
/// as a borrowed pointer, null when there is nothing beside the value, and pass it on untouched; a node that keeps the
/// element after its `push` has returned copies the Context. Nodes that combine elements append their Contexts.
///
/// Cost: a Context with one Ref allocates nothing; several Refs share one block that `clear` keeps.
class Context {
 public:
  Context() = default;
  Context(Ref ref) { add(std::move(ref)); }  // NOLINT: `emit(x, ref)` is what users write
  Context(const Context& other) : Context() {
    append_refs(other);
    time_ = other.time_;
    trace_ = other.trace_;
  }
  Context(Context&& other) noexcept
      : first_(std::move(other.first_)),
        more_(std::exchange(other.more_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)),
        time_(std::exchange(other.time_, no_event_time)),
        trace_(std::exchange(other.trace_, nullptr)) {}
  ~Context() {
    if (size_ != 0) clear();
    delete[] more_;
  }
  Context& operator=(const Context& other) { return *this = Context(other); }
  Context& operator=(Context&& other) noexcept {
    Context old(std::move(other));
    swap(old);
    return *this;
  }

  void swap(Context& other) noexcept {
    std::swap(first_, other.first_);
    std::swap(more_, other.more_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    std::swap(time_, other.time_);
    std::swap(trace_, other.trace_);
  }

  bool empty() const noexcept { return size_ == 0 && time_ == no_event_time && trace_ == nullptr; }

  std::size_t size() const noexcept { return size_; }
  const Ref& operator[](std::size_t i) const noexcept { return i == 0 ? first_ : more_[i - 1]; }

  void add(Ref ref) {
    if (!ref) return;
    if (size_ == 0) {
      first_ = std::move(ref);
    } else {
      if (size_ - 1 == capacity_) grow();
      more_[size_ - 1] = std::move(ref);
    }
    ++size_;
  }
  /// Adds the Refs of `other` behind the own ones; the later event time and the first trace stand.
  void append(const Context& other) {
    append_refs(other);
    if (time_ < other.time_) time_ = other.time_;
    if (!trace_) trace_ = other.trace_;
  }
  void append(const Context* other) {
    if (other) append(*other);
  }
  /// Lets go of everything but the memory.
  [[gnu::noinline]] void clear() noexcept {
    first_.reset();
    for (std::uint32_t i = 1; i < size_; ++i) more_[i - 1].reset();
    size_ = 0;
    time_ = no_event_time;
    trace_ = nullptr;
  }

  EventTime event_time() const noexcept { return time_; }
  void event_time(EventTime time) noexcept { time_ = time; }
  Trace* trace() const noexcept { return trace_; }
  void trace(Trace* trace) noexcept { trace_ = trace; }

  [[gnu::noinline]] void fail(const std::exception_ptr& error) const noexcept {
    for (std::size_t i = 0; i < size_; ++i) (*this)[i].fail(error);
  }
  [[gnu::noinline]] void drop(const char* reason) const noexcept {
    for (std::size_t i = 0; i < size_; ++i) (*this)[i].drop(reason);
  }
  void bind(Strand& strand) const noexcept {
    for (std::size_t i = 0; i < size_; ++i) (*this)[i].bind(strand);
  }

  /// What a node passes on for an element that it kept: null when there is nothing to say.
  const Context* or_null() const noexcept { return empty() ? nullptr : this; }
  /// A copy of what a node was given.
  static Context of(const Context* context) { return context ? *context : Context{}; }

 private:
  [[gnu::noinline]] void append_refs(const Context& other) {
    for (std::size_t i = 0; i < other.size_; ++i) add(other[i]);
  }
  void grow() {
    const std::uint32_t capacity = capacity_ == 0 ? 7 : capacity_ * 2;
    Ref* more = new Ref[capacity];
    for (std::uint32_t i = 0; i < capacity_; ++i) more[i] = std::move(more_[i]);
    delete[] std::exchange(more_, more);
    capacity_ = capacity;
  }

  Ref first_;
  Ref* more_ = nullptr;  // owned
  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = 0;
  EventTime time_ = no_event_time;
  Trace* trace_ = nullptr;
};

}  // namespace penstock
