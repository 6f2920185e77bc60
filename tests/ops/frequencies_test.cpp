// SPDX-License-Identifier: BSL-1.0
#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/ops/frequencies.hpp"
#include "penstock/testing/probe.hpp"

using namespace penstock;
using testing::Probe;

TEST_CASE("row 25: frequencies counts how often elements have come") {
  Stream<char> source;
  Probe probe{source.frequencies()};
  for (const char c : {'a', 'b', 'a'}) source.emit(c);
  using Counts = std::map<char, std::size_t>;
  REQUIRE(probe.values() == std::vector<Counts>{{{'a', 1}}, {{'a', 1}, {'b', 1}}, {{'a', 2}, {'b', 1}}});
}

TEST_CASE("D22: frequencies with a maxsize forgets what has not come for the longest time") {
  // Streamz keeps a count for every key for ever.
  Stream<std::string> source;
  Probe probe{source.frequencies({.maxsize = 2})};
  for (const char* word : {"a", "b", "a", "c", "b"}) source.emit(word);
  using Counts = std::map<std::string, std::size_t>;
  REQUIRE(probe.values()[2] == Counts{{"a", 2}, {"b", 1}});
  REQUIRE(probe.values()[3] == Counts{{"a", 2}, {"c", 1}});
  REQUIRE(probe.values()[4] == Counts{{"b", 1}, {"c", 1}});
}

TEST_CASE("frequencies keeps to its counts when what follows emits again") {
  Stream<int> source;
  std::vector<std::size_t> seen;
  source.frequencies().sink([&](const std::map<int, std::size_t>& counts) {
    if (counts.at(1) < 3) source.emit(1);
    seen.push_back(counts.at(1));
  });
  source.emit(1);
  source.emit(1);
  REQUIRE(seen == std::vector<std::size_t>{3, 2, 1, 4});
}

TEST_CASE("frequencies passes Refs on") {
  Stream<int> source;
  Probe<std::map<int, std::size_t>, int> probe{source.frequencies()};
  const Ref ref = Ref::with(5);
  source.emit(1, Context{ref});
  REQUIRE(probe.metadata() == std::vector<std::vector<int>>{{5}});
  REQUIRE(ref.use_count() - 1 == 0);
}

TEST_CASE("frequencies refuses NaN and keeps to the counts of numbers") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  Stream<double> source;
  const auto counted = source.frequencies().stream();
  Probe probe{counted};
  for (const double x : {1.0, 2.0}) source.emit(x);
  Outcome outcome{};
  REQUIRE_THROWS_AS(source.emit(nan, Ref{[&](const Ending& end) { outcome = end.outcome; }}), std::domain_error);
  source.emit(1.0);
  REQUIRE(outcome == Outcome::failed);
  REQUIRE(counted.info().failed.get() == 1);
  REQUIRE(probe.values().back() == std::map<double, std::size_t>{{1.0, 2}, {2.0, 1}});
  Stream<std::pair<int, double>> pairs;
  Probe of_pairs{pairs.frequencies({.maxsize = 2})};
  REQUIRE_THROWS_AS(pairs.emit(std::pair{1, nan}), std::domain_error);
  pairs.emit(std::pair{1, 2.0});
  REQUIRE(of_pairs.values() == std::vector{std::map<std::pair<int, double>, std::size_t>{{{1, 2.0}, 1}}});
}
