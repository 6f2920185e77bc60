// SPDX-License-Identifier: BSL-1.0
#include <stdexcept>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace penstock;

TEST_CASE("row 70: streams of two event loops cannot be joined, and stay as they were") {
  // Streamz refuses an asynchronous stream below a synchronous one; here the loop is what says how a graph
  // runs.
  VirtualLoop first;
  VirtualLoop second;
  Stream<int> a{first};
  Stream<int> b{second};
  std::vector<int> out;
  b.sink_to_vector(out);
  REQUIRE_THROWS_WITH(a.connect(b), test::containing("two different event loops"));
  REQUIRE_THROWS_AS(a.merge(b), std::logic_error);
  a.emit(1);
  b.emit(2);
  REQUIRE(a.loop() == &first);
  REQUIRE(out == std::vector{2});
}

TEST_CASE("a stream without a loop takes on that of the graph it joins") {
  VirtualLoop loop;
  Stream<int> plain;
  Stream<int> timed{loop};
  REQUIRE(plain.loop() == nullptr);
  timed.connect(plain);
  REQUIRE(plain.loop() == &loop);
}

TEST_CASE("sums with the longest durations end at the end of time") {
  using penstock::detail::later;
  constexpr TimePoint now{std::chrono::seconds{1'000'000}};
  STATIC_REQUIRE(later(now, Duration{5}) == now + Duration{5});
  STATIC_REQUIRE(later(now, Duration{-5}) == now - Duration{5});
  STATIC_REQUIRE(later(now, Duration::max()) == TimePoint::max());
  STATIC_REQUIRE(later(TimePoint::max(), Duration{1}) == TimePoint::max());
  STATIC_REQUIRE(later(TimePoint{Duration{-5}}, Duration::min()) == TimePoint::min());
}
