// SPDX-License-Identifier: BSL-1.0
#include "penstock/ops/tee.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/testing/counted.hpp"
#include "penstock/testing/ledger.hpp"
#include "penstock/testing/marbles.hpp"
#include "penstock/testing/probe.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace penstock;
using namespace penstock::testing;
using penstock::test::containing;
using Ids = std::vector<Ledger::Id>;
using Log = std::vector<std::string>;

namespace {

int inc(int x) { return x + 1; }
bool even(int x) { return x % 2 == 0; }

/// A sink that writes down what it gets, and throws on 0 when told to.
auto writes(Log& log, std::string name, bool throws = false) {
  return [&log, name = std::move(name), throws](int x) {
    if (throws && x == 0) throw std::domain_error(name);
    log.push_back(name + std::to_string(x));
  };
}

/// Answers every element with a receipt of the test's.
class Waits : public Step {
 public:
  template <class>
  using output = void;
  explicit Waits(std::vector<Receipt>& receipts) : receipts_(&receipts) {}
  template <class V, class Next>
  Pending* operator()(V&&, const Context*, Next&) {
    receipts_->push_back(Receipt::waiting(node().strand(), &info(), Why::sink));
    return receipts_->back().share();
  }

 private:
  std::vector<Receipt>* receipts_;
};

/// Says that it holds something until it is shut down.
class Holds : public Step {
 public:
  template <class In>
  using output = In;
  explicit Holds(int& shut) : shut_(&shut) {}
  template <class V, class Next>
  Pending* operator()(V&& value, const Context* context, Next& next) {
    return next(std::forward<V>(value), context);
  }
  void shut_down() noexcept { ++*shut_; }

 private:
  int* shut_;
};

/// Throws when the end comes.
class ThrowsAtEnd : public Step {
 public:
  template <class>
  using output = void;
  template <class V, class Next>
  Pending* operator()(V&&, const Context*, Next&) {
    return nullptr;
  }
  template <class Next>
  Pending* signal(const Signal&, Next&) {
    throw std::runtime_error("at the end");
  }
};

}  // namespace

TEST_CASE("tee sends every element through its branches and passes it on") {
  VirtualLoop loop;
  auto source = marbles(loop, "-1-2-3-|");
  Log log;
  Marbles out{
      source.tee([&](auto s) { return s.map([](int x) { return x * 10; }).sink(writes(log, "taken ")); })
          .stream()};
  loop.run();
  REQUIRE_NOTHROW(out.expect("-1-2-3-|"));
  REQUIRE(log == Log{"taken 10", "taken 20", "taken 30"});
}

TEST_CASE("branches take an element in the order in which they are written, each to its end, before the rest") {
  Stream<int> source;
  Log log;
  source.map(inc)
      .tee([&](auto s) { return s.tap(writes(log, "a")).map(inc).sink(writes(log, "b")); },
           [&](auto s) { return std::move(s).filter(even).sink(writes(log, "c")); })
      .map(inc)
      .tee([&](auto&& s) { return s.sink(writes(log, "d")); })
      .sink(writes(log, "e"));
  source.emit(1);
  source.emit(2);
  REQUIRE(log == Log{"a2", "b3", "c2", "d3", "e3", "a3", "b4", "d4", "e4"});
}

TEST_CASE("tee and all its branches are fused into one node with the chain") {
  Stream<int> source;
  const auto nothing = [](auto s) { return s.filter(even).map(inc).sink([](int) {}); };
  source.map(inc).tee(nothing, nothing, nothing).filter(even).sink([](int) {});
  REQUIRE(source.graph().nodes().size() == 2);
}

TEST_CASE("a tee may stand in a branch of another") {
  Stream<int> source;
  Log log;
  source
      .tee([&](auto s) {
        return s.tee([&](auto t) { return t.map(inc).sink(writes(log, "a")); })
            .map([](int x) { return -x; })
            .sink(writes(log, "b"));
      })
      .sink(writes(log, "c"));
  source.emit(1);
  REQUIRE(log == Log{"a2", "b-1", "c1"});
}

TEST_CASE("a chain with a tee that has a name is shared, and its branches run once") {
  Stream<int> source;
  Log log;
  auto shared = source.tee([&](auto s) { return s.sink(writes(log, "t")); });
  shared.sink(writes(log, "a"));
  shared.map(inc).sink(writes(log, "b"));
  source.emit(1);
  REQUIRE(log == Log{"t1", "a1", "b2"});
}

TEST_CASE("tee stands behind a stream and a pipe like any operator") {
  Stream<int> source;
  Log log;
  source | tee([&](auto s) { return s | map(inc) | sink(writes(log, "a")); }) | sink(writes(log, "b"));
  source.emit(1);
  REQUIRE(log == Log{"a2", "b1"});
}

TEST_CASE("branches borrow the element and the rest of the chain gets it") {
  SECTION("one that can only be moved") {
    Stream<std::unique_ptr<int>> source;
    int seen = 0;
    std::unique_ptr<int> got;
    source
        .tee(
            [&](auto s) {
              return s.map([](const std::unique_ptr<int>& p) { return *p; }).sink([&](int x) { seen = x; });
            },
            [&](auto s) { return s.filter([](const auto& p) { return *p > 100; }).sink([](const auto&) {}); })
        .sink([&](std::unique_ptr<int> p) { got = std::move(p); });
    source.emit(std::make_unique<int>(7));
    REQUIRE(seen == 7);
    REQUIRE(*got == 7);
  }
  SECTION("without a copy") {
    using One = BasicCounted<true, struct TeeTag>;
    Stream<One> source;
    std::int64_t sum = 0;
    const auto look = [&](auto s) { return s.sink([&](const One& x) { sum += x.value(); }); };
    source.tee(look, look, look).sink([&](One&& x) { sum += One(std::move(x)).value(); });
    One one{5};
    One::reset();
    source.emit(std::move(one));
    REQUIRE(sum == 20);
    REQUIRE(One::counts().copies == 0);
    REQUIRE(One::counts().moves == 2);  // into emit, and out of it in the sink
  }
}

TEST_CASE("Refs are beside the element in every branch") {
  Stream<int> source;
  Ledger ledger;
  const Ref ref = ledger.issue(1);
  std::vector<std::size_t> uses;
  std::vector<std::vector<int>> pairs;
  source
      .tee([&](auto s) { return s.tap([&](int) { uses.push_back(ref.use_count() - 1); }).sink([](int) {}); },
           [&](auto s) {
             return s.partition(2).sink([&](std::vector<int> pair) { pairs.push_back(std::move(pair)); });
           })
      .sink([&](int) { uses.push_back(ref.use_count() - 1); });
  source.emit(1, Context{ref});
  REQUIRE(uses == std::vector<std::size_t>{1, 2});  // the pair that is being filled holds it
  REQUIRE(ref.use_count() - 1 == 1);
  source.emit(2);
  REQUIRE(pairs == std::vector<std::vector<int>>{{1, 2}});
  REQUIRE(ref.use_count() - 1 == 0);
}

TEST_CASE("what a branch throws comes back, and what follows it does not get the element") {
  Stream<int> source;
  Ledger ledger;
  Log log;
  const auto same = [](int x) { return x; };
  source
      .tee([&](auto s) { return s.sink(writes(log, "a")); },
           [&](auto s) { return s.map(same).sink(writes(log, "b", true)); },
           [&](auto s) { return s.sink(writes(log, "c")); })
      .sink(writes(log, "d"));
  REQUIRE_THROWS_WITH(source.emit(0, ledger.issue(0)), "b");
  source.emit(1, ledger.issue(1));
  REQUIRE(log == Log{"a0", "a1", "b1", "c1", "d1"});
  REQUIRE(ledger.failed() == Ids{0});
  REQUIRE(ledger.left_out() == Ids{1});

  // As at a node with several behind it.
  Stream<int> fan;
  Log other;
  fan.sink(writes(other, "a"));
  fan.map(same).sink(writes(other, "b", true));
  fan.sink(writes(other, "c"));
  fan.sink(writes(other, "d"));
  REQUIRE_THROWS_WITH(fan.emit(0), "b");
  fan.emit(1);
  REQUIRE(other == log);
}

TEST_CASE("a policy of an operator in a branch stays in the branch") {
  Stream<int> source;
  Log log;
  const auto six_by = [](int x) { return x == 0 ? throw std::domain_error("division by zero") : 6 / x; };
  source
      .tee([&](auto s) { return s.map(six_by).on_error(OnError::skip).sink(writes(log, "a")); },
           [&](auto s) { return s.sink(writes(log, "b", true), on_error(OnError::skip)); })
      .sink(writes(log, "c"));
  source.emit(0);
  source.emit(2);
  REQUIRE(log == Log{"c0", "a3", "b2", "c2"});
}

TEST_CASE("receipts of branches are joined with that of the rest") {
  VirtualLoop loop;
  Stream<int> source{loop};
  std::vector<Receipt> first, second, last;
  Log log;
  const auto waits = [](std::vector<Receipt>& receipts) {
    return [&receipts](auto s) { return s | step(Waits{receipts}, {"waits", {}, Shape::sink}); };
  };
  const int which = GENERATE(0, 1);
  if (which == 0) {
    source
        .tee([&](auto s) { return s.sink(writes(log, "a")); }, waits(first),
             [&](auto s) { return s.sink(writes(log, "b")); }, waits(second))
        .then(Waits{last}, Info{"waits", {}, Shape::sink});
  } else {
    source
        .tee([&](auto s) { return s.tee(waits(first)).sink(writes(log, "a")); },
             [&](auto s) { return s.sink(writes(log, "b")); }, waits(second))
        .then(Waits{last}, Info{"waits", {}, Shape::sink});
  }
  const Receipt receipt = source.push(1);
  REQUIRE(log == Log{"a1", "b1"});
  REQUIRE(receipt.pending());
  second.at(0).settle();
  last.at(0).settle();
  loop.run();
  REQUIRE(receipt.pending());
  first.at(0).settle(std::make_exception_ptr(std::runtime_error("too late")));
  loop.run();
  REQUIRE_FALSE(receipt.pending());
  REQUIRE_THROWS_WITH(receipt.get(), "too late");

  // Only one waits: its receipt is the answer.
  const Receipt again = source.push(2);
  for (auto* receipts : {&first, &second, &last}) receipts->at(1).settle();
  loop.run();
  REQUIRE_NOTHROW(again.get());
}

TEST_CASE("what is thrown behind a branch that waits comes back at once") {
  VirtualLoop loop;
  Stream<int> source{loop};
  std::vector<Receipt> open;
  Log log;
  source.tee([&](auto s) { return s | step(Waits{open}, {"waits", {}, Shape::sink}); },
             [&](auto s) { return s.sink(writes(log, "a", true)); })
      .sink(writes(log, "b"));
  REQUIRE_THROWS_WITH(source.push(0), "a");
  open.at(0).settle();
  loop.run();
  REQUIRE(log.empty());
}

TEST_CASE("the end flushes every branch and then the rest") {
  Stream<int> source;
  std::vector<std::size_t> sizes;
  const auto pairs = [&](std::size_t n) {
    return [&sizes, n](auto s) {
      return s.partition(n).sink([&sizes](const auto& v) { sizes.push_back(v.size()); });
    };
  };
  Probe out{source.tee(pairs(2), pairs(4)).stream()};
  for (int i = 0; i < 3; ++i) source.emit(i);
  source.close();
  REQUIRE(sizes == std::vector<std::size_t>{2, 1, 3});
  REQUIRE(out.ended());
}

TEST_CASE("the end reaches all, also when a branch throws at it") {
  Stream<int> source;
  std::vector<std::size_t> sizes;
  Probe out{
      source
          .tee(
              [](auto s) {
                return s | step(ThrowsAtEnd{}, {"throws", {}, Shape::sink});
              },
              [&](auto s) { return s.partition(2).sink([&](const auto& v) { sizes.push_back(v.size()); }); })
          .stream()};
  source.emit(1);
  REQUIRE_THROWS_WITH(source.close(), "at the end");
  REQUIRE(sizes == std::vector<std::size_t>{1});
  REQUIRE(out.ended());
}

TEST_CASE("what branches hold is dropped when the graph goes") {
  Ledger ledger;
  int shut = 0;
  {
    Stream<int> source;
    source
        .tee([&](auto s) { return s.partition(2).sink([](const auto&) {}); },
             [&](auto s) { return (s | step(Holds{shut}, {"holds"})).sink([](int) {}); })
        .then(Holds{shut}, Info{"holds"})
        .sink([](int) {});
    source.emit(1, ledger.issue(1));
  }
  REQUIRE(shut >= 2);
  REQUIRE(ledger.dropped() == Ids{1});
}

TEST_CASE("an own sink into a vector ends a branch") {
  Stream<int> source;
  std::vector<int> all, evens;
  source.tee([&](auto s) { return s.filter(even).sink_to_vector(evens); }).sink_to_vector(all);
  for (int i = 0; i < 4; ++i) source.emit(i);
  REQUIRE(evens == std::vector{0, 2});
  REQUIRE(all == std::vector{0, 1, 2, 3});
}

TEST_CASE("names in branches, of the tee and behind it are those that were given") {
  Stream<int> source;
  const Stream<int> teed =
      source.map(inc)
          .tee([](auto s) { return s.map(inc).named("more").sink([](int) {}).named("end"); },
               [](auto s) { return s.sink([](int) {}); })
          .named("both")
          .stream();
  REQUIRE(teed.name() == "both");
  REQUIRE(std::string{teed.info().op} == "tee");
  const Sink end =
      teed.filter(even).tee([](auto s) { return s.sink([](int) {}); }).sink([](int) {}).named("last");
  REQUIRE(end.name() == "last");
  std::vector<std::string> labels;
  for (const OperatorStats& stats : source.stats()) labels.push_back(stats.label());
  REQUIRE(labels == Log{"Stream", "map", "both", "more", "end", "sink", "filter", "tee", "sink", "last"});
}

TEST_CASE("the counters of every step in every branch are its own, and balance") {
  Stream<int> source;
  Log log;
  const bool counting = GENERATE(true, false);
  source
      .tee([&](auto s) { return s.filter(even).sink(writes(log, "a")); },
           [&](auto s) {
             return s.tee([&](auto t) { return t.sink(writes(log, "b", true)); })
                 .map(inc)
                 .sink(writes(log, "c"));
           },
           [&](auto s) { return s.partition(2).sink([](const auto&) {}); })
      .map(inc)
      .sink(writes(log, "d"));
  source.graph().counting(counting);
  REQUIRE_THROWS_WITH(source.emit(0), "b");
  for (int i = 1; i < 5; ++i) source.emit(i);
  const auto stats = source.stats();
  REQUIRE(stats.size() == 12);
  if (!counting) {
    for (const OperatorStats& each : stats) {
      REQUIRE(each.in.value_or(0) == 0);
      REQUIRE(each.failed == 0);
    }
    return;
  }
  const auto in = [&](std::size_t i) { return stats[i].in.value_or(99); };
  REQUIRE(stats[1].op == "tee");
  REQUIRE(in(1) == 5);
  REQUIRE(stats[1].failed == 1);
  REQUIRE(stats[1].out == 4U);
  REQUIRE(in(2) == 5);  // filter
  REQUIRE(stats[2].left_out == 2);
  REQUIRE(in(3) == 3);  // its sink
  REQUIRE(in(4) == 5);  // the tee in the second branch
  REQUIRE(stats[4].failed == 1);
  REQUIRE(in(5) == 5);  // its branch, which throws once
  REQUIRE(stats[5].failed == 1);
  REQUIRE(in(6) == 4);  // map behind it
  REQUIRE(in(7) == 4);
  REQUIRE(in(8) == 4);  // partition
  REQUIRE(stats[8].out == 2U);
  REQUIRE(in(9) == 2);
  REQUIRE(in(10) == 4);  // and the rest
  REQUIRE(in(11) == 4);
  for (const OperatorStats& each : stats) {
    if (each.op == "partition" || !each.in || !each.out) continue;
    REQUIRE(*each.in == *each.out + each.left_out + each.dropped + each.failed + each.held);
  }
}

TEST_CASE("wiring: a branch uses its chain once and returns it") {
  Stream<int> source;
  Stream<int> other;
  REQUIRE_THROWS_WITH(source.tee([](auto s) {
    static_cast<void>(s.sink([](int) {}));
    return s.sink([](int) {});
  }),
                      containing("tee: a branch is used once"));
  REQUIRE_THROWS_WITH(source.tee([&](auto) { return other.sink([](int) {}); }),
                      containing("tee: a branch must return what it is given"));
}
