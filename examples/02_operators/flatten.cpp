// SPDX-License-Identifier: BSL-1.0
// Lines into words.
#include <fmt/core.h>

#include <sstream>
#include <string>
#include <vector>

#include "penstock/core.hpp"

std::vector<std::string> split(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

int main() {
  penstock::Stream<std::string> lines;
  lines.map(split).flatten().sink([](const std::string& word) { fmt::print("{}\n", word); });

  lines.emit("the water runs");
  lines.emit("");
  lines.emit("down");
}
