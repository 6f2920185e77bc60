// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace penstock::test {

/// Asked before the program renames a file; null: nobody. Where it answers false the renaming fails with the `errno` it has set.
inline bool (*before_rename)(const char* from, const char* to) = nullptr;

}  // namespace penstock::test

/// The program's, in place of the system's.
extern "C" [[gnu::used]] inline int rename(const char* from, const char* to) noexcept {
  const auto before = penstock::test::before_rename;
  return before && !before(from, to) ? -1 : static_cast<int>(::syscall(SYS_rename, from, to));
}
