// SPDX-License-Identifier: BSL-1.0
#pragma once

#if !defined(__unix__) && !defined(__APPLE__)
#error "penstock/sources/detail/file_print.hpp: files are read at a place as POSIX does it"
#endif

#include <unistd.h>

#include <cstddef>
#include <cstdint>

// Not an operator: what a file is known by.

namespace penstock::detail {

/// Tells a file from another one with the same name: a hash over what stands at its start and what stands in front of
/// `position`.
inline std::uint64_t file_print(int file, std::int64_t position) noexcept {
  constexpr std::int64_t most = 64;
  std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a
  const auto add = [&](std::int64_t from, std::int64_t to) {
    char bytes[most];
    const ::ssize_t got = ::pread(file, bytes, static_cast<std::size_t>(to - from), static_cast<::off_t>(from));
    for (::ssize_t i = 0; i < got; ++i) hash = (hash ^ static_cast<unsigned char>(bytes[i])) * 0x100000001b3U;
  };
  add(0, position < most ? position : most);
  add(position < most ? 0 : position - most, position);
  return hash;
}

}  // namespace penstock::detail
