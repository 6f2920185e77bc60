// SPDX-License-Identifier: BSL-1.0
#include "penstock/core/feedback.hpp"

#include <algorithm>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/testing/probe.hpp"
#include "penstock/testing/scripted_sink.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace penstock;
using namespace penstock::testing;
using namespace std::chrono_literals;

namespace {

int inc(int x) { return x + 1; }

}  // namespace

TEST_CASE("P24: an element goes round a connected cycle until unique and filter stop it") {
  Stream<int> source;
  Probe probe{source};
  std::set<int> seen;
  source.filter([&](int x) { return seen.insert(x).second; })
      .filter([](int x) { return x < 5; })
      .map(inc)
      .stream()
      .connect(source);
  source.emit(0);
  REQUIRE(probe.values() == std::vector{0, 1, 2, 3, 4, 5});
}

// Streamz ends in a RecursionError after about 160 turns, and a sibling of the cycle sees nothing before
// that.
TEST_CASE("D21: a cycle of 100 000 turns needs no stack, and siblings see every turn in order") {
  const bool looped = GENERATE(false, true);
  VirtualLoop loop;
  Stream<int> source = looped ? Stream<int>{loop} : Stream<int>{};
  source.filter([](int x) { return x < 100'000; }).map(inc).stream().connect(source);
  int next = 0;
  bool in_order = true;
  int depth = 0;
  int deepest = 0;
  source.sink([&](int x) {
    deepest = std::max(deepest, ++depth);
    in_order = in_order && x == next++;
    --depth;
  });
  source.emit(0);
  loop.run();
  REQUIRE(in_order);
  REQUIRE(next == 100'001);
  REQUIRE(deepest == 1);
}

TEST_CASE("feedback is delivered after the descent of its element, so that all branches see that one first") {
  Stream<int> source;
  std::vector<std::string> order;
  source.filter([](int x) { return x < 3; }).map(inc).stream().connect(source);
  source.sink([&](int x) { order.push_back("a" + std::to_string(x)); });
  source.sink([&](int x) { order.push_back("b" + std::to_string(x)); });
  source.emit(1);
  REQUIRE(order == std::vector<std::string>{"a1", "b1", "a2", "b2", "a3", "b3"});
}

TEST_CASE("on a loop the emit is over when its own element is taken, the cycle goes on behind it") {
  VirtualLoop loop;
  Stream<int> source{loop};
  Probe probe{source};
  source.filter([](int x) { return x < 50; }).map(inc).stream().connect(source);
  const Receipt receipt = source.push(0);
  REQUIRE_FALSE(receipt.pending());
  REQUIRE(probe.size() == 1);
  REQUIRE_FALSE(source.graph().idle());
  loop.run();
  REQUIRE(probe.size() == 51);
  REQUIRE(source.graph().idle());
}

TEST_CASE("a feedback edge over its bound is an error, because waiting would be a deadlock") {
  Stream<int> source;
  int rounds = 0;
  auto twice = source.filter([&](int) { return ++rounds <= 100; });
  Stream<int> copies = twice.stream();
  copies.connect_feedback(source, 3);
  copies.map([](int x) { return -x; }).stream().connect_feedback(source, 3);
  // Every element comes back twice, so each edge fills.
  bool told = false;
  try {
    for (int i = 0; i < 10; ++i) source.emit(i);
  } catch (const Overflow& error) {
    told = true;
    REQUIRE(std::string{error.what()}.find("3 elements wait on the feedback edge already") !=
            std::string::npos);
  }
  REQUIRE(told);
}

TEST_CASE("what comes over the bound of a feedback edge fails, and the edge goes on with what it has") {
  VirtualLoop loop;
  Stream<int> source{loop};
  Stream<int> inner{loop};
  Probe probe{inner};
  inner.filter([](int x) { return x >= 100; })
      .map([](int x) { return x - 100; })
      .stream()
      .connect_feedback(inner, 2);
  source.connect(inner);
  Outcome outcome = Outcome::done;
  static_cast<void>(source.push(101));
  static_cast<void>(source.push(102));
  REQUIRE_THROWS_AS(source.push(103, Ref{[&](const Ending& e) { outcome = e.outcome; }}), Overflow);
  loop.run();
  REQUIRE(outcome == Outcome::failed);
  REQUIRE(probe.values() == std::vector{101, 102, 103, 1, 2});
}

TEST_CASE("an error in the cycle comes out of emit, and the elements behind it go on") {
  Stream<int> source;
  std::vector<int> seen;
  source.filter([](int x) { return x < 10; }).map([](int x) { return x + 10; }).stream().connect(source);
  source.sink([&](int x) {
    seen.push_back(x);
    if (x == 11) throw std::domain_error("eleven");
  });
  source.emit(0);
  REQUIRE_THROWS_AS(source.emit(1), std::domain_error);
  source.emit(2);
  REQUIRE(seen == std::vector{0, 10, 1, 11, 2, 12});
}

TEST_CASE("a receipt that waits holds up the elements behind it on the edge") {
  VirtualLoop loop;
  Stream<int> source{loop};
  source.filter([](int x) { return x < 3; }).map(inc).stream().connect(source);
  ScriptedSink<int> slow{source, {.takes = 10ms}};
  source.emit(0);
  const TimePoint first = loop.now();
  loop.run();
  REQUIRE(first.time_since_epoch() == 10ms);  // 1 is in work as well by now, 2 waits for it
  REQUIRE(loop.now().time_since_epoch() == 30ms);
  REQUIRE(slow.most_open() == 2);
  REQUIRE(slow.completed() == std::vector{0, 1, 2, 3});
}

TEST_CASE("an element on a feedback edge is held, and dropped when the graph goes") {
  VirtualLoop loop;
  int times = 0;
  Outcome outcome = Outcome::done;
  {
    Stream<int> source{loop};
    source.map(inc).stream().connect(source);
    Ref ref{[&](const Ending& e) {
      ++times;
      outcome = e.outcome;
    }};
    static_cast<void>(source.push(0, ref));
    REQUIRE(ref.use_count() - 1 == 1);
    ref.reset();
    REQUIRE(times == 0);
  }
  loop.run();
  REQUIRE(times == 1);
  REQUIRE(outcome == Outcome::dropped);
}

TEST_CASE("disconnecting a feedback edge opens the cycle") {
  Stream<int> source;
  Probe probe{source};
  const auto back = source.filter([](int x) { return x % 10 < 3; }).map(inc).stream();
  back.connect(source);
  source.emit(0);
  back.disconnect(source);
  source.emit(10);
  REQUIRE(probe.values() == std::vector{0, 1, 2, 3, 10});
  REQUIRE_THROWS_AS(back.disconnect(source), std::logic_error);
}

TEST_CASE("closing a source on a cycle lets what goes round in it come to its end first") {
  VirtualLoop loop;
  Stream<int> source{loop};
  Probe probe{source};
  source.filter([](int x) { return x < 20; }).map(inc).stream().connect(source);
  static_cast<void>(source.push(0));
  const Receipt closing = source.push_end();
  REQUIRE(closing.pending());
  REQUIRE_FALSE(probe.ended());
  loop.run();
  REQUIRE(probe.size() == 21);
  REQUIRE(probe.ended());
  REQUIRE_FALSE(closing.pending());
}

TEST_CASE("the end passes a cycle that it comes to from outside") {
  const bool looped = GENERATE(false, true);
  VirtualLoop loop;
  Stream<int> source = looped ? Stream<int>{loop} : Stream<int>{};
  Stream<int> head = looped ? Stream<int>{loop} : Stream<int>{};
  source.connect(head);
  head.filter([](int x) { return x < 5; }).map(inc).stream().connect(head);
  Probe probe{head};
  source.emit(0);
  source.close();
  loop.run();
  REQUIRE(probe.values() == std::vector{0, 1, 2, 3, 4, 5});
  REQUIRE(probe.ended());
  REQUIRE(probe.signals().size() == 1);
}

TEST_CASE("watermarks pass a cycle that they come to from outside, and taking the outer edge away ends nothing") {
  Stream<int> source;
  Stream<int> head;
  source.connect(head);
  head.filter([](int x) { return x < 3; }).map(inc).stream().connect(head);
  Probe probe{head};
  source.outlet().signal({Signal::watermark, 5});
  REQUIRE(probe.signals().size() == 1);
  source.disconnect(head);
  REQUIRE_FALSE(probe.ended());
  head.emit(2);
  REQUIRE(probe.values() == std::vector{2, 3});
}

TEST_CASE("a closed cycle whose graph goes tells whoever waits for the end") {
  VirtualLoop loop;
  Receipt closing;
  {
    Stream<int> source{loop};
    source.map(inc).stream().connect(source);
    static_cast<void>(source.push(0));
    closing = source.push_end();
  }
  REQUIRE_FALSE(closing.pending());
  REQUIRE_THROWS_AS(closing.get(), Stopped);
}

TEST_CASE("a sink may emit into the stream it reads, depth first and without an edge") {
  Stream<int> source;
  std::vector<int> seen;
  source.sink([&](int x) {
    seen.push_back(x);
    if (x < 3) source.emit(x + 1);
  });
  source.emit(0);
  REQUIRE(seen == std::vector{0, 1, 2, 3});
}
