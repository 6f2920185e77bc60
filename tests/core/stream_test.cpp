// SPDX-License-Identifier: BSL-1.0
#include "penstock/core/stream.hpp"

#include <algorithm>
#include <list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/testing/counted.hpp"
#include "penstock/testing/probe.hpp"
#include "penstock/testing/scripted_sink.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace penstock;
using namespace penstock::testing;
using namespace std::chrono_literals;

namespace {

int inc(int x) { return x + 1; }

}  // namespace

TEST_CASE("row 2: emitting where nobody listens does nothing, and returns nothing") {
  Stream<int> source;
  static_assert(std::is_void_v<decltype(source.emit(1))>);
  source.emit(1);
  REQUIRE(source.info().in.get() == 0);
}

TEST_CASE("P1: emit returns nothing, push the receipt: empty without anything that waits") {
  Stream<int> source;
  source.sink([](int) {});
  static_assert(std::is_void_v<decltype(source.emit(1))>);
  REQUIRE(source.push(1).state() == nullptr);
}

TEST_CASE("a chain of temporaries is one node, whatever its length") {
  Stream<int> source;
  source.map(inc).filter([](int x) { return x > 0; }).map(inc).sink([](int) {});
  REQUIRE(source.graph().nodes().size() == 2);
  REQUIRE(source.graph().nodes().back()->infos().size() == 4);
}

TEST_CASE("a chain with a name becomes a node at its first use and runs once however many read it") {
  Stream<int> source;
  int calls = 0;
  auto chain = source.map([&](int x) {
    ++calls;
    return x * 10;
  });
  source.emit(1);
  REQUIRE(calls == 0);
  std::vector<int> a;
  std::vector<int> b;
  chain.sink([&](int x) { a.push_back(x); });
  chain.map(inc).sink([&](int x) { b.push_back(x); });
  const Stream<int> same = chain;
  Probe probe{same};
  source.emit(2);
  REQUIRE(calls == 1);
  REQUIRE(a == std::vector{20});
  REQUIRE(b == std::vector{21});
  REQUIRE(probe.values() == std::vector{20});
}

TEST_CASE("branches are delivered in the order in which they were written, also when they become nodes later") {
  Stream<int> source;
  std::string order;
  auto first = source.map(inc);
  auto second = source.filter([](int) { return true; });
  source.sink([&](int) { order += "3"; });
  second.sink([&](int) { order += "2"; });
  first.sink([&](int) { order += "1"; });
  source.emit(0);
  REQUIRE(order == "123");
}

TEST_CASE("a chain that was used by its name cannot be moved from any more") {
  Stream<int> source;
  auto chain = source.map(inc);
  chain.sink([](int) {});
  REQUIRE_THROWS_AS(std::move(chain).map(inc).sink([](int) {}), std::logic_error);
}

TEST_CASE("elements that can only be moved go through a chain, without a copy and to one consumer") {
  Stream<std::unique_ptr<int>> source;
  std::vector<int> out;
  source.filter([](const std::unique_ptr<int>& p) { return *p > 1; })
      .map([](std::unique_ptr<int> p) {
        ++*p;
        return p;
      })
      .sink([&](std::unique_ptr<int> p) { out.push_back(*p); });
  for (int i = 0; i < 4; ++i) source.emit(std::make_unique<int>(i));
  REQUIRE(out == std::vector{3, 4});
  REQUIRE_THROWS_WITH(source.sink([](const std::unique_ptr<int>&) {}),
                      penstock::test::containing("the stream can have one consumer only"));
  source.emit(std::make_unique<int>(5));
  REQUIRE(out == std::vector{3, 4, 6});
}

TEST_CASE("a fan-out copies for all consumers but the last, and a chain not at all") {
  Stream<Counted> source;
  source.map([](Counted c) { return c; }).sink([](const Counted&) {});
  Counted::reset();
  source.emit(Counted{1});
  REQUIRE(Counted::counts().copies == 0);
  source.sink([](Counted) {});
  source.sink([](Counted) {});
  Counted::reset();
  source.emit(Counted{1});
  REQUIRE(Counted::counts().copies == 2);
  REQUIRE(Counted::counts().alive == 0);
}

TEST_CASE("emit_all emits a range in order, and moves from a container that is given") {
  Stream<std::unique_ptr<int>> source;
  std::vector<int> out;
  source.sink([&](std::unique_ptr<int> p) { out.push_back(*p); });
  std::vector<std::unique_ptr<int>> items;
  for (int i = 0; i < 3; ++i) items.push_back(std::make_unique<int>(i));
  source.emit_all(std::move(items));
  REQUIRE(out == std::vector{0, 1, 2});
  Stream<int> numbers;
  Probe probe{numbers};
  const std::vector<int> kept{1, 2, 3};
  numbers.emit_all(kept);
  REQUIRE(probe.values() == kept);
}

TEST_CASE("emit_all does the same as emitting one by one") {
  // What a sink does while it has an element takes effect before the next one, in a batch as elsewhere.
  const auto run = [](bool together) {
    std::vector<std::string> log;
    Stream<int> source;
    Stream<int> second;
    second.map([](int x) { return x * 10; }).sink([&](int x) {
      log.push_back("second " + std::to_string(x));
    });
    const Stream<int> middle = source.map([](int x) { return x + 1; });
    middle.sink([&](int x) {
      log.push_back("first " + std::to_string(x));
      if (x == 3) middle.connect(second);
      if (x == 5) middle.disconnect(second);
      if (x == 7) throw std::runtime_error("seven");
    });
    middle.buffer(2).sink([&](int x) { log.push_back("buffered " + std::to_string(x)); });
    const std::vector<int> items{1, 2, 3, 4, 5, 6, 7, 8};
    try {
      if (together) {
        source.emit_all(items);
      } else {
        for (const int item : items) source.emit(item);
      }
    } catch (const std::runtime_error& error) {
      log.push_back(error.what());
    }
    return log;
  };
  const std::vector<std::string> one_by_one = run(false);
  REQUIRE(std::count(one_by_one.begin(), one_by_one.end(), "second 40") == 1);
  REQUIRE(one_by_one.back() == "seven");
  REQUIRE(run(true) == one_by_one);
}

TEST_CASE("an exception in the middle of emit_all leaves the elements behind it where they are") {
  Stream<std::unique_ptr<int>> source;
  int taken = 0;
  source.sink([&](std::unique_ptr<int> p) {
    if (*p == 1) throw std::runtime_error("one");
    ++taken;
  });
  std::vector<std::unique_ptr<int>> items;
  for (int i = 0; i < 3; ++i) items.push_back(std::make_unique<int>(i));
  REQUIRE_THROWS_AS(source.emit_all(std::move(items)), std::runtime_error);
  REQUIRE(taken == 1);
  REQUIRE(items[1] == nullptr);
  REQUIRE(*items[2] == 2);
}

TEST_CASE("emit_all goes on to its end when a sink drops the last handle") {
  std::optional<Stream<int>> source;
  std::vector<int> out;
  const auto begin = [&] {
    source.emplace().sink([&](int x) {
      source.reset();
      out.push_back(x);
    });
  };
  begin();
  source->emit_all(std::vector{1, 2, 3});
  begin();
  source->emit_all(std::list{4, 5, 6});  // which do not lie side by side
  REQUIRE(out == std::vector{1, 2, 3, 4, 5, 6});
}

TEST_CASE("chains count what they take out of a batch, what fails included") {
  Stream<int> source;
  const Stream<int> checked = source.map([](int x) {
    if (x == 3) throw std::runtime_error("three");
    return x;
  });
  checked.sink([](int) {});
  REQUIRE_THROWS_AS(source.emit_all(std::vector{1, 2, 3, 4}), std::runtime_error);
  REQUIRE(checked.info().in.get() == 3);
  REQUIRE(checked.info().failed.get() == 1);
}

TEST_CASE("after close nothing can be emitted, and closing twice ends once") {
  Stream<int> source;
  Probe probe{source.map(inc)};
  source.emit(1);
  source.close();
  source.close();
  REQUIRE(probe.ended());
  REQUIRE(probe.signals().size() == 1);
  REQUIRE_THROWS_AS(source.emit(2), std::logic_error);
  REQUIRE(probe.size() == 1);
}

TEST_CASE("names are those of the user, and handles of one place share them") {
  Stream<int> source{"numbers"};
  REQUIRE(source.name() == "numbers");
  const Stream<int> same = source;
  REQUIRE(same.named("renamed").name() == "renamed");
  REQUIRE(source.name() == "renamed");
  const auto sink = source.map(inc).named("plus one").sink([](int) {}).named("end");
  REQUIRE(sink.name() == "end");
  REQUIRE(sink.node().infos().front().name == "plus one");
}

TEST_CASE("without a loop an element that waits is kept, and the next emit is refused until it is through") {
  Stream<int> source;
  ScriptedSink<int> stuck{source, {.stalled = true}};
  source.emit(1);
  REQUIRE_THROWS_WITH(source.emit(2), penstock::test::containing("an earlier element still waits"));
  REQUIRE_FALSE(source.try_emit(2));
  REQUIRE(stuck.taken() == 1);
  stuck.complete();
  REQUIRE(source.try_emit(3));
  stuck.complete();
  source.emit(4);
  stuck.complete();
  REQUIRE(stuck.completed() == std::vector{1, 3, 4});
}

TEST_CASE("the error of an element that was not waited for comes out") {
  SECTION("of the work that settles it, without a loop") {
    Stream<int> source;
    ScriptedSink<int> stuck{source, {.stalled = true}};
    source.emit(1);
    Stream<int> completes;
    completes.sink([&](int) { stuck.fail(); });
    completes.connect(source);
    REQUIRE_THROWS_AS(completes.emit(2), ScriptedFailure);
  }
  SECTION("of the loop, on one") {
    VirtualLoop loop;
    Stream<int> source{loop};
    ScriptedSink<int> slow{source, {.takes = 5ms, .fails = 1}};
    REQUIRE(source.try_emit(1));
    REQUIRE_THROWS_AS(loop.run(), ScriptedFailure);
  }
  SECTION("in the graph's handler") {
    VirtualLoop loop;
    Stream<int> source{loop};
    ScriptedSink<int> slow{source, {.takes = 5ms, .fails = 1}};
    REQUIRE_THROWS_AS(source.emit(1), ScriptedFailure);
    source.emit(2);
    REQUIRE(slow.completed() == std::vector{2});
  }
}

TEST_CASE("elements that are emitted from within an element that waits are kept with it") {
  Stream<int> source;
  ScriptedSink<int> stuck{source, {.stalled = true}};
  bool nested = true;
  source.sink([&](int) {
    if (std::exchange(nested, false)) source.emit(2);
  });
  source.emit(1);
  REQUIRE(stuck.open() == 2);
  stuck.complete();
  REQUIRE_FALSE(source.try_emit(3));
  stuck.complete();
  REQUIRE(source.try_emit(3));
}

TEST_CASE("on a loop that nobody runs, emit runs it until its element is through") {
  VirtualLoop loop;
  Stream<int> source{loop};
  ScriptedSink<int> slow{source, {.takes = 10ms}};
  source.emit(1);
  source.emit(2);
  REQUIRE(loop.now().time_since_epoch() == 20ms);
  REQUIRE(slow.completed() == std::vector{1, 2});
}

TEST_CASE("the user's own operator is applied with | or apply, and needs no registration") {
  Stream<int> source;
  const auto add_twice = [](int n) {
    return [n](auto&& stream) {
      return std::forward<decltype(stream)>(stream).map([n](int x) { return x + n; }).map([n](int x) {
        return x + n;
      });
    };
  };
  Probe piped{(source | add_twice(1)).stream()};
  Probe applied{source.apply(add_twice(10)).stream()};
  source.emit(0);
  REQUIRE(piped.values() == std::vector{2});
  REQUIRE(applied.values() == std::vector{20});
}

TEST_CASE("an end that a sink sends does not overtake the element that is under way") {
  const bool looped = GENERATE(false, true);
  VirtualLoop loop;
  const Stream<int> source = looped ? Stream<int>{loop} : Stream<int>{};
  std::string refused;
  source.sink([&](int x) {
    if (x != 2) return;
    source.close();
    source.close();
    try {
      source.emit(3);
    } catch (const std::logic_error& error) {
      refused = error.what();
    }
  });
  const Probe<int> direct{source};
  const Probe<std::vector<int>> collected{source.collect()};
  source.emit(1);
  CHECK_FALSE(direct.ended());
  source.emit(2);
  CHECK(direct.values() == std::vector{1, 2});
  CHECK(direct.signals().size() == 1);
  CHECK(direct.ended());
  CHECK(collected.values() == std::vector<std::vector<int>>{{1, 2}});
  CHECK_FALSE(refused.empty());
  CHECK_THROWS_WITH(source.emit(4), test::containing("emit: the stream was closed before"));
}

TEST_CASE("what goes wrong in the flush of an end that a sink sends is told to whoever emits the element") {
  const Stream<int> source;
  source.sink([&](int) { source.close(); });
  source.collect().sink([](const std::vector<int>&) { throw std::runtime_error("disk full"); });
  const Probe<int> probe{source};
  CHECK_THROWS_WITH(source.emit(1), "disk full");
  CHECK(probe.values() == std::vector{1});
  CHECK(probe.ended());
}
