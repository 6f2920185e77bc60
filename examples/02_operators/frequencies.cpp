// SPDX-License-Identifier: BSL-1.0
// How often each word has come up to now.
#include <fmt/core.h>

#include <map>
#include <string>

#include "penstock/core.hpp"
#include "penstock/ops/frequencies.hpp"

int main() {
  penstock::Stream<std::string> words;
  words.frequencies().sink([](const std::map<std::string, std::size_t>& counts) {
    for (const auto& [word, count] : counts) fmt::print("{}:{} ", word, count);
    fmt::print("\n");
  });

  for (const char* word : {"to", "be", "or", "to"}) words.emit(word);
}
