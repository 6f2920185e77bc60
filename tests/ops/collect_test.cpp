// SPDX-License-Identifier: BSL-1.0
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

TEST_CASE("row 52: collect keeps elements until another stream flushes it") {
  Stream<int> source;
  Stream<char> trigger;
  const auto collected = source.collect();
  Probe probe{collected};
  trigger.sink(collected.flush);
  source.emit(1);
  source.emit(2);
  REQUIRE(probe.size() == 0);
  trigger.emit('f');
  REQUIRE(probe.values() == Lists{{1, 2}});
  trigger.emit('f');
  REQUIRE(probe.values() == Lists{{1, 2}, {}});
  source.emit(3);
  trigger.emit('f');
  REQUIRE(probe.values() == Lists{{1, 2}, {}, {3}});
}

TEST_CASE("row 53: collect holds the Refs until it is flushed") {
  Stream<int> source;
  const auto collected = source.collect();
  std::vector<Ref> refs;
  for (int i = 0; i < 10; ++i) {
    refs.push_back(Ref::with(i));
    source.emit(i, Context{refs.back()});
  }
  for (const Ref& ref : refs) REQUIRE(ref.use_count() - 1 == 1);
  collected.flush();
  for (const Ref& ref : refs) REQUIRE(ref.use_count() - 1 == 0);
}

TEST_CASE("row 54: collect joins metadata") {
  Stream<int> source;
  const auto collected = source.collect();
  Probe<std::vector<int>, int> probe{collected};
  source.emit(0);
  source.emit(1, Context{Ref::with(1)});
  source.emit(2, Context{Ref::with(2)});
  collected.flush();
  source.emit(3, Context{Ref::with(3)});
  source.emit(4, Context{Ref::with(4)});
  collected.flush();
  REQUIRE(probe.metadata() == std::vector<std::vector<int>>{{1, 2}, {3, 4}});
}

TEST_CASE("collect is flushed by a stream of the same graph with flush_on, and the graph ends when its handles go") {
  std::weak_ptr<int> alive;
  std::vector<std::vector<int>> out;
  {
    const auto life = std::make_shared<int>(0);
    alive = life;
    Stream<int> source;
    const auto collected = source.collect().flush_on(source.filter([](int x) { return x == 0; }));
    collected.sink([&out, life](const std::vector<int>& all) { out.push_back(all); });
    for (const int x : {1, 2, 0, 3, 0}) source.emit(x);
  }
  REQUIRE(out == Lists{{1, 2, 0}, {3, 0}});
  REQUIRE(alive.expired());
}

TEST_CASE("collect keeps what comes while it is being flushed for the next time") {
  // Streamz clears its list after emitting it, and loses such elements.
  Stream<int> source;
  const auto collected = source.collect();
  Lists out;
  collected.sink([&](const std::vector<int>& all) {
    out.push_back(all);
    if (all.size() == 2) source.emit(3);
  });
  source.emit(1);
  source.emit(2);
  collected.flush();
  collected.flush();
  REQUIRE(out == Lists{{1, 2}, {3}});
}

TEST_CASE("D11: whoever flushes a collect waits for what follows") {
  // Streamz gives the sink that flushes nothing to wait for.
  VirtualLoop loop;
  Stream<int> source{loop};
  Stream<int> ticks{loop};
  const auto collected = source.collect();
  ScriptedSink<std::vector<int>> sink{collected, {.stalled = true}};
  ticks.sink(collected.flush);
  source.emit(1);
  const Receipt by_function = ticks.push(0);
  REQUIRE(by_function.pending());
  sink.complete();
  loop.run_ready();
  REQUIRE(!by_function.pending());

  const auto same = collected.flush_on(source);
  const Receipt by_edge = source.push(2);
  REQUIRE(by_edge.pending());
  sink.complete();
  loop.run_ready();
  REQUIRE(!by_edge.pending());
  REQUIRE(sink.completed() == Lists{{1}, {2}});
}

TEST_CASE("collect emits what it holds at the end, and drops it when it is destroyed") {
  std::vector<Outcome> ends;
  const auto ref = [&] { return Context{Ref([&](const Ending& end) { ends.push_back(end.outcome); })}; };
  {
    Stream<int> source;
    Probe probe{source.collect()};
    source.emit(1, ref());
    source.close();
    REQUIRE(probe.values() == Lists{{1}});
    REQUIRE(probe.ended());
  }
  {
    Stream<int> source;
    const auto collected = source.collect();
    source.emit(1, ref());
  }
  REQUIRE(ends == std::vector{Outcome::done, Outcome::dropped});
}

TEST_CASE("collect fails all elements of a vector that fails, and goes on") {
  Stream<int> source;
  const auto collected = source.collect();
  bool fail = true;
  Lists out;
  collected.sink([&](const std::vector<int>& all) {
    if (std::exchange(fail, false)) throw std::runtime_error("sink");
    out.push_back(all);
  });
  std::vector<Outcome> ends;
  for (int i = 0; i < 2; ++i) {
    source.emit(i, Context{Ref([&](const Ending& end) { ends.push_back(end.outcome); })});
  }
  REQUIRE_THROWS_AS(collected.flush(), std::runtime_error);
  REQUIRE(ends == std::vector{Outcome::failed, Outcome::failed});
  source.emit(2);
  collected.flush();
  REQUIRE(out == Lists{{2}});
}

namespace {

/// Fails for an element, and when the end comes.
class ThrowsTwice : public Step {
 public:
  template <class>
  using output = void;
  template <class V, class Next>
  Pending* operator()(V&&, const Context*, Next&) {
    throw std::runtime_error("the elements");
  }
  template <class Next>
  Pending* signal(const Signal&, Next&) {
    throw std::runtime_error("the end");
  }
};

}  // namespace

TEST_CASE("what an operator emits at the end and the end both fail: the first error comes") {
  Stream<int> source;
  const auto fails = [](auto stream) { return stream.stream() | step(ThrowsTwice{}, {"throws", {}, Shape::sink}); };
  SECTION("collect") { fails(source.collect()); }
  SECTION("partition") { fails(source.partition(2)); }
  SECTION("partition by key") { fails(source.partition(2, [](int x) { return x; })); }
  SECTION("partition_unique") { fails(source.partition_unique(2)); }
  source.emit(1);
  REQUIRE_THROWS_WITH(source.close(), "the elements");
}

TEST_CASE("collect keeps elements that can only be moved") {
  Stream<std::unique_ptr<int>> source;
  const auto collected = source.collect().named("bag");
  int sum = 0;
  collected.sink([&](const std::vector<std::unique_ptr<int>>& all) {
    for (const auto& p : all) sum += *p;
  });
  source.emit(std::make_unique<int>(1));
  source.emit(std::make_unique<int>(2));
  collected.flush();
  REQUIRE(sum == 3);
  REQUIRE(collected.name() == "bag");
}
