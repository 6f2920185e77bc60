// SPDX-License-Identifier: BSL-1.0
// A partition that is held because it is too far ahead, while a checkpoint passes.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/ops/merge.hpp"
#include "penstock/state/checkpoints.hpp"
#include "penstock/testing/virtual_loop.hpp"
#include "penstock/time/event_time.hpp"
#include "state/numbers.hpp"

using namespace penstock;
using namespace std::chrono_literals;
using test::Kept;
using test::MemoryStore;
using test::numbers;
using test::often;
using test::saved;

namespace {

struct Reading {
  int partition = 0;
  EventTime time = 0;
};

struct Ran {
  CheckpointStats stats;
  long total = 0;
  std::size_t most_held = 0;
};

/// Two partitions with the same times; one comes an element each millisecond, and the other could be read without a pause: it
/// is held nearly always.
Ran live(Kept& kept, std::size_t buffered) {
  constexpr int n = 60;
  Ran ran;
  VirtualLoop loop;
  const Source<int> slow = numbers(loop, n).named("slow");
  const Source<int> quick = numbers(loop, n).named("quick");
  const Stream<Reading> behind = slow.rate_limit(1ms).map([](int i) { return Reading{1, 10 * i}; });
  const Stream<Reading> ahead = quick.buffer(buffered).map([](int i) { return Reading{2, 10 * i}; });
  const auto clocks = per_partition(&Reading::partition, ascending(), {.expected = 2, .max_drift = std::chrono::microseconds{20}, .max_held = 2});
  const Stream<Reading> times = merge(behind, ahead).event_time(&Reading::time, clocks).named("times");
  times.map([](const Reading& reading) { return static_cast<long>(reading.time); })
      .accumulate([](long sum, long time) { return sum + time; }, 0L)
      .named("total")
      .sink([&](long total) {
        ran.total = total;
        ran.most_held = std::max<std::size_t>(ran.most_held, times.info().held.get());
      });
  CheckpointOptions options = often(5ms);
  options.timeout = 1s;
  Checkpoints checkpoints{slow, options, std::make_unique<MemoryStore>(kept)};
  slow.start();
  quick.start();
  checkpoints.wait_over();
  ran.stats = checkpoints.stats();
  return ran;
}

}  // namespace

TEST_CASE("a source that waits because its partition is too far ahead sends its barrier all the same") {
  Kept kept;
  const Ran ran = live(kept, 1);
  CHECK(ran.stats.given_up == 0);
  CHECK(ran.stats.taken >= 10);  // in 60 ms
  CHECK(ran.stats.barrier_took < 5ms);
  const long all = 59 * 60 / 2 * 20;
  CHECK(ran.total == all);
  CHECK(ran.most_held <= 6);  // max_held, and what stood before it when a barrier came
  for (const auto& [epoch, snapshot] : kept) {
    Kept one{{epoch, snapshot}};
    if (saved<int>(snapshot, "slow") < 60) CHECK(live(one, 1).total == all);
  }
}

TEST_CASE("also what stands in a buffer before it comes through to the barrier") {
  Kept kept;
  const Ran ran = live(kept, 20);
  CHECK(ran.stats.given_up == 0);
  CHECK(ran.stats.taken >= 10);
  CHECK(ran.total == 59 * 60 / 2 * 20);
}
