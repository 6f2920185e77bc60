// SPDX-License-Identifier: BSL-1.0
#include "penstock/state/checkpoints.hpp"

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/penstock.hpp"
#include "penstock/testing/virtual_loop.hpp"
#include "state/numbers.hpp"
#include "temporary_directory.hpp"

using namespace penstock;
using namespace std::chrono_literals;
using test::containing;
using test::Kept;
using test::MemoryStore;
using test::numbers;
using test::often;
using test::saved;

namespace {

/// Of an accumulate without a start the state is there from the first element on.
int total_of(const Snapshot& snapshot) { return saved<int>(snapshot, "total"); }

constexpr auto plus = [](int sum, int x) { return sum + x; };

/// What a graph is refused with.
template <class Wire>
std::string refused(Wire wire, CheckpointOptions options = often()) {
  VirtualLoop loop;
  const Source<int> source = numbers(loop, 3);
  wire(loop, source);
  Kept kept;
  try {
    Checkpoints checkpoints{source, options, std::make_unique<MemoryStore>(kept)};
  } catch (const std::logic_error& error) {
    return error.what();
  }
  return "";
}
CheckpointOptions promising(Guarantee guarantee) {
  CheckpointOptions options = often();
  options.guarantee = guarantee;
  return options;
}

}  // namespace

TEST_CASE("every snapshot holds what the elements before its barrier have left behind") {
  Kept kept;
  VirtualLoop loop;
  const Source<int> source = numbers(loop, 100);
  source.accumulate(plus, 0).named("total").buffer(5).sink([&](int) -> asio::awaitable<void> { co_await loop.sleep(1ms); });
  Checkpoints checkpoints{source, often(), std::make_unique<MemoryStore>(kept)};
  source.start();
  checkpoints.wait_over();
  CHECK(kept.size() >= 10);
  CHECK(checkpoints.stats().taken == kept.size());
  CHECK(checkpoints.stats().given_up == 0);
  for (const auto& [epoch, snapshot] : kept) {
    const int n = saved<int>(snapshot, "numbers");
    CHECK(total_of(snapshot) == n * (n - 1) / 2);
  }
  CHECK(saved<int>(kept.rbegin()->second, "numbers") == 100);
  const std::size_t bytes = kept.rbegin()->second.entries.back().bytes.size();
  CHECK(source.describe().find("saved bytes " + std::to_string(bytes)) != std::string::npos);
}

TEST_CASE("a run goes on from any snapshot as if there had been no end") {
  Kept all;
  const auto live = [](Kept& kept) {
    VirtualLoop loop;
    std::vector<int> out;
    const Source<int> source = numbers(loop, 60);
    source.accumulate(plus, 0).named("total").buffer(3).sink([&](int total) -> asio::awaitable<void> {
      co_await loop.sleep(1ms);
      out.push_back(total);
    });
    Checkpoints checkpoints{source, often(), std::make_unique<MemoryStore>(kept)};
    source.start();
    checkpoints.wait_over();
    return out;
  };
  const std::vector<int> whole = live(all);
  REQUIRE(whole.size() == 60);
  for (const auto& [epoch, snapshot] : all) {
    Kept one{{epoch, snapshot}};
    const std::vector<int> rest = live(one);
    const auto from = static_cast<std::size_t>(saved<int>(snapshot, "numbers"));
    CHECK(rest == std::vector<int>(whole.begin() + static_cast<std::ptrdiff_t>(from), whole.end()));
  }
}

TEST_CASE("a barrier does not overtake, and nodes with several inputs wait for all of them") {
  Kept kept;
  VirtualLoop loop;
  const Source<int> quick = numbers(loop, 50);
  const Source<int> slow = numbers(loop, 80).named("others");
  merge(quick.buffer(3), slow.rate_limit(1ms)).accumulate(plus, 0).named("total").sink([](int) {});
  Checkpoints checkpoints{quick, often(), std::make_unique<MemoryStore>(kept)};
  quick.start();
  slow.start();
  checkpoints.wait_over();
  REQUIRE(kept.size() >= 10);
  for (const auto& [epoch, snapshot] : kept) {
    const int a = saved<int>(snapshot, "numbers");
    const int b = saved<int>(snapshot, "others");
    CHECK(total_of(snapshot) == a * (a - 1) / 2 + b * (b - 1) / 2);
  }
}

TEST_CASE("a stream that is added to a zip behind the Checkpoints is aligned with the others") {
  Kept all;
  const auto live = [](Kept& kept, bool added_later) {
    VirtualLoop loop;
    std::vector<std::vector<int>> rows;
    const Source<int> a = numbers(loop, 40).named("a");
    const Source<int> b = numbers(loop, 40).named("b");
    const Source<int> c = numbers(loop, 40).named("c");
    const Stream<int> slow = c.rate_limit(2ms);
    auto zip = zip_all(std::vector<Stream<int>>{a.buffer(3), b.rate_limit(1ms)});
    zip.named("rows").sink([&](const std::vector<int>& row) { rows.push_back(row); });
    zip.accumulate([](int n, const std::vector<int>&) { return n + 1; }, 0).named("given out").sink([](int) {});
    if (!added_later) zip.add(slow);
    Checkpoints checkpoints{a, often(), std::make_unique<MemoryStore>(kept)};
    if (added_later) zip.add(slow);
    a.start();
    b.start();
    c.start();
    checkpoints.wait_over();
    return rows;
  };
  const std::vector<std::vector<int>> whole = live(all, true);
  REQUIRE(whole.size() == 40);
  REQUIRE(whole.back() == std::vector{39, 39, 39});
  REQUIRE(all.size() >= 10);
  for (const auto& [epoch, snapshot] : all) {
    Kept one{{epoch, snapshot}};
    const std::vector<std::vector<int>> rest = live(one, false);
    const int given_out = saved<int>(snapshot, "given out");
    CHECK(rest == std::vector<std::vector<int>>(whole.begin() + given_out, whole.end()));
  }
}

TEST_CASE("streams go from a graph that has Checkpoints as from any other") {
  using Wire = std::function<Stream<int>(const Stream<int>&, const Stream<int>&)>;
  const auto sum = [](const std::vector<int>& row) {
    int all = 0;
    for (const int x : row) all += x;
    return all;
  };
  const std::pair<const char*, Wire> joins[] = {
      {"merge", [](const auto& a, const auto& b) { return merge(a, b); }},
      {"zip", [](const auto& a, const auto& b) { return zip(a, b).named("zip").starmap(std::plus{}).stream(); }},
      {"zip_all", [&](const auto& a, const auto& b) { return zip_all(std::vector<Stream<int>>{a, b}).named("zip").map(sum).stream(); }},
      {"combine_latest", [](const auto& a, const auto& b) { return combine_latest(a, b).named("latest").starmap(std::plus{}).stream(); }},
      {"combine_latest_all", [&](const auto& a, const auto& b) { return combine_latest_all(std::vector<Stream<int>>{a, b}).named("latest").map(sum).stream(); }},
      {"collect",
       [&](const auto& a, const auto& b) {
         const auto all = a.collect().named("all");
         all.flush_on(b);
         return all.map(sum).stream();
       }},
  };
  for (const auto& [name, wire] : joins) {
    INFO(name);
    const auto live = [&, &wire = wire](bool safe) {
      Kept kept;
      VirtualLoop loop;
      std::vector<std::string> log;
      const Source<int> a = numbers(loop, 20).named("a");
      const Source<int> b = numbers(loop, 60).named("b");
      const Stream<int> goes = b.rate_limit(3ms).map([](int x) { return x; }).stream();
      const Stream<int> joined = wire(a.rate_limit(2ms), goes);
      joined.sink([&](int x) { log.push_back(std::to_string(x)); });
      std::optional<Checkpoints> checkpoints;
      if (safe) checkpoints.emplace(a, often(), std::make_unique<MemoryStore>(kept));
      a.start();
      b.start();
      loop.run_for(16ms);
      goes.destroy();
      loop.run_for(1s);
      if (safe) {
        CHECK(kept.size() >= 2);
        CHECK(checkpoints->stats().given_up == 0);
      }
      log.push_back(joined.outlet().ended() ? "ended" : "not ended");
      return log;
    };
    const std::vector<std::string> plain = live(false);
    REQUIRE(plain.size() >= 3);
    CHECK(live(true) == plain);
  }
}

TEST_CASE("streams come to a zip that has Checkpoints and are taken away at any time") {
  const auto live = [](const auto& join, int at, bool safe) {
    Kept kept;
    VirtualLoop loop;
    std::vector<std::vector<int>> rows;
    const Source<int> a = numbers(loop, 20).named("a");
    const Source<int> b = numbers(loop, 60).named("b");
    const Stream<int> comes = b.rate_limit(3ms).map([](int x) { return x; }).stream();
    const auto joined = join(std::vector<Stream<int>>{a.rate_limit(2ms), comes});
    joined.named("joined").sink([&](const std::vector<int>& row) { rows.push_back(row); });
    std::optional<Checkpoints> checkpoints;
    if (safe) checkpoints.emplace(a, often(3ms), std::make_unique<MemoryStore>(kept));
    a.start();
    b.start();
    loop.run_for(std::chrono::milliseconds{at});
    joined.remove(comes);
    loop.run_for(5ms);
    joined.add(comes);
    loop.run_for(6ms);
    joined.remove(comes);
    loop.run_for(1s);
    CHECK(joined.outlet().ended());
    if (safe) CHECK(checkpoints->stats().given_up == 0);
    return rows;
  };
  for (int at = 1; at < 20; ++at) {
    INFO(at << " ms");
    const auto zipped = [](auto streams) { return zip_all(std::move(streams)); };
    CHECK(live(zipped, at, true) == live(zipped, at, false));
    const auto newest = [](auto streams) { return combine_latest_all(std::move(streams)); };
    CHECK(live(newest, at, true) == live(newest, at, false));
  }
}

TEST_CASE("what a gate holds of a stream that goes comes through before it") {
  Kept kept;
  VirtualLoop loop;
  std::vector<int> out;
  const Source<int> source = numbers(loop, 20);
  const Stream<int> by_hand{loop, "by hand"};
  const auto slow = [&](int x) -> asio::awaitable<int> {
    co_await loop.sleep(1ms);
    co_return x;
  };
  const Stream<int> joined = merge(source.buffer(100).map_async(slow, {.parallelism = 1}), by_hand);
  joined.sink([&](int x) -> asio::awaitable<void> {
    co_await loop.sleep(1ms);
    out.push_back(x);
  });
  CheckpointOptions options = promising(Guarantee::at_most_once);
  options.every = 1h;
  Checkpoints checkpoints{source, options, std::make_unique<MemoryStore>(kept)};
  source.start();
  loop.run_ready();
  const Receipt taken = checkpoints.start_take();
  std::vector<Receipt> receipts;
  for (int i = 0; i < 5; ++i) {
    receipts.push_back(by_hand.push(100 + i));
    static_cast<void>(detail::offer(by_hand.outlet(), Signal{Signal::watermark, 100 + i}));
  }
  by_hand.destroy();
  loop.run_for(10ms);
  REQUIRE(taken.pending());
  REQUIRE(out.size() < 20);
  const Receipt next = checkpoints.start_take();
  loop.run();
  taken.get();
  next.get();
  std::vector<int> all(20);
  std::iota(all.begin(), all.end(), 0);
  for (int i = 0; i < 5; ++i) all.push_back(100 + i);
  CHECK(out == all);
  for (const Receipt& receipt : receipts) CHECK_NOTHROW(receipt.get());
  CHECK(joined.outlet().ended());
}

TEST_CASE("a join that goes from a graph that has Checkpoints takes its gates along") {
  Kept kept;
  VirtualLoop loop;
  const Source<int> a = numbers(loop, 40).named("a");
  const Source<int> b = numbers(loop, 40).named("b");
  std::optional<Stream<int>> joined = merge(a.rate_limit(1ms), b.rate_limit(1ms));
  joined->sink([](int) {});
  Checkpoints checkpoints{a, often(), std::make_unique<MemoryStore>(kept)};
  a.start();
  b.start();
  loop.run_for(10ms);
  REQUIRE(a.describe().find("align") != std::string::npos);
  joined->destroy();
  joined.reset();
  checkpoints.wait_over();
  CHECK(checkpoints.stats().given_up == 0);
  CHECK(a.describe().find("align") == std::string::npos);
}

TEST_CASE("what is wired behind the Checkpoints and cannot be saved fails the epoch in a sentence") {
  Kept kept;
  VirtualLoop loop;
  const Source<int> source = numbers(loop, 20);
  source.accumulate(plus, 0).named("total").sink([](int) {});
  Checkpoints checkpoints{source, often(1h), std::make_unique<MemoryStore>(kept)};
  const auto second = source.accumulate(plus, 0).stream();
  second.sink([](int) {});
  CHECK_THROWS_WITH(checkpoints.take(),
                    "checkpoint: accumulate has no name, by which a snapshot could know it; give it one with named(\"...\")");
  CHECK(kept.empty());
  second.named("total");
  CHECK_THROWS_WITH(checkpoints.take(), "checkpoint: total (accumulate) has the name of another operator that a snapshot holds");
  second.named("second");
  checkpoints.take();
  REQUIRE(kept.size() == 1);
  CHECK(saved<int>(kept.begin()->second, "second") == 0);
}

TEST_CASE("a source that is wired behind the Checkpoints needs a name of its own in replay mode too") {
  Kept kept;
  VirtualLoop loop;
  const Source<int> source = numbers(loop, 20);
  source.sink([](int) {});
  CheckpointOptions options = often(1h);
  options.mode = CheckpointMode::replay;
  Checkpoints checkpoints{source, options, std::make_unique<MemoryStore>(kept)};
  const Source<int> other = numbers(loop, 20);
  merge(source, other).sink([](int) {});
  CHECK_THROWS_WITH(checkpoints.take(), "checkpoint: numbers (numbers) has the name of another operator that a snapshot holds");
  other.named("others");
  checkpoints.take();
  CHECK(kept.size() == 1);
}

TEST_CASE("a zip of which one side is far ahead does not hold up the barrier") {
  Kept kept;
  VirtualLoop loop;
  const Source<int> source = numbers(loop, 200);
  const Stream<int> all = source.map([](int x) { return x; });
  const Stream<int> some = all.filter([](int x) { return x % 10 == 0; }).buffer(1);
  all.buffer(2).zip(some, ZipOptions{.maxsize = 1}).named("pairs").sink([](const auto&) {});
  CheckpointOptions options = often(1ms);
  options.timeout = 1s;
  Checkpoints checkpoints{source, options, std::make_unique<MemoryStore>(kept)};
  source.start();
  checkpoints.take();
  CHECK(checkpoints.stats().given_up == 0);
}

TEST_CASE("a graph that cannot do what is asked for is refused in a sentence") {
  CHECK(refused([](Loop&, const Source<int>& source) { source.accumulate(plus, 0).sink([](int) {}); }) ==
        "checkpoint: accumulate has no name, by which a snapshot could know it; give it one with named(\"...\")");
  CHECK(refused([](Loop&, const Source<int>& source) { source.accumulate(plus, 0).named("numbers").sink([](int) {}); }) ==
        "checkpoint: numbers (accumulate) has the name of another operator that a snapshot holds");
  CHECK(refused([](Loop&, const Source<int>& source) { source.sink([](int) {}); }, promising(Guarantee::exactly_once)) ==
        "checkpoint: sink promises at_least_once only, and exactly_once is asked for");
  CHECK(refused([](Loop&, const Source<int>& source) { source.sink([](int) {}).promises(Guarantee::exactly_once); },
                promising(Guarantee::exactly_once)) == "");
  CHECK(refused([](Loop&, const Source<int>& source) { source.latest().sink([](int) {}); }) ==
        "checkpoint: latest may drop elements, so the graph can promise at_most_once only");
  CHECK(refused([](Loop&, const Source<int>& source) { source.latest().sink([](int) {}); }, promising(Guarantee::at_most_once)) == "");
  CHECK(refused([](Loop& loop, const Source<int>& source) { merge(source, Stream<int>{loop, "by hand"}).sink([](int) {}); }) ==
        "checkpoint: by hand (Stream) cannot be read again from a position after a crash, so the graph can promise "
        "at_most_once only");
  CHECK(refused([](Loop& loop, const Source<int>& source) {
          const Stream<int> both{loop, "both"};
          source.connect(both);
          source.map([](int x) { return x; }).stream().connect(both);
          both.sink([](int) {});
        }) == "checkpoint: both (Stream) has several streams connected to it, between which a checkpoint cannot be aligned; use merge");
  CHECK(refused([](Loop& loop, const Source<int>& source) {
          const Stream<int> round{loop, "round"};
          source.connect(round);
          round.filter([](int x) { return x < 0; }).stream().connect(round);
        }).find("closes a cycle, and what goes round in it is in no snapshot") != std::string::npos);
  struct Opaque {
    int* where = nullptr;
  };
  CHECK(refused([](Loop&, const Source<int>& source) {
          source.accumulate([](Opaque state, int) { return state; }, Opaque{}).named("opaque").sink([](Opaque) {});
        }) ==
        "checkpoint: opaque (accumulate) remembers something of a type that cannot be written into a snapshot; see Codec in "
        "state/codec.hpp");
  CheckpointOptions replay = often();
  replay.mode = CheckpointMode::replay;
  CHECK(refused([](Loop&, const Source<int>& source) { source.accumulate(plus, 0).named("total").sink([](int) {}); }, replay) ==
        "checkpoint: total (accumulate) remembers more than elements on their way, which replay mode would lose; use snapshot mode");
}

TEST_CASE("a graph has Checkpoints once, or again when the first are gone") {
  // The second would be told what the first is waiting for, whose snapshots would then lack what buffers hold.
  VirtualLoop loop;
  Kept first;
  Kept second;
  const Source<int> source = numbers(loop, 5, false);
  source.sink([](int) {});
  {
    const Checkpoints one{source, often(1h), std::make_unique<MemoryStore>(first)};
    CHECK_THROWS_WITH(Checkpoints(source, often(1h), std::make_unique<MemoryStore>(second)),
                      containing("this graph has Checkpoints already"));
  }
  CHECK_NOTHROW(Checkpoints(source, often(1h), std::make_unique<MemoryStore>(second)));
}

TEST_CASE("Checkpoints of a graph that is at work are refused, and it goes on") {
  Kept kept;
  VirtualLoop loop;
  int n = 0;
  const Source<int> source = numbers(loop, 3);
  source.delay(1s).named("held").sink([&](int) { ++n; });
  const auto make = [&] { Checkpoints checkpoints{source, often(), std::make_unique<MemoryStore>(kept)}; };
  source.start();
  CHECK_THROWS_WITH(make(), containing("checkpoint: numbers (numbers) is at work already; "));
  loop.run_for(10ms);
  CHECK_THROWS_WITH(make(), containing(" is at work already; "));
  CHECK(kept.empty());
  loop.run();
  CHECK(n == 3);
  make();  // at rest
}

TEST_CASE("graphs that both have Checkpoints cannot be joined, and stay as they were") {
  VirtualLoop loop;
  Kept kept[2];
  const Source<int> left = numbers(loop, 5, false);
  const Source<int> right = numbers(loop, 3, false);
  std::vector<int> out;
  right.sink_to_vector(out);
  const Checkpoints one{left, often(1h), std::make_unique<MemoryStore>(kept[0])};
  const Checkpoints two{right, often(1h), std::make_unique<MemoryStore>(kept[1])};
  CHECK_THROWS_WITH(left.merge(right), containing("both have Checkpoints"));
  right.start();
  loop.run_for(1ms);
  CHECK(out.size() == 3);
}

TEST_CASE("a savepoint without a name is refused before anything is written") {
  VirtualLoop loop;
  Kept kept;
  const Source<int> source = numbers(loop, 5, false);
  source.sink([](int) {});
  Checkpoints checkpoints{source, often(1h), std::make_unique<MemoryStore>(kept)};
  for (const char* name : {"", "../x", "a b"}) CHECK_THROWS_AS(checkpoints.savepoint(name), std::invalid_argument);
  CHECK(checkpoints.stats().taken == 0);
}

TEST_CASE("a snapshot of another graph is refused, and names what differs") {
  Kept kept;
  const auto run_with = [&](auto wire, bool allow = false) {
    VirtualLoop loop;
    const Source<int> source = numbers(loop, 10);
    wire(source);
    CheckpointOptions options = often();
    options.allow_dropped_state = allow;
    Checkpoints checkpoints{source, options, std::make_unique<MemoryStore>(kept)};
    source.start();
    checkpoints.wait_over();
    return checkpoints.stats().restored;
  };
  const auto total = [](const Source<int>& source) { source.accumulate(plus, 0).named("total").sink([](int) {}); };
  const auto other = [](const Source<int>& source) { source.accumulate(plus, 0).named("sum").sink([](int) {}); };
  const auto unique = [](const Source<int>& source) { source.unique().named("total").sink([](int) {}); };
  const auto wider = [](const Source<int>& source) {
    source.accumulate([](long sum, int x) { return sum + x; }, 0L).named("total").sink([](long) {});
  };
  CHECK(run_with(total) == 0);
  const std::string epoch = std::to_string(kept.rbegin()->first);
  CHECK_THROWS_WITH(run_with(other), containing("the snapshot of epoch " + epoch +
                                                " holds the state of 'total' (accumulate), and nothing in the graph has that "
                                                "name; allow_dropped_state gives it up"));
  CHECK_THROWS_WITH(run_with(unique), containing("'total' is unique in the graph and was accumulate in the snapshot"));
  CHECK_THROWS_AS(run_with(wider), StateError);
  CHECK_THROWS_WITH(run_with(wider), containing("checkpoint: 'total' (accumulate) cannot be restored"));
  CHECK(std::to_string(run_with(other, true)) == epoch);
}

TEST_CASE("suspend stops between two elements, and drain ends the streams") {
  Kept kept;
  for (const bool drains : {false, true}) {
    VirtualLoop loop;
    std::vector<std::vector<int>> out;
    const Source<int> source = numbers(loop, 25, false);
    source.partition(10).named("tens").sink([&](std::vector<int> ten) { out.push_back(std::move(ten)); });
    Checkpoints checkpoints{source, often(1h), std::make_unique<MemoryStore>(kept)};
    source.start();
    loop.run_for(1ms);
    if (drains) {
      checkpoints.drain();
      CHECK(out == std::vector<std::vector<int>>{{20, 21, 22, 23, 24}});
    } else {
      checkpoints.suspend();
      CHECK(out.size() == 2);
    }
    CHECK(source.stopped());
    CHECK(saved<int>(kept.rbegin()->second, "numbers") == 25);
  }
}

TEST_CASE("an epoch that cannot be written is given up, and too many are an error of background work") {
  Kept kept;
  VirtualLoop loop;
  std::string told;
  const Source<int> source = numbers(loop, 10, false);
  source.sink([](int) {});
  source.on_background_error([&](std::exception_ptr error, const Info&) {
    try {
      std::rethrow_exception(std::move(error));
    } catch (const std::exception& e) {
      told += std::string{e.what()} + "; ";
    }
  });
  Checkpoints checkpoints{source, often(1h), std::make_unique<MemoryStore>(kept, 4)};
  source.start();
  loop.run_for(1ms);
  for (int i = 0; i < 4; ++i) CHECK_THROWS_WITH(checkpoints.take(), "no space left");
  CHECK(told == "no space left; no space left; ");  // the third and the fourth: two are tolerated
  CHECK_NOTHROW(checkpoints.take());
  CHECK(checkpoints.stats().given_up == 4);
  CHECK(checkpoints.stats().taken == 1);
  CHECK(saved<int>(kept.at(5), "numbers") == 10);
}

TEST_CASE("a barrier that takes longer than the time-out is given up, and the next one is not harmed") {
  Kept kept;
  VirtualLoop loop;
  bool stuck = true;
  const Source<int> source = numbers(loop, 3, false);
  const Source<int> others = numbers(loop, 3, false).named("others");
  merge(source, others.buffer(10).map_async([&](int x) -> asio::awaitable<int> {
    while (stuck) co_await loop.sleep(1s);
    co_return x;
  })).accumulate(plus, 0).named("total").sink([](int) {});
  CheckpointOptions options = often(1h);
  options.timeout = 5s;
  Checkpoints checkpoints{source, options, std::make_unique<MemoryStore>(kept)};
  source.start();
  others.start();
  loop.run_for(1ms);
  CHECK_THROWS_WITH(checkpoints.take(), containing("took longer than the timeout"));
  stuck = false;
  checkpoints.take();
  CHECK(checkpoints.stats().given_up == 1);
  REQUIRE(kept.size() == 1);
  CHECK(total_of(kept.begin()->second) == 6);
}

TEST_CASE("what is held behind the end of its source is in every snapshot") {
  using Wire = Stream<int> (*)(VirtualLoop&);
  const Wire wires[] = {
      [](VirtualLoop& loop) -> Stream<int> { return numbers(loop, 4).delay(1h).named("held"); },
      [](VirtualLoop& loop) -> Stream<int> {
        const Source<int> source = numbers(loop, 4);
        return merge(source.delay(10min).named("held"), source.buffer(2).delay(1h).named("held longer"));
      },
      [](VirtualLoop& loop) -> Stream<int> {
        const Source<int> others = numbers(loop, 4).named("others");
        return merge(numbers(loop, 4), others.delay(10min).named("held")).delay(1h).named("all");
      },
      [](VirtualLoop& loop) -> Stream<int> {
        const Source<int> others = numbers(loop, 4).named("others");
        return numbers(loop, 4)
            .zip(others.delay(30min).named("held"))
            .named("pairs")
            .map([](const auto& pair) { return std::get<0>(pair) * 10 + std::get<1>(pair); })
            .delay(1h)
            .named("all");
      },
  };
  for (const Wire wire : wires) {
    std::size_t held = 0;  // snapshots of a source at its end and not all of what it gave
    const auto live = [&](Kept& kept) {
      VirtualLoop loop;
      std::vector<int> seen;
      const Stream<int> all = wire(loop);
      const auto append = [](std::vector<int> before, int x) {
        before.push_back(x);
        return before;
      };
      all.accumulate(append, std::vector<int>{}).named("seen").sink([&](const std::vector<int>& now) { seen = now; });
      CheckpointOptions options = often(7min);
      options.timeout = 1min;
      Checkpoints checkpoints{all, options, std::make_unique<MemoryStore>(kept)};
      all.start();
      checkpoints.wait_over();
      CHECK(checkpoints.stats().given_up == 0);
      return seen;
    };
    Kept all;
    const std::vector<int> whole = live(all);
    REQUIRE(whole.size() >= 4);
    for (const auto& [epoch, snapshot] : all) {
      Kept one{{epoch, snapshot}};
      const std::vector<int> before = saved<std::vector<int>>(snapshot, "seen");
      if (before == whole) continue;
      held += saved<int>(snapshot, "numbers") == 4;
      CHECK(live(one) == whole);
    }
    CHECK(held >= 7);
  }
}

TEST_CASE("an element that fails where nobody deals with it is in no snapshot and ends the run") {
  Kept kept;
  VirtualLoop loop;
  const Source<int> source = numbers(loop, 100);
  source.buffer(4).sink([&](int x) -> asio::awaitable<void> {
    co_await loop.sleep(1ms);
    if (x == 50) throw std::runtime_error("51st element");
  });
  Checkpoints checkpoints{source, often(), std::make_unique<MemoryStore>(kept)};
  source.start();
  CHECK_THROWS_WITH(checkpoints.wait_over(), "51st element");
  CHECK(source.stopped());
  REQUIRE(!kept.empty());
  CHECK(saved<int>(kept.rbegin()->second, "numbers") <= 50);
  CHECK_THROWS_WITH(checkpoints.take(), "51st element");
}

TEST_CASE("the graph is changed when the barrier has passed") {
  Kept kept;
  VirtualLoop loop;
  const Source<int> source = numbers(loop, 20, false);
  const Stream<int> through = source.buffer(100).map_async([&](int x) -> asio::awaitable<int> {
    co_await loop.sleep(1ms);
    co_return x;
  }, {.parallelism = 1});
  Checkpoints checkpoints{source, often(1h), std::make_unique<MemoryStore>(kept)};
  source.start();
  loop.run_ready();
  const Receipt taken = checkpoints.start_take();
  int late = 0;
  through.sink([&](int) { ++late; });
  loop.run_for(15ms);
  CHECK(taken.pending());
  CHECK(late == 0);
  loop.run();
  CHECK(!taken.pending());
  CHECK(late == 0);  // all of them were before the barrier
}

TEST_CASE("a snapshot that is asked for by a sink waits until its element has come to all branches") {
  Kept kept;
  VirtualLoop loop;
  const Stream<int> source{loop, "by hand"};
  std::optional<Checkpoints> checkpoints;
  source.sink([&](int x) {
    if (x == 2) static_cast<void>(checkpoints->start_take());
  });
  source.accumulate(plus, 0).named("total").sink([](int) {});
  CheckpointOptions options = promising(Guarantee::at_most_once);
  options.every = 0ms;
  checkpoints.emplace(source, options, std::make_unique<MemoryStore>(kept));
  for (int x = 1; x <= 3; ++x) source.emit(x);
  REQUIRE(kept.size() == 1);
  CHECK(total_of(kept.begin()->second) == 3);
}

TEST_CASE("replay mode goes on before the first element that is not through") {
  Kept kept;
  std::vector<int> out;
  VirtualLoop loop;
  const Source<int> source = numbers(loop, 1000);
  source.buffer(5).sink([&](int x) -> asio::awaitable<void> {
    co_await loop.sleep(1ms);
    out.push_back(x);
    if (x % 100 == 0) {
      for (const auto& [epoch, snapshot] : kept) CHECK(saved<int>(snapshot, "numbers") <= x);
    }
  });
  CheckpointOptions options = often();
  options.mode = CheckpointMode::replay;
  Checkpoints checkpoints{source, options, std::make_unique<MemoryStore>(kept)};
  source.start();
  checkpoints.wait_over();
  CHECK(out.size() == 1000);
  CHECK(kept.size() > 100);
  CHECK(saved<int>(kept.rbegin()->second, "numbers") == 1000);
}

TEST_CASE("in replay mode what has failed is read again") {
  Kept kept;
  VirtualLoop loop;
  const Source<int> source = numbers(loop, 300);
  source.sink([](int x) {
    if (x == 150) throw std::runtime_error("151st element");
  });
  source.on_background_error([](const std::exception_ptr&, const Info&) {});
  CheckpointOptions options = often();
  options.mode = CheckpointMode::replay;
  Checkpoints checkpoints{source, options, std::make_unique<MemoryStore>(kept)};
  source.start();
  checkpoints.wait_over();
  CHECK(saved<int>(kept.rbegin()->second, "numbers") <= 150);
}

TEST_CASE("a directory keeps a run, and belongs to one at a time") {
  const test::TemporaryDirectory directory;
  const std::string state = directory / "state";
  std::vector<int> out;
  const auto wire = [&](EventLoop& loop, int n) {
    const Source<int> source = numbers(loop, n);
    source.accumulate(plus, 0).named("total").sink([&](int total) { out.push_back(total); });
    return source;
  };
  {
    EventLoop loop;
    run(wire(loop, 5), {.directory = state});
  }
  CHECK(out == std::vector<int>{0, 1, 3, 6, 10});
  out.clear();
  {
    EventLoop loop;
    run(wire(loop, 8), {.directory = state});  // there is more to read now
  }
  CHECK(out == std::vector<int>{15, 21, 28});
  EventLoop loop;
  const Source<int> source = wire(loop, 8);
  Checkpoints checkpoints{source, {.directory = state}};
  CHECK(checkpoints.stats().restored > 0);
  CHECK_THROWS_AS(Checkpoints(wire(loop, 8), {.directory = state}), std::logic_error);
  CHECK_THROWS_WITH(Checkpoints(source, {}), "checkpoint: needs a directory to keep snapshots in");
}

TEST_CASE("a savepoint is kept by its name and gone on from") {
  const test::TemporaryDirectory directory;
  const std::string state = directory / "state";
  std::vector<int> out;
  const auto live = [&](int n, CheckpointOptions options, const std::string& savepoint) {
    VirtualLoop loop;
    const Source<int> source = numbers(loop, n, false);
    source.accumulate(plus, 0).named("total").sink([&](int total) { out.push_back(total); });
    options.directory = state;
    Checkpoints checkpoints{source, options};
    source.start();
    loop.run_for(1ms);
    CHECK_THROWS_WITH(checkpoints.savepoint("a name/of no file"), containing("the name of a savepoint is of letters"));
    savepoint.empty() ? checkpoints.suspend() : checkpoints.savepoint(savepoint);
  };
  live(3, often(1h), "before-the-upgrade");
  live(6, often(1h), "");
  CHECK(out == std::vector<int>{0, 1, 3, 6, 10, 15});
  out.clear();
  CheckpointOptions back = often(1h);
  back.savepoint = "before-the-upgrade";
  live(5, back, "");
  CHECK(out == std::vector<int>{6, 10});
}

TEST_CASE("snapshots are written beside a loop that goes on") {
  const test::TemporaryDirectory directory;
  EventLoop loop;
  long sum = 0;
  const Source<int> source = numbers(loop, 20'000);
  source.accumulate([](long total, int x) { return total + x; }, 0L).named("total").sink([&](long total) { sum = total; });
  Checkpoints checkpoints{source, {.directory = directory / "state", .every = 1ms}};
  source.start();
  loop.run();
  CHECK(sum == 19'999L * 10'000);
  checkpoints.wait_over();
  CHECK(checkpoints.stats().taken >= 1);
}
