// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>

#include "penstock/core/error.hpp"
#include "penstock/core/loop.hpp"
#include "penstock/ops/detail/alarm.hpp"

// Not an operator: when the sinks that write files flush, sync and rotate them.

namespace penstock {

/// When written elements leave the sink's buffer for the file, where other programs see them. What is flushed
/// outlives this process; what is to outlive the machine has to be synced too.
class Flush {
 public:
  /// `false`: when the buffer of 64 KiB is full, and at the end. `true`: every element at once.
  template <std::same_as<bool> Bool>
  constexpr Flush(Bool every_element) noexcept  // NOLINT: `.flush = true` is what users write
      : elements_(every_element ? 1 : 0) {}

  /// With every n-th element.
  static Flush every(std::size_t n) {
    if (n == 0) detail::bad_argument("Flush: every 0 elements; it is at least 1");
    return Flush{n, Duration::zero()};
  }
  /// When the first element that was not flushed is so old. Needs an event loop.
  static Flush every(Duration time) { return Flush{0, detail::positive(time, "Flush: the time")}; }
  /// What comes first.
  static Flush every(std::size_t n, Duration time) { return Flush{every(n).elements_, every(time).time_}; }

  /// 0: no such number.
  std::size_t elements() const noexcept { return elements_; }
  /// 0: no such time.
  Duration time() const noexcept { return time_; }

 private:
  Flush(std::size_t n, Duration time) noexcept : elements_(n), time_(time) {}

  std::size_t elements_ = 0;
  Duration time_{};
};

/// When a file is brought to the disk with fsync, so that a power failure does not take it.
enum class Sync : std::uint8_t {
  never,    ///< when the operating system likes; files that are `atomic` are synced all the same
  at_end,   ///< when a file is finished
  at_flush  ///< whenever it is flushed, and then
};

/// When a file is finished and the next one begun. No record is split, and every CSV file has its header.
struct Rotate {
  std::uint64_t bytes = 0;  ///< no file is longer, unless one record is; 0: of any length
  Duration every{};         ///< so long after the first element of a file; needs an event loop; 0: never
  std::size_t keep = 0;     ///< as many finished files stay, older ones are removed; 0: all
  /// What a finished file is called, in the same directory: `{}` is its number, `{:06}` one of at least six
  /// digits; `%Y %m %d %j %H %M %S` are the UTC time when it was begun. Nothing: `.{:06}` before the
  /// extension, so that out.csv becomes out.000001.csv. Numbers go on behind the highest that is there: while the
  /// directory cannot be listed, no file is finished, and the element that needs the next one is refused.
  std::string name{};
};

}  // namespace penstock
