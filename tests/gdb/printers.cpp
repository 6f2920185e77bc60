// SPDX-License-Identifier: BSL-1.0
#include <stdexcept>

#include "penstock/core.hpp"

using namespace penstock;

namespace {

// gdb stops here, one frame below what it shows.
[[gnu::noinline]] void look() { asm volatile(""); }

}  // namespace

int main() {
  const Stream<int> numbers{"numbers"};
  const Stream<int> even = numbers.filter([](int x) { return x % 2 == 0; });
  const Sink end = even.partition(2).sink([](const std::vector<int>&) {}).named("pairs");
  numbers.sink([](int) {});

  const Ref alone{[] {}};
  const Ref lost{[] {}};
  const Ref lost_too = lost;
  lost.drop("buffer: drop oldest");
  const Ref empty;
  Context none;
  Context several{alone};
  several.add(lost);
  several.add(alone);
  several.event_time(1700000000000000);

  const Stream<int> plain;
  Info queue{"buffer", "2"};
  queue.took(7);
  queue.holds(3);
  const Receipt taken;
  const Receipt waiting = Receipt::waiting(plain.graph().strand(), &queue, Why::full);
  Receipt settled = Receipt::waiting(plain.graph().strand(), nullptr, Why::time);
  Receipt failed = settled;
  settled.settle();
  failed = Receipt::waiting(plain.graph().strand(), nullptr, Why::time);
  failed.settle(std::make_exception_ptr(std::runtime_error("no")));
  plain.close();
  look();
  return end.name() == "pairs" ? 0 : 1;
}
