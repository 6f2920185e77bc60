// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <cstring>

namespace penstock::detail {

/// Sixteen bytes looked at at once.
class Bytes16 {
 public:
  static constexpr unsigned size = 16;

#ifdef __SSE2__
  // As the compiler has them: <emmintrin.h> brings 2 700 lines for two of its functions.
  explicit Bytes16(const void* from) noexcept { std::memcpy(&bytes_, from, sizeof bytes_); }

  /// A bit for each byte that is one of these.
  template <class... Char>
  [[gnu::always_inline]] std::uint32_t equal(char one, Char... other) const noexcept {
    auto hits = bytes_ == one;
    ((hits |= bytes_ == other), ...);
    return static_cast<std::uint16_t>(__builtin_ia32_pmovmskb128(reinterpret_cast<const Vector&>(hits)));
  }

 private:
  using Vector [[gnu::vector_size(16), gnu::may_alias]] = char;
  Vector bytes_;
#else
  explicit Bytes16(const void* from) noexcept { std::memcpy(bytes_, from, sizeof bytes_); }

  template <class... Char>
  std::uint32_t equal(char one, Char... other) const noexcept {
    std::uint32_t found = 0;
    for (unsigned i = 0; i < size; ++i) {
      found |= std::uint32_t{bytes_[i] == one || (... || (bytes_[i] == other))} << i;
    }
    return found;
  }

 private:
  char bytes_[size];
#endif
};

}  // namespace penstock::detail
