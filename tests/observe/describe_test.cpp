// SPDX-License-Identifier: BSL-1.0
#include "penstock/observe/describe.hpp"

#include <cstddef>
#include <functional>
#include <string>
#include <tuple>
#include <utility>

#include "catch.hpp"
#include "penstock/core/feedback.hpp"
#include "penstock/ops/accumulate.hpp"
#include "penstock/ops/filter.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/ops/tee.hpp"
#include "penstock/ops/zip.hpp"
#include "penstock/sinks/sink.hpp"

namespace {

using penstock::Stream;

int inc(int x) { return x + 1; }
bool even(int x) { return x % 2 == 0; }
void ignore(int) {}

}  // namespace

// Functions have no name at run time, so the name that is shown is the one that the user gives.
TEST_CASE("row 16 a map is described by its operator and its name") {
  Stream<int> source;
  const Stream<int> plain = source.map(inc);
  const Stream<int> add = source.map([](int x, int y) { return x + y; }, 10).named("add");
  REQUIRE(penstock::describe(plain.info()) == "map");
  REQUIRE(penstock::describe(add.info()) == "add; map");
}

TEST_CASE("row 17 a filter is described by its operator and its name") {
  Stream<int> source;
  const Stream<int> evens = source.filter(even).named("iseven");
  REQUIRE(penstock::describe(evens.info()) == "iseven; filter");
}

TEST_CASE("row 18 the name of a stream is shown before what it is") {
  REQUIRE(penstock::describe(Stream<int>{"this is not a stream"}.info()) == "this is not a stream; Stream");
  REQUIRE(penstock::describe(Stream<int>{}.info()) == "Stream");
}

TEST_CASE("an operator's parameters stand behind it") {
  REQUIRE(penstock::describe(penstock::Info{"partition", "2"}) == "partition: 2");
  penstock::Info named{"partition", "2"};
  named.name = "pairs";
  REQUIRE(penstock::describe(named) == "pairs; partition: 2");
}

TEST_CASE("a graph is a tree: branches in the order of writing, the steps of a chain below each other") {
  Stream<int> source{"numbers"};
  auto later = source.map(inc).named("later");
  source.filter(even).map(inc).sink(ignore);
  Stream<int> shared = later;
  shared.sink(ignore);
  shared.map(inc).sink(ignore);
  for (int i = 0; i < 6; ++i) source.emit(i);
  REQUIRE(source.describe() ==
          "numbers; Stream  out 6\n"
          "├─ later; map    in 6, out 6\n"
          "│  ├─ sink       in 6\n"
          "│  └─ map        in 6, out 6\n"
          "│     sink       in 6\n"
          "└─ filter        in 6, out 3, left out 3\n"
          "   map           in 3, out 3\n"
          "   sink          in 3\n");
}

TEST_CASE("the branches of a tee are branches, and so is the rest of its chain") {
  Stream<int> source{"numbers"};
  source.map(inc)
      .tee([](auto s) { return s.filter(even).named("evens").sink(ignore); },
           [](auto s) {
             return s.tee([](auto t) { return t.sink(ignore).named("inner"); }).map(inc).sink(ignore);
           })
      .map(inc)
      .sink(ignore);
  for (int i = 0; i < 6; ++i) source.emit(i);
  REQUIRE(source.describe() ==
          "numbers; Stream       out 6\n"
          "└─ map                in 6, out 6\n"
          "   tee                in 6, out 6\n"
          "   ├─ evens; filter   in 6, out 3, left out 3\n"
          "   │  sink            in 3\n"
          "   ├─ tee             in 6, out 6\n"
          "   │  ├─ inner; sink  in 6\n"
          "   │  └─ map          in 6, out 6\n"
          "   │     sink         in 6\n"
          "   └─ map             in 6, out 6\n"
          "      sink            in 6\n");
}

TEST_CASE("nodes behind a tee stand behind its branches") {
  Stream<int> source;
  Stream<int> teed = source.tee([](auto s) { return s.sink(ignore); });
  source.graph().counting(false);
  REQUIRE(source.describe() ==
          "Stream\n"
          "└─ tee\n"
          "   └─ sink\n");
  teed.map(inc).sink(ignore);
  teed.zip(source).sink([](const auto&) {});
  source.graph().counting(false);
  REQUIRE(source.describe() ==
          "Stream\n"
          "├─ tee\n"
          "│  ├─ sink\n"
          "│  ├─ map\n"
          "│  │  sink\n"
          "│  └─ zip #1\n"
          "│     └─ sink\n"
          "└─ → zip #1\n");
}

TEST_CASE("what was told before is a reference") {
  Stream<int> source;
  Stream<int> a = source.map(inc).named("a");
  Stream<int> b = source.map(inc).named("b");
  a.zip(b).sink([](const auto&) {});
  source.graph().counting(false);
  REQUIRE(source.describe() ==
          "Stream\n"
          "├─ a; map\n"
          "│  └─ zip #1\n"
          "│     └─ sink\n"
          "└─ b; map\n"
          "   └─ → zip #1\n");
}

TEST_CASE("a stream that feeds both sides of one operator is a reference at once") {
  Stream<int> source;
  source.zip(source).sink([](const auto&) {});
  source.graph().counting(false);
  REQUIRE(source.describe() ==
          "Stream\n"
          "├─ zip #1\n"
          "│  └─ sink\n"
          "└─ → zip #1\n");
}

TEST_CASE("sources come first, also when something is fed back to them") {
  Stream<int> fed{"fed"};
  Stream<int> other{"other"};
  fed.zip(other).map([](const auto& pair) { return std::get<0>(pair); }).stream().connect(fed);
  fed.graph().counting(false);
  REQUIRE(other.describe() ==
          "fed; Stream #1\n"
          "└─ zip #2\n"
          "   └─ map\n"
          "      └─ feedback\n"
          "         └─ → fed #1\n"
          "other; Stream\n"
          "└─ → zip #2\n");
}

TEST_CASE("every handle describes the whole graph, and so does the graph") {
  Stream<int> source;
  Stream<int> mapped = source.map(inc);
  const penstock::Sink end = mapped.sink(ignore);
  REQUIRE(end.describe() == source.describe());
  REQUIRE(mapped.describe() == source.describe());
  REQUIRE(penstock::describe(source.graph()) == source.describe());
  REQUIRE(penstock::describe(end) == source.describe());
}

TEST_CASE("a description is the same for the same graph") {
  const auto build = [] {
    Stream<int> a{"a"};
    Stream<int> b{"b"};
    Stream<int> c{"c"};
    b.zip(c).sink([](const auto&) {});
    a.zip(b).sink([](const auto&) {});
    return a.describe();
  };
  const std::string first = build();
  for (int i = 0; i < 20; ++i) REQUIRE(build() == first);
}

TEST_CASE("a destroyed operator is not described") {
  Stream<int> source;
  Stream<int> mapped = source.map(inc);
  mapped.sink(ignore);
  mapped.destroy();
  source.graph().counting(false);
  REQUIRE(source.describe() == "Stream\nsink\n");
}

TEST_CASE("a name of several bytes a letter keeps the columns straight") {
  Stream<int> source{"Größe"};
  source.map(inc).sink(ignore);
  source.emit(1);
  REQUIRE(source.describe() ==
          "Größe; Stream  out 1\n"
          "└─ map         in 1, out 1\n"
          "   sink        in 1\n");
}

TEST_CASE("an operator may be described while an element is in it") {
  Stream<int> source;
  std::string seen;
  source.map(inc).sink([&](int) { seen = source.describe(); });
  source.emit(1);
  REQUIRE(seen ==
          "Stream   out 1\n"
          "└─ map   in 1, out 1\n"
          "   sink  in 1\n");
}
