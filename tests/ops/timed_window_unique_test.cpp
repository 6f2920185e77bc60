// SPDX-License-Identifier: BSL-1.0
#include "penstock/ops/timed_window_unique.hpp"

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "catch.hpp"
#include "fragile.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/testing/ledger.hpp"
#include "penstock/testing/marbles.hpp"
#include "penstock/testing/probe.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace penstock;
using namespace penstock::testing;
using namespace std::chrono_literals;
using penstock::test::containing;
using Ids = std::vector<Ledger::Id>;

namespace {

struct Item {
  int id;
  std::string name;
  friend bool operator==(const Item& a, const Item& b) { return a.id == b.id && a.name == b.name; }
};

/// What one window holds of `in`; the window after it is empty.
template <class T, class... Options>
std::vector<T> window_of(const std::vector<T>& in, Options... options) {
  VirtualLoop loop;
  Stream<T> source{loop};
  Probe<std::vector<T>> out{source.timed_window_unique(50ms, options...)};
  loop.run_for(1ms);
  for (const T& x : in) source.emit(x);
  loop.run_for(100ms);
  REQUIRE(out.size() == 3);
  REQUIRE(out.values()[0].empty());
  REQUIRE(out.values()[2].empty());
  return out.values()[1];
}

}  // namespace

TEST_CASE("timed_window_unique gathers the elements of an interval that have different keys") {
  VirtualLoop loop{GENERATE(std::uint64_t{0}, 1, 2, 3)};
  auto source = marbles(loop, "-121-13---2-|");
  auto windows = source.timed_window_unique(8ms, Keep::last);
  Marbles out{windows, {{'a', {}}, {'b', {2, 1, 3}}, {'c', {2}}}};
  loop.run();
  REQUIRE_NOTHROW(out.expect("a-------b---c|"));
}

TEST_CASE("row 51 timed_window_unique keeps the first or the last element of a key") {
  const std::vector<int> numbers{1, 2, 1, 3, 1, 3, 3, 2};
  const std::vector<std::string> words{"f", "fo", "f", "foo", "f", "foo", "foo", "fo"};
  const std::vector<Item> items{{0, "bar"}, {1, "bat"}, {0, "baz"}};
  const auto length = [](const std::string& s) { return s.size(); };

  REQUIRE(window_of(numbers) == std::vector{1, 2, 3});
  REQUIRE(window_of(numbers, Keep::first) == std::vector{1, 2, 3});
  REQUIRE(window_of(numbers, Keep::last) == std::vector{1, 3, 2});
  REQUIRE(window_of(words, length, Keep::last) == std::vector<std::string>{"f", "foo", "fo"});
  REQUIRE(window_of(items, &Item::id, Keep::first) == std::vector<Item>{{0, "bar"}, {1, "bat"}});
  REQUIRE(window_of(items, Keep::last, &Item::id) == std::vector<Item>{{1, "bat"}, {0, "baz"}});
}

// Streamz never releases what it leaves out: the newcomer with Keep::first, the replaced element with
// Keep::last.
TEST_CASE("D3 what timed_window_unique leaves out is done") {
  VirtualLoop loop;
  Stream<int> source{loop};
  Ledger ledger;
  const auto windows =
      source.timed_window_unique(10ms, GENERATE(Keep::first, Keep::last), [](int x) { return x / 10; });
  Probe out{windows};
  for (const int x : {10, 11, 20, 12}) source.emit(x, ledger.issue(x));
  REQUIRE(windows.info().left_out.get() == 2);
  REQUIRE(windows.info().held.get() == 2);
  REQUIRE(ledger.left_out().size() == 0);  // told by the loop, not inside emit
  loop.run_ready();
  loop.run_for(10ms);
  ledger.check();
  REQUIRE(ledger.left_out() == Ids{10, 11, 12, 20});
  REQUIRE(ledger.dropped().empty());
}

TEST_CASE("a key function that throws leaves the window as it was") {
  VirtualLoop loop;
  Stream<int> source{loop};
  Probe out{source.timed_window_unique(
      10ms,
      [](int x) {
        if (x < 0) throw std::domain_error("negative");
        return x;
      },
      TimedWindow{.empty = false})};
  source.emit(1);
  REQUIRE_THROWS_AS(source.emit(-1), std::domain_error);
  source.emit(1);
  source.emit(2);
  loop.run();
  REQUIRE(out.values() == std::vector<std::vector<int>>{{1, 2}});
}

TEST_CASE("timed_window_unique has the element before when the last one of its key cannot be copied") {
  using Fragile = test::FragileCopy<int>;
  VirtualLoop loop;
  Stream<Fragile> source{loop};
  const auto windows = source.timed_window_unique(10ms, &Fragile::value, Keep::last, TimedWindow{.empty = false}).stream();
  std::vector<int> seen;
  windows.sink([&](const std::vector<Fragile>& window) {
    for (const Fragile& x : window) seen.push_back(x.value);
  });
  source.sink([](const Fragile&) {});  // so that the window gets the elements to copy
  Fragile::left = 1000;
  source.emit(Fragile{1});
  Fragile::left = 0;
  REQUIRE_THROWS_AS(source.emit(Fragile{1}), std::runtime_error);
  Fragile::left = 1000;
  REQUIRE(windows.info().held.get() == 1);
  loop.run();
  REQUIRE(seen == std::vector{1});
}

TEST_CASE("timed_window_unique drops what it holds when it goes away, and flushes at the end") {
  VirtualLoop loop;
  Ledger ledger;
  {
    Stream<int> source{loop};
    const auto windows = source.timed_window_unique(10ms);
    source.emit(1, ledger.issue(1));
  }
  loop.run();
  REQUIRE(ledger.dropped() == Ids{1});

  Stream<int> source{loop};
  Probe out{source.timed_window_unique(10ms, TimedWindow{.empty = false})};
  source.emit(3);
  source.emit(3);
  source.close();
  REQUIRE(out.values() == std::vector<std::vector<int>>{{3}});
  REQUIRE(out.ended());
}

TEST_CASE("wiring: timed_window_unique refuses a wrong interval and a graph without a loop") {
  REQUIRE_THROWS_WITH(timed_window_unique(0ms),
                      containing("timed_window_unique: the interval must be longer than 0"));
  Stream<int> source;
  REQUIRE_THROWS_WITH(source.timed_window_unique(1ms), containing("timed_window_unique needs an event loop"));
}
