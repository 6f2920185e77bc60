// SPDX-License-Identifier: BSL-1.0
#pragma once

// Not an operator: an option of partition_unique and timed_window_unique.

#include <cstdint>

namespace penstock {

/// Which of several elements with the same key is kept.
enum class Keep : std::uint8_t {
  first,  ///< the first one, in its place
  last    ///< the last one, in the place where it came
};

}  // namespace penstock
