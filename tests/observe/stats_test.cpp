// SPDX-License-Identifier: BSL-1.0
#include "penstock/observe/stats.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "catch.hpp"
#include "penstock/core/feedback.hpp"
#include "penstock/exec/event_loop.hpp"
#include "penstock/ops/accumulate.hpp"
#include "penstock/ops/buffer.hpp"
#include "penstock/ops/filter.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/ops/zip.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/testing/virtual_loop.hpp"

namespace {

using penstock::OperatorStats;
using penstock::Stream;

int inc(int x) { return x + 1; }
bool even(int x) { return x % 2 == 0; }
void ignore(int) {}

/// The operator with that label.
OperatorStats of(const penstock::Handle& handle, const std::string& label) {
  for (const OperatorStats& stats : handle.stats()) {
    if (stats.label() == label) return stats;
  }
  throw std::runtime_error("no operator " + label);
}

/// What came into an operator and has left no trace.
std::int64_t missing(const OperatorStats& stats) {
  const auto in = static_cast<std::int64_t>(stats.in.value());
  return in - static_cast<std::int64_t>(stats.out.value() + stats.left_out + stats.dropped + stats.failed +
                                        stats.held);
}

}  // namespace

TEST_CASE("counters say what happened in every step of a fused chain") {
  Stream<int> source{"source"};
  source.map(inc).filter(even).named("even").accumulate(std::plus<>{}).sink(ignore);
  for (int i = 0; i < 9; ++i) source.emit(i);

  REQUIRE(of(source, "source").out == 9);
  REQUIRE_FALSE(of(source, "source").in.has_value());
  REQUIRE(of(source, "map").in == 9);
  REQUIRE(of(source, "map").out == 9);
  REQUIRE(of(source, "even").in == 9);
  REQUIRE(of(source, "even").out == 4);
  REQUIRE(of(source, "even").left_out == 5);
  REQUIRE(of(source, "accumulate").in == 4);
  REQUIRE(of(source, "accumulate").out == 4);
  REQUIRE(of(source, "sink").in == 4);
  REQUIRE_FALSE(of(source, "sink").out.has_value());
}

TEST_CASE("an element whose function throws is counted where it failed and nowhere behind") {
  Stream<int> source{"source"};
  source.map(inc)
      .named("first")
      .map([](int x) { return x % 3 == 0 ? throw std::runtime_error("three") : x; })
      .named("second")
      .sink(ignore);
  for (int i = 0; i < 9; ++i) {
    try {
      source.emit(i);
    } catch (const std::runtime_error&) {
    }
  }
  REQUIRE(of(source, "first").out == 9);
  REQUIRE(of(source, "second").in == 9);
  REQUIRE(of(source, "second").failed == 3);
  REQUIRE(of(source, "second").out == 6);
  REQUIRE(of(source, "sink").in == 6);
}

TEST_CASE("nothing is lost between two descents, whatever the elements do") {
  std::mt19937 random{GENERATE(1u, 2u, 3u)};
  Stream<int> source{"source"};
  Stream<int> picky =
      source.filter([](int x) { return x % 5 == 0 ? throw std::runtime_error("five") : x % 2 == 0; })
          .named("picky");
  picky.map([](int x) { return x % 7 == 0 ? throw std::runtime_error("seven") : x; })
      .named("left")
      .sink(ignore);
  picky.accumulate(std::plus<>{}).named("right").sink(ignore);

  std::uint64_t emitted = 0, fives = 0, odd = 0, passed = 0, sevens = 0;
  for (int i = 0; i < 500; ++i) {
    const int x = static_cast<int>(random() % 1000);
    ++emitted;
    if (x % 5 == 0) {
      ++fives;
    } else if (x % 2 != 0) {
      ++odd;
    } else {
      ++passed;
      if (x % 7 == 0) ++sevens;
    }
    try {
      source.emit(x);
    } catch (const std::runtime_error&) {
    }
    if (i % 50 == 0) {
      for (const char* name : {"picky", "left", "right"}) REQUIRE(missing(of(source, name)) == 0);
    }
  }
  REQUIRE(of(source, "source").out == emitted);
  REQUIRE(of(source, "picky").failed == fives);
  REQUIRE(of(source, "picky").left_out == odd);
  REQUIRE(of(source, "picky").out == passed);
  REQUIRE(of(source, "left").failed == sevens);
  // The branch that is written later does not see what failed in the one before it.
  REQUIRE(of(source, "right").in == passed - sevens);
}

TEST_CASE("what a stream passed on is what its busiest consumer took, also where some came later") {
  Stream<int> source{"source"};
  source.emit(0);
  REQUIRE_FALSE(of(source, "source").out.has_value());
  source.sink(ignore);
  for (int i = 0; i < 3; ++i) source.emit(i);
  source.map(inc).sink(ignore);
  source.emit(0);
  REQUIRE(of(source, "source").out == 4);
  REQUIRE(of(source, "map").in == 1);
}

TEST_CASE("a stream that others lead into counts what they bring") {
  Stream<int> a{"a"};
  Stream<int> b{"b"};
  Stream<int> into{"into"};
  a.connect(into);
  b.connect(into);
  into.map(inc).sink(ignore);
  for (int i = 0; i < 3; ++i) a.emit(i);
  for (int i = 0; i < 4; ++i) b.emit(i);
  into.emit(0);
  REQUIRE(of(a, "into").in == 7);
  REQUIRE(of(a, "into").out == 8);
  REQUIRE(of(a, "map").in == 8);
}

TEST_CASE("elements that go round are counted every time") {
  Stream<int> source{"source"};
  source.filter([](int x) { return x < 100; }).map(inc).stream().connect(source);
  source.emit(0);
  REQUIRE(of(source, "feedback").in == 100);
  REQUIRE(of(source, "feedback").out == 100);
  REQUIRE(of(source, "source").in == 100);
  REQUIRE(of(source, "source").out == 101);
  REQUIRE(of(source, "filter").left_out == 1);
}

TEST_CASE("a join counts what both sides bring") {
  Stream<int> a{"a"};
  Stream<int> b{"b"};
  a.zip(b).sink([](const auto&) {});
  for (int i = 0; i < 3; ++i) a.emit(i);
  b.emit(0);
  REQUIRE(of(a, "zip").in == 4);
  REQUIRE(of(a, "zip").out == 1);
  REQUIRE(of(a, "zip").held == 2);
  REQUIRE(of(a, "sink").in == 1);
}

TEST_CASE("counters stand still while counting is off, and go on when it is on again") {
  Stream<int> source{"source"};
  source.filter(even).map(inc).sink(ignore);
  source.emit(0);
  source.emit(1);
  source.graph().counting(false);
  for (int i = 0; i < 100; ++i) source.emit(i);
  REQUIRE_FALSE(of(source, "filter").counting);
  REQUIRE(of(source, "filter").in == 2);
  REQUIRE(of(source, "filter").left_out == 1);
  REQUIRE(of(source, "sink").in == 1);
  source.graph().counting(true);
  source.emit(2);
  REQUIRE(of(source, "filter").counting);
  REQUIRE(of(source, "filter").in == 3);
  REQUIRE(of(source, "sink").in == 2);
}

TEST_CASE("steps of one node have one number") {
  Stream<int> source;
  source.map(inc).filter(even).sink(ignore);
  const auto stats = source.stats();
  REQUIRE(stats.size() == 4);
  REQUIRE(stats[0].node != stats[1].node);
  REQUIRE(stats[1].node == stats[2].node);
  REQUIRE(stats[2].node == stats[3].node);
}

TEST_CASE("a graph deeper than the stack can be counted") {
  Stream<int> source;
  Stream<int> last = source;
  for (int i = 0; i < 50000; ++i) last = Stream<int>{last.map(inc)};
  REQUIRE(source.stats().size() == 50001);
}

TEST_CASE("a receipt that waits is counted while it waits, and its time when it has settled") {
  penstock::VirtualLoop loop;
  Stream<int> source{loop, "source"};
  source.buffer(1).sink([](int) {});
  struct Slow final : penstock::Node, penstock::Receiver<int, Slow> {
    Slow() : Node(penstock::Info{"slow"}) { port(static_cast<penstock::InletBase&>(*this)); }
    penstock::Pending* take(int, const penstock::Context*) {
      info().took();
      receipt = penstock::Receipt::waiting(strand(), &info(), penstock::Why::sink);
      return receipt.share();
    }
    penstock::Pending* take_signal(const penstock::Signal&) override { return nullptr; }
    penstock::Receipt receipt;
  };
  Slow& slow = penstock::attach<Slow>(source);
  const penstock::Receipt receipt = source.push(1);
  REQUIRE(receipt.pending());
  REQUIRE(of(source, "slow").waiting == 1);
  loop.run_for(std::chrono::milliseconds{5});
  slow.receipt.settle();
  loop.run();
  REQUIRE(of(source, "slow").waiting == 0);
  REQUIRE(of(source, "slow").blocked == std::chrono::milliseconds{5});
}

TEST_CASE("what is held is told while it is held") {
  penstock::VirtualLoop loop;
  Stream<int> source{loop, "source"};
  source.buffer(10).sink(ignore);
  for (int i = 0; i < 4; ++i) source.emit(i);
  REQUIRE(of(source, "buffer").in == 4);
  REQUIRE(of(source, "buffer").held + of(source, "buffer").out.value() == 4);
  REQUIRE(missing(of(source, "buffer")) == 0);
  loop.run();
  REQUIRE(of(source, "buffer").held == 0);
  REQUIRE(of(source, "buffer").out == 4);
}

TEST_CASE("a snapshot from another thread falls between two elements") {
  penstock::EventLoop loop{penstock::background};
  Stream<int> source{loop, "source"};
  source.filter(even).named("even").map(inc).sink(ignore);
  source.buffer(8).sink(ignore);

  std::atomic<bool> done{false};
  std::jthread emitter{[&] {
    for (int i = 0; i < 500; ++i) source.emit(i);
    done = true;
  }};
  for (int snapshots = 0; !done || snapshots < 20; ++snapshots) {
    const auto stats = source.stats();
    const auto find = [&](const std::string& label) {
      return *std::find_if(stats.begin(), stats.end(), [&](const auto& s) { return s.label() == label; });
    };
    REQUIRE(missing(find("even")) == 0);
    REQUIRE(missing(find("buffer")) == 0);
    REQUIRE(find("map").in == find("even").out);
    REQUIRE(find("even").in == find("buffer").in);
  }
  emitter.join();
  source.wait_idle();
  REQUIRE(of(source, "even").in == 500);
  REQUIRE(of(source, "even").out == 250);
  REQUIRE(of(source, "buffer").out == 500);
}

TEST_CASE("counters of a graph without a loop may be read while another thread emits") {
  Stream<int> source{"source"};
  source.filter(even).sink(ignore);
  std::jthread emitter{[&] {
    for (int i = 0; i < 20000; ++i) source.emit(i);
  }};
  std::uint64_t last = 0;
  for (int i = 0; i < 200; ++i) {
    const std::uint64_t now = of(source, "filter").in.value();
    REQUIRE(now >= last);
    last = now;
  }
  emitter.join();
  REQUIRE(of(source, "filter").in == 20000);
  REQUIRE(of(source, "filter").out == 10000);
}
