// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <string>

#include "penstock/ops/on_error.hpp"

// Not an operator: how clients come back to a server that is not there.

namespace penstock {

/// How long a client tries unless told otherwise: ten times in a row, about half a minute in all.
inline constexpr Retry reconnects{.attempts = 10,
                                  .backoff = std::chrono::milliseconds{100},
                                  .factor = 2,
                                  .jitter = 0.2,
                                  .max_backoff = std::chrono::seconds{10},
                                  .seed = 0};

namespace detail {

inline void check_reconnect(const char* who, const Retry& retry) {
  if (retry.attempts == 0) bad_argument(std::string{who} + ": at least 1 attempt must be allowed");
  if (retry.backoff < Duration::zero() || !(retry.factor >= 1)) {
    bad_argument(std::string{who} + ": a back-off is not negative, and its factor is at least 1");
  }
  if (!(retry.jitter >= 0 && retry.jitter <= 1)) {
    bad_argument(std::string{who} + ": the jitter of a back-off is from 0 to 1");
  }
}

}  // namespace detail
}  // namespace penstock
