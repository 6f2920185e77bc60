// SPDX-License-Identifier: BSL-1.0
#include "penstock_core.hpp"

#include <cstdio>
#include <string>

#if __has_include(<penstock/core.hpp>)
#error "the header is to be tried alone"
#endif

penstock::Stream<std::size_t> lengths(const penstock::Stream<std::string>& words);

int main() {
  penstock::Stream<std::string> words{"words"};
  std::size_t sum = 0;
  lengths(words).accumulate([](std::size_t a, std::size_t b) { return a + b; }, std::size_t{0}).sink([&](std::size_t x) {
    sum = x;
  });
  for (const char* word : {"a", "few", "words"}) words.emit(word);
  std::printf("%s %zu\n%s", PENSTOCK_VERSION_STRING, sum, words.describe().c_str());
  return sum == 9 ? 0 : 1;
}
