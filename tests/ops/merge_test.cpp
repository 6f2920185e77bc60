// SPDX-License-Identifier: BSL-1.0
#include "penstock/ops/merge.hpp"

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/testing/probe.hpp"
#include "penstock/testing/scripted_sink.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace penstock;
using namespace penstock::testing;

TEST_CASE("row 92: union forwards everything at once, in the order in which it comes") {
  Stream<int> a;
  Stream<int> b;
  Stream<int> c;
  Probe probe{a.merge(b, c)};
  a.emit(1);
  REQUIRE(probe.values() == std::vector{1});
  b.emit(2);
  a.emit(3);
  c.emit(4);
  REQUIRE(probe.values() == std::vector{1, 2, 3, 4});
}

TEST_CASE("merge takes chains and is also a function") {
  Stream<int> a;
  Stream<int> b;
  auto doubled = b.map([](int x) { return 2 * x; });
  Probe probe{merge(a.map([](int x) { return -x; }), doubled, a)};
  a.emit(1);
  b.emit(5);
  REQUIRE(probe.values() == std::vector{-1, 1, 10});
}

TEST_CASE("a stream that is named twice is merged once") {
  Stream<int> a;
  Probe probe{a.merge(a)};
  a.emit(1);
  REQUIRE(probe.values() == std::vector{1});
}

TEST_CASE("merge passes metadata and move-only elements on") {
  Stream<std::unique_ptr<int>> a;
  Stream<std::unique_ptr<int>> b;
  std::vector<int> out;
  a.merge(b).sink([&](std::unique_ptr<int> p) { out.push_back(*p); });
  a.emit(std::make_unique<int>(1));
  b.emit(std::make_unique<int>(2));
  REQUIRE(out == std::vector{1, 2});

  Stream<int> c;
  Stream<int> d;
  Probe probe{c.merge(d)};
  c.emit(1, Ref::with(std::int64_t{7}));
  d.emit(2);
  REQUIRE(probe.metadata() == std::vector<std::vector<std::int64_t>>{{7}, {}});
}

TEST_CASE("merge ends when all of its streams have ended, or were taken away") {
  Stream<int> a;
  Stream<int> b;
  Stream<int> c;
  const auto passed = c.map([](int x) { return x; }).stream();
  Probe probe{a.merge(b, passed)};
  a.close();
  passed.destroy();
  REQUIRE_FALSE(probe.ended());
  b.emit(1);
  b.close();
  REQUIRE(probe.ended());
  REQUIRE(probe.signals().size() == 1);
}

TEST_CASE("behind a merge the frontier is that of the slowest stream that is not idle") {
  Stream<int> a;
  Stream<int> b;
  Probe probe{a.merge(b)};
  a.outlet().signal({Signal::watermark, 10});
  b.outlet().signal({Signal::watermark, 4});
  b.outlet().signal({Signal::idle});
  b.outlet().signal({Signal::active});
  b.outlet().signal({Signal::watermark, 8});  // behind what was promised: does not hold it back
  a.outlet().signal({Signal::watermark, 12});
  std::vector<std::int64_t> frontiers;
  for (const Signal& signal : probe.signals()) {
    REQUIRE(signal.kind == Signal::watermark);
    frontiers.push_back(signal.value);
  }
  REQUIRE(frontiers == std::vector<std::int64_t>{4, 10, 12});
}

TEST_CASE("each element of a merge waits for itself") {
  VirtualLoop loop;
  Stream<int> a{loop};
  Stream<int> b{loop};
  ScriptedSink<int> stuck{a.merge(b), {.stalled = true}};
  const Receipt one = a.push(1);
  const Receipt two = b.push(2);
  stuck.complete(1);
  loop.run();
  REQUIRE(one.pending());
  REQUIRE_FALSE(two.pending());
  stuck.complete();
}
