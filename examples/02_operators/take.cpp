// SPDX-License-Identifier: BSL-1.0
// The first lines of a message, and its head up to the empty line.
#include <fmt/core.h>

#include <string>

#include "penstock/core.hpp"

int main() {
  penstock::Stream<std::string> lines;
  lines.take(1).sink([](const std::string& line) { fmt::print("first: {}\n", line); });
  lines.take_while([](const std::string& line) { return !line.empty(); }).sink([](const std::string& line) {
    fmt::print("head:  {}\n", line);
  });

  for (const char* line : {"From: ann", "To: bob", "", "Hello"}) lines.emit(line);
}
