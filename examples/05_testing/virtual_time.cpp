// SPDX-License-Identifier: BSL-1.0
// Testing a pipeline: a clock that jumps, marbles in and out, a sink that is slow on purpose, and a ledger of
// what became of every element. Works with any test framework; here a line is printed where a test would have
// an assertion.
#include <fmt/core.h>

#include <penstock/penstock.hpp>
#include <penstock/testing/testing.hpp>

#include <chrono>
#include <vector>

using namespace penstock::testing;
using namespace std::chrono_literals;

// What is to be tested: readings above 5, at most one every 3 ms.
penstock::Stream<int> alarms(const penstock::Stream<int>& readings) {
  return readings.filter([](int x) { return x > 5; }).rate_limit(3ms);
}

// One column is one millisecond, one character one element, | is the end.
void in_marbles() {
  penstock::VirtualLoop loop;
  auto readings = marbles(loop, "-1-7-2-893---|");
  Marbles out{alarms(readings)};
  loop.run();
  out.expect("---7---8--9--|");
  fmt::print("marbles  {}\n", out.text());
}

// An hour of virtual time takes no time.
void by_the_clock() {
  penstock::VirtualLoop loop;
  penstock::Stream<int> source{loop};
  Probe probe{source.delay(1h)};
  source.emit(1);
  loop.run_for(59min);
  fmt::print("after 59 minutes {} elements, ", probe.size());
  loop.run_for(1min);
  fmt::print("after 60 minutes {}\n", probe.size());
}

// What does the pipeline do when its sink is slow? Every element is in the ledger with how it ended.
void with_a_slow_sink() {
  penstock::VirtualLoop loop;
  penstock::Stream<int> source{loop};
  Ledger ledger;
  ScriptedSink<int> slow{source.buffer(2, {.overflow = penstock::WhenFull::drop_oldest}),
                         {.takes = 10ms, .ledger = ledger}};
  for (int i = 0; i < 6; ++i) source.emit(i, ledger.issue(i));
  source.close();
  loop.run();
  ledger.check();  // throws when an element was lost without a word, or ended twice
  fmt::print("taken {}, dropped {}, at most {} at once\n", ledger.emitted().size(), ledger.dropped().size(),
             slow.most_open());
}

// Ready tasks run in a random order that the seed decides. What holds for all of them can be relied on.
void in_any_order() {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    penstock::VirtualLoop loop{seed};
    penstock::Stream<int> source{loop};
    Probe probe{source.buffer(3).merge(source.delay(1ms))};
    for (int i = 0; i < 3; ++i) source.emit(i);
    loop.run();
    if (probe.values() != std::vector{0, 1, 2, 0, 1, 2}) {
      return fmt::print("seed {} does something else\n", seed);
    }
  }
  fmt::print("the same under 100 seeds\n");
}

int main() {
  in_marbles();
  by_the_clock();
  with_a_slow_sink();
  in_any_order();
}
