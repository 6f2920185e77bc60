// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>

#include "penstock/core/error.hpp"
#include "penstock/core/loop.hpp"

namespace penstock::detail {

/// A timer that calls `owner.rang()`.
template <class Owner>
class Alarm final : public Timer {
 public:
  explicit Alarm(Owner& owner) noexcept : owner_(owner) {}
  void run() override { owner_.rang(); }

 private:
  Owner& owner_;
};

/// Sets a timer while the graph is being built, which another thread than the loop's may do.
inline void set_at_wiring(Loop& loop, Timer& timer, TimePoint deadline) {
  if (loop.position() == Position::elsewhere) {
    loop.post_remote(timer);  // rings early; its owner looks at the clock
  } else {
    loop.set(timer, deadline);
  }
}

/// A duration as an argument: longer than nothing, or a sentence.
inline Duration positive(Duration time, const char* what) {
  if (time <= Duration::zero()) bad_argument(std::string{what} + " must be longer than 0");
  return time;
}

/// For drawings: "1500ms".
[[gnu::noinline]] inline std::string to_text(Duration time) {
  auto number = time.count();
  const char* unit = "ns";
  for (const char* larger : {"us", "ms", "s"}) {
    if (number % 1'000 != 0) break;
    number /= 1'000;
    unit = larger;
  }
  return std::to_string(number) + unit;
}

/// The boundaries origin, origin + interval, origin + 2 * interval, …, wherever one looks from: no drift.
struct Grid {
  TimePoint origin{};
  Duration interval{};

  /// The first boundary after `now`.
  TimePoint after(TimePoint now) const noexcept { return later(now, interval - (now - origin) % interval); }
};

}  // namespace penstock::detail
