// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>

#include "penstock/core/bytes.hpp"

// Not an operator: many bytes looked at at once.

namespace penstock::detail {

/// A bit for each of the 64 bytes from `text` on that is `one`, or `other`.
template <class... Char>
[[gnu::always_inline]] inline std::uint64_t bytes_equal(const char* text, char one, Char... other) noexcept {
  std::uint64_t found = 0;
  for (unsigned i = 0; i < 64; i += Bytes16::size) found |= std::uint64_t{Bytes16{text + i}.equal(one, other...)} << i;
  return found;
}

}  // namespace penstock::detail
