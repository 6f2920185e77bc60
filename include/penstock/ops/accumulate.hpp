// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include "penstock/core/stream.hpp"

namespace penstock {

/// For `accumulate`: the function returns a pair of the new state and what to emit.
inline constexpr struct ReturnsState {
} returns_state{};
/// For `accumulate`: emits a pair of the state and the result.
inline constexpr struct WithState {
} with_state{};

namespace detail {

struct NoStart {};

template <class... Options>
struct AccumulateOptions {
  using Start = NoStart;
  static constexpr bool returns_state = false;
  static constexpr bool with_state = false;
};
template <class First, class... Rest>
struct AccumulateOptions<First, Rest...> : AccumulateOptions<Rest...> {
  using Start = First;
};
template <class... Rest>
struct AccumulateOptions<ReturnsState, Rest...> : AccumulateOptions<Rest...> {
  static constexpr bool returns_state = true;
};
template <class... Rest>
struct AccumulateOptions<WithState, Rest...> : AccumulateOptions<Rest...> {
  static constexpr bool with_state = true;
};

template <class First, class... Rest>
decltype(auto) accumulate_start(First& first, Rest&... rest) {
  if constexpr (std::is_same_v<First, ReturnsState> || std::is_same_v<First, WithState>) {
    return accumulate_start(rest...);
  } else {
    return (first);
  }
}

}  // namespace detail
}  // namespace penstock
