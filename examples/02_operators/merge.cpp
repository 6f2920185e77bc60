// SPDX-License-Identifier: BSL-1.0
// One stream out of several.
#include <fmt/format.h>

#include <string>

#include "penstock/core.hpp"

int main() {
  penstock::Stream<std::string> keyboard;
  penstock::Stream<int> buttons;

  keyboard.merge(buttons.map([](int button) { return fmt::format("button {}", button); }))
      .sink([](const std::string& event) { fmt::print("{}\n", event); });

  keyboard.emit("key a");
  buttons.emit(2);
  keyboard.emit("key b");
}
