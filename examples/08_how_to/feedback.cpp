// SPDX-License-Identifier: BSL-1.0
// A stream that leads back into itself: halve what is even, triple what is odd and add one, until 1 is
// reached.
#include <fmt/core.h>

#include <penstock/penstock.hpp>

int main() {
  penstock::Stream<int> numbers{"numbers"};
  numbers.sink([](int n) { fmt::print("{} ", n); });

  auto next = numbers.filter([](int n) { return n != 1; })
                  .map([](int n) { return n % 2 == 0 ? n / 2 : 3 * n + 1; });
  // This edge closes a cycle, so it becomes a feedback edge by itself. What goes round waits on it until the
  // number under way has come to rest. With a bound, one number more on the edge would be an error, and not
  // endless memory.
  next.stream().connect_feedback(numbers, 10);

  numbers.emit(6);
  fmt::print("\n\n{}", numbers.describe());
}
