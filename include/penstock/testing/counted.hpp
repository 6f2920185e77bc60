// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "penstock/state/codec.hpp"

namespace penstock::testing {

/// What became of the objects of one counted type since the last `reset`.
struct Counts {
  std::int64_t made = 0;    ///< from a number
  std::int64_t copies = 0;  ///< constructions and assignments
  std::int64_t moves = 0;   ///< constructions and assignments
  std::int64_t alive = 0;   ///< objects that hold a number: moved-from ones do not count
};

/// A number that counts how often it is copied and moved, for tests of what an operator costs and holds.
/// Reading one that was moved from throws. Every `Tag` has counters of its own; they belong to one thread.
template <bool Copyable, class Tag = void>
class BasicCounted {
 public:
  explicit BasicCounted(std::int64_t value) : value_(value), holds_(true) {
    ++counts_.made;
    ++counts_.alive;
  }
  BasicCounted(const BasicCounted& other)
    requires(Copyable)
      : value_(other.value()), holds_(true) {
    ++counts_.copies;
    ++counts_.alive;
  }
  BasicCounted(BasicCounted&& other) noexcept
      : value_(other.value_), holds_(std::exchange(other.holds_, false)) {
    ++counts_.moves;
  }
  BasicCounted& operator=(const BasicCounted& other)
    requires(Copyable)
  {
    if (this == &other) return *this;
    value_ = other.value();
    if (!std::exchange(holds_, true)) ++counts_.alive;
    ++counts_.copies;
    return *this;
  }
  BasicCounted& operator=(BasicCounted&& other) noexcept {
    if (this == &other) return *this;
    if (holds_) --counts_.alive;
    value_ = other.value_;
    holds_ = std::exchange(other.holds_, false);
    ++counts_.moves;
    return *this;
  }
  ~BasicCounted() {
    if (holds_) --counts_.alive;
  }

  std::int64_t value() const {
    if (!holds_) throw std::logic_error("Counted: read after it was moved from");
    return value_;
  }
  friend bool operator==(const BasicCounted& a, const BasicCounted& b) { return a.value() == b.value(); }
  friend bool operator<(const BasicCounted& a, const BasicCounted& b) { return a.value() < b.value(); }

  static const Counts& counts() noexcept { return counts_; }
  /// Starts to count anew. What is alive stays counted.
  static void reset() noexcept { counts_ = {0, 0, 0, counts_.alive}; }

 private:
  inline static Counts counts_;
  std::int64_t value_;
  bool holds_;
};

using Counted = BasicCounted<true>;
/// The same for what can only be moved.
using MoveOnly = BasicCounted<false>;

}  // namespace penstock::testing

/// It is saved as its number.
template <bool Copyable, class Tag>
struct penstock::Codec<penstock::testing::BasicCounted<Copyable, Tag>> {
  using Counted = penstock::testing::BasicCounted<Copyable, Tag>;
  static constexpr std::string_view name = "Counted";
  static void write(StateWriter& to, const Counted& counted) { to.put(counted.value()); }
  static Counted read(StateReader& from, std::uint32_t) { return Counted(from.get<std::int64_t>()); }
};

template <bool Copyable, class Tag>
struct std::hash<penstock::testing::BasicCounted<Copyable, Tag>> {
  std::size_t operator()(const penstock::testing::BasicCounted<Copyable, Tag>& counted) const {
    return std::hash<std::int64_t>{}(counted.value());
  }
};
