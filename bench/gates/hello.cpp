// SPDX-License-Identifier: BSL-1.0
// The smallest pipeline that does something: what tools/check_text_size.py weighs.
#include <cstdio>

#include <penstock/core.hpp>

int main() {
  penstock::Stream<int> source;
  source.filter([](int x) { return x % 2 == 0; })
      .map([](int x) { return x * 10; })
      .sink([](int x) { std::printf("%d\n", x); });
  for (int i = 0; i < 5; ++i) source.emit(i);
}
