// SPDX-License-Identifier: BSL-1.0
// Keeps messages until somebody asks for them.
#include <fmt/core.h>

#include <string>
#include <vector>

#include "penstock/core.hpp"

int main() {
  penstock::Stream<std::string> messages;
  penstock::Stream<int> requests;

  auto collected = messages.collect();
  requests.sink(collected.flush);
  collected.sink([](const std::vector<std::string>& all) {
    fmt::print("{} messages:", all.size());
    for (const std::string& message : all) fmt::print(" {}", message);
    fmt::print("\n");
  });

  messages.emit("one");
  messages.emit("two");
  requests.emit(1);
  requests.emit(2);
  messages.emit("three");
  collected.flush();
}
