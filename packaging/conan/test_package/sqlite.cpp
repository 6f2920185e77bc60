// SPDX-License-Identifier: BSL-1.0
#include <fmt/core.h>

#include <exception>

#include <penstock/connect/sqlite.hpp>

int main() {
  try {
    penstock::SqliteStore store{"/no/such/state.db"};
  } catch (const std::exception& e) {
    fmt::print("{}\n", e.what());
    return 0;
  }
  return 1;
}
