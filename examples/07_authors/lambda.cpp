// SPDX-License-Identifier: BSL-1.0
// Your own operator, the first ladder: a function that puts existing operators together. Most operators are
// this.
#include <fmt/core.h>

#include <penstock/penstock.hpp>

// From stream to stream. It may have parameters, and be generic in the stream.
auto above(int limit) {
  return [limit](auto&& stream) {
    return std::forward<decltype(stream)>(stream)
        .filter([limit](int x) { return x > limit; })
        .named("above");
  };
}

int main() {
  penstock::Stream<int> source;

  // Used like the built-in ones; what it is made of is fused with its neighbours.
  source | penstock::map([](int x) { return x * 10; }) | above(25) |
      penstock::sink([](int x) { fmt::print("{}\n", x); });
  source.apply(above(3)).sink([](int x) { fmt::print("{} is above 3\n", x); });

  for (int i = 1; i <= 4; ++i) source.emit(i);
  fmt::print("\n{}", source.describe());
}
