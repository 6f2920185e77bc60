// SPDX-License-Identifier: BSL-1.0
#include "penstock/core/graph.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/testing/probe.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace penstock;
using namespace penstock::testing;

namespace {

int inc(int x) { return x + 1; }

/// A source that counts how often it is started, and a node that tells when it dies.
class Starter final : public Node {
 public:
  Starter(int& starts, int& deaths)
      : Node(Info{"starter", {}, Shape::source}), starts_(starts), deaths_(deaths) {
    port(outlet);
  }
  ~Starter() override { ++deaths_; }
  void start() override { ++starts_; }
  Outlet<int> outlet;

 private:
  int& starts_;
  int& deaths_;
};

Stream<int> starter(int& starts, int& deaths, Loop* loop = nullptr) {
  Graph* graph = new Graph(loop);
  return Stream<int>{graph->add(std::make_unique<Starter>(starts, deaths)).outlet};
}

/// Is told of the edges that it loses, and fails to flush.
class Told final : public Node, public Receiver<int, Told> {
 public:
  explicit Told(int& told) : Node(Info{"told"}), told_(told) { port(static_cast<InletBase&>(*this)); }
  Pending* take(int, const Context*) { return nullptr; }
  void disconnected(InletBase&) override { ++told_; }

 protected:
  Pending* take_signal(const Signal&) override { throw std::runtime_error("nothing can be flushed"); }

 private:
  int& told_;
};

/// Dies with the chain that holds it.
struct Canary {
  explicit Canary(int& deaths) : deaths_(&deaths) {}
  Canary(Canary&& other) noexcept : deaths_(std::exchange(other.deaths_, nullptr)) {}
  ~Canary() {
    if (deaths_) ++*deaths_;
  }
  int operator()(int x) const { return x; }
  int* deaths_;
};

}  // namespace

TEST_CASE("row 108: a stream is connected to another one") {
  Stream<int> upstream;
  Stream<int> downstream;
  REQUIRE(upstream.outlet().branches().empty());
  REQUIRE(downstream.node().inlets().front()->upstreams().empty());
  std::vector<int> out;
  downstream.map(inc).sink([&](int x) { out.push_back(x); });
  upstream.connect(downstream);
  upstream.emit(2);
  upstream.emit(4);
  REQUIRE(out == std::vector{3, 5});
  REQUIRE(downstream.node().inlets().front()->upstreams().size() == 1);
}

TEST_CASE("row 109: a stream is connected to one of two that are merged") {
  Stream<int> upstream;
  Stream<int> down1;
  Stream<int> down2;
  std::vector<int> out;
  down1.merge(down2).map(inc).sink([&](int x) { out.push_back(x); });
  upstream.connect(down2);
  upstream.emit(2);
  upstream.emit(4);
  REQUIRE(out == std::vector{3, 5});
}

TEST_CASE("of two streams that have ended and are connected to one, the one that goes on is not held up by the other") {
  for (const bool last_one_goes_on : {true, false}) {
    const Stream<int> a, b, both;
    a.connect(both);
    b.connect(both);
    const Probe<int> probe{both};
    const auto send = [](const Stream<int>& on, Signal signal) {
      static_cast<void>(penstock::detail::offer(on.outlet(), signal));
    };
    for (const auto& stream : {a, b}) {
      send(stream, {Signal::watermark, 5});
      send(stream, {Signal::end});
    }
    REQUIRE(probe.ended());
    const Stream<int>& goes_on = last_one_goes_on ? b : a;
    send(goes_on, {Signal::reopen});
    CHECK(probe.signals().back().kind == Signal::reopen);
    goes_on.emit(1);
    send(goes_on, {Signal::watermark, 9});
    CHECK(probe.signals().back().kind == Signal::watermark);
    CHECK(probe.signals().back().value == 9);
    send(goes_on, {Signal::barrier, 1});
    CHECK(probe.signals().back().kind == Signal::barrier);
  }
}

TEST_CASE("row 110: a stream is disconnected") {
  Stream<int> upstream;
  Stream<int> downstream;
  Probe probe{downstream};
  upstream.connect(downstream);
  upstream.emit(2);
  upstream.emit(3);
  upstream.disconnect(downstream);
  upstream.emit(4);
  REQUIRE(probe.values() == std::vector{2, 3});
  REQUIRE(upstream.outlet().branches().empty());
  REQUIRE_THROWS_WITH(upstream.disconnect(downstream), penstock::test::containing("disconnect: "));
}

// Python collects the node; here a chain that nothing consumed was never one.
TEST_CASE("row 111: a chain that is dropped leaves nothing behind") {
  Stream<int> source;
  int calls = 0;
  {
    auto chain = source.map([&](int x) {
      ++calls;
      return x;
    });
    REQUIRE(source.graph().nodes().size() == 1);
  }
  source.emit(1);
  REQUIRE(calls == 0);
  REQUIRE(source.outlet().branches().empty());
}

TEST_CASE("row 112: a destroyed node gets nothing and gives nothing") {
  Stream<int> source;
  const auto mapped = source.map(inc).stream();
  Probe probe{mapped};
  source.emit(1);
  mapped.destroy();
  source.emit(2);
  REQUIRE(source.outlet().branches().empty());
  REQUIRE(mapped.node().inlets().front()->upstreams().empty());
  REQUIRE(probe.values() == std::vector{2});
  mapped.destroy();
  REQUIRE(probe.size() == 1);
}

TEST_CASE("row 113: starting a graph anywhere starts its sources once") {
  int starts = 0;
  int deaths = 0;
  const auto source = starter(starts, deaths);
  const auto mapped = source.map(inc).stream();
  mapped.start();
  REQUIRE(starts == 1);
}

// Streamz: the callback never fires, because a source without children releases nothing.
TEST_CASE("P4: an element at a stream that nobody reads is done") {
  Stream<int> source;
  int times = 0;
  Outcome outcome = Outcome::failed;
  source.emit(1, Ref{[&](const Ending& ending) {
                ++times;
                outcome = ending.outcome;
              }});
  REQUIRE(times == 1);
  REQUIRE(outcome == Outcome::done);
}

// Streamz: the reference stays retained for ever.
TEST_CASE("P5: what the first branch throws keeps the element from the second, and the next emit works") {
  Stream<int> source;
  std::vector<int> second;
  source.sink([](int x) {
    if (x == 0) throw std::domain_error("zero");
  });
  source.sink([&](int x) { second.push_back(x); });
  Outcome outcome = Outcome::done;
  int times = 0;
  REQUIRE_THROWS_AS(source.emit(0, Ref{[&](const Ending& ending) {
                                  outcome = ending.outcome;
                                  ++times;
                                }}),
                    std::domain_error);
  REQUIRE(times == 1);
  REQUIRE(outcome == Outcome::failed);
  source.emit(1);
  REQUIRE(second == std::vector{1});
}

TEST_CASE("P7: branches get an element in the order in which they were written, each down to its end") {
  Stream<int> source;
  std::vector<std::string> order;
  const auto note = [&](const char* who) { return [&order, who](int) { order.push_back(who); }; };
  auto a = source.map(inc);
  a.sink(note("a1"));
  source.sink(note("s"));
  a.sink(note("a2"));
  source.emit(1);
  REQUIRE(order == std::vector<std::string>{"a1", "a2", "s"});
}

TEST_CASE("P8: a branch that is connected again comes last") {
  Stream<int> source;
  std::vector<int> order;
  std::vector<Stream<int>> branches(4);
  for (int i = 0; i < 4; ++i) {
    branches[static_cast<std::size_t>(i)].sink([&order, i](int) { order.push_back(i); });
    source.connect(branches[static_cast<std::size_t>(i)]);
  }
  source.emit(0);
  REQUIRE(order == std::vector{0, 1, 2, 3});
  order.clear();
  source.disconnect(branches[1]);
  source.connect(branches[1]);
  source.emit(0);
  REQUIRE(order == std::vector{0, 2, 3, 1});
}

TEST_CASE("P9: connecting twice delivers once, and one disconnect undoes it") {
  Stream<int> a;
  Stream<int> b;
  Probe probe{b};
  a.connect(b);
  a.connect(b);
  a.emit(1);
  REQUIRE(probe.values() == std::vector{1});
  a.disconnect(b);
  a.emit(2);
  REQUIRE(probe.values() == std::vector{1});
}

TEST_CASE("connecting and disconnecting during an emit takes effect after it") {
  Stream<int> source;
  Stream<int> other;
  Probe probe{other};
  source.sink([&](int x) {
    if (x == 1) source.connect(other);
    if (x == 3) source.disconnect(other);
  });
  for (int i = 1; i <= 4; ++i) source.emit(i);
  REQUIRE(probe.values() == std::vector{2, 3});
}

TEST_CASE("a sink that is wired during an emit sees the next element") {
  Stream<int> source;
  std::vector<int> out;
  bool once = true;
  source.sink([&](int) {
    if (std::exchange(once, false)) source.sink([&](int x) { out.push_back(x); });
  });
  source.emit(1);
  source.emit(2);
  REQUIRE(out == std::vector{2});
}

TEST_CASE("destroying a node in the middle of an emit takes effect after it") {
  Stream<int> source;
  const auto doomed = source.map(inc).stream();
  Probe probe{doomed};
  std::optional<Stream<int>> handle{doomed};
  Stream<int> first;
  first.sink([&](int) { handle->destroy(); });
  Stream<int> entry;
  entry.connect(first);
  entry.connect(source);
  entry.emit(1);  // first destroys, and the element still gets there
  entry.emit(2);
  REQUIRE(probe.values() == std::vector{2});
}

TEST_CASE("a function may build a pipeline and return any part of it") {
  int deaths = 0;
  std::vector<int> out;
  const auto first_part = [&] {
    Stream<int> source{"source"};
    source.map(Canary{deaths}).sink([&](int x) { out.push_back(x); });
    return source;
  };
  const auto last_part = [&] {
    Stream<int> source{"source"};
    return std::pair{source.map(Canary{deaths}).stream(), source};
  };
  const auto only_sink = [&] {
    Stream<int> source{"source"};
    return source.map(Canary{deaths}).sink([&](int x) { out.push_back(x); });
  };
  {
    const Stream<int> source = first_part();
    source.emit(1);
    REQUIRE(out == std::vector{1});
    auto [mapped, other] = last_part();
    mapped.sink([&](int x) { out.push_back(10 * x); });
    other.emit(2);
    REQUIRE(out == std::vector{1, 20});
    const Sink sink = only_sink();
    REQUIRE(sink.graph().nodes().size() == 2);
    REQUIRE(deaths == 0);
  }
  REQUIRE(deaths == 3);
}

TEST_CASE("the last handle drops the whole graph, also one that was joined from several") {
  int deaths = 0;
  std::optional<Sink> last;
  {
    Stream<int> a;
    Stream<int> b;
    a.map(Canary{deaths}).sink([](int) {});
    last = a.zip(b.map(Canary{deaths})).sink([](const std::tuple<int, int>&) {});
  }
  REQUIRE(deaths == 0);
  last.reset();
  REQUIRE(deaths == 2);
}

TEST_CASE("dropping the last handle inside a sink ends the graph after the emit") {
  int deaths = 0;
  auto source = std::make_unique<Stream<int>>();
  Outlet<int>& outlet = source->outlet();
  int seen = 0;
  int told = 0;
  source->map(Canary{deaths}).sink([&](int) {
    source.reset();
    REQUIRE(deaths == 0);
    ++seen;
  });
  source->sink([&](int) { ++seen; });
  static_cast<void>(outlet);
  const Stream<int>& raw = *source;
  raw.emit(1, Ref{[&] { ++told; }});
  REQUIRE(seen == 2);
  REQUIRE(deaths == 1);
  REQUIRE(told == 1);
}

TEST_CASE("a destroyed node is deleted with its last handle, the graph lives on") {
  int starts = 0;
  int deaths = 0;
  Stream<int> rest;
  {
    const auto source = starter(starts, deaths);
    source.connect(rest);
    source.destroy();
    REQUIRE(deaths == 0);
  }
  REQUIRE(deaths == 1);
  Probe probe{rest};
  rest.emit(1);
  REQUIRE(probe.size() == 1);
}

TEST_CASE("a node that is destroyed inside a sink and loses its last handle there is deleted after the emit, once") {
  int deaths = 0;
  Stream<int> source;
  std::optional<Stream<int>> doomed{source.map(Canary{deaths}).stream()};
  source.sink([&](int) {
    if (!doomed) return;
    doomed->destroy();
    doomed.reset();
    REQUIRE(deaths == 0);
  });
  const std::size_t nodes = source.graph().nodes().size();
  source.emit(1);
  REQUIRE(deaths == 1);
  REQUIRE(source.graph().nodes().size() == nodes - 1);
  source.emit(2);
}

TEST_CASE("nothing can be connected to a node that was destroyed") {
  Stream<int> source;
  std::optional<Stream<int>> doomed{source.map(inc).stream()};
  const Stream<int> other;
  const std::string sentence = "connect: the operator was destroyed before";
  bool refused = false;
  source.sink([&](int) {
    if (!doomed) return;
    doomed->destroy();
    try {
      doomed->sink([](int) {});
    } catch (const std::logic_error& error) {
      refused = error.what() == sentence;
    }
    doomed.reset();
  });
  const std::size_t nodes = source.graph().nodes().size();
  source.emit(1);
  REQUIRE(refused);
  REQUIRE(source.graph().nodes().size() == nodes - 1);

  const Stream<int> gone;
  gone.destroy();
  REQUIRE_THROWS_WITH(gone.map(inc).stream(), sentence);
  REQUIRE_THROWS_WITH(gone.connect(other), sentence);
  REQUIRE_THROWS_WITH(other.connect(gone), sentence);
  REQUIRE(gone.graph().nodes().size() == 1);
}

TEST_CASE("what is flushed behind a node that is destroyed may throw, and all of its edges are gone") {
  const Stream<int> source;
  const Stream<int> ended;
  const Stream<int> first;
  const Stream<int> second;
  std::optional<Stream<int>> doomed{source.map(inc).stream()};
  for (const Stream<int>& each : {first, second}) {
    doomed->connect(each);
    ended.connect(each);
  }
  ended.close();  // so that taking the other edge away is the end
  int flushed = 0;
  first.partition(3).sink([&](const std::vector<int>&) { ++flushed, throw std::runtime_error("of the first"); });
  second.partition(3).sink([&](const std::vector<int>&) { ++flushed, throw std::runtime_error("of the second"); });
  source.emit(1);
  REQUIRE_THROWS_AS(doomed->destroy(), std::runtime_error);
  REQUIRE(flushed == 2);
  REQUIRE(doomed->node().outlets().front()->branches().empty());
  REQUIRE(source.outlet().branches().empty());
  const std::size_t nodes = source.graph().nodes().size();
  doomed.reset();
  REQUIRE(source.graph().nodes().size() == nodes - 1);
  first.destroy();
}

TEST_CASE("what a lost edge flushes may connect and destroy, which takes effect after it") {
  const Stream<int> source;
  const Stream<int> ended;
  const Stream<int> into;
  source.connect(into);
  ended.connect(into);
  ended.close();
  const auto pairs = into.partition(3).stream();
  std::vector<std::string> log;
  std::optional<Sink> doomed;
  pairs.sink([&](const std::vector<int>&) {
    log.emplace_back("first");
    for (int i = 0; i < 20; ++i) pairs.sink([&](const std::vector<int>&) { log.emplace_back("late"); });
    doomed->destroy();
    doomed.reset();
  });
  doomed = pairs.sink([&](const std::vector<int>&) { log.emplace_back("second"); });
  source.emit(1);
  SECTION("by disconnect") {
    source.disconnect(into);
  }
  SECTION("by destroy") {
    source.destroy();
  }
  REQUIRE(log == std::vector<std::string>{"first", "second"});
  REQUIRE(pairs.outlet().branches().size() == 21);
}

TEST_CASE("a node is told of a lost edge also when what is flushed throws") {
  int told = 0;
  const Stream<int> source;
  const auto ended = source.map(inc).stream();
  Graph& graph = source.graph();
  Told& node = graph.add(std::make_unique<Told>(told));
  graph.connect(source.outlet(), node);
  graph.connect(ended.outlet(), node);
  ended.close();
  REQUIRE_THROWS_AS(graph.disconnect(source.outlet(), node), std::runtime_error);
  REQUIRE(told == 1);
}

TEST_CASE("joining graphs of two loops is an error, joining one with a loop to one without gives both the loop") {
  VirtualLoop one;
  VirtualLoop two;
  Stream<int> a{one};
  Stream<int> b{two};
  Stream<int> c;
  REQUIRE_THROWS_WITH(a.connect(b),
                      "Stream: cannot join graphs of two different event loops; bring the elements over "
                      "with hop()");
  c.connect(b);
  REQUIRE(c.loop() == &two);
  REQUIRE(&c.graph() == &b.graph());
  REQUIRE_THROWS_AS(a.connect(c), std::logic_error);
}

TEST_CASE("connect says what cannot be connected to") {
  Stream<int> a;
  const auto mapped = a.map(inc).named("inc").stream();
  REQUIRE_THROWS_WITH(a.connect(mapped), penstock::test::containing("\"inc\" has no inlet of its own"));
}

TEST_CASE("an end that came before an edge counts for it, and one that goes with an edge counts no more") {
  Stream<int> a;
  Stream<int> b;
  Stream<int> both;
  Probe probe{both};
  a.connect(both);
  b.connect(both);
  a.close();
  REQUIRE_FALSE(probe.ended());
  b.disconnect(both);
  REQUIRE(probe.ended());
  REQUIRE_THROWS_WITH(a.emit(1), "emit: the stream was closed before");
}

TEST_CASE("behind several edges the frontier is that of the slowest, and a barrier comes when all have sent it") {
  Stream<int> a;
  Stream<int> b;
  Stream<int> both;
  Probe probe{both};
  a.connect(both);
  b.connect(both);
  a.outlet().signal({Signal::watermark, 10});
  REQUIRE(probe.signals().empty());
  b.outlet().signal({Signal::watermark, 7});
  a.outlet().signal({Signal::barrier, 1});
  b.outlet().signal({Signal::barrier, 1});
  b.close();  // what has ended holds nothing back
  REQUIRE_FALSE(probe.ended());
  std::vector<std::pair<Signal::Kind, std::int64_t>> seen;
  for (const Signal& signal : probe.signals()) seen.emplace_back(signal.kind, signal.value);
  REQUIRE(seen == std::vector<std::pair<Signal::Kind, std::int64_t>>{
                      {Signal::watermark, 7}, {Signal::barrier, 1}, {Signal::watermark, 10}});
}

TEST_CASE("wait_idle returns at once where nothing runs by itself") {
  Stream<int> source;
  source.map(inc).sink([](int) {});
  source.emit(1);
  source.wait_idle();
  REQUIRE(source.graph().idle());
}
