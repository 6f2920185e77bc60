// SPDX-License-Identifier: BSL-1.0
// Several ends for one chain, fused with it.
#include <fmt/core.h>

#include <string>

#include "penstock/core.hpp"

int main() {
  penstock::Stream<std::string> lines;
  std::size_t bytes = 0;
  lines.filter([](const std::string& line) { return !line.empty(); })
      .tee([](auto s) { return s.filter([](const std::string& line) { return line[0] == '!'; })
                            .sink([](const std::string& line) { fmt::print("alarm: {}\n", line); }); },
           [&](auto s) { return s.map(&std::string::size).sink([&](std::size_t n) { bytes += n; }); })
      .sink([](std::string line) { fmt::print("stored: {}\n", line); });

  for (const char* line : {"all is well", "", "!the gate is open", "all is well again"}) lines.emit(line);
  fmt::print("{} bytes\n\n{}", bytes, lines.describe());
}
