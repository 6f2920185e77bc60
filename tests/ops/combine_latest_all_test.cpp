// SPDX-License-Identifier: BSL-1.0
#include "penstock/ops/combine_latest_all.hpp"

#include <stdexcept>
#include <string>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/testing/probe.hpp"

using namespace penstock;
using namespace penstock::testing;

namespace {

using Rows = std::vector<std::vector<int>>;

}  // namespace

TEST_CASE("row 96: a stream that is connected to combine_latest later takes part from then on") {
  Stream<int> a;
  Stream<int> b;
  Stream<int> c;
  const auto combined = combine_latest_all<int>({a, b}, emit_on(a));
  Probe<std::vector<int>> probe{combined};
  combined.add(c);
  b.emit(1);
  c.emit(1);
  REQUIRE(probe.size() == 0);
  a.emit(1);
  REQUIRE(probe.values() == Rows{{1, 1, 1}});
}

TEST_CASE("row 97: a stream that is disconnected from combine_latest takes part no more") {
  Stream<int> a;
  Stream<int> b;
  Stream<int> c;
  const auto combined = combine_latest_all<int>({a, b, c}, emit_on(a));
  Probe<std::vector<int>> probe{combined};
  combined.remove(c);
  b.emit(1);
  c.emit(1);
  a.emit(1);
  REQUIRE(probe.values() == Rows{{1, 1}});
}

// Streamz: KeyError when the stream had delivered, after half of its state was removed; and the stream of
// emit_on can be removed although a guard should prevent it.
TEST_CASE("D9: a stream that had delivered can be removed from combine_latest") {
  Stream<int> a;
  Stream<int> b;
  Stream<int> c;
  const auto combined = combine_latest_all<int>({a, b, c});
  Probe<std::vector<int>> probe{combined};
  a.emit(1);
  b.emit(2);
  c.emit(3);
  combined.remove(b);
  a.emit(4);
  c.emit(5);
  REQUIRE(probe.values() == Rows{{1, 2, 3}, {4, 3}, {4, 5}});

  const auto on_a = combine_latest_all<int>({a, b}, emit_on(a));
  REQUIRE_THROWS_WITH(on_a.remove(a),
                      "combine_latest_all: the only stream of emit_on cannot be removed while others stay");
  REQUIRE_THROWS_AS(on_a.remove(c), std::logic_error);
}

TEST_CASE("D9: a vector that was asked for and only waited for a removed stream is emitted") {
  Stream<int> a;
  Stream<int> b;
  Stream<int> c;
  const auto combined = combine_latest_all<int>({a, b, c}, emit_on(a));
  Probe<std::vector<int>> probe{combined};
  b.emit(2);
  combined.remove(c);
  REQUIRE(probe.size() == 0);
  combined.add(c);
  a.emit(1);
  combined.remove(c);
  REQUIRE(probe.values() == Rows{{1, 2}});
}

TEST_CASE("a removed element is dropped when it was never emitted, and done otherwise") {
  Stream<int> a;
  Stream<int> b;
  const auto combined = combine_latest_all<int>({a, b});
  Outcome first = Outcome::failed;
  Outcome second = Outcome::failed;
  b.emit(1, Ref{[&](const Ending& ending) { first = ending.outcome; }});
  combined.remove(b);
  REQUIRE(first == Outcome::dropped);
  combined.add(b);
  a.emit(1);
  b.emit(2, Ref{[&](const Ending& ending) { second = ending.outcome; }});
  combined.remove(b);
  REQUIRE(second == Outcome::done);
}

TEST_CASE("combine_latest_all ends when no stream is left that makes it emit") {
  Stream<int> a;
  Stream<int> b;
  const auto combined = combine_latest_all<int>({a, b}, emit_on(0));
  Probe<std::vector<int>> probe{combined};
  b.emit(1);
  a.emit(1);
  b.close();
  REQUIRE_FALSE(probe.ended());
  a.close();
  REQUIRE(probe.ended());
  REQUIRE_THROWS_AS(combine_latest_all(std::vector<Stream<int>>{}), std::invalid_argument);
  REQUIRE_THROWS_AS(combine_latest_all<int>({a, b}, emit_on(2)), std::invalid_argument);
}
