// SPDX-License-Identifier: BSL-1.0
#include "penstock/ops/combine_latest.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "catch.hpp"
#include "fragile.hpp"
#include "penstock/core.hpp"
#include "penstock/testing/probe.hpp"

using namespace penstock;
using namespace penstock::testing;
using Fragile = test::Fragile<int>;

namespace {

using Both = std::vector<std::tuple<int, char>>;
using Metadata = std::vector<std::vector<std::int64_t>>;

Ref meta(std::int64_t v) { return Ref::with(v); }

struct Told {
  int times = 0;
  Ending ending;
  Ref ref() {
    return Ref{[this](const Ending& e) {
      ++times;
      ending = e;
    }};
  }
};

}  // namespace

TEST_CASE("row 82: combine_latest emits with every element once all have had one") {
  Stream<int> a;
  Stream<char> b;
  Probe every{a.combine_latest(b)};
  Probe named{a.combine_latest(b, emit_on(a, b))};
  a.emit(1);
  a.emit(2);
  b.emit('a');
  a.emit(3);
  b.emit('b');
  REQUIRE(every.values() == Both{{2, 'a'}, {3, 'a'}, {3, 'b'}});
  REQUIRE(named.values() == every.values());
}

TEST_CASE("row 83, row 84: emit_on names streams or their numbers") {
  Stream<int> a;
  Stream<char> b;
  auto chain = a.map([](int x) { return x; });
  Probe by_stream{a.combine_latest(b, emit_on(a))};
  Probe by_number{combine_latest(a, b, emit_on(0))};
  Probe by_chain{combine_latest(chain, b, emit_on(chain))};
  a.emit(1);
  b.emit('a');
  a.emit(2);
  a.emit(3);
  b.emit('b');
  a.emit(4);
  const Both expected{{2, 'a'}, {3, 'a'}, {4, 'b'}};
  REQUIRE(by_stream.values() == expected);
  REQUIRE(by_number.values() == expected);
  REQUIRE(by_chain.values() == expected);
}

TEST_CASE("emit_on must name inputs") {
  Stream<int> a;
  Stream<char> b;
  Stream<char> other;
  REQUIRE_THROWS_AS(a.combine_latest(b, emit_on(2)), std::invalid_argument);
  REQUIRE_THROWS_AS(a.combine_latest(b, emit_on(-1)), std::invalid_argument);
  REQUIRE_THROWS_WITH(a.combine_latest(b, emit_on(a, other)),
                      "combine_latest: emit_on names a stream that is not one of its inputs");
}

TEST_CASE("row 85: the newest element of each stream is held until the next one") {
  Stream<int> a;
  Stream<char> b;
  const auto combined = a.combine_latest(b);
  const Ref r1{[] {}};
  const Ref r2{[] {}};
  const Ref r3{[] {}};
  a.emit(1, r1);
  REQUIRE(r1.use_count() - 1 == 1);
  a.emit(2, r2);
  REQUIRE(r1.use_count() - 1 == 0);
  REQUIRE(r2.use_count() - 1 == 1);
  b.emit('b', r3);
  REQUIRE(r2.use_count() - 1 == 1);
  REQUIRE(r3.use_count() - 1 == 1);
}

TEST_CASE("row 86: metadata of the newest elements is joined in the order of the inputs") {
  Stream<int> a;
  Stream<char> b;
  Probe probe{a.combine_latest(b)};
  a.emit(1, meta(1));
  b.emit('a', meta(2));
  b.emit('b');
  b.emit('c', meta(4));
  REQUIRE(probe.metadata() == Metadata{{1, 2}, {1}, {1, 4}});
}

TEST_CASE("row 93: the order in which branches are written decides what emit_on sees") {
  for (int repetition = 0; repetition < 5; ++repetition) {
    const auto run = [](bool b_first) {
      Stream<std::pair<int, int>> source;
      const auto first = [](const std::pair<int, int>& p) { return p.first; };
      const auto second = [](const std::pair<int, int>& p) { return p.second; };
      std::optional<Stream<int>> a;
      std::optional<Stream<int>> b;
      if (b_first) b = source.map(second).stream();
      a = source.map(first).stream();
      if (!b_first) b = source.map(second).stream();
      Probe probe{a->combine_latest(*b, emit_on(*a))};
      source.emit({1, 10});
      source.emit({2, 20});
      return probe.values();
    };
    // The branch of b before that of a: a sees the b of its own element. The other way round it sees the one
    // before.
    REQUIRE(run(true) == std::vector<std::tuple<int, int>>{{1, 10}, {2, 20}});
    REQUIRE(run(false) == std::vector<std::tuple<int, int>>{{2, 10}});
  }
}

TEST_CASE("an empty optional counts as an element") {
  Stream<std::optional<int>> a;
  Stream<int> b;
  Probe probe{a.combine_latest(b)};
  a.emit(std::nullopt);
  b.emit(1);
  REQUIRE(probe.size() == 1);
}

TEST_CASE("a stream combined with itself") {
  Stream<int> a;
  Probe probe{a.combine_latest(a)};
  a.emit(1);
  a.emit(2);
  REQUIRE(probe.values() == std::vector<std::tuple<int, int>>{{1, 1}, {2, 1}, {2, 2}});
}

TEST_CASE("combine_latest ends when no stream is left that makes it emit") {
  Stream<int> a;
  Stream<char> b;
  Probe all{a.combine_latest(b)};
  Probe only_a{a.combine_latest(b, emit_on(a))};
  a.emit(1);
  b.emit('x');
  a.close();
  REQUIRE_FALSE(all.ended());
  REQUIRE(only_a.ended());
  b.emit('y');
  REQUIRE(all.values() == Both{{1, 'x'}, {1, 'y'}});
  b.close();
  REQUIRE(all.ended());
}

TEST_CASE("combine_latest ends, and drops what it has, when a stream ends without an element") {
  Stream<int> a;
  Stream<char> b;
  const auto combined = a.combine_latest(b);
  Probe probe{combined};
  Told held;
  Told late;
  a.emit(1, held.ref());
  b.close();
  REQUIRE(probe.ended());
  REQUIRE(held.ending.outcome == Outcome::dropped);
  a.emit(2, late.ref());
  REQUIRE(late.ending.outcome == Outcome::dropped);
  REQUIRE(combined.info().dropped.get() == 2);
}

TEST_CASE(
    "an element that was replaced or emitted is done, one that never could be is dropped with the graph") {
  Told replaced;
  Told emitted;
  Told never;
  {
    Stream<int> a;
    Stream<char> b;
    const auto combined = a.combine_latest(b);
    a.emit(1, replaced.ref());
    a.emit(2, emitted.ref());
    b.emit('x');
    REQUIRE(replaced.ending.outcome == Outcome::done);
    REQUIRE(replaced.times == 1);
    REQUIRE(combined.info().left_out.get() == 1);
    Stream<char> c;
    const auto other = b.combine_latest(c);
    b.emit('y', never.ref());
  }
  REQUIRE(emitted.times == 1);
  REQUIRE(emitted.ending.outcome == Outcome::done);
  REQUIRE(never.times == 1);
  REQUIRE(never.ending.outcome == Outcome::dropped);
}

TEST_CASE("what throws behind combine_latest fails the elements of the tuple and leaves it usable") {
  Stream<int> a;
  Stream<char> b;
  int calls = 0;
  a.combine_latest(b).sink([&](const std::tuple<int, char>&) {
    if (++calls == 1) throw std::runtime_error("first");
  });
  Told held;
  a.emit(1, held.ref());
  REQUIRE_THROWS_AS(b.emit('x'), std::runtime_error);
  b.emit('y');
  REQUIRE(calls == 2);
  a.emit(2);
  REQUIRE(held.ending.outcome == Outcome::failed);
  REQUIRE(held.times == 1);
}

TEST_CASE(
    "combine_latest puts together what a straight line would, with and without things beside the elements") {
  Stream<int> a;
  Stream<std::string> b;
  const auto both = combine_latest(a, b, emit_on(0));
  const Probe<std::tuple<int, std::string>> probe{both};
  std::optional<int> newest[2];
  std::int64_t refs[2] = {-1, -1};
  bool emitted[2] = {false, false};
  std::uint64_t left_out = 0;
  std::vector<std::tuple<int, std::string>> tuples;
  Metadata metadata;
  std::minstd_rand dice{11};
  for (int i = 0; i < 2000; ++i) {
    const std::size_t side = dice() % 2;
    const bool beside = i / 300 % 2 == 1 && dice() % 3 == 0;  // stretches with and stretches without
    const Context context = beside ? Context{Ref::with(std::int64_t{i})} : Context{};
    left_out += newest[side] && !emitted[side];
    newest[side] = i;
    refs[side] = beside ? i : -1;
    emitted[side] = false;
    REQUIRE(!(side == 0 ? a.push(i, context) : b.push(std::to_string(i), context)).pending());
    if (side == 0 && newest[1]) {
      tuples.emplace_back(*newest[0], std::to_string(*newest[1]));
      metadata.emplace_back();
      for (const std::int64_t ref : refs) {
        if (ref >= 0) metadata.back().push_back(ref);
      }
      emitted[0] = emitted[1] = true;
    }
    REQUIRE(both.info().left_out.get() == left_out);
  }
  REQUIRE(probe.values() == tuples);
  REQUIRE(probe.metadata() == metadata);
  REQUIRE(both.info().in.get() == 2000);
  REQUIRE(both.info().out.get() == tuples.size());
}

TEST_CASE("combine_latest keeps the newest element until the next one is in its place") {
  for (int copies = 0; copies < 2; ++copies) {
    Fragile::left = 1000;
    Stream<Fragile> a;
    Stream<int> b;
    std::vector<int> out;
    combine_latest(a, b, emit_on(b)).sink([&](const std::tuple<Fragile, int>& both) {
      out.push_back(std::get<0>(both).value + std::get<1>(both));
    });
    a.emit(Fragile{10});
    b.emit(1);
    Fragile::left = copies;
    bool copied = true;
    try {
      a.emit(Fragile{20});
    } catch (const std::runtime_error&) {
      copied = false;
    }
    Fragile::left = 1000;
    b.emit(2);
    a.emit(Fragile{30});
    b.emit(3);
    REQUIRE(out == std::vector{11, copied ? 22 : 12, 33});
  }
}
