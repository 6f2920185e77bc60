// SPDX-License-Identifier: BSL-1.0
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/testing/probe.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace penstock;
using testing::Probe;
using Windows = std::vector<std::vector<int>>;

TEST_CASE("row 42: sliding_window emits the last n elements, with or without the first windows") {
  Stream<int> source;
  Probe partial{source.sliding_window(2)};
  Probe full{source.sliding_window(2, {.return_partial = false})};
  Windows expected{{0}};
  for (int i = 0; i < 10; ++i) {
    source.emit(i);
    if (i > 0) expected.push_back({i - 1, i});
  }
  REQUIRE(partial.values() == expected);
  expected.erase(expected.begin());
  REQUIRE(full.values() == expected);
}

TEST_CASE("row 43: sliding_window holds all but the oldest element of a full window") {
  Stream<int> source;
  auto windows = source.sliding_window(2).stream();
  source.emit(-2);
  Ref previous = Ref::with(-1);
  source.emit(-1, Context{previous});
  for (int i = 0; i < 10; ++i) {
    Ref ref = Ref::with(i);
    REQUIRE(previous.use_count() - 1 == 1);
    source.emit(i, Context{ref});
    REQUIRE(previous.use_count() - 1 == 0);
    REQUIRE(ref.use_count() - 1 == 1);
    previous = ref;
  }
}

TEST_CASE("row 44: sliding_window joins metadata") {
  Stream<int> source;
  Probe<std::vector<int>, int> probe{source.sliding_window(2)};
  source.emit(0);
  for (int i = 1; i < 4; ++i) source.emit(i, Context{Ref::with(i)});
  REQUIRE(probe.metadata() == std::vector<std::vector<int>>{{}, {1}, {1, 2}, {2, 3}});
}

TEST_CASE("row 59: a buffer takes the windows of a sliding_window") {
  VirtualLoop loop;
  Stream<int> source{loop};
  Probe probe{source.sliding_window(1).buffer(1)};
  source.emit(1);
  loop.run();
  REQUIRE(probe.values() == Windows{{1}});
}

TEST_CASE("P15: sliding_window counts after each element, in both modes") {
  const std::vector<std::vector<std::uint32_t>> expected{
      {1, 0, 0, 0, 0}, {1, 1, 0, 0, 0}, {0, 1, 1, 0, 0}, {0, 0, 1, 1, 0}, {0, 0, 0, 1, 1}};
  for (const bool partial : {true, false}) {
    Stream<int> source;
    auto windows = source.sliding_window(3, {.return_partial = partial}).stream();
    std::vector<Ref> refs;
    for (int i = 0; i < 5; ++i) refs.push_back(Ref::with(i));
    for (std::size_t i = 0; i < 5; ++i) {
      source.emit(static_cast<int>(i), Context{refs[i]});
      std::vector<std::uint32_t> counts;
      for (const Ref& ref : refs) counts.push_back(ref.use_count() - 1);
      REQUIRE(counts == expected[i]);
    }
  }
}

TEST_CASE("sliding_window lets go of what it holds at the end as done, and drops it when it is destroyed") {
  std::vector<Outcome> ends;
  const auto ref = [&] { return Context{Ref([&](const Ending& end) { ends.push_back(end.outcome); })}; };
  {
    Stream<int> source;
    Probe probe{source.sliding_window(3)};
    source.emit(1, ref());
    REQUIRE(!source.push_end().pending());
    REQUIRE(probe.ended());
    REQUIRE(ends == std::vector{Outcome::done});
  }
  {
    Stream<int> source;
    Probe probe{source.sliding_window(3)};
    source.emit(1, ref());
    source.emit(2, ref());
  }
  REQUIRE(ends == std::vector{Outcome::done, Outcome::dropped, Outcome::dropped});
}

TEST_CASE("sliding_window keeps to its windows when what follows emits again, or throws") {
  Stream<int> source;
  Windows out;
  source.sliding_window(2).sink([&](const std::vector<int>& window) {
    if (window.back() == 1) source.emit(2);
    if (window.back() == 3) throw std::runtime_error("three");
    out.push_back(window);
  });
  source.emit(1);
  REQUIRE_THROWS_AS(source.emit(3), std::runtime_error);
  source.emit(4);
  REQUIRE(out == Windows{{1, 2}, {1}, {3, 4}});
}

TEST_CASE("sliding_window refuses an n of 0 and shows its n") {
  Stream<int> source;
  REQUIRE_THROWS_WITH(source.sliding_window(0), penstock::test::containing("sliding_window: n must be at least 1"));
  REQUIRE(source.sliding_window(3).stream().info().detail == "3");
  Probe probe{source.sliding_window(1)};
  source.emit(1);
  source.emit(2);
  REQUIRE(probe.values() == Windows{{1}, {2}});
}

TEST_CASE("sliding_window joins event times: the newest stands") {
  Stream<int> source;
  Probe probe{source.sliding_window(2)};
  for (const EventTime time : {10, 30, 20, 15}) {
    Context context;
    context.event_time(time);
    source.emit(1, context);
  }
  std::vector<EventTime> times;
  for (const auto& record : probe.records()) times.push_back(record.event_time);
  REQUIRE(times == std::vector<EventTime>{10, 30, 30, 20});
}
