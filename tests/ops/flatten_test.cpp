// SPDX-License-Identifier: BSL-1.0
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
#include "penstock/core.hpp"
#include "penstock/testing/probe.hpp"
#include "penstock/testing/scripted_sink.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace penstock;
using testing::Probe;
using testing::ScriptedSink;
using Lists = std::vector<std::vector<int>>;

namespace {

/// Numbers that can be gone through once, as a generator's.
class Numbers {
 public:
  Numbers(int first, int past) : next_(first), past_(past) {}

  struct Iterator {
    using value_type = int;
    using difference_type = std::ptrdiff_t;
    Numbers* numbers;
    int operator*() const { return numbers->next_; }
    Iterator& operator++() {
      ++numbers->next_;
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator!=(const Iterator& it, std::default_sentinel_t) { return !it.numbers->over(); }
  };
  Iterator begin() { return {this}; }
  std::default_sentinel_t end() { return {}; }
  bool over() const { return next_ == past_; }

 private:
  int next_;
  int past_;
};

/// Numbers of which those below 0 cannot be read.
struct Readings {
  struct Iterator {
    using value_type = int;
    const int* at;
    int operator*() const { return *at < 0 ? throw std::domain_error("no reading") : *at; }
    Iterator& operator++() {
      ++at;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return at != other.at; }
  };
  Iterator begin() const { return {numbers.data()}; }
  Iterator end() const { return {numbers.data() + numbers.size()}; }
  std::vector<int> numbers;
};

}  // namespace

TEST_CASE("row 98: flatten emits the items of lists") {
  Stream<std::vector<int>> source;
  Probe probe{source.flatten()};
  Probe same{source.concat()};
  for (const auto& list : Lists{{1, 2, 3}, {4, 5}, {6, 7, 8}}) source.emit(list);
  REQUIRE(probe.values() == std::vector{1, 2, 3, 4, 5, 6, 7, 8});
  REQUIRE(same.values() == probe.values());
}

TEST_CASE("row 99: flatten goes through what can be gone through once only") {
  Stream<Numbers> source;
  Probe probe{source.flatten()};
  source.emit({1, 7});
  source.emit({7, 9});
  REQUIRE(probe.values() == std::vector{1, 2, 3, 4, 5, 6, 7, 8});
}

TEST_CASE("row 100: flatten of an empty list emits nothing") {
  Stream<std::vector<int>> source;
  Probe probe{source.flatten()};
  for (const auto& list : Lists{{1, 2}, {}, {3, 4}}) source.emit(list);
  REQUIRE(probe.values() == std::vector{1, 2, 3, 4});
}

TEST_CASE("P16: flatten of texts and maps; what is no range does not compile") {
  Stream<std::string> texts;
  Probe chars{texts.flatten()};
  texts.emit("abc");
  REQUIRE(chars.values() == std::vector{'a', 'b', 'c'});

  // Streamz emits the keys of a dict; here the items are what a loop over a map gives.
  Stream<std::map<std::string, int>> maps;
  Probe pairs{maps.flatten()};
  maps.emit({{"a", 1}, {"b", 2}});
  REQUIRE(pairs.values() == std::vector<std::pair<std::string, int>>{{"a", 1}, {"b", 2}});
}

TEST_CASE("flatten takes off one level") {
  Stream<Lists> source;
  Probe once{source.flatten()};
  Probe twice{source.flatten().flatten()};
  source.emit({{1, 2}, {3}});
  REQUIRE(once.values() == Lists{{1, 2}, {3}});
  REQUIRE(twice.values() == std::vector{1, 2, 3});
}

TEST_CASE("flatten goes over lists, vectors of bool and views") {
  Stream<std::list<int>> lists;
  Probe items{lists.flatten()};
  lists.emit({1, 2});
  REQUIRE(items.values() == std::vector{1, 2});

  Stream<std::vector<bool>> flags;
  Probe bools{flags.flatten()};
  flags.emit({true, false});
  REQUIRE(bools.size() == 2);
  REQUIRE(bools.records()[0].value);
  REQUIRE(!bools.records()[1].value);

  Stream<std::string_view> views;
  Probe chars{views.flatten()};
  views.emit("xy");
  REQUIRE(chars.values() == std::vector{'x', 'y'});
}

TEST_CASE("flatten moves items out of a list that nobody else uses, and leaves a shared one as it is") {
  Stream<std::list<std::string>> source;
  const std::string text = "a long text that is not kept in place";
  std::vector<std::string> out;
  source.flatten().sink([&](std::string s) { out.push_back(std::move(s)); });
  source.flatten().sink([&](std::string s) { out.push_back(std::move(s)); });
  source.emit({text});
  REQUIRE(out == std::vector<std::string>(2, text));
}

TEST_CASE("flatten takes items that can only be moved, also while they wait") {
  VirtualLoop loop;
  Stream<std::unique_ptr<int>> source{loop};
  std::vector<int> out;
  Receipt gate = Receipt::waiting(source.graph().strand(), nullptr, Why::sink);
  source.partition(2).flatten().sink([&](std::unique_ptr<int> p) {
    out.push_back(*p);
    return gate;
  });
  const Receipt first = source.push(std::make_unique<int>(1));
  const Receipt second = source.push(std::make_unique<int>(2));
  REQUIRE(out == std::vector{1});
  REQUIRE(second.pending());
  gate.settle();
  loop.run_ready();
  REQUIRE(out == std::vector{1, 2});
  REQUIRE(!second.pending());
}

TEST_CASE("flatten puts the metadata beside the last item; an empty list is done") {
  Stream<std::vector<int>> source;
  Probe<int, int> probe{source.flatten()};
  const Ref three = Ref::with(3);
  source.emit({1, 2, 3}, Context{three});
  REQUIRE(probe.metadata() == std::vector<std::vector<int>>{{}, {}, {3}});
  REQUIRE(three.use_count() - 1 == 0);
  Outcome outcome = Outcome::failed;
  source.emit({}, Context{Ref([&](const Ending& end) { outcome = end.outcome; })});
  REQUIRE(outcome == Outcome::done);
}

TEST_CASE("flatten stops when an item waits and goes on when it is through, and what comes meanwhile keeps its place") {
  VirtualLoop loop;
  Stream<std::vector<int>> source{loop};
  ScriptedSink<int> sink{source.flatten(), {.stalled = true}};
  int ended = 0;
  const auto ref = [&] { return Context{Ref([&] { ++ended; })}; };
  const Receipt first = source.push({1, 2, 3}, ref());
  REQUIRE(first.pending());
  REQUIRE(sink.open() == 1);
  const Receipt second = source.push({4, 5}, ref());
  const Receipt nothing = source.push({}, ref());
  REQUIRE(second.pending());
  REQUIRE(!nothing.pending());
  loop.run_ready();
  REQUIRE(sink.open() == 1);
  std::vector<int> taken;
  for (int i = 1; i <= 5; ++i) {
    REQUIRE(sink.taken() == static_cast<std::size_t>(i));
    REQUIRE(first.pending() == (i <= 3));
    REQUIRE(second.pending());
    sink.complete();
    loop.run_ready();
  }
  REQUIRE(!second.pending());
  REQUIRE(sink.completed() == std::vector{1, 2, 3, 4, 5});
  REQUIRE(ended == 3);
  source.wait_idle();
}

TEST_CASE("flatten keeps the end behind the items that wait") {
  VirtualLoop loop;
  Stream<std::vector<int>> source{loop};
  ScriptedSink<int> sink{source.flatten(), {.stalled = true}};
  const Receipt element = source.push({1, 2});
  const Receipt end = source.push_end();
  REQUIRE(end.pending());
  sink.complete();
  loop.run_ready();
  REQUIRE(!sink.ended());
  sink.complete();
  loop.run_ready();
  REQUIRE(sink.ended());
  REQUIRE(!end.pending());
  REQUIRE(!element.pending());
}

TEST_CASE("flatten fails the element with its first item that fails, at once and later, and goes on with the next") {
  {
    Stream<std::vector<int>> source;
    std::vector<int> out;
    source.flatten().sink([&](int x) {
      if (x == 2) throw std::runtime_error("two");
      out.push_back(x);
    });
    Outcome outcome = Outcome::done;
    REQUIRE_THROWS_AS(source.emit({1, 2, 3}, Context{Ref([&](const Ending& end) { outcome = end.outcome; })}),
                      std::runtime_error);
    source.emit({4});
    REQUIRE(out == std::vector{1, 4});
    REQUIRE(outcome == Outcome::failed);
  }
  VirtualLoop loop;
  Stream<std::vector<int>> source{loop};
  ScriptedSink<int> sink{source.flatten(), {.stalled = true}};
  std::vector<Outcome> ends(2);
  const auto ref = [&](std::size_t i) {
    return Context{Ref([&ends, i](const Ending& end) { ends[i] = end.outcome; })};
  };
  const Receipt first = source.push({1, 2, 3}, ref(0));
  const Receipt second = source.push({4}, ref(1));
  sink.complete();
  loop.run_ready();
  sink.fail();
  loop.run_ready();
  REQUIRE(!first.pending());
  REQUIRE(first.error());
  REQUIRE(sink.taken() == 3);
  sink.complete();
  loop.run_ready();
  REQUIRE(!second.pending());
  REQUIRE(!second.error());
  REQUIRE(sink.completed() == std::vector{1, 4});
  REQUIRE(ends == std::vector{Outcome::failed, Outcome::done});
}

TEST_CASE("a range that fails while its items wait takes nothing of the next one with it") {
  VirtualLoop loop;
  Stream<Readings> source{loop};
  ScriptedSink<int> sink{source.flatten(), {.stalled = true}};
  source.on_background_error([](const std::exception_ptr&, const Info&) {});
  std::vector<int> some;
  SECTION("with the item that waits") { some = {1, -1}; }
  SECTION("with the items behind that") { some = {1, 2, 3, -1}; }
  REQUIRE_THROWS_WITH(source.push({some}), "no reading");
  const Receipt next = source.push({{5, 6}});
  sink.fail();
  for (loop.run(); sink.open() != 0; loop.run()) sink.complete();
  REQUIRE_FALSE(next.pending());
  REQUIRE_FALSE(next.error());
  REQUIRE(sink.completed() == std::vector{5, 6});
}

TEST_CASE("flatten that is destroyed drops the elements whose items wait") {
  VirtualLoop loop;
  Outcome outcome = Outcome::done;
  Receipt receipt;
  {
    Stream<std::vector<int>> source{loop};
    ScriptedSink<int> sink{source.flatten(), {.stalled = true}};
    receipt = source.push({1, 2}, Context{Ref([&](const Ending& end) { outcome = end.outcome; })});
  }
  loop.run();
  REQUIRE(outcome == Outcome::dropped);
  REQUIRE(!receipt.pending());
  REQUIRE_THROWS_AS(receipt.get(), Stopped);
}
