// SPDX-License-Identifier: BSL-1.0
#include "penstock/testing/probe.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "catch.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace penstock;
using namespace penstock::testing;
using namespace std::chrono_literals;

TEST_CASE("a probe records values, times, event times and metadata") {
  VirtualLoop loop;
  Stream<int> source{loop};
  Probe<int, std::string> probe{source.map([](int x) { return x * 2; })};
  source.emit(1);
  loop.run_for(5ms);
  Context context{Ref::with(std::string{"two"})};
  context.event_time(17);
  source.emit(2, context);

  REQUIRE(probe.values() == std::vector{2, 4});
  REQUIRE(probe.times() == std::vector<Duration>{0ms, 5ms});
  REQUIRE(probe.metadata() == std::vector<std::vector<std::string>>{{}, {"two"}});
  REQUIRE(probe.records()[0].event_time == no_event_time);
  REQUIRE(probe.records()[1].event_time == 17);
  REQUIRE(probe.records()[1].refs == 1);
}

TEST_CASE("a probe does not hold Refs") {
  Stream<int> source;
  Probe<int> probe{source};
  const Ref ref{[] {}};
  source.emit(1, ref);
  REQUIRE(ref.use_count() - 1 == 0);
}

TEST_CASE("a probe records signals and the end") {
  Stream<int> source;
  Probe probe{source};
  source.outlet().signal({Signal::watermark, 3});
  REQUIRE_FALSE(probe.ended());
  source.close();
  REQUIRE(probe.ended());
  REQUIRE(probe.signals().size() == 2);
  REQUIRE(probe.signals()[0].value == 3);
}

TEST_CASE("a probe does not keep the graph alive and remembers it") {
  std::optional<Stream<std::unique_ptr<int>>> source{std::in_place};
  Probe<std::unique_ptr<int>> probe{*source};
  source->emit(std::make_unique<int>(3));
  source.reset();
  REQUIRE(probe.size() == 1);
  REQUIRE(*probe.records()[0].value == 3);
}

TEST_CASE("a probe forgets when it is told to") {
  Stream<int> source;
  Probe probe{source};
  source.emit(1);
  source.close();
  probe.clear();
  REQUIRE(probe.size() == 0);
  REQUIRE_FALSE(probe.ended());
}
