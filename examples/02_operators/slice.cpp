// SPDX-License-Identifier: BSL-1.0
// Leaves out the header of a table, then takes every second row.
#include <fmt/core.h>

#include <string>

#include "penstock/core.hpp"

int main() {
  penstock::Stream<std::string> lines;
  lines.slice({.start = 1, .step = 2}).sink([](const std::string& line) { fmt::print("{}\n", line); });

  for (const char* line : {"name", "ann", "bob", "carl", "dora"}) lines.emit(line);
}
