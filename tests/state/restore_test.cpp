// SPDX-License-Identifier: BSL-1.0
// What a run does with a snapshot that is not quite of its graph.
#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "catch.hpp"
#include "penstock/penstock.hpp"
#include "penstock/sinks/sink_to_textfile.hpp"
#include "penstock/state/checkpoints.hpp"
#include "penstock/testing/virtual_loop.hpp"
#include "state/numbers.hpp"
#include "temporary_directory.hpp"

using namespace penstock;
using namespace std::chrono_literals;
using penstock::test::containing;
using penstock::test::Kept;
using penstock::test::MemoryStore;
using penstock::test::numbers;
using penstock::test::often;
using penstock::test::saved;
using penstock::test::TemporaryDirectory;

namespace {

constexpr auto plus = [](int sum, int x) { return sum + x; };
constexpr auto text = [](int x) { return std::to_string(x); };

/// Numbers into files, and nothing that is done by itself.
struct Run {
  Run(const TemporaryDirectory& dir, int n, const std::vector<std::string>& files, const std::string& savepoint = {})
      : source(numbers(loop, n, false)) {
    const Stream<int> totals = source.accumulate(plus, 0).named("total");
    for (const std::string& file : files) totals.map(text).sink_to_textfile((dir / file).string(), {.flush = true}).named(file);
    CheckpointOptions options = often(1h);
    options.directory = dir / "state";
    options.guarantee = Guarantee::exactly_once;
    options.savepoint = savepoint;
    checkpoints = std::make_unique<Checkpoints>(source, options);
  }
  void live() {
    source.start();
    loop.run_for(1ms);
  }

  VirtualLoop loop;
  Source<int> source;
  std::unique_ptr<Checkpoints> checkpoints;
};

}  // namespace

TEST_CASE("what a snapshot has nothing of begins anew, and is named") {
  Kept kept;
  const auto live = [&](bool more) {
    VirtualLoop loop;
    const Source<int> source = numbers(loop, 5, false);
    const Stream<int> totals = source.accumulate(plus, 0).named("total");
    totals.sink([](int) {});
    if (more) totals.accumulate(plus, 0).named("total of totals").sink([](int) {});
    Checkpoints checkpoints{source, often(1h), std::make_unique<MemoryStore>(kept)};
    source.start();
    loop.run_for(1ms);
    checkpoints.take();
    return checkpoints.stats().anew;
  };
  CHECK(live(false).empty());  // there is nothing to go on from
  CHECK(live(false).empty());
  CHECK(live(true) == std::vector<std::string>{"total of totals"});
  CHECK(live(true).empty());
}

TEST_CASE("a file that a snapshot has nothing of is cut back to where the run found it") {
  const TemporaryDirectory dir;
  dir.write("new", "old\n");
  {
    Run run{dir, 2, {"out"}};
    run.live();
    run.checkpoints->take();
  }
  for (int life = 0; life < 2; ++life) {
    Run run{dir, 4, {"out", "new"}};
    CHECK(run.checkpoints->stats().restored == 1);
    CHECK(run.checkpoints->stats().anew == (life == 0 ? std::vector<std::string>{"new"} : std::vector<std::string>{}));
    CHECK(dir.read("new") == "old\n");
    CHECK(dir.read("out") == "0\n1\n");
    run.live();
    CHECK(dir.read("new") == "old\n3\n6\n");
    CHECK(dir.read("out") == "0\n1\n3\n6\n");
  }
}

TEST_CASE("a savepoint that a run goes on from takes the place of all that is newer, also when the run dies") {
  const TemporaryDirectory dir;
  {
    Run run{dir, 2, {"out"}};
    run.live();
    run.checkpoints->savepoint("early");
  }
  {
    Run run{dir, 6, {"out"}};
    run.live();
    for (int i = 0; i < 3; ++i) run.checkpoints->take();  // the epoch of the savepoint is kept under its name alone
    CHECK(dir.read("out") == "0\n1\n3\n6\n10\n15\n");
  }
  {
    Run run{dir, 5, {"out"}, "early"};
    CHECK(run.checkpoints->stats().restored == 1);
    CHECK(dir.read("out") == "0\n1\n");
    run.live();
  }
  Run run{dir, 4, {"out"}};
  CHECK(run.checkpoints->stats().restored == 1);
  CHECK(dir.read("out") == "0\n1\n");
  run.live();
  CHECK(dir.read("out") == "0\n1\n3\n6\n");
}

TEST_CASE("a savepoint that is refused has left the files as they are") {
  const TemporaryDirectory dir;
  {
    Run run{dir, 2, {"out"}};
    run.live();
    run.checkpoints->savepoint("early");
  }
  {
    Run run{dir, 6, {"out"}};
    run.live();
    run.checkpoints->take();
  }
  const std::string all = dir.read("out");
  VirtualLoop loop;
  const Source<int> source = numbers(loop, 6, false);
  const auto wider = [](long sum, int x) { return sum + x; };
  source.accumulate(wider, 0L).named("total").map([](long x) { return std::to_string(x); }).sink_to_textfile((dir / "out").string()).named("out");
  CheckpointOptions options = often(1h);
  options.directory = dir / "state";
  options.savepoint = "early";
  CHECK_THROWS_AS((Checkpoints{source, options}), StateError);
  CHECK(dir.read("out") == all);
}

TEST_CASE("one epoch is under way at a time, and all who ask meanwhile get the next one") {
  Kept kept;
  VirtualLoop loop;
  const Source<int> source = numbers(loop, 3, false);
  source.buffer(5).sink([&](int) -> asio::awaitable<void> { co_await loop.sleep(1ms); });
  Checkpoints checkpoints{source, often(0ms), std::make_unique<MemoryStore>(kept)};
  source.start();
  loop.run_ready();
  const Receipt first = checkpoints.start_take();
  const Receipt second = checkpoints.start_take();
  const Receipt third = checkpoints.start_take();
  CHECK(first.pending());
  loop.run_for(2ms);
  CHECK(kept.empty());
  loop.run();
  CHECK(kept.size() == 2);
  CHECK(checkpoints.stats().taken == 2);
  for (const Receipt* each : {&first, &second, &third}) CHECK(!each->pending());
}
