// SPDX-License-Identifier: BSL-1.0
#include "penstock/state/prefix_tracker.hpp"

#include <algorithm>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/testing/scripted_sink.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace penstock;
using namespace penstock::testing;

namespace {

const std::exception_ptr some_error = std::make_exception_ptr(std::runtime_error("some"));

}  // namespace

TEST_CASE("the prefix ends at the first position that is not finished") {
  std::vector<SourcePosition> told;
  PrefixTracker tracker{[&](SourcePosition position) { told.push_back(position); }};
  Ref a = tracker.issue();
  Ref b = tracker.issue();
  Ref c = tracker.issue();
  REQUIRE(tracker.open() == 3);
  b.reset();
  REQUIRE(tracker.position() == 0);
  a.reset();
  REQUIRE(tracker.position() == 2);
  c.reset();
  REQUIRE(tracker.position() == 3);
  REQUIRE(tracker.open() == 0);
  REQUIRE(told == std::vector<SourcePosition>{2, 3});
}

TEST_CASE("a failed position stops the prefix until it is resolved") {
  PrefixTracker tracker;
  Ref a = tracker.issue();
  Ref b = tracker.issue();
  Ref c = tracker.issue();
  b.fail(some_error);
  b.reset();
  c.reset();
  a.reset();
  REQUIRE(tracker.position() == 1);
  REQUIRE(tracker.failed() == SourcePosition{1});
  REQUIRE_THROWS_AS(std::rethrow_exception(tracker.error(1)), std::runtime_error);
  REQUIRE_FALSE(tracker.resolve(0));
  REQUIRE_FALSE(tracker.resolve(2));
  REQUIRE(tracker.resolve(1));
  REQUIRE(tracker.position() == 3);
  REQUIRE_FALSE(tracker.failed().has_value());
  REQUIRE_FALSE(tracker.resolve(1));
}

TEST_CASE("a dropped position counts as finished, and is counted") {
  PrefixTracker tracker;
  Ref a = tracker.issue();
  a.drop("a policy");
  a.reset();
  REQUIRE(tracker.position() == 1);
  REQUIRE(tracker.dropped() == 1);
}

TEST_CASE("positions may have gaps, and a Ref may stand for many") {
  PrefixTracker tracker{[](SourcePosition) {}, 10};
  REQUIRE(tracker.position() == 10);
  Ref batch = tracker.issue(10, 5);
  Ref later = tracker.issue(100);
  REQUIRE_THROWS_AS(tracker.issue(100), std::invalid_argument);
  REQUIRE_THROWS_AS(tracker.issue(200, 0), std::invalid_argument);
  later.fail(some_error);
  later.reset();
  batch.reset();
  REQUIRE(tracker.position() == 15);
  REQUIRE(tracker.failed() == SourcePosition{100});
  REQUIRE(tracker.resolve(100));
  REQUIRE(tracker.position() == 101);
}

TEST_CASE("Refs may outlive their tracker, which is told nothing then") {
  int told = 0;
  Ref ref;
  {
    PrefixTracker tracker{[&](SourcePosition) { ++told; }};
    ref = tracker.issue();
  }
  ref.reset();
  REQUIRE(told == 0);
}

TEST_CASE("an element that emit refuses has failed, and stops the prefix") {
  Stream<int> source;
  PrefixTracker tracker;
  ScriptedSink<int> stuck{source, {.stalled = true}};
  source.emit(1, tracker.issue());
  REQUIRE_THROWS_AS(source.emit(2, tracker.issue()), std::logic_error);
  stuck.complete();
  REQUIRE(tracker.position() == 1);
  REQUIRE(tracker.failed() == SourcePosition{1});
}

// Streamz commits by position: of five records in batches of two, the first batch fails, and the commits of
// the others are 4 and 5, so that records 0 and 1 are lost at the next start.
TEST_CASE("D2: a failed batch is not skipped by the commit of the next one") {
  std::vector<SourcePosition> commits;
  PrefixTracker tracker{[&](SourcePosition position) { commits.push_back(position); }};
  const std::vector<std::vector<int>> batches = {{0, 1}, {2, 3}, {4}};
  const auto run = [&](bool fails, std::size_t first) {
    Stream<std::vector<int>> source;
    source.sink([&](const std::vector<int>& batch) {
      if (fails && batch.front() == 0) throw std::runtime_error("batch 0");
    });
    for (std::size_t i = first; i < batches.size(); ++i) {
      const auto from = static_cast<SourcePosition>(batches[i].front());
      try {
        source.emit(batches[i], tracker.issue(from, batches[i].size()));
      } catch (const std::runtime_error&) {
      }
    }
  };
  run(true, 0);
  REQUIRE(commits.empty());
  REQUIRE(tracker.position() == 0);
  REQUIRE(tracker.failed() == SourcePosition{0});
  REQUIRE(tracker.resolve(0));
  REQUIRE(commits == std::vector<SourcePosition>{5});
}

TEST_CASE("D2: behind an asynchronous sink that completes out of order the commit never passes open work") {
  VirtualLoop loop;
  std::vector<SourcePosition> commits;
  PrefixTracker tracker{[&](SourcePosition position) { commits.push_back(position); }};
  Stream<int> source{loop};
  ScriptedSink<int> sink{source, {.stalled = true}};
  for (int i = 0; i < 4; ++i) static_cast<void>(source.push(i, tracker.issue()));
  sink.complete(2);
  loop.run_ready();
  REQUIRE(commits.empty());
  sink.fail(1);
  loop.run_ready();
  sink.complete(0);
  loop.run_ready();
  sink.complete(0);
  loop.run_ready();
  REQUIRE(commits == std::vector<SourcePosition>{1});
  REQUIRE(tracker.failed() == SourcePosition{1});
}

TEST_CASE("the tracker does what a list that is searched from its start does") {
  const auto seed = static_cast<std::uint64_t>(GENERATE(take(20, random(1, 1'000'000))));
  CAPTURE(seed);
  std::mt19937_64 random{seed};
  struct Modelled {
    SourcePosition to;
    char status;  // o open, d finished, f failed
  };
  std::vector<Modelled> model;
  std::vector<std::pair<std::size_t, Ref>> open;
  PrefixTracker tracker;
  const auto prefix = [&] {
    SourcePosition position = 0;
    for (const Modelled& one : model) {
      if (one.status != 'd') break;
      position = one.to;
    }
    return position;
  };
  SourcePosition next = 0;
  for (int step = 0; step < 2000; ++step) {
    const auto choice = random() % 10;
    if (choice < 5) {
      next += random() % 3 == 0 ? random() % 4 : 0;
      const SourcePosition count = 1 + random() % 3;
      open.emplace_back(model.size(), tracker.issue(next, count));
      next += count;
      model.push_back({next, 'o'});
    } else if (choice < 9 && !open.empty()) {
      const auto i = static_cast<std::ptrdiff_t>(random() % open.size());
      auto& [number, ref] = open[static_cast<std::size_t>(i)];
      const auto how = random() % 20;
      if (how == 0) ref.fail(some_error);
      if (how == 1) ref.drop("random");
      model[number].status = how == 0 ? 'f' : 'd';
      ref.reset();
      open.erase(open.begin() + i);
    } else if (const auto failed = tracker.failed()) {
      const auto first =
          std::find_if(model.begin(), model.end(), [](const Modelled& one) { return one.status == 'f'; });
      REQUIRE(first != model.end());
      REQUIRE(*failed < first->to);
      first->status = 'd';
      REQUIRE(tracker.resolve(*failed));
    }
    REQUIRE(tracker.position() == prefix());
    REQUIRE(tracker.open() == open.size());
  }
}
