// SPDX-License-Identifier: BSL-1.0
#include "penstock/ops/zip_all.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "catch.hpp"
#include "fragile.hpp"
#include "penstock/core.hpp"
#include "penstock/testing/probe.hpp"
#include "penstock/testing/scripted_sink.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace penstock;
using namespace penstock::testing;
using Fragile = test::Fragile<int>;

namespace {

using Rows = std::vector<std::vector<int>>;

struct Told {
  int times = 0;
  Ending ending;
  Ref ref() {
    return Ref{[this](const Ending& e) {
      ++times;
      ending = e;
    }};
  }
};

}  // namespace

TEST_CASE("row 94: a stream that is connected to a zip later takes part from then on") {
  Stream<int> a;
  Stream<int> b;
  Stream<int> c;
  const auto zipped = zip_all<int>({a, b});
  Probe<std::vector<int>> probe{zipped};
  zipped.add(c);
  a.emit(1);
  b.emit(1);
  REQUIRE(probe.size() == 0);
  c.emit(1);
  REQUIRE(probe.values() == Rows{{1, 1, 1}});
}

TEST_CASE("row 95: a stream that is disconnected from a zip takes part no more") {
  Stream<int> a;
  Stream<int> b;
  Stream<int> c;
  const auto zipped = zip_all<int>({a, b, c});
  Probe<std::vector<int>> probe{zipped};
  zipped.remove(b);
  a.emit(1);
  b.emit(7);
  REQUIRE(probe.size() == 0);
  c.emit(1);
  REQUIRE(probe.values() == Rows{{1, 1}});
}

// Streamz: with [1, 3, 5] and [2, 4] on the sides that stay nothing is ever emitted again, because it looks
// for complete tuples only when a side that had nothing gets something; and the Refs of the removed side are
// never released.
TEST_CASE("D9: removing a side emits the tuples that only waited for it, and drops what it had") {
  Stream<int> a;
  Stream<int> b;
  Stream<int> c;
  const auto zipped = zip_all<int>({a, b, c});
  Probe<std::vector<int>> probe{zipped};
  for (int i : {1, 3, 5}) a.emit(i);
  for (int i : {2, 4}) b.emit(i);
  zipped.remove(c);
  REQUIRE(probe.values() == Rows{{1, 2}, {3, 4}});
  b.emit(6);
  REQUIRE(probe.values() == Rows{{1, 2}, {3, 4}, {5, 6}});

  Told told;
  b.emit(8, told.ref());
  zipped.remove(b);
  REQUIRE(told.times == 1);
  REQUIRE(told.ending.outcome == Outcome::dropped);
  REQUIRE(std::string{told.ending.reason} == "zip_all: its stream was removed");
  REQUIRE(zipped.info().dropped.get() == 1);
  a.emit(9);
  REQUIRE(probe.values().back() == std::vector{9});
}

TEST_CASE("tuples that a removal completes are emitted one after the other behind a slow sink") {
  VirtualLoop loop;
  Stream<int> a{loop};
  Stream<int> b{loop};
  const auto zipped = zip_all<int>({a, b});
  ScriptedSink<std::vector<int>> stuck{zipped, {.stalled = true}};
  for (int i = 0; i < 3; ++i) REQUIRE_FALSE(a.push(i).pending());
  zipped.remove(b);
  loop.run_ready();
  REQUIRE(stuck.open() == 1);
  const Receipt behind = a.push(3);
  REQUIRE(behind.pending());
  for (int i = 0; i < 4; ++i) {
    stuck.complete();
    loop.run_ready();
  }
  REQUIRE_FALSE(behind.pending());
  REQUIRE(stuck.completed() == Rows{{0}, {1}, {2}, {3}});
  REQUIRE(zipped.info().held.get() == 0);
}

TEST_CASE("adding and removing during an emit takes effect after it") {
  Stream<int> a;
  Stream<int> b;
  Stream<int> c;
  const auto zipped = zip_all<int>({a, b});
  Probe<std::vector<int>> probe{zipped};
  bool once = true;
  a.sink([&](int) {
    if (once) zipped.add(c);
    if (once) zipped.remove(b);
    once = false;
  });
  a.emit(1);  // a joined after the zip: the zip has taken 1 already
  REQUIRE(probe.size() == 0);
  c.emit(2);
  REQUIRE(probe.values() == Rows{{1, 2}});
}

TEST_CASE("a stream that is destroyed leaves the zip") {
  Stream<int> a;
  Stream<int> b;
  const auto middle = b.map([](int x) { return x; }).stream();
  const auto zipped = zip_all<int>({a, middle});
  Probe<std::vector<int>> probe{zipped};
  a.emit(1);
  middle.destroy();
  REQUIRE(probe.values() == Rows{{1}});
  REQUIRE_FALSE(probe.ended());
  REQUIRE_THROWS_AS(zipped.remove(middle), std::logic_error);
}

TEST_CASE("zip_all takes the same stream twice, and maxsize holds") {
  Stream<int> a;
  Probe<std::vector<int>> probe{zip_all<int>({a, a})};
  a.emit(1);
  REQUIRE(probe.values() == Rows{{1, 1}});

  Stream<int> b;
  Stream<int> c;
  const auto zipped = zip_all<int>({b, c}, {.maxsize = 1});
  const Receipt first = b.push(1);
  const Receipt second = b.push(2);
  REQUIRE_FALSE(first.pending());
  REQUIRE(second.pending());
  c.emit(1);
  REQUIRE_FALSE(second.pending());
}

TEST_CASE("zip_all ends when a stream has ended and used up its elements") {
  Stream<int> a;
  Stream<int> b;
  const auto zipped = zip_all<int>({a, b});
  Probe<std::vector<int>> probe{zipped};
  Told told;
  a.emit(1);
  a.close();
  b.emit(2);
  REQUIRE(probe.ended());
  b.emit(3, told.ref());
  REQUIRE(told.ending.outcome == Outcome::dropped);
}

TEST_CASE("zip_all needs a stream") {
  REQUIRE_THROWS_WITH(zip_all(std::vector<Stream<int>>{}), "zip_all: give at least one stream");
}

TEST_CASE("zip_all with elements that can only be moved") {
  Stream<std::unique_ptr<int>> a;
  Stream<std::unique_ptr<int>> b;
  int sum = 0;
  zip_all<std::unique_ptr<int>>({a, b}).sink([&](std::vector<std::unique_ptr<int>> row) {
    for (const auto& p : row) sum += *p;
  });
  a.emit(std::make_unique<int>(1));
  b.emit(std::make_unique<int>(2));
  REQUIRE(sum == 3);
}

TEST_CASE("a zip_all whose vector cannot be made has lost nothing but the element that failed") {
  bool copied = false;
  for (int copies = 0; !copied && copies < 30; ++copies) {
    Stream<Fragile> a;
    Stream<Fragile> b;
    const auto zipped = zip_all<Fragile>({a, b});
    Rows rows;
    zipped.sink([&](const std::vector<Fragile>& row) {
      rows.emplace_back();
      for (const Fragile& x : row) rows.back().push_back(x.value);
    });
    Fragile::left = 1000;
    for (const int i : {1, 2, 3}) a.emit(Fragile{i});
    Fragile::left = copies;
    try {
      b.emit(Fragile{10});
      copied = true;
    } catch (const std::runtime_error&) {
    }
    Fragile::left = 1000;
    REQUIRE(zipped.info().held.get() == (copied ? 2 : 3));
    b.emit(Fragile{20});
    b.emit(Fragile{30});
    REQUIRE(rows == (copied ? Rows{{1, 10}, {2, 20}, {3, 30}} : Rows{{1, 20}, {2, 30}}));
  }
  REQUIRE(copied);
}
