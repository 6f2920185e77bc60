// SPDX-License-Identifier: BSL-1.0
// A range as a stream: elements come when they are asked for, and starting again starts over.
#include <fmt/core.h>

#include <string>
#include <vector>

#include <penstock/penstock.hpp>

int main() {
  penstock::EventLoop loop;
  const auto words = penstock::from_range(loop, std::vector<std::string>{"gate", "pipe", "turbine"});
  words.map([](const std::string& word) { return word.size(); }).sink([](std::size_t n) {
    fmt::print("{} letters\n", n);
  });
  words.start();
  loop.run();

  // Without a loop everything happens inside start().
  const auto numbers = penstock::from_range({1, 2, 3});
  numbers.accumulate(std::plus{}, 0).sink([](int sum) { fmt::print("sum {}\n", sum); });
  numbers.start();
  numbers.start();
}
