// SPDX-License-Identifier: BSL-1.0
// Several streams out of one.
#include <fmt/core.h>

#include <string>
#include <variant>

#include "penstock/core.hpp"

int main() {
  penstock::Stream<int> numbers;
  auto [negative, big, rest] =
      numbers.split([](int n) { return n < 0; }, [](int n) { return n >= 10; });
  negative.sink([](int n) { fmt::print("negative {}\n", n); });
  big.sink([](int n) { fmt::print("big {}\n", n); });
  rest.sink([](int n) { fmt::print("rest {}\n", n); });
  for (int n : {1, -2, 30}) numbers.emit(n);

  // Variants are split by what they hold, into streams of those types.
  penstock::Stream<std::variant<int, std::string>> mixed;
  auto [ints, texts] = mixed.split();
  ints.sink([](int n) { fmt::print("int {}\n", n); });
  texts.sink([](const std::string& text) { fmt::print("text {}\n", text); });
  mixed.emit(7);
  mixed.emit("seven");
}
