// SPDX-License-Identifier: BSL-1.0
#include "penstock/testing/scripted_sink.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include "catch.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace penstock;
using namespace penstock::testing;
using namespace std::chrono_literals;

TEST_CASE("a sink without a script takes everything at once") {
  Stream<std::unique_ptr<int>> source;
  ScriptedSink<std::unique_ptr<int>> sink{source};
  REQUIRE_FALSE(source.push(std::make_unique<int>(1)).pending());
  REQUIRE(sink.completed().size() == 1);
  REQUIRE(sink.most_open() == 0);
}

TEST_CASE("a slow sink completes each element after its time") {
  VirtualLoop loop;
  Stream<int> source{loop};
  ScriptedSink<int> sink{source, {.takes = 10ms}};
  const Receipt first = source.push(1);
  loop.run_for(4ms);
  const Receipt second = source.push(2);
  REQUIRE(sink.open() == 2);
  loop.run_for(6ms);
  REQUIRE_FALSE(first.pending());
  REQUIRE(second.pending());
  loop.run();
  REQUIRE_FALSE(second.pending());
  REQUIRE(loop.now() == TimePoint{14ms});
  REQUIRE(sink.completed() == std::vector{1, 2});
  REQUIRE(sink.most_open() == 2);
}

TEST_CASE("a stalled sink completes when told, in any order, and holds the Refs until then") {
  Stream<int> source;
  ScriptedSink<int> sink{source, {.stalled = true}};
  const Ref ref{[] {}};
  const Receipt first = source.push(1, ref);
  const Receipt second = source.push(2);
  REQUIRE(ref.use_count() - 1 == 1);
  sink.complete(1);
  REQUIRE(first.pending());
  REQUIRE_FALSE(second.pending());
  sink.complete();
  REQUIRE_FALSE(first.pending());
  REQUIRE(ref.use_count() - 1 == 0);
  REQUIRE(sink.completed() == std::vector{2, 1});
  REQUIRE_THROWS_AS(sink.complete(), std::out_of_range);
}

TEST_CASE("a failing sink fails as often as told, by exception or by receipt") {
  Stream<int> at_once;
  ScriptedSink<int> throws{at_once, {.fails = 2, .fails_after = 1}};
  REQUIRE_NOTHROW(at_once.emit(1));
  REQUIRE_THROWS_AS(at_once.emit(2), ScriptedFailure);
  REQUIRE_THROWS_AS(at_once.emit(3), ScriptedFailure);
  REQUIRE_NOTHROW(at_once.emit(4));
  REQUIRE(throws.completed() == std::vector{1, 4});
  REQUIRE(throws.failed() == 2);

  VirtualLoop loop;
  Stream<int> source{loop};
  ScriptedSink<int> later{source, {.takes = 1ms, .fails = 1}};
  const Receipt receipt = source.push(1);
  loop.run();
  REQUIRE_THROWS_AS(receipt.get(), ScriptedFailure);
  REQUIRE(later.failed() == 1);
}

TEST_CASE("a sink with a seed completes out of order, the same way every time") {
  const auto order = [](std::uint64_t seed) {
    VirtualLoop loop;
    Stream<int> source{loop};
    ScriptedSink<int> sink{source, {.takes = 50ms, .seed = seed}};
    for (int i = 0; i < 20; ++i) static_cast<void>(source.push(i));
    loop.run();
    return sink.completed();
  };
  const std::vector<int> once = order(7);
  REQUIRE(once.size() == 20);
  REQUIRE_FALSE(std::is_sorted(once.begin(), once.end()));
  REQUIRE(once == order(7));
  REQUIRE(once != order(8));
}

TEST_CASE("what is in work when the graph ends is dropped") {
  Ledger ledger;
  std::optional<Stream<int>> source{std::in_place};
  ScriptedSink<int> sink{*source, {.stalled = true, .ledger = ledger}};
  const Receipt receipt = source->push(1, ledger.issue(1));
  source.reset();
  REQUIRE_THROWS_AS(receipt.get(), Stopped);
  REQUIRE(ledger.dropped() == std::vector<Ledger::Id>{1});
  REQUIRE(sink.open() == 0);
  REQUIRE_THROWS_AS(sink.complete(), std::out_of_range);
}

TEST_CASE("work that takes the longest time there is does not end") {
  VirtualLoop loop;
  Stream<int> source{loop};
  ScriptedSink<int> sink{source, {.takes = Duration::max()}};
  loop.run_for(Duration{1});
  const Receipt receipt = source.push(1);
  loop.run_for(std::chrono::hours{1});
  REQUIRE(receipt.pending());
  REQUIRE(sink.open() == 1);
}
