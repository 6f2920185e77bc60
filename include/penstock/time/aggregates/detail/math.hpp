// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <type_traits>

// Not an operator: what aggregates need of <cmath>, whose special functions cost a tenth as much as core.

namespace penstock::detail::math {

template <class Float>
bool is_nan(Float x) noexcept {
  return __builtin_isnan(x);
}
template <class Float>
bool is_finite(Float x) noexcept {
  return __builtin_isfinite(x);
}
template <class Float>
Float absolute(Float x) noexcept {
  if constexpr (std::is_same_v<Float, float>) {
    return __builtin_fabsf(x);
  } else if constexpr (std::is_same_v<Float, double>) {
    return __builtin_fabs(x);
  } else {
    return __builtin_fabsl(x);
  }
}
inline double root(double x) noexcept { return __builtin_sqrt(x); }
inline double ceiling(double x) noexcept { return __builtin_ceil(x); }
/// The logarithm of 1 + x.
inline double log_of_1_and(double x) noexcept { return __builtin_log1p(x); }
inline long long nearest(double x) noexcept { return __builtin_llround(x); }

}  // namespace penstock::detail::math
