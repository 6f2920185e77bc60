// SPDX-License-Identifier: BSL-1.0
//
// Streamz's workloads without an event loop. The checksums are those of Streamz, at its numbers of elements.
#include <array>
#include <map>
#include <tuple>

#include "penstock/core.hpp"
#include "penstock/ops/frequencies.hpp"
#include "streamz/streamz.hpp"

namespace bench::streamz {
namespace {

using penstock::Stream;

constexpr auto inc = [](Value x) { return x + 1; };
constexpr auto dec = [](Value x) { return x - 1; };

/// A graph, and what its sink saw.
template <class T, class In = Value>
struct Rig {
  Stream<In> source;
  Counter<T> seen;

  auto counter() {
    return [this](const T& value) {
      ++seen.count;
      seen.last = value;
    };
  }
};

/// Emits `make(0)` … `make(n-1)`; `right(rig)` looks at the result.
template <class R, class Make, class Right>
Pass feed(std::shared_ptr<R> rig, std::int64_t n, Make make, Right right) {
  return {.run =
              [=] {
                for (Value i = 0; i < n; ++i) rig->source.emit(make(i));
              },
          .wrong = [=] { return unless(right(*rig)); }};
}
constexpr auto as_it_is = [](Value i) { return i; };

Pass a() {
  auto rig = std::make_shared<Rig<Value>>();
  rig->source.sink(rig->counter());
  return feed(rig, 300000, as_it_is, [](auto& r) { return r.seen.count == 300000 && r.seen.last == 299999; });
}
Pass b() {
  auto rig = std::make_shared<Rig<Value>>();
  rig->source.map(inc).sink(rig->counter());
  return feed(rig, 200000, as_it_is, [](auto& r) { return r.seen.count == 200000 && r.seen.last == 200000; });
}
Pass c() {
  auto rig = std::make_shared<Rig<Value>>();
  rig->source.map(inc).map(inc).map(inc).map(inc).map(inc).map(inc).map(inc).map(inc).map(inc).map(inc).sink(rig->counter());
  return feed(rig, 50000, as_it_is, [](auto& r) { return r.seen.last == 50009; });
}
Pass d() {
  auto rig = std::make_shared<Rig<Value>>();
  rig->source.filter([](Value x) { return x % 2 == 0; })
      .map(inc)
      .accumulate([](Value sum, Value x) { return sum + x; }, Value{0})
      .sink(rig->counter());
  return feed(rig, 200000, as_it_is, [](auto& r) { return r.seen.last == 10000000000; });
}
Pass e() {
  using Pair = std::tuple<Value, Value>;
  auto rig = std::make_shared<Rig<Pair>>();
  auto up = rig->source.map(inc);
  auto down = rig->source.map(dec);
  up.zip(down).sink(rig->counter());
  return feed(rig, 100000, as_it_is, [](auto& r) { return r.seen.last == Pair(100000, 99998); });
}
Pass f() {
  struct Sums {
    Stream<Value> source;
    Value last = 0;
  };
  auto rig = std::make_shared<Sums>();
  rig->source.sliding_window(10).sink([rig = rig.get()](const std::vector<Value>& window) {
    rig->last = window.front();
    consume(window);
  });
  return feed(rig, 100000, as_it_is, [](auto& r) { return 10 * r.last + 45 == 999945; });
}
Pass i3() {
  auto rig = std::make_shared<Rig<Value>>();
  rig->source.map(inc).map(inc).sink(rig->counter());
  return {.run =
              [rig] {
                for (Value i = 0; i < 50000; ++i) rig->source.emit(i, penstock::Ref::with(i));
              },
          .wrong = [rig] { return unless(rig->seen.last == 50001); }};
}
Pass j() {
  auto rig = std::make_shared<Rig<Value>>();
  for (int i = 0; i < 8; ++i) rig->source.sink(rig->counter());
  return feed(rig, 100000, as_it_is, [](auto& r) { return r.seen.count == 800000; });
}
Pass m4() {
  auto rig = std::make_shared<Rig<std::tuple<Value, Value>>>();
  auto up = rig->source.map(inc);
  auto down = rig->source.map(dec);
  up.combine_latest(down).sink(rig->counter());
  return feed(rig, 50000, as_it_is, [](auto& r) { return r.seen.count == 99999; });
}
Pass m5() {
  auto rig = std::make_shared<Rig<Value>>();
  rig->source.unique({.maxsize = 1000}).sink(rig->counter());
  return feed(rig, 50000, [](Value i) { return i % 2000; }, [](auto& r) { return r.seen.count == 50000; });
}
Pass m6() {
  using List = std::vector<Value>;
  auto rig = std::make_shared<Rig<Value, List>>();
  rig->source.flatten().sink(rig->counter());
  const List list{0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  return feed(rig, 10000, [list](Value) { return list; }, [](auto& r) { return r.seen.count == 100000; });
}
Pass m8() {
  struct Counts {
    Stream<Value> source;
    std::size_t of_last = 0;
  };
  auto rig = std::make_shared<Counts>();
  rig->source.frequencies().sink([rig = rig.get()](const std::map<Value, std::size_t>& counts) {
    rig->of_last = counts.rbegin()->second;
  });
  return feed(rig, 20000, [](Value i) { return i % 100; }, [](auto& r) { return r.of_last == 200; });
}
/// New graphs are part of it.
Pass m9() {
  auto seen = std::make_shared<Counter<>>();
  return {.run =
              [seen] {
                *seen = {};
                for (int turn = 0; turn < 200; ++turn) {
                  Stream<Value> source;
                  source.sink([seen = seen.get()](Value) { ++seen->count; });
                  Stream<Value> back = source.filter([](Value x) { return x < 99; }).map(inc);
                  back.connect(source);
                  source.emit(0);
                }
              },
          .wrong = [seen] { return unless(seen->count == 20000); }};
}

const Registration registered{[] {
  add(row("a", 300000, 2.31, a));
  add(row("b", 200000, 4.1, b));
  add(row("c", 50000, 18.6, c));
  add(row("d", 200000, 4.96, d));
  add(row("e", 100000, 9.64, e));
  add(row("f", 100000, 5.33, f));
  add(row("i3", 50000, 8.4, i3));
  add(row("j", 100000, 6.11, j));
  add(row("m4", 50000, 11.5, m4));
  add(row("m5", 50000, 8.52, m5));
  add(row("m6", 100000, 2.34, m6));
  add(row("m8", 20000, 5.38, m8));
  add(row("m9", 20000, 8.81, m9));
}};

}  // namespace
}  // namespace bench::streamz
