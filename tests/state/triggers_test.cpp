// SPDX-License-Identifier: BSL-1.0
// When a checkpoint is taken.
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/ops/merge.hpp"
#include "penstock/state/checkpoints.hpp"
#include "penstock/testing/virtual_loop.hpp"
#include "state/numbers.hpp"

using namespace penstock;
using namespace std::chrono_literals;
using test::Kept;
using test::MemoryStore;
using test::numbers;
using test::saved;

namespace {

/// 0, 1, 2, ... one each `tick`, and then the end.
class TicksNode final : public SourceNode<int, TicksNode>, public Managed {
 public:
  TicksNode(int n, Duration tick) : SourceNode(Info{"ticks"}), n_(n), tick_(tick) {
    info().state = this;
    info().recovery = Recovery::replays;
  }
  void on_start() { next_ = clock().now(); }
  std::optional<int> next() {
    if (at_ == n_) return std::nullopt;
    if (clock().now() < next_) return later(next_);
    next_ += tick_;
    return at_++;
  }
  void save(StateWriter& to) const override { to.put(at_); }
  void load(StateReader& from) override { from.get(at_); }

 private:
  int at_ = 0;
  int n_;
  Duration tick_;
  TimePoint next_{};
};

Source<int> ticks(Loop& loop, int n, Duration tick, const char* name) {
  return Source<int>{detail::make_source(&loop, detail::make_box<TicksNode>(n, tick))}.named(name);
}

CheckpointOptions after(std::uint64_t elements, Duration min_pause = {}) {
  CheckpointOptions options;
  options.every = Duration::zero();
  options.every_elements = elements;
  options.min_pause = min_pause;
  options.background = false;
  return options;
}

using Places = std::vector<int>;
Places places(const Kept& kept, const char* source) {
  Places places;
  for (const auto& [epoch, snapshot] : kept) places.push_back(saved<int>(snapshot, source));
  return places;
}

}  // namespace

TEST_CASE("a checkpoint is taken after so many elements of all sources") {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    Kept kept;
    VirtualLoop loop{seed};
    const Source<int> quick = ticks(loop, 40, 1ms, "quick");
    const Source<int> slow = ticks(loop, 20, 2ms, "slow");
    merge(quick, slow).sink([](int) {});
    Checkpoints checkpoints{quick, after(10), std::make_unique<MemoryStore>(kept)};
    quick.start();
    slow.start();
    checkpoints.wait_over();
    const Places quicks = places(kept, "quick");
    const Places slows = places(kept, "slow");
    REQUIRE(kept.size() >= 6);
    int last = 0;
    for (std::size_t i = 0; i + 1 < kept.size(); ++i) {
      const int all = quicks[i] + slows[i];
      CHECK(all - last >= 10);
      CHECK(all - last <= 11);  // each second millisecond both emit
      last = all;
    }
    CHECK(60 - last <= 11);
    CHECK(quicks.back() + slows.back() == 60);
  }
}

TEST_CASE("with one source that waits between its elements it is exactly so many") {
  Kept kept;
  VirtualLoop loop;
  const Source<int> source = ticks(loop, 30, 1ms, "ticks");
  source.sink([](int) {});
  Checkpoints checkpoints{source, after(7), std::make_unique<MemoryStore>(kept)};
  source.start();
  checkpoints.wait_over();
  CHECK(places(kept, "ticks") == Places{7, 14, 21, 28, 30});
}

TEST_CASE("a source that does not wait is looked at when its turn is over") {
  Kept kept;
  VirtualLoop loop;
  const Source<int> source = numbers(loop, 1000);
  source.sink([](int) {});
  Checkpoints checkpoints{source, after(100), std::make_unique<MemoryStore>(kept)};
  source.start();
  checkpoints.wait_over();
  int last = 0;
  const Places all = places(kept, "numbers");
  for (const int place : Places(all.begin(), all.end() - 1)) {
    CHECK(place - last >= 100);
    CHECK(place - last <= 164);
    last = place;
  }
  CHECK(kept.size() > 6);
}

TEST_CASE("there is a pause between two of them all the same") {
  Kept kept;
  VirtualLoop loop;
  const Source<int> source = ticks(loop, 30, 1ms, "ticks");
  source.sink([](int) {});
  Checkpoints checkpoints{source, after(2, 5300us), std::make_unique<MemoryStore>(kept)};
  source.start();
  checkpoints.wait_over();
  // The second element comes at 1 ms, and then it is 5.3 ms each: 6.3, 11.6, 16.9, 22.2, 27.5; and the end.
  CHECK(places(kept, "ticks") == Places{2, 7, 12, 17, 23, 28, 30});
}

TEST_CASE("what comes first says when, the time or the number") {
  Kept kept;
  VirtualLoop loop;
  const Source<int> source = ticks(loop, 20, 1ms, "ticks");
  source.sink([](int) {});
  CheckpointOptions options = after(8);
  options.every = 4300us;
  Checkpoints checkpoints{source, options, std::make_unique<MemoryStore>(kept)};
  source.start();
  checkpoints.wait_over();
  CHECK(places(kept, "ticks") == Places{5, 9, 13, 18, 20});  // at 4.3, 8.6, 12.9, 17.2 and the end
  kept.clear();
  const Source<int> other = ticks(loop, 20, 1ms, "ticks");
  other.sink([](int) {});
  options.every_elements = 3;
  Checkpoints quicker{other, options, std::make_unique<MemoryStore>(kept)};
  other.start();
  quicker.wait_over();
  CHECK(places(kept, "ticks") == Places{3, 6, 9, 12, 15, 18, 20});
}

TEST_CASE("without a loop a source is looked at before each element, and the checkpoint is behind that") {
  Kept kept;
  const Source<int> source =
      Source<int>{detail::make_source(nullptr, detail::make_box<test::NumbersNode>(25, true))}.named("numbers");
  source.sink([](int) {});
  Checkpoints checkpoints{source, after(10), std::make_unique<MemoryStore>(kept)};
  source.start();
  CHECK(places(kept, "numbers") == Places{11, 22, 25});
}
