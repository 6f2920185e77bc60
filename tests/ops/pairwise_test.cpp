// SPDX-License-Identifier: BSL-1.0
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "fragile.hpp"
#include "penstock/core.hpp"
#include "penstock/testing/probe.hpp"

using namespace penstock;
using testing::Probe;
using Text = test::FragileCopy<std::string>;

TEST_CASE("pairwise emits every element with the one before it") {
  Stream<std::string> source;
  Probe probe{source.pairwise()};
  for (const char* x : {"a", "b", "c"}) source.emit(x);
  REQUIRE(probe.values() == std::vector<std::pair<std::string, std::string>>{{"a", "b"}, {"b", "c"}});
}

TEST_CASE("pairwise joins metadata, older first, and holds the newer element") {
  Stream<int> source;
  Probe<std::pair<int, int>, int> probe{source.pairwise()};
  std::vector<Ref> refs;
  for (int i = 0; i < 3; ++i) {
    refs.push_back(Ref::with(i));
    source.emit(i, Context{refs.back()});
  }
  source.emit(3);
  source.emit(4);
  REQUIRE(probe.metadata() == std::vector<std::vector<int>>{{0, 1}, {1, 2}, {2}, {}});
  for (const Ref& ref : refs) REQUIRE(ref.use_count() - 1 == 0);
}

TEST_CASE("pairwise lets go of the last element at the end of the stream, as done, and starts anew") {
  Stream<int> source;
  Probe probe{source.pairwise()};
  Outcome outcome = Outcome::failed;
  source.emit(1, Context{Ref([&](const Ending& end) { outcome = end.outcome; })});
  REQUIRE(!source.push_end().pending());
  REQUIRE(outcome == Outcome::done);
  REQUIRE(probe.ended());
  REQUIRE(probe.size() == 0);
}

TEST_CASE("pairwise that is destroyed drops the element it holds") {
  Outcome outcome = Outcome::done;
  {
    Stream<int> source;
    source.pairwise().sink([](const auto&) {});
    source.emit(1, Context{Ref([&](const Ending& end) { outcome = end.outcome; })});
  }
  REQUIRE(outcome == Outcome::dropped);
}

TEST_CASE("pairwise goes on after a failure behind it, which both elements share") {
  Stream<int> source;
  std::vector<std::pair<int, int>> out;
  bool fail = true;
  source.pairwise().sink([&](const std::pair<int, int>& pair) {
    if (std::exchange(fail, false)) throw std::runtime_error("sink");
    out.push_back(pair);
  });
  std::vector<Outcome> ends(2);
  source.emit(1, Context{Ref([&](const Ending& end) { ends[0] = end.outcome; })});
  REQUIRE_THROWS_AS(source.emit(2, Context{Ref([&](const Ending& end) { ends[1] = end.outcome; })}),
                    std::runtime_error);
  source.emit(3);
  REQUIRE(out == std::vector<std::pair<int, int>>{{2, 3}});
  REQUIRE(ends == std::vector{Outcome::failed, Outcome::failed});
}

TEST_CASE("pairwise has the element before when the newer one cannot be copied") {
  bool copied = false;
  for (int copies = 0; !copied && copies < 10; ++copies) {
    Text::left = 1000;
    Stream<Text> source;
    std::vector<std::string> out;
    source.pairwise().sink([&](const auto& pair) { out.push_back(pair.first.value + pair.second.value); });
    source.sink([](const Text&) {});  // so that pairwise gets the elements to copy
    source.emit(Text{"a"});
    Text::left = copies;
    try {
      source.emit(Text{"b"});
      copied = true;
    } catch (const std::runtime_error&) {
    }
    Text::left = 1000;
    source.emit(Text{"c"});
    REQUIRE(out == (copied ? std::vector<std::string>{"ab", "bc"} : std::vector<std::string>{"ac"}));
  }
  REQUIRE(copied);
}
