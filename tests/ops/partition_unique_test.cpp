// SPDX-License-Identifier: BSL-1.0
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/testing/probe.hpp"

using namespace penstock;
using testing::Probe;

namespace {

const std::vector<int> numbers{1, 2, 1, 3, 1, 3, 3, 2};
using Groups = std::vector<std::vector<int>>;

std::size_t length(const std::string& s) { return s.size(); }

using Dict = std::map<std::string, std::string>;
Dict dict(const char* id, const char* value) { return {{"id", id}, {"value", value}}; }

}  // namespace

TEST_CASE("row 37: partition_unique keeps the first of equal elements") {
  Stream<int> source;
  Probe probe{source.partition_unique(3)};
  Probe told{source.partition_unique(3, Keep::first)};
  source.emit_all(numbers);
  REQUIRE(probe.values() == Groups{{1, 2, 3}, {1, 3, 2}});
  REQUIRE(told.values() == probe.values());
}

TEST_CASE("row 38: partition_unique keeps the last of equal elements") {
  Stream<int> source;
  Probe probe{source.partition_unique(3, Keep::last)};
  source.emit_all(numbers);
  REQUIRE(probe.values() == Groups{{2, 1, 3}, {1, 3, 2}});
}

TEST_CASE("row 39: partition_unique by a key function") {
  Stream<std::string> source;
  Probe probe{source.partition_unique(3, length, Keep::last)};
  Probe swapped{source.partition_unique(3, Keep::last, length)};
  for (const char* x : {"f", "fo", "f", "foo", "f", "foo", "foo", "fo"}) source.emit(x);
  REQUIRE(probe.values() == std::vector<std::vector<std::string>>{{"fo", "f", "foo"}, {"f", "foo", "fo"}});
  REQUIRE(swapped.values() == probe.values());
}

TEST_CASE("row 40, row 41: partition_unique by a key of maps, first and last") {
  Stream<Dict> source;
  Probe first{source.partition_unique(2, "id")};
  Probe last{source.partition_unique(2, "id", Keep::last)};
  for (const Dict& x : {dict("0", "bar"), dict("0", "baz"), dict("1", "bat")}) source.emit(x);
  REQUIRE(first.values() == std::vector<std::vector<Dict>>{{dict("0", "bar"), dict("1", "bat")}});
  REQUIRE(last.values() == std::vector<std::vector<Dict>>{{dict("0", "baz"), dict("1", "bat")}});
}

TEST_CASE("D3: what partition_unique leaves out or replaces is done, and what it emits is released") {
  // Streamz releases neither the duplicates nor anything else that went through partition_unique.
  for (const Keep keep : {Keep::first, Keep::last}) {
    Stream<int> source;
    Probe<std::vector<int>, int> probe{source.partition_unique(2, keep)};
    std::vector<Ref> refs;
    std::vector<Outcome> ends;
    for (int i = 0; i < 3; ++i) {
      refs.emplace_back([&](const Ending& end) { ends.push_back(end.outcome); }, i);
    }
    source.emit(1, Context{refs[0]});
    source.emit(1, Context{refs[1]});
    const bool first = keep == Keep::first;
    REQUIRE(refs[0].use_count() - 1 == (first ? 1 : 0));
    REQUIRE(refs[1].use_count() - 1 == (first ? 0 : 1));
    source.emit(2, Context{refs[2]});
    REQUIRE(probe.metadata() == std::vector<std::vector<int>>{{first ? 0 : 1, 2}});
    for (const Ref& ref : refs) REQUIRE(ref.use_count() - 1 == 0);
    refs.clear();
    REQUIRE(ends == std::vector<Outcome>(3, Outcome::done));
  }
}

TEST_CASE("partition_unique emits what it holds at the end, and drops it when it is destroyed") {
  std::vector<Outcome> ends;
  const auto ref = [&] { return Context{Ref([&](const Ending& end) { ends.push_back(end.outcome); })}; };
  {
    Stream<int> source;
    Probe probe{source.partition_unique(3)};
    source.emit(1, ref());
    source.emit(2, ref());
    REQUIRE(!source.push_end().pending());
    REQUIRE(probe.values() == Groups{{1, 2}});
    REQUIRE(probe.ended());
    REQUIRE(ends == std::vector<Outcome>(2, Outcome::done));
  }
  ends.clear();
  {
    Stream<int> source;
    Probe probe{source.partition_unique(3)};
    source.emit(1, ref());
  }
  REQUIRE(ends == std::vector{Outcome::dropped});
}

TEST_CASE("partition_unique takes elements that can only be moved, with a key") {
  Stream<std::unique_ptr<int>> source;
  Groups out;
  source.partition_unique(2, [](const std::unique_ptr<int>& p) { return *p; })
      .map([](std::vector<std::unique_ptr<int>>&& all) {
        std::vector<int> numbers_of;
        for (const auto& p : all) numbers_of.push_back(*p);
        return numbers_of;
      })
      .sink([&](std::vector<int> all) { out.push_back(std::move(all)); });
  for (const int x : {1, 1, 2}) source.emit(std::make_unique<int>(x));
  REQUIRE(out == Groups{{1, 2}});
}

TEST_CASE("partition_unique is as before when its key throws, and all elements of a vector fail with it") {
  Stream<int> source;
  Groups out;
  bool fail = false;
  bool sink_fails = false;
  const auto key = [&](int x) {
    if (fail) throw std::runtime_error("key");
    return x;
  };
  source.partition_unique(2, key).sink([&](const std::vector<int>& group) {
    if (sink_fails) throw std::runtime_error("sink");
    out.push_back(group);
  });
  std::vector<Outcome> ends(4);
  const auto ref = [&](std::size_t i) {
    return Context{Ref([&ends, i](const Ending& end) { ends[i] = end.outcome; })};
  };
  source.emit(1, ref(0));
  fail = true;
  REQUIRE_THROWS_AS(source.emit(2, ref(1)), std::runtime_error);
  fail = false;
  source.emit(3, ref(2));
  REQUIRE(out == Groups{{1, 3}});
  sink_fails = true;
  source.emit(4, ref(3));
  REQUIRE_THROWS_AS(source.emit(5), std::runtime_error);
  sink_fails = false;
  source.emit(6);
  source.emit(7);
  REQUIRE(out == Groups{{1, 3}, {6, 7}});
  REQUIRE(ends == std::vector{Outcome::done, Outcome::failed, Outcome::done, Outcome::failed});
}

TEST_CASE("partition_unique refuses an n of 0 and shows its n") {
  Stream<int> source;
  REQUIRE_THROWS_AS(source.partition_unique(0), std::invalid_argument);
  REQUIRE(source.partition_unique(2).stream().info().detail == "2");
}

namespace {

/// Can only be copied; while `left` counts down to 0 that throws.
struct Fragile {
  Fragile(int k, std::string t) : key(k), text(std::move(t)) {}
  Fragile(const Fragile& other) : key(other.key), text(other.text) {
    if (left > 0 && --left == 0) throw std::runtime_error("no copy");
  }
  Fragile& operator=(const Fragile& other) {
    Fragile copy(other);
    key = copy.key;
    text.swap(copy.text);
    return *this;
  }
  int key;
  std::string text;
  static inline int left = 0;
};
/// Only its copies throw.
struct Movable : Fragile {
  using Fragile::Fragile;
  Movable(const Movable&) = default;
  Movable(Movable&& other) noexcept : Fragile(other.key, std::move(other.text)) {}
  Movable& operator=(const Movable&) = default;
};

}  // namespace

TEMPLATE_TEST_CASE("what partition_unique holds stays when the copy of an element throws", "", Fragile, Movable) {
  const Keep keep = GENERATE(Keep::first, Keep::last);
  const int key = GENERATE(1, 2);  // that of one that is held; one that fills the vector
  int failures = 0;
  for (int at = 1; at < 30; ++at) {
    Stream<TestType> source;
    std::vector<std::string> out;
    auto vectors = source.partition_unique(3, [](const TestType& x) { return x.key; }, keep).stream();
    vectors.sink([&](const std::vector<TestType>& group) {
      std::string texts;
      for (const TestType& x : group) texts += x.text;
      out.push_back(texts);
    });
    source.sink([](const TestType&) {});  // so that the one before it is lent its elements
    source.emit(TestType{0, "a"});
    source.emit(TestType{1, "b"});
    const TestType fresh{key, "c"};
    Fragile::left = at;
    bool failed = false;
    try {
      source.emit(fresh);
    } catch (const std::runtime_error&) {
      failed = true;
    }
    Fragile::left = 0;
    if (!failed) break;
    ++failures;
    REQUIRE(out.empty());
    REQUIRE(vectors.info().held.get() == 2);
    source.emit(TestType{3, "d"});
    REQUIRE(out == std::vector<std::string>{"abd"});
  }
  REQUIRE(failures > 0);
}
