// SPDX-License-Identifier: BSL-1.0
// Applies functions, with and without an argument bound to them.
#include <fmt/core.h>

#include <string>

#include "penstock/core.hpp"

std::string tag(int x, const std::string& unit) { return std::to_string(x) + " " + unit; }

int main() {
  penstock::Stream<int> source;
  source.map([](int x) { return x * 1000; }).map(tag, "m").sink([](const std::string& s) { fmt::print("{}\n", s); });

  for (const int km : {1, 2, 5}) source.emit(km);
}
