// SPDX-License-Identifier: BSL-1.0
#include "penstock/time/instant.hpp"

#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>

#include "catch.hpp"

using namespace penstock;
using namespace std::chrono;
using detail::event_time_of;
using detail::farthest_time;
using detail::span_of;

TEST_CASE("event times are microseconds since 1970, rounded down, of clocks of any resolution") {
  STATIC_REQUIRE(event_time_of(sys_seconds{5s}) == 5'000'000);
  STATIC_REQUIRE(event_time_of(sys_time<nanoseconds>{-1ns}) == -1);
  STATIC_REQUIRE(event_time_of(sys_days{days{-1}}) == -86'400'000'000);
  STATIC_REQUIRE(event_time_of(sys_time<duration<double>>{duration<double>{0.25}}) == 250'000);
}

TEST_CASE("times that are too far away are no event times, whatever they are counted in") {
  // Programs mark "never" by the ends of what their clock can count.
  CHECK_FALSE(event_time_of(sys_seconds::max()));
  CHECK_FALSE(event_time_of(sys_seconds::min()));
  CHECK_FALSE(event_time_of(sys_time<milliseconds>::max()));
  CHECK_FALSE(event_time_of(sys_time<milliseconds>::min()));
  CHECK_FALSE(event_time_of(sys_time<microseconds>::max()));
  CHECK_FALSE(event_time_of(sys_time<duration<std::int64_t, days::period>>::max()));
  CHECK(event_time_of(sys_time<nanoseconds>::max()) == 9'223'372'036'854'775);
  CHECK_FALSE(event_time_of(std::numeric_limits<std::uint64_t>::max()));
  using Real = sys_time<duration<double>>;
  CHECK_FALSE(event_time_of(Real{duration<double>{std::numeric_limits<double>::infinity()}}));
  CHECK_FALSE(event_time_of(Real{duration<double>{std::nan("")}}));
  // The last second that is near enough, and the one behind it.
  const seconds furthest{farthest_time / 1'000'000};
  CHECK(event_time_of(sys_seconds{furthest}) == furthest.count() * 1'000'000);
  CHECK(event_time_of(sys_seconds{-furthest}) == -furthest.count() * 1'000'000);
  CHECK_FALSE(event_time_of(sys_seconds{furthest + 1s}));
  CHECK_FALSE(event_time_of(sys_seconds{-furthest - 1s}));
}

TEST_CASE("the longest spans of event time are as long as time, whatever they are counted in") {
  CHECK(span_of(5ms) == 5000);
  CHECK(span_of(hours::max()) >= farthest_time);
  CHECK(span_of(hours::min()) <= -farthest_time);
  CHECK(span_of(milliseconds::max()) >= farthest_time);
  CHECK(span_of(microseconds::max()) >= farthest_time);
}
