// SPDX-License-Identifier: BSL-1.0
#include "penstock/sources/from_range.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <list>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/ops/rate_limit.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/testing/testing.hpp"

using namespace penstock;
using namespace std::chrono_literals;
using penstock::testing::Probe;
using penstock::testing::ScriptedSink;

namespace {

/// 0, 1, 2, … for ever; what was taken from it can be seen from outside.
struct Naturals {
  struct End {};
  struct At {
    using value_type = int;
    using difference_type = std::ptrdiff_t;
    int operator*() const {
      if (*next == bad) throw std::runtime_error("no such number");
      return *next;
    }
    At& operator++() {
      ++*next;
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(End) const { return false; }
    int* next;
    int bad;
  };
  At begin() const { return {next, bad}; }
  End end() const { return {}; }
  int* next;
  int bad = -1;
};

}  // namespace

TEST_CASE("row 125 from_range emits the elements of a range and the end") {
  VirtualLoop loop;
  const auto source = from_range(loop, std::vector{0, 1, 2});
  const Probe<int> probe{source};
  source.start();
  loop.run();
  CHECK(probe.values() == std::vector{0, 1, 2});
  CHECK(probe.ended());
  CHECK(loop.now() == TimePoint{});
}

TEST_CASE("row 126 from_range takes from the range only what it can emit") {
  VirtualLoop loop;
  int next = 0;
  const auto source = from_range(loop, Naturals{&next});
  std::vector<int> seen;
  const Sink sink = source.rate_limit(100ms).sink([&](int x) { seen.push_back(x); });
  source.start();
  loop.run_ready();
  CHECK(seen == std::vector{0});
  CHECK(next == 2);  // 1 waits in the rate limit
}

TEST_CASE("row 127 from_range stops after the element under way") {
  VirtualLoop loop;
  const auto source = from_range(loop, {0, 1, 2});
  std::vector<int> seen;
  const Sink sink = source.rate_limit(10ms).sink([&](int x) { seen.push_back(x); });
  source.start();
  loop.run_ready();
  CHECK(seen == std::vector{0});
  source.stop();
  CHECK(source.stopped());
  loop.run_for(1s);
  CHECK(seen == std::vector{0, 1});
}

TEST_CASE("P22 from_range starts over when it is started after its end") {
  VirtualLoop loop;
  const auto source = from_range(loop, std::vector<std::string>{"a", "b"});
  const Probe<std::string> probe{source};
  for (int i = 0; i < 2; ++i) {
    source.start();
    loop.run();
  }
  CHECK(probe.values() == std::vector<std::string>{"a", "b", "a", "b"});
}

TEST_CASE("from_range goes on where it was after a stop") {
  VirtualLoop loop;
  const auto source = from_range(loop, {1, 2, 3, 4});
  std::vector<int> seen;
  const Sink sink = source.sink([&](int x) {
    seen.push_back(x);
    if (x == 2) source.stop();
  });
  source.start();
  loop.run();
  CHECK(seen == std::vector{1, 2});
  source.start();
  loop.run();
  CHECK(seen == std::vector{1, 2, 3, 4});
}

TEST_CASE("from_range goes through every kind of range") {
  VirtualLoop loop;
  const auto check = [&](auto source, auto expected) {
    const Probe<typename decltype(source)::value_type> probe{source};
    source.start();
    loop.run();
    CHECK(probe.values() == expected);
  };
  check(from_range(loop, std::array{1, 2}), std::vector{1, 2});
  check(from_range(loop, std::list<std::string>{"a"}), std::vector<std::string>{"a"});
  check(from_range(loop, std::string{"ab"}), std::vector{'a', 'b'});
  check(from_range(loop, std::vector<bool>{true, false}), std::vector<bool>{true, false});
  check(from_range(loop, std::map<int, char>{{1, 'x'}}), std::vector{std::pair<const int, char>{1, 'x'}});
  check(from_range(loop, std::vector<int>{}), std::vector<int>{});
  check(from_iterable(loop, std::vector{7}), std::vector{7});
  const std::vector<int> kept{1, 2, 3};
  check(from_range(loop, kept), kept);
}

TEST_CASE("from_range without a loop emits everything inside start") {
  const auto source = from_range({1, 2, 3});
  const Probe<int> probe{source.map([](int x) { return 10 * x; })};
  source.start();
  CHECK(probe.values() == std::vector{10, 20, 30});
  CHECK(probe.ended());
  source.start();
  CHECK(probe.size() == 6);
}

TEST_CASE("from_range gives away elements that cannot be copied, once") {
  VirtualLoop loop;
  std::vector<std::unique_ptr<int>> owners;
  for (int i = 0; i < 3; ++i) owners.push_back(std::make_unique<int>(i));
  const auto source = from_range(loop, std::move(owners));
  std::vector<int> seen;
  const Sink sink = source.sink([&](std::unique_ptr<int> x) { seen.push_back(*x); });
  source.start();
  loop.run();
  source.start();
  loop.run();
  CHECK(seen == std::vector{0, 1, 2});
}

TEST_CASE("from_range leaves out an element that the range cannot make, and reports why") {
  VirtualLoop loop;
  int next = 0;
  const auto source = from_range(loop, Naturals{&next, 2});
  std::vector<int> seen;
  const Sink sink = source.sink([&](int x) {
    seen.push_back(x);
    if (x == 4) source.stop();
  });
  source.start();
  CHECK_THROWS_WITH(loop.run(), "no such number");
  CHECK(seen == std::vector{0, 1, 3, 4});
}

TEST_CASE("from_range copies each element once and moves it on") {
  VirtualLoop loop;
  using penstock::testing::Counted;
  std::vector<Counted> range;
  range.reserve(10);
  for (int i = 0; i < 10; ++i) range.emplace_back(i);
  const auto source = from_range(loop, std::move(range));
  std::int64_t sum = 0;
  const Sink sink = source.sink([&](const Counted& x) { sum += x.value(); });
  Counted::reset();
  source.start();
  loop.run();
  CHECK(sum == 45);
  CHECK(Counted::counts().copies == 10);
  CHECK(Counted::counts().moves <= 20);
}

TEST_CASE("from_range stops behind the element in which it was stopped, and goes on behind it, in values that lie side by side") {
  VirtualLoop loop;
  const auto source = from_range(loop, std::vector{1, 2, 3, 4, 5});
  std::vector<int> seen;
  const Sink sink = source.sink([&](int x) {
    seen.push_back(x);
    if (x == 2) source.stop();
    if (x == 4) throw std::runtime_error("four");
  });
  source.start();
  loop.run();
  CHECK(seen == std::vector{1, 2});
  CHECK(source.info().out.get() == 2);
  source.start();
  CHECK_THROWS_WITH(loop.run(), "four");
  loop.run();
  CHECK(seen == std::vector{1, 2, 3, 4, 5});
  CHECK(source.info().out.get() == 5);
  CHECK(source.stopped());
}

TEST_CASE("from_range gives the other tasks of a loop their turn after 64 values that lie side by side") {
  VirtualLoop loop;
  const auto source = from_range(loop, std::vector<int>(200, 1));
  std::size_t seen = 0;
  std::size_t seen_by_other = 0;
  const Sink sink = source.sink([&](int) {
    if (++seen == 1) asio::post(loop.executor(), [&] { seen_by_other = seen; });
  });
  source.start();
  loop.run();
  CHECK(seen == 200);
  CHECK(seen_by_other == 64);
}
