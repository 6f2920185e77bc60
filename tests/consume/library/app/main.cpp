// SPDX-License-Identifier: BSL-1.0
#include <counting/counting.hpp>

#include <stdexcept>

#if __has_include(<penstock/core.hpp>)
#error "the library's users are not to see Penstock"
#endif

int main() {
  counting::Words words;
  words.add("one");
  words.add("two");
  words.add("one");
  bool refused = false;
  try {
    words.add("");
  } catch (const std::invalid_argument&) {
    refused = true;
  }
  return words.count("one") == 2 && words.count("three") == 0 && refused ? 0 : 1;
}
