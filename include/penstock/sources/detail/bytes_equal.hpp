// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

// Not an operator: many bytes looked at at once.

namespace penstock::detail {

/// A bit for each of the 64 bytes from `text` on that is `one`, or `other`.
template <class... Char>
[[gnu::always_inline]] inline std::uint64_t bytes_equal(const char* text, char one, Char... other) noexcept {
  std::uint64_t found = 0;
#ifdef __SSE2__
  const auto equal = [](__m128i bytes, char c) { return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c)); };
  for (int i = 0; i < 4; ++i) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text + 16 * i));
    __m128i hits = equal(bytes, one);
    ((hits = _mm_or_si128(hits, equal(bytes, other))), ...);
    found |= std::uint64_t{static_cast<std::uint16_t>(_mm_movemask_epi8(hits))} << (16 * i);
  }
#else
  for (int i = 0; i < 64; ++i) {
    found |= std::uint64_t{text[i] == one || (... || (text[i] == other))} << i;
  }
#endif
  return found;
}

}  // namespace penstock::detail
