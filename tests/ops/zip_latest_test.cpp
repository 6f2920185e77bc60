// SPDX-License-Identifier: BSL-1.0
#include "penstock/ops/zip_latest.hpp"

#include <cstdint>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "catch.hpp"
#include "fragile.hpp"
#include "penstock/core.hpp"
#include "penstock/ops/combine_latest.hpp"
#include "penstock/testing/probe.hpp"
#include "penstock/testing/scripted_sink.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace penstock;
using namespace penstock::testing;
using Fragile = test::FragileCopy<char>;

namespace {

using Both = std::vector<std::tuple<int, char>>;

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

TEST_CASE("row 87: zip_latest keeps every element of the first stream") {
  Stream<int> a;
  Stream<char> b;
  Probe lossless{a.zip_latest(b)};
  Probe lossy{a.combine_latest(b, emit_on(a))};
  a.emit(1);
  a.emit(2);
  b.emit('a');
  b.emit('b');
  a.emit(3);
  REQUIRE(lossless.values() == Both{{1, 'a'}, {2, 'a'}, {3, 'b'}});
  REQUIRE(lossy.values() == Both{{3, 'b'}});
}

TEST_CASE("row 87: the same on a loop, without waiting for any of them") {
  VirtualLoop loop;
  Stream<int> a{loop};
  Stream<char> b{loop};
  Probe probe{a.zip_latest(b)};
  std::vector<Receipt> receipts;
  receipts.push_back(a.push(1));
  receipts.push_back(a.push(2));
  receipts.push_back(b.push('a'));
  receipts.push_back(b.push('b'));
  receipts.push_back(a.push(3));
  loop.run();
  REQUIRE(probe.values() == Both{{1, 'a'}, {2, 'a'}, {3, 'b'}});
  for (const Receipt& receipt : receipts) REQUIRE_FALSE(receipt.pending());
}

TEST_CASE("row 88: zip_latest when the other stream comes first") {
  Stream<int> a;
  Stream<char> b;
  Probe probe{zip_latest(a, b)};
  b.emit('a');
  a.emit(1);
  a.emit(2);
  a.emit(3);
  b.emit('b');
  a.emit(4);
  REQUIRE(probe.values() == Both{{1, 'a'}, {2, 'a'}, {3, 'a'}, {4, 'b'}});
}

TEST_CASE("row 89: zip_latest of three streams") {
  Stream<int> first;
  Stream<std::string> second;
  Stream<char> third;
  Probe probe{first.zip_latest(second, third)};
  first.emit(1);
  second.emit("I");
  second.emit("II");
  first.emit(2);
  second.emit("III");
  third.emit('a');
  third.emit('b');
  first.emit(3);
  REQUIRE(probe.values() ==
          std::vector<std::tuple<int, std::string, char>>{{1, "III", 'a'}, {2, "III", 'a'}, {3, "III", 'b'}});
}

TEST_CASE("row 90: an element of the first stream is held until emitted, one of another until replaced") {
  Stream<int> a;
  Stream<char> b;
  const auto zipped = a.zip_latest(b);
  const Ref r1{[] {}};
  const Ref r2{[] {}};
  const Ref r3{[] {}};
  const Ref r4{[] {}};
  a.emit(1, r1);
  REQUIRE(r1.use_count() - 1 == 1);
  b.emit('a', r2);
  REQUIRE(r1.use_count() - 1 == 0);
  REQUIRE(r2.use_count() - 1 == 1);
  b.emit('b', r3);
  REQUIRE(r2.use_count() - 1 == 0);
  REQUIRE(r3.use_count() - 1 == 1);
  a.emit(2, r4);
  REQUIRE(r3.use_count() - 1 == 1);
  REQUIRE(r4.use_count() - 1 == 0);
}

TEST_CASE("row 91: metadata of the element comes before that of the others") {
  Stream<int> a;
  Stream<char> b;
  Probe probe{a.zip_latest(b)};
  a.emit(1, Ref::with(std::int64_t{1}));
  b.emit('a', Ref::with(std::int64_t{2}));
  a.emit(2);
  b.emit('b', Ref::with(std::int64_t{4}));
  REQUIRE(probe.metadata() == std::vector<std::vector<std::int64_t>>{{1, 2}, {2}});
}

// Streamz returns lists within lists, which its threaded emit cannot wait for: "unhashable type: 'list'".
TEST_CASE("D17: the emit that lets many elements go waits for all of them behind an asynchronous sink") {
  VirtualLoop loop;
  Stream<int> a{loop};
  Stream<char> b{loop};
  ScriptedSink<std::tuple<int, char>> slow{a.zip_latest(b), {.takes = std::chrono::milliseconds{10}}};
  for (int i = 0; i < 3; ++i) a.emit(i);
  const TimePoint start = loop.now();
  b.emit('x');
  REQUIRE(loop.now() - start == std::chrono::milliseconds{30});
  REQUIRE(slow.completed() == Both{{0, 'x'}, {1, 'x'}, {2, 'x'}});
  REQUIRE(slow.most_open() == 1);
}

TEST_CASE("elements that come while others are let go stand behind them") {
  VirtualLoop loop;
  Stream<int> a{loop};
  Stream<char> b{loop};
  ScriptedSink<std::tuple<int, char>> stuck{a.zip_latest(b), {.stalled = true}};
  for (int i = 0; i < 2; ++i) REQUIRE_FALSE(a.push(i).pending());
  const Receipt all = b.push('x');
  const Receipt next = b.push('y');
  const Receipt behind = a.push(2);
  loop.run_ready();
  REQUIRE(all.pending());
  REQUIRE_FALSE(next.pending());
  REQUIRE(behind.pending());
  stuck.complete();
  loop.run_ready();
  REQUIRE(all.pending());
  stuck.complete();
  loop.run_ready();
  REQUIRE_FALSE(all.pending());
  REQUIRE(behind.pending());
  stuck.complete();
  loop.run();
  REQUIRE_FALSE(behind.pending());
  REQUIRE(stuck.completed() == Both{{0, 'x'}, {1, 'x'}, {2, 'y'}});
}

TEST_CASE("one that fails among those that are let go does not hold up the others") {
  Stream<int> a;
  Stream<char> b;
  std::vector<int> out;
  a.zip_latest(b).sink([&](const std::tuple<int, char>& both) {
    if (std::get<0>(both) == 1) throw std::runtime_error("one");
    out.push_back(std::get<0>(both));
  });
  Told failed;
  Told done;
  a.emit(0);
  a.emit(1, failed.ref());
  a.emit(2, done.ref());
  REQUIRE_THROWS_AS(b.emit('x'), std::runtime_error);
  REQUIRE(out == std::vector{0, 2});
  REQUIRE(failed.ending.outcome == Outcome::failed);
  REQUIRE(done.ending.outcome == Outcome::done);
  a.emit(3);
  REQUIRE(out == std::vector{0, 2, 3});
}

TEST_CASE("the first stream may carry what can only be moved") {
  Stream<std::unique_ptr<int>> a;
  Stream<int> b;
  std::vector<int> out;
  a.zip_latest(b).sink([&](std::tuple<std::unique_ptr<int>, int> both) {
    out.push_back(*std::get<0>(both) + std::get<1>(both));
  });
  a.emit(std::make_unique<int>(1));
  b.emit(10);
  a.emit(std::make_unique<int>(2));
  REQUIRE(out == std::vector{11, 12});
}

TEST_CASE("a stream with its own newest element") {
  Stream<int> a;
  Probe probe{a.zip_latest(a)};
  for (int i = 0; i < 3; ++i) a.emit(i);
  REQUIRE(probe.values() == std::vector<std::tuple<int, int>>{{0, 0}, {1, 0}, {2, 1}});
}

TEST_CASE("zip_latest ends with its first stream, or when another ends without an element") {
  Stream<int> a;
  Stream<char> b;
  Probe probe{a.zip_latest(b)};
  a.emit(1);
  a.close();
  REQUIRE_FALSE(probe.ended());
  b.emit('x');
  REQUIRE(probe.values() == Both{{1, 'x'}});

  Stream<int> c;
  Stream<char> d;
  const auto zipped = c.zip_latest(d);
  Probe other{zipped};
  Told told;
  c.emit(1, told.ref());
  d.close();
  REQUIRE(other.ended());
  REQUIRE(told.ending.outcome == Outcome::dropped);
  REQUIRE(zipped.info().dropped.get() == 1);
}

TEST_CASE("zip_latest sends the end after the elements that waited") {
  Stream<int> a;
  Stream<char> b;
  Probe probe{a.zip_latest(b)};
  a.emit(1);
  a.emit(2);
  a.close();
  b.emit('x');
  REQUIRE(probe.size() == 2);
  REQUIRE(probe.ended());
  b.close();
  REQUIRE(probe.signals().size() == 1);
}

TEST_CASE("what zip_latest holds is dropped with the graph") {
  Told told;
  {
    Stream<int> a;
    Stream<char> b;
    const auto zipped = a.zip_latest(b);
    a.emit(1, told.ref());
  }
  REQUIRE(told.times == 1);
  REQUIRE(told.ending.outcome == Outcome::dropped);
}

TEST_CASE(
    "zip_latest puts together what a straight line would, with and without things beside the elements") {
  Stream<int> a;
  Stream<std::string> b;
  const auto both = zip_latest(a, b);
  const Probe<std::tuple<int, std::string>> probe{both};
  int newest = -1;
  std::int64_t ref = -1;
  bool emitted = true;
  std::uint64_t left_out = 0;
  std::vector<std::tuple<int, std::string>> tuples;
  std::vector<std::vector<std::int64_t>> metadata;
  std::minstd_rand dice{13};
  for (int i = 0; i < 2000; ++i) {
    const bool first = i > 0 && dice() % 2 == 0;
    const bool beside = i / 300 % 2 == 1 && dice() % 3 == 0;  // stretches with and stretches without
    const Context context = beside ? Context{Ref::with(std::int64_t{i})} : Context{};
    if (first) {
      REQUIRE(!a.push(i, context).pending());
      tuples.emplace_back(i, std::to_string(newest));
      metadata.emplace_back();
      if (beside) metadata.back().push_back(i);
      if (ref >= 0) metadata.back().push_back(ref);
      emitted = true;
    } else {
      REQUIRE(!b.push(std::to_string(i), context).pending());
      left_out += !emitted;
      newest = i;
      ref = beside ? i : -1;
      emitted = false;
    }
    REQUIRE(both.info().left_out.get() == left_out);
  }
  REQUIRE(probe.values() == tuples);
  REQUIRE(probe.metadata() == metadata);
  REQUIRE(both.info().in.get() == 2000);
  REQUIRE(both.info().out.get() == tuples.size());
}

TEST_CASE("zip_latest fails an early element that no tuple can be made of, and lets the others go") {
  Fragile::left = 1000;
  Stream<int> a;
  Stream<Fragile> b;
  Both out;
  zip_latest(a, b).sink([&](const auto& both) { out.emplace_back(std::get<0>(both), std::get<1>(both).value); });
  std::vector<Told> early(3);
  for (std::size_t i = 0; i < early.size(); ++i) a.emit(static_cast<int>(i) + 1, early[i].ref());
  Told b1;
  Fragile::left = 1;  // for the tuple of the first one, not for that of the second
  REQUIRE_THROWS_AS(b.emit(Fragile{'x'}, b1.ref()), std::runtime_error);
  Fragile::left = 1000;
  std::vector<Outcome> ends;
  for (const Told& each : early) {
    REQUIRE(each.times == 1);
    ends.push_back(each.ending.outcome);
  }
  REQUIRE(ends == std::vector{Outcome::done, Outcome::failed, Outcome::done});
  a.emit(4);
  b.emit(Fragile{'y'});
  REQUIRE(b1.ending.outcome == Outcome::failed);
  a.emit(5);
  REQUIRE(out == Both{{1, 'x'}, {3, 'x'}, {4, 'x'}, {5, 'y'}});
}
