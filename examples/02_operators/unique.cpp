// SPDX-License-Identifier: BSL-1.0
// Words in the order in which they first come up, and log lines without those that came a moment ago.
#include <fmt/core.h>

#include <string>

#include "penstock/core.hpp"

int main() {
  penstock::Stream<std::string> words;
  words.unique().sink([](const std::string& word) { fmt::print("new:    {}\n", word); });
  words.unique({.maxsize = 1}).sink([](const std::string& word) { fmt::print("change: {}\n", word); });

  for (const char* word : {"up", "up", "down", "up"}) words.emit(word);
}
