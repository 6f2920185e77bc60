// SPDX-License-Identifier: BSL-1.0
#include <chrono>
#include <cmath>
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
using namespace std::chrono_literals;
using testing::Probe;
using Groups = std::vector<std::vector<int>>;

TEST_CASE("row 28: partition gathers pairs") {
  Stream<int> source;
  Probe probe{source.partition(2)};
  for (int i = 0; i < 10; ++i) source.emit(i);
  REQUIRE(probe.values() == Groups{{0, 1}, {2, 3}, {4, 5}, {6, 7}, {8, 9}});
}

TEST_CASE("row 29: partition with a timeout emits what has come") {
  VirtualLoop loop;
  Stream<int> source{loop};
  Probe probe{source.partition(10, 10ms)};
  for (int i = 0; i < 5; ++i) source.emit(i);
  REQUIRE(probe.size() == 0);
  loop.run_for(100ms);
  REQUIRE(probe.values() == Groups{{0, 1, 2, 3, 4}});
  REQUIRE(probe.times() == std::vector<Duration>{10ms});
}

TEST_CASE("row 30: a full vector cancels the timer") {
  VirtualLoop loop;
  Stream<int> source{loop};
  Probe probe{source.partition(3, 100ms)};
  for (int i = 0; i < 3; ++i) source.emit(i);
  loop.run_for(90ms);
  source.emit(3);
  loop.run_for(20ms);
  REQUIRE(probe.values() == Groups{{0, 1, 2}});
  loop.run_for(90ms);
  REQUIRE(probe.values() == Groups{{0, 1, 2}, {3}});
  REQUIRE(probe.times() == std::vector<Duration>{0ms, 190ms});
}

TEST_CASE("row 31: partition by a part of a tuple") {
  using Pair = std::pair<int, int>;
  Stream<Pair> source;
  Probe probe{source.partition(2, &Pair::first)};
  for (const Pair& x : {Pair(0, 0), Pair(1, 1), Pair(0, 2), Pair(1, 3)}) source.emit(x);
  REQUIRE(probe.values() == std::vector<std::vector<Pair>>{{{0, 0}, {0, 2}}, {{1, 1}, {1, 3}}});

  Stream<std::vector<int>> lists;
  Probe by_index{lists.partition(2, 0)};
  for (const std::vector<int>& x : Groups{{0, 0}, {1, 1}, {0, 2}}) lists.emit(x);
  REQUIRE(by_index.values() == std::vector<Groups>{{{0, 0}, {0, 2}}});
}

TEST_CASE("row 32: partition by a key function") {
  Stream<int> source;
  Probe probe{source.partition(2, [](int x) { return x % 2; })};
  for (int i = 0; i < 10; ++i) source.emit(i);
  REQUIRE(probe.values() == Groups{{0, 2}, {1, 3}, {4, 6}, {5, 7}});
}

TEST_CASE("row 33: partition of one element with a timeout never starts the timer") {
  VirtualLoop loop;
  Stream<int> source{loop};
  Probe probe{source.partition(1, 10ms)};
  for (int i = 0; i < 10; ++i) source.emit(i);
  REQUIRE(probe.size() == 10);
  REQUIRE(!loop.next_deadline());
}

TEST_CASE("row 34: partition shows its n") {
  VirtualLoop loop;
  Stream<int> source{loop};
  const auto pairs = source.partition(2).stream();
  REQUIRE(std::string(pairs.info().op) == "partition");
  REQUIRE(pairs.info().detail == "2");
  REQUIRE(source.partition(2, 1500ms).info().detail == "2, 1500ms");
}

TEST_CASE("row 35: partition holds the Refs of an unfinished vector") {
  Stream<int> source;
  auto pairs = source.partition(2).stream();
  for (int i = 0; i < 10; ++i) {
    const Ref ref = Ref::with(i);
    source.emit(i, Context{ref});
    REQUIRE(ref.use_count() - 1 == (i % 2 == 0 ? 1 : 0));
  }
}

TEST_CASE("row 36: partition joins metadata") {
  Stream<int> source;
  Probe<std::vector<int>, int> probe{source.partition(2)};
  source.emit(0);
  for (int i = 1; i < 4; ++i) source.emit(i, Context{Ref::with(i)});
  REQUIRE(probe.metadata() == std::vector<std::vector<int>>{{1}, {2, 3}});
}

TEST_CASE("row 57: a buffer takes the vectors of a partition") {
  VirtualLoop loop;
  Stream<int> source{loop};
  Probe probe{source.partition(1).buffer(1)};
  source.emit(1);
  loop.run();
  REQUIRE(probe.values() == Groups{{1}});
}

TEST_CASE("P18: partition by a key of maps") {
  using Dict = std::map<std::string, int>;
  Stream<Dict> source;
  Probe probe{source.partition(2, "k")};
  const Dict a{{"k", 1}, {"v", 1}};
  const Dict b{{"k", 2}, {"v", 2}};
  const Dict c{{"k", 1}, {"v", 3}};
  for (const Dict& x : {a, b, c, b}) source.emit(x);
  REQUIRE(probe.values() == std::vector<std::vector<Dict>>{{a, c}, {b, b}});
}

TEST_CASE("D22: partition forgets a key when its vector was emitted") {
  // Streamz keeps an empty list for every key that was ever seen.
  struct Key {
    std::shared_ptr<int> life;
    int value;
    bool operator==(const Key& other) const { return value == other.value; }
  };
  const auto life = std::make_shared<int>(0);
  Stream<int> source;
  Probe probe{source.partition(2, [&](int x) { return Key{life, x / 2}; })};
  for (int i = 0; i < 600; ++i) source.emit(i);
  REQUIRE(probe.size() == 300);
  REQUIRE(life.use_count() == 1);

  VirtualLoop loop;
  Stream<int> timed{loop};
  Probe flushed{timed.partition(2, 1ms, [&](int x) { return Key{life, x}; })};
  for (int i = 0; i < 300; ++i) timed.emit(i);
  loop.run();
  REQUIRE(flushed.size() == 300);
  REQUIRE(life.use_count() == 1);
}

TEST_CASE(
    "partition emits what it holds at the end of the stream, keys in the order of their first elements") {
  Stream<int> source;
  Probe plain{source.partition(3)};
  Probe keyed{source.partition(3, [](int x) { return -(x % 3); })};
  for (int i = 0; i < 5; ++i) source.emit(i);
  REQUIRE(!source.push_end().pending());
  REQUIRE(plain.values() == Groups{{0, 1, 2}, {3, 4}});
  REQUIRE(plain.ended());
  REQUIRE(keyed.values() == Groups{{0, 3}, {1, 4}, {2}});
  REQUIRE(keyed.ended());
}

TEST_CASE("partition with a timeout emits the rest at the end and cancels its timers") {
  VirtualLoop loop;
  Stream<int> source{loop};
  Probe probe{source.partition(3, 1s, [](int x) { return x % 2; })};
  for (int i = 0; i < 3; ++i) source.emit(i);
  const Receipt end = source.push_end();
  loop.run();
  REQUIRE(!end.pending());
  REQUIRE(loop.now().time_since_epoch() == 0s);
  REQUIRE(probe.values() == Groups{{0, 2}, {1}});
  REQUIRE(probe.ended());
}

TEST_CASE("partition with a timeout and a key has a timer for each key") {
  VirtualLoop loop;
  Stream<int> source{loop};
  const auto parity = [](int x) { return x % 2; };
  Probe probe{source.partition(2, 10ms, parity)};
  Probe swapped{source.partition(2, parity, 10ms)};
  source.emit(0);
  loop.run_for(4ms);
  source.emit(1);
  loop.run_for(4ms);
  source.emit(2);
  loop.run();
  REQUIRE(probe.values() == Groups{{0, 2}, {1}});
  REQUIRE(probe.times() == std::vector<Duration>{8ms, 14ms});
  REQUIRE(swapped.values() == probe.values());
}

TEST_CASE("partition with a timeout is busy until its timer has flushed") {
  VirtualLoop loop;
  Stream<int> source{loop};
  Probe probe{source.partition(3, 5ms)};
  source.emit(1);
  source.wait_idle();
  REQUIRE(probe.values() == Groups{{1}});
  REQUIRE(loop.now().time_since_epoch() == 5ms);
}

TEST_CASE(
    "partition lets the element that fills a vector wait for it, and with it those behind what a timer "
    "flushed") {
  VirtualLoop loop;
  Stream<int> source{loop};
  testing::ScriptedSink<std::vector<int>> sink{source.partition(2, 10ms), {.stalled = true}};
  REQUIRE(source.try_emit(1));
  REQUIRE(source.try_emit(2));
  REQUIRE(!source.try_emit(3));  // 2 waits for its vector
  sink.complete();
  loop.run_ready();
  REQUIRE(source.try_emit(3));
  loop.run_for(10ms);  // the timer flushes 3, and that waits
  REQUIRE(source.try_emit(4));
  REQUIRE(!source.try_emit(5));  // 4 waits behind it
  sink.complete();
  loop.run_ready();
  REQUIRE(source.try_emit(5));
  sink.complete();
  loop.run();
  REQUIRE(sink.completed() == Groups{{1, 2}, {3}, {4, 5}});
}

TEST_CASE("partition goes on after a failure behind it, and all elements of the vector have failed") {
  Stream<int> source;
  Groups out;
  bool fail = true;
  source.partition(2).sink([&](const std::vector<int>& pair) {
    if (std::exchange(fail, false)) throw std::runtime_error("sink");
    out.push_back(pair);
  });
  std::vector<Outcome> ends(3);
  const auto ref = [&](std::size_t i) {
    return Context{Ref([&ends, i](const Ending& end) { ends[i] = end.outcome; })};
  };
  source.emit(1, ref(0));
  REQUIRE_THROWS_AS(source.emit(2, ref(1)), std::runtime_error);
  source.emit(3, ref(2));
  source.emit(4);
  REQUIRE(out == Groups{{3, 4}});
  REQUIRE(ends == std::vector{Outcome::failed, Outcome::failed, Outcome::done});
}

TEST_CASE("D6: partition survives a failure behind a vector that its timer flushed, and reports it") {
  // In Streamz the vector is lost and only a log line tells.
  VirtualLoop loop;
  Stream<int> source{loop};
  Groups out;
  bool fail = true;
  source.partition(2, 10ms).sink([&](const std::vector<int>& group) {
    if (std::exchange(fail, false)) throw std::runtime_error("sink");
    out.push_back(group);
  });
  std::vector<std::string> errors;
  source.on_background_error([&](std::exception_ptr error, const Info& where) {
    try {
      std::rethrow_exception(error);
    } catch (const std::runtime_error& caught) {
      errors.push_back(std::string(where.op) + ": " + caught.what());
    }
  });
  Outcome outcome = Outcome::done;
  source.emit(1, Context{Ref([&](const Ending& end) { outcome = end.outcome; })});
  loop.run();
  REQUIRE(errors == std::vector<std::string>{"partition: sink"});
  REQUIRE(outcome == Outcome::failed);
  source.emit(2);
  loop.run();
  REQUIRE(out == Groups{{2}});
}

TEST_CASE("partition is as before when its key throws") {
  Stream<int> source;
  bool fail = false;
  const auto key = [&](int) {
    if (fail) throw std::runtime_error("key");
    return 0;
  };
  Probe probe{source.partition(2, key)};
  source.emit(1);
  fail = true;
  REQUIRE_THROWS_AS(source.emit(2), std::runtime_error);
  fail = false;
  source.emit(3);
  REQUIRE(probe.values() == Groups{{1, 3}});
}

TEST_CASE("partition that is destroyed drops what it holds") {
  VirtualLoop loop;
  std::vector<std::string> reasons;
  const auto ref = [&] {
    return Context{Ref(
        [&](const Ending& end) { reasons.push_back(end.outcome == Outcome::dropped ? end.reason : "?"); })};
  };
  {
    Stream<int> source{loop};
    auto plain = source.partition(2).stream();
    source.emit(1, ref());
  }
  {
    Stream<int> source{loop};
    auto keyed = source.partition(2, [](int x) { return x; }).stream();
    source.emit(1, ref());
  }
  {
    Stream<int> source{loop};
    auto timed = source.partition(2, 1s);
    source.emit(1, ref());
  }
  loop.run();
  REQUIRE(reasons == std::vector<std::string>(3, "partition was stopped before its vector was full"));
}

TEST_CASE("partition lets no watermark overtake the vector of the elements before it") {
  Stream<int> source;
  Probe probe{source.partition(2)};
  const auto at = [](EventTime time) {
    Context context;
    context.event_time(time);
    return context;
  };
  const auto watermark = [&](EventTime time) {
    REQUIRE(source.outlet().signal({Signal::watermark, time}) == nullptr);
  };
  watermark(5);
  source.emit(1, at(10));
  watermark(20);
  watermark(30);
  source.emit(2, at(40));
  watermark(50);
  std::vector<EventTime> told;
  for (const Signal& signal : probe.signals()) told.push_back(signal.value);
  REQUIRE(told == std::vector<EventTime>{5, 10, 50});
  REQUIRE(probe.records().front().event_time == 40);
}

TEST_CASE("partition takes elements that can only be moved") {
  Stream<std::unique_ptr<int>> source;
  int sum = 0;
  source.partition(2).sink(
      [&](const std::vector<std::unique_ptr<int>>& pair) { sum += *pair[0] * 10 + *pair[1]; });
  source.emit(std::make_unique<int>(1));
  source.emit(std::make_unique<int>(2));
  REQUIRE(sum == 12);
}

TEST_CASE("partition refuses an n of 0, a negative timeout, and a timeout without a loop") {
  Stream<int> source;
  REQUIRE_THROWS_WITH(source.partition(0), penstock::test::containing("partition: n must be at least 1"));
  REQUIRE_THROWS_AS(source.partition(2, -1ms), std::invalid_argument);
  REQUIRE_THROWS_WITH(source.partition(2, 1ms),
                      penstock::test::containing("partition with a timeout needs an event loop"));
}

namespace {

constexpr auto to_vector = [](auto view) { return std::vector(view.begin(), view.end()); };

}  // namespace

TEST_CASE("partition lends views of the same groups, the rest at the end") {
  Stream<int> source;
  Probe lent{source.partition(2, as_view).map(to_vector).stream()};
  Probe owned{source.partition(2)};
  for (int i = 0; i < 5; ++i) source.emit(i);
  REQUIRE(!source.push_end().pending());
  REQUIRE(lent.values() == Groups{{0, 1}, {2, 3}, {4}});
  REQUIRE(lent.values() == owned.values());
}

TEST_CASE("partition lends the same memory every time") {
  Stream<std::string> source;
  std::vector<const std::string*> seen;
  source.partition(3, as_view).sink([&](View<std::string> group) { seen.push_back(group.data()); });
  for (int i = 0; i < 30; ++i) source.emit(std::to_string(i));
  REQUIRE(seen == std::vector<const std::string*>(10, seen.front()));
}

TEST_CASE("partition gathers more elements than it makes room for at first") {
  constexpr int n = 10000;
  Stream<int> source;
  Stream<std::string> texts;
  Probe owned{source.partition(n)};
  Probe lent{source.partition(n, as_view).map(to_vector).stream()};
  Probe owned_texts{texts.partition(n)};
  std::vector<int> expected;
  std::vector<std::string> expected_texts;
  for (int i = 0; i < n; ++i) {
    source.emit(i);
    texts.emit(std::to_string(i));
    expected.push_back(i);
    expected_texts.push_back(std::to_string(i));
  }
  REQUIRE(owned.values() == Groups{expected});
  REQUIRE(lent.values() == Groups{expected});
  REQUIRE(owned_texts.values() == std::vector<std::vector<std::string>>{expected_texts});
}

TEST_CASE("partition gathers flags, and what has no default") {
  struct NoDefault {
    explicit NoDefault(int v) : value(v) {}
    int value;
  };
  Stream<bool> flags;
  Probe probe{flags.partition(2)};
  flags.emit(true);
  flags.emit(false);
  REQUIRE(probe.values() == std::vector<std::vector<bool>>{{true, false}});
  Stream<NoDefault> source;
  int sum = 0;
  source.partition(2, as_view).sink([&](View<NoDefault> pair) {
    sum = pair.front().value * 10 + pair.back().value;
  });
  source.partition(2).sink([&](const std::vector<NoDefault>& pair) { sum *= pair[0].value + pair[1].value; });
  source.emit(NoDefault{1});
  source.emit(NoDefault{2});
  REQUIRE(sum == 36);
}

TEST_CASE("partition lends views of the groups of keys, in any order of the options") {
  Stream<int> source;
  const auto parity = [](int x) { return x % 2; };
  Probe one{source.partition(2, as_view, parity).map(to_vector).stream()};
  Probe two{source.partition(2, parity, as_view).map(to_vector).stream()};
  Probe owned{source.partition(2, parity)};
  for (const int x : {1, 2, 3, 5, 4, 6, 7}) source.emit(x);
  static_cast<void>(source.push_end());
  REQUIRE(one.values() == Groups{{1, 3}, {2, 4}, {5, 7}, {6}});
  REQUIRE(two.values() == one.values());
  REQUIRE(owned.values() == one.values());
}

TEST_CASE("a view of a group stays as it is while what looks at it emits at the source again") {
  Stream<std::string> source;
  std::vector<std::vector<std::string>> out;
  source.partition(2, as_view).sink([&](View<std::string> pair) {
    const auto before = to_vector(pair);
    out.push_back(before);
    if (before.back() == "1") {
      for (int i = 2; i < 9; ++i) source.emit(std::to_string(i));
    }
    REQUIRE(to_vector(pair) == before);
  });
  for (int i = 0; i < 2; ++i) source.emit(std::to_string(i));
  source.emit("9");
  REQUIRE(out ==
          std::vector<std::vector<std::string>>{{"0", "1"}, {"2", "3"}, {"4", "5"}, {"6", "7"}, {"8", "9"}});
}

TEST_CASE("a view of a group carries the joined metadata, which has failed when what looks at it throws") {
  Stream<int> source;
  std::vector<Outcome> ends;
  const auto ref = [&] { return Context{Ref([&](const Ending& end) { ends.push_back(end.outcome); })}; };
  bool fails = true;
  Probe<int, int> probe{source.partition(2, as_view)
                            .map([&](View<int> pair) {
                              if (fails) throw std::runtime_error("no");
                              return pair[0] + pair[1];
                            })
                            .stream()};
  source.emit(1, ref());
  REQUIRE(ends.empty());
  REQUIRE_THROWS_AS(source.emit(2, ref()), std::runtime_error);
  REQUIRE(ends == std::vector{Outcome::failed, Outcome::failed});
  fails = false;
  source.emit(3, Context{Ref::with(3)});
  source.emit(4, Context{Ref::with(4)});
  REQUIRE(probe.values() == std::vector{7});
  REQUIRE(probe.metadata() == std::vector<std::vector<int>>{{3, 4}});
}

TEST_CASE("partition lends views of elements that can only be moved, and lets go of them") {
  Stream<std::unique_ptr<int>> source;
  int sum = 0;
  source.partition(2, as_view).sink([&](View<std::unique_ptr<int>> pair) {
    sum += *pair[0] * 10 + *pair[1];
  });
  for (int i = 1; i < 4; ++i) source.emit(std::make_unique<int>(i));
  REQUIRE(sum == 12);
}

TEST_CASE("partition takes all keys that are not a number as one, also when its timer flushes") {
  for (const bool timed_out : {false, true}) {
    VirtualLoop loop;
    const Stream<std::pair<double, int>> source{loop};
    Probe probe{source.partition(2, 10ms, &std::pair<double, int>::first)};
    source.emit({std::nan("1"), 1});
    source.emit({-0.0, 2});
    if (timed_out) loop.run_for(20ms);
    source.emit({-std::nan("2"), 3});
    source.emit({0.0, 4});
    loop.run_for(20ms);
    using Pairs = std::vector<std::pair<double, int>>;
    std::vector<int> found;
    for (const Pairs& group : probe.values()) {
      for (const auto& [key, n] : group) found.push_back(n);
      found.push_back(0);
    }
    CHECK(found == (timed_out ? std::vector<int>{1, 0, 2, 0, 3, 0, 4, 0} : std::vector<int>{1, 3, 0, 2, 4, 0}));
  }
}

namespace {

/// A key that is not even equal to itself.
struct Unequal {
  int n;
  friend bool operator==(Unequal, Unequal) { return false; }
};

}  // namespace
template <>
struct std::hash<Unequal> {
  std::size_t operator()(Unequal key) const noexcept { return static_cast<std::size_t>(key.n); }
};

TEST_CASE("partition emits what has a key that is not even equal to itself at the end of the stream") {
  VirtualLoop loop;
  const Stream<int> source{loop};
  Probe probe{source.partition(2, 10ms, [](int n) { return Unequal{n}; })};
  source.emit(1);
  source.emit(1);
  loop.run_for(20ms);
  CHECK(probe.size() == 0);
  source.close();
  CHECK(probe.values() == Groups{{1}, {1}});
}

TEST_CASE("partition leaves no group behind for an element whose copy throws") {
  static bool breaks = false;
  struct Fragile {
    explicit Fragile(int number) : n(number) {}
    Fragile(const Fragile& other) : n(other.n) {
      if (std::exchange(breaks, false)) throw std::runtime_error("no copy");
    }
    Fragile(Fragile&&) = default;
    Fragile& operator=(const Fragile&) = default;
    Fragile& operator=(Fragile&&) = default;
    int n;
  };
  breaks = false;
  VirtualLoop loop;
  Stream<Fragile> source{loop};
  std::vector<std::vector<int>> out;
  const auto keep = [&](const auto& group) {
    std::vector<int> numbers;
    for (const Fragile& x : group) numbers.push_back(x.n);
    out.push_back(numbers);
  };
  SECTION("with a key") { source.partition(2, &Fragile::n).sink(keep); }
  SECTION("with a key and views") { source.partition(2, &Fragile::n, as_view).sink(keep); }
  SECTION("with a key and a timeout") { source.partition(2, &Fragile::n, 10ms).sink(keep); }
  SECTION("with a timeout") { source.partition(2, 10ms).sink(keep); }
  source.sink([](const Fragile&) {});  // so that the one before it is lent its elements
  breaks = true;
  REQUIRE_THROWS_WITH(source.emit(Fragile{7}), "no copy");
  REQUIRE(source.graph().idle());
  loop.run();
  REQUIRE(out.empty());
  source.emit(Fragile{7});
  breaks = true;
  REQUIRE_THROWS_WITH(source.emit(Fragile{7}), "no copy");
  source.emit(Fragile{7});  // the first of them is still there
  REQUIRE(out == Groups{{7, 7}});
  breaks = true;
  REQUIRE_THROWS_WITH(source.emit(Fragile{7}), "no copy");
  source.close();
  loop.run();
  REQUIRE(out == Groups{{7, 7}});
}
