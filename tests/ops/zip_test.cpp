// SPDX-License-Identifier: BSL-1.0
#include "penstock/ops/zip.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "fragile.hpp"
#include "penstock/core.hpp"
#include "penstock/testing/probe.hpp"
#include "penstock/testing/scripted_sink.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace penstock;
using namespace penstock::testing;
using Text = test::FragileCopy<std::string>;
using OnlyCopied = test::Fragile<std::string>;

namespace {

using Metadata = std::vector<std::vector<std::int64_t>>;

Ref meta(std::int64_t v) { return Ref::with(v); }

/// How an element ended.
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

TEST_CASE("row 76: zip pairs elements by position, two streams or three") {
  Stream<int> a;
  Stream<std::string> b;
  Probe probe{zip(a, b)};
  a.emit(1);
  b.emit("a");
  a.emit(2);
  b.emit("b");
  REQUIRE(probe.values() == std::vector<std::tuple<int, std::string>>{{1, "a"}, {2, "b"}});

  Stream<int> d;
  Probe three{a.zip(b, d)};
  a.emit(1);
  b.emit("2");
  d.emit(3);
  REQUIRE(three.values() == std::vector<std::tuple<int, std::string, int>>{{1, "2", 3}});
}

TEST_CASE("row 77: what is not a stream takes its place in every tuple") {
  Stream<int> a;
  Stream<int> b;
  Probe probe{zip(a, 123, b)};
  a.emit(1);
  b.emit(2);
  a.emit(4);
  b.emit(5);
  REQUIRE(probe.values() == std::vector<std::tuple<int, int, int>>{{1, 123, 2}, {4, 123, 5}});
}

TEST_CASE("P12: literals may stand first and last") {
  Stream<char> a;
  Stream<char> b;
  Probe probe{zip(0, a, 1, b, 2)};
  a.emit('a');
  b.emit('b');
  REQUIRE(probe.values() == std::vector<std::tuple<int, char, int, char, int>>{{0, 'a', 1, 'b', 2}});
}

TEST_CASE("row 78: a stream zipped with itself") {
  Stream<int> a;
  Probe probe{a.zip(a)};
  a.emit(1);
  a.emit(2);
  REQUIRE(probe.values() == std::vector<std::tuple<int, int>>{{1, 1}, {2, 2}});
}

TEST_CASE("row 79: the element over maxsize waits until its side is within it") {
  VirtualLoop loop;
  Stream<int> a{loop};
  Stream<char> b{loop};
  Probe probe{zip(a, b, ZipOptions{.maxsize = 2})};
  const Receipt first = a.push(1);
  const Receipt second = a.push(2);
  const Receipt third = a.push(3);
  REQUIRE_FALSE(first.pending());
  REQUIRE_FALSE(second.pending());
  loop.run_for(std::chrono::milliseconds{10});
  REQUIRE(third.pending());
  const Receipt partner = b.push('a');
  REQUIRE_FALSE(partner.pending());
  loop.run();
  REQUIRE_FALSE(third.pending());
  REQUIRE_FALSE(third.error());
  REQUIRE(probe.values() == std::vector<std::tuple<int, char>>{{1, 'a'}});
}

// Streamz wakes all waiters together at the next tuple, even if four are still over the limit. Here each element waits
// for its own turn.
TEST_CASE("P13: of six unawaited elements with maxsize 2 four wait, and each partner frees exactly one") {
  VirtualLoop loop;
  Stream<int> a{loop};
  Stream<int> b{loop};
  const auto zipped = a.zip(b, ZipOptions{.maxsize = 2});
  std::vector<Receipt> receipts;
  for (int i = 0; i < 6; ++i) receipts.push_back(a.push(i));
  const auto done = [&] {
    std::string text;
    for (const Receipt& receipt : receipts) text += receipt.pending() ? 'F' : 'T';
    return text;
  };
  REQUIRE(done() == "TTFFFF");
  REQUIRE(zipped.info().waiting.get() == 4);
  const char* after[] = {"TTTFFF", "TTTTFF", "TTTTTF", "TTTTTT"};
  for (const char* expected : after) {
    b.emit(0);
    loop.run();
    REQUIRE(done() == expected);
  }
  REQUIRE(zipped.info().held.get() == 2);
}

// Streamz: without a loop the bound is ignored in the main thread, 1000 elements with maxsize 2, and raises "no current
// event loop" in another one.
TEST_CASE("D18: maxsize holds without a loop") {
  Stream<int> a;
  Stream<int> b;
  Probe probe{a.zip(b, ZipOptions{.maxsize = 2})};
  a.emit(1);
  a.emit(2);
  a.emit(3);                                        // over the limit: taken, and waits
  REQUIRE_THROWS_AS(a.emit(4), std::logic_error);   // not taken
  REQUIRE_FALSE(a.try_emit(4));
  b.emit(10);
  a.emit(5);
  REQUIRE_THROWS_AS(a.emit(6), std::logic_error);
  for (int i = 20; i < 23; ++i) b.emit(i);
  REQUIRE(probe.values() == std::vector<std::tuple<int, int>>{{1, 10}, {2, 20}, {3, 21}, {5, 22}});
}

TEST_CASE("D18: receipts over maxsize settle without a loop") {
  Stream<int> a;
  Stream<int> b;
  const auto zipped = a.zip(b, ZipOptions{.maxsize = 0});
  const Receipt waits = a.push(1);
  REQUIRE(waits.pending());
  REQUIRE_FALSE(b.push(2).pending());
  REQUIRE_FALSE(waits.pending());
  REQUIRE(zipped.info().out.get() == 1);
}

TEST_CASE("row 80: an element is held until its tuple is emitted") {
  Stream<int> a;
  Stream<int> b;
  const auto zipped = a.zip(b);
  const Ref r1{[] {}};
  const Ref r2{[] {}};
  const Ref r3{[] {}};
  a.emit(1, r1);
  REQUIRE(r1.use_count() - 1 == 1);
  a.emit(2, r2);
  REQUIRE(r1.use_count() - 1 == 1);
  REQUIRE(r2.use_count() - 1 == 1);
  b.emit(3, r3);
  REQUIRE(r1.use_count() - 1 == 0);
  REQUIRE(r2.use_count() - 1 == 1);
  REQUIRE(r3.use_count() - 1 == 0);
}

TEST_CASE("row 81: metadata is joined in the order of the inputs") {
  Stream<int> a;
  Stream<int> b;
  Probe probe{a.zip(b)};
  a.emit(1, meta(1));
  b.emit(2, meta(2));
  a.emit(3);
  b.emit(4, meta(4));
  b.emit(5, meta(5));
  a.emit(6, meta(6));
  REQUIRE(probe.metadata() == Metadata{{1, 2}, {4}, {6, 5}});
}

TEST_CASE("a tuple has the later event time of its elements") {
  Stream<int> a;
  Stream<int> b;
  Probe probe{a.zip(b)};
  Context early;
  early.event_time(5);
  Context late;
  late.event_time(9);
  a.emit(1, late);
  b.emit(2, early);
  REQUIRE(probe.records().front().event_time == 9);
}

TEST_CASE("zip runs ahead on either side and keeps the order") {
  Stream<int> a;
  Stream<int> b;
  Probe probe{zip(a, b, ZipOptions{.maxsize = 100})};
  for (int i = 0; i < 20; ++i) a.emit(i);
  for (int i = 0; i < 50; ++i) b.emit(100 + i);
  for (int i = 20; i < 50; ++i) a.emit(i);
  std::vector<std::tuple<int, int>> expected;
  for (int i = 0; i < 50; ++i) expected.emplace_back(i, 100 + i);
  REQUIRE(probe.values() == expected);
}

TEST_CASE("move-only elements are zipped, and a stream of them not with itself") {
  Stream<std::unique_ptr<int>> a;
  Stream<std::unique_ptr<int>> b;
  std::vector<int> out;
  zip(a, b).sink([&](std::tuple<std::unique_ptr<int>, std::unique_ptr<int>>&& both) {
    out.push_back(*std::get<0>(both) + *std::get<1>(both));
  });
  for (int i = 0; i < 3; ++i) a.emit(std::make_unique<int>(i));
  for (int i = 0; i < 3; ++i) b.emit(std::make_unique<int>(10 * i));
  REQUIRE(out == std::vector{0, 11, 22});
  Stream<std::unique_ptr<int>> c;
  REQUIRE_THROWS_AS(c.zip(c), std::logic_error);
  REQUIRE(c.graph().nodes().size() == 1);
}

TEST_CASE("zip ends when no further tuple can come, and drops what is left over") {
  Stream<int> a;
  Stream<int> b;
  const auto zipped = a.zip(b);
  Probe probe{zipped};
  Told left;
  Told late;
  a.emit(1);
  a.emit(2);
  a.close();
  REQUIRE_FALSE(probe.ended());
  b.emit(10);
  REQUIRE_FALSE(probe.ended());
  b.emit(20);
  REQUIRE(probe.ended());
  b.emit(30, late.ref());
  REQUIRE(late.ending.outcome == Outcome::dropped);
  REQUIRE(zipped.info().dropped.get() == 1);
  b.close();
  REQUIRE(probe.signals().size() == 1);

  Stream<int> c;
  Stream<int> d;
  const auto other = c.zip(d);
  Probe ends{other};
  c.emit(1, left.ref());
  c.emit(2);
  d.close();
  REQUIRE(ends.ended());
  REQUIRE(left.times == 1);
  REQUIRE(left.ending.outcome == Outcome::dropped);
  REQUIRE(std::string{left.ending.reason} ==
          "zip: another stream has ended, so its partners cannot come any more");
  REQUIRE(other.info().dropped.get() == 2);
  REQUIRE(other.info().held.get() == 0);
}

TEST_CASE("an element over maxsize is let go when the partner ends") {
  VirtualLoop loop;
  Stream<int> a{loop};
  Stream<int> b{loop};
  const auto zipped = a.zip(b, ZipOptions{.maxsize = 1});
  const Receipt first = a.push(1);
  const Receipt second = a.push(2);
  REQUIRE(second.pending());
  b.close();
  loop.run();
  REQUIRE_FALSE(second.pending());
  REQUIRE_FALSE(second.error());
}

// Streamz: after b.disconnect(x) zip is stuck although the others had everything for a tuple.
TEST_CASE("D9: a stream that is taken away ends the zip when its elements are used up") {
  Stream<int> a;
  Stream<int> b;
  const auto middle = b.map([](int x) { return x; }).stream();
  const auto zipped = zip(a, middle);
  Probe probe{zipped};
  b.emit(10);
  middle.destroy();
  REQUIRE_FALSE(probe.ended());
  a.emit(1);
  REQUIRE(probe.values() == std::vector<std::tuple<int, int>>{{1, 10}});
  REQUIRE(probe.ended());
}

TEST_CASE("elements held when the graph goes are dropped, and whoever waits is told") {
  Told told;
  Receipt receipt;
  {
    VirtualLoop loop;
    {
      Stream<int> a{loop};
      Stream<int> b{loop};
      const auto zipped = a.zip(b, ZipOptions{.maxsize = 0});
      receipt = a.push(1, told.ref());
    }
    REQUIRE_FALSE(receipt.pending());
    REQUIRE_THROWS_AS(receipt.get(), Stopped);
    receipt = {};
    loop.run();
  }
  REQUIRE(told.times == 1);
  REQUIRE(told.ending.outcome == Outcome::dropped);
}

TEST_CASE("what throws behind a zip fails the elements of the tuple and leaves it usable") {
  Stream<int> a;
  Stream<int> b;
  std::vector<int> out;
  zip(a, b).sink([&](const std::tuple<int, int>& both) {
    if (std::get<0>(both) == 1) throw std::runtime_error("one");
    out.push_back(std::get<0>(both));
  });
  Told held;
  Told arriving;
  a.emit(1, held.ref());
  REQUIRE_THROWS_AS(b.emit(10, arriving.ref()), std::runtime_error);
  REQUIRE(held.ending.outcome == Outcome::failed);
  REQUIRE(arriving.ending.outcome == Outcome::failed);
  a.emit(2);
  b.emit(20);
  REQUIRE(out == std::vector{2});
}

TEST_CASE("the element that completes a tuple waits for it") {
  VirtualLoop loop;
  Stream<int> a{loop};
  Stream<int> b{loop};
  ScriptedSink<std::tuple<int, int>> stuck{zip(a, b), {.stalled = true}};
  Told first;
  Told second;
  const Receipt one = a.push(1, first.ref());
  const Receipt two = b.push(2, second.ref());
  REQUIRE_FALSE(one.pending());
  REQUIRE(two.pending());
  loop.run_ready();
  REQUIRE(first.times == 0);
  stuck.complete();
  loop.run();
  REQUIRE_FALSE(two.pending());
  REQUIRE(first.times == 1);
  REQUIRE(second.ending.outcome == Outcome::done);
}

TEST_CASE("the frontier behind a zip is the least of its inputs") {
  Stream<int> a;
  Stream<int> b;
  Probe probe{a.zip(5, b)};
  const auto kinds = [&] {
    std::vector<std::pair<Signal::Kind, std::int64_t>> all;
    for (const Signal& signal : probe.signals()) all.emplace_back(signal.kind, signal.value);
    return all;
  };
  a.outlet().signal({Signal::watermark, 10});
  REQUIRE(kinds().empty());
  b.outlet().signal({Signal::watermark, 7});
  b.outlet().signal({Signal::idle});
  b.outlet().signal({Signal::active});
  a.outlet().signal({Signal::watermark, 20});
  b.outlet().signal({Signal::watermark, 15});
  a.outlet().signal({Signal::idle});
  b.outlet().signal({Signal::idle});
  a.outlet().signal({Signal::barrier, 1});
  b.outlet().signal({Signal::barrier, 1});
  using enum Signal::Kind;
  REQUIRE(kinds() == std::vector<std::pair<Signal::Kind, std::int64_t>>{{watermark, 7},
                                                                         {watermark, 10},
                                                                         {watermark, 20},
                                                                         {idle, 0},
                                                                         {barrier, 1}});
}

TEST_CASE("graphs of two loops cannot be zipped") {
  VirtualLoop one;
  VirtualLoop two;
  Stream<int> a{one};
  Stream<int> b{two};
  REQUIRE_THROWS_WITH(a.zip(b),
                      penstock::test::containing("cannot join graphs of two different event loops"));
}

TEST_CASE("a sink behind a zip may emit into one of its inputs") {
  Stream<int> a;
  Stream<int> b;
  std::vector<std::pair<int, int>> out;
  zip(a, b).sink([&](const std::tuple<int, int>& both) {
    out.emplace_back(std::get<0>(both), std::get<1>(both));
    if (std::get<0>(both) < 3) a.emit(std::get<0>(both) + 1);
  });
  a.emit(1);
  for (int i = 10; i < 13; ++i) b.emit(i);
  REQUIRE(out == std::vector<std::pair<int, int>>{{1, 10}, {2, 11}, {3, 12}});
}

TEST_CASE("zip pairs like two queues, whichever side is ahead and whatever comes beside the elements") {
  // Alternating sides, one element each, is the way past the queues; everything else has to lead back to it.
  for (const std::size_t maxsize : {std::size_t{0}, std::size_t{1}, std::size_t{3}, unlimited}) {
    Stream<int> a;
    Stream<std::string> b;
    const auto zipped = zip(a, b, ZipOptions{.maxsize = maxsize});
    const testing::Probe<std::tuple<int, std::string>, int> probe{zipped};
    struct Expected {
      std::vector<int> values, refs;
      std::vector<Receipt> receipts;
    } sides[2];
    std::vector<std::tuple<int, std::string>> tuples;
    std::vector<std::vector<int>> metadata;
    std::size_t gone = 0;
    std::minstd_rand dice{7};
    for (int i = 0; i < 3000; ++i) {
      const bool steady = i / 100 % 2 == 0;  // stretches that alternate, and others that do not
      const std::size_t side = steady ? static_cast<std::size_t>(i % 2) : dice() % 2;
      const bool beside = i / 300 % 2 == 1 && dice() % 3 == 0;
      Expected& mine = sides[side];
      mine.values.push_back(i);
      mine.refs.push_back(beside ? i : -1);
      const Context context = beside ? Context{Ref::with(i)} : Context{};
      mine.receipts.push_back(side == 0 ? a.push(i, context) : b.push(std::to_string(i), context));
      if (sides[0].values.size() > gone && sides[1].values.size() > gone) {
        tuples.emplace_back(sides[0].values[gone], std::to_string(sides[1].values[gone]));
        metadata.emplace_back();
        for (const Expected& one : sides) {
          if (one.refs[gone] >= 0) metadata.back().push_back(one.refs[gone]);
        }
        ++gone;
      }
      std::size_t held = 0;
      for (const Expected& one : sides) {
        held += one.values.size() - gone;
        for (std::size_t j = gone < 5 ? 0 : gone - 5; j < one.receipts.size(); ++j) {
          REQUIRE(one.receipts[j].pending() == (maxsize != unlimited && j >= gone + maxsize));
        }
      }
      REQUIRE(zipped.info().held.get() == held);
    }
    REQUIRE(probe.values() == tuples);
    REQUIRE(probe.metadata() == metadata);
    REQUIRE(zipped.info().in.get() == 3000);
    REQUIRE(zipped.info().out.get() == tuples.size());
  }
}

TEST_CASE("zip is as before when a function throws that copies an element into its slot") {
  struct Fragile {
    explicit Fragile(int v) : value(v) {}
    Fragile(const Fragile& other) : value(other.value) {
      if (value < 0) throw std::runtime_error("cannot be copied");
    }
    Fragile(Fragile&&) = default;
    int value;
  };
  Stream<Fragile> a;
  Stream<int> b;
  std::vector<int> out;
  a.sink([](const Fragile&) {});
  zip(a, b).sink([&](const std::tuple<Fragile, int>& both) {
    out.push_back(std::get<0>(both).value * 10 + std::get<1>(both));
  });
  a.sink([](const Fragile&) {});  // so that zip gets the elements to copy
  REQUIRE_THROWS_AS(a.emit(Fragile{-1}), std::runtime_error);
  a.emit(Fragile{1});
  b.emit(2);
  b.emit(3);
  REQUIRE_THROWS_AS(a.emit(Fragile{-1}), std::runtime_error);
  a.emit(Fragile{4});
  REQUIRE(out == std::vector{12, 43});
}

TEST_CASE("a zip whose tuple cannot be made keeps the partners of the element that failed") {
  Text::left = 1000;
  bool with_contexts = GENERATE(false, true);
  Stream<Text> a;
  Stream<std::string> b;
  Stream<std::string> c;
  std::vector<std::string> out;
  zip(b, a, c, Text{"!"}).sink([&](const auto& all) {
    out.push_back(std::get<0>(all) + std::get<1>(all).value + std::get<2>(all) + std::get<3>(all).value);
  });
  a.sink([](const Text&) {});  // so that zip gets the elements to copy
  Told first;
  if (with_contexts) {
    b.emit("b1", first.ref());
  } else {
    b.emit("b1");
  }
  c.emit("c1");
  SECTION("the element") { Text::left = 0; }
  SECTION("a literal") { Text::left = 1; }
  REQUIRE_THROWS_AS(a.emit(Text{"lost"}), std::runtime_error);
  Text::left = 1000;
  REQUIRE(first.times == 0);
  a.emit(Text{"a1"});
  REQUIRE(out == std::vector<std::string>{"b1a1c1!"});
  REQUIRE(first.times == (with_contexts ? 1 : 0));
}

TEST_CASE("a zip of elements that can only be copied is as before when that fails") {
  bool copied = false;
  for (int copies = 0; !copied && copies < 30; ++copies) {
    Stream<OnlyCopied> a;
    Stream<std::string> b;
    Stream<OnlyCopied> c;
    std::vector<std::string> out;
    const auto zipped = zip(a, b, c).stream();
    zipped.sink([&](const auto& all) { out.push_back(std::get<0>(all).value + std::get<1>(all) + std::get<2>(all).value); });
    Text::left = 1000;
    for (const char* text : {"1", "2", "3", "4", "5", "6"}) {
      a.emit(OnlyCopied{text});
      b.emit(text);
    }
    for (const char* text : {"1", "2"}) c.emit(OnlyCopied{text});
    Text::left = copies;
    try {
      c.emit(OnlyCopied{"3"});
      copied = true;
    } catch (const std::runtime_error&) {
    }
    Text::left = 1000;
    for (const char* text : {"4", "5", "6"}) c.emit(OnlyCopied{text});
    std::vector<std::string> expected{"111", "222", "333", "444", "555", "666"};
    if (!copied && out.size() == 5) expected = {"111", "222", "334", "445", "556"};
    REQUIRE(out == expected);
  }
  REQUIRE(copied);
}
