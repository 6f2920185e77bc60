// SPDX-License-Identifier: BSL-1.0
// What a synchronous pipeline allocates for an element once it has warmed up: nothing, but for vectors that
// are given away.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <new>
#include <tuple>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/ops/frequencies.hpp"
#include "penstock/testing/virtual_loop.hpp"
#include "penstock/time/process.hpp"

namespace {

std::size_t allocations = 0;

void* counted(std::size_t bytes) {
  ++allocations;
  if (void* memory = std::malloc(bytes ? bytes : 1)) return memory;
  throw std::bad_alloc();
}

}  // namespace

// All of them, because a sanitizer that is linked in brings its own for those that are missing.
void* operator new(std::size_t bytes) { return counted(bytes); }
void* operator new[](std::size_t bytes) { return counted(bytes); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(bytes ? bytes : 1);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(bytes ? bytes : 1);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }

using namespace penstock;

namespace {

constexpr int warm_up = 20000;
constexpr int elements = 1000;

/// Allocations while `elements` of them are emitted.
template <class Make>
std::size_t while_emitting(const Stream<int>& source, Make make) {
  for (int i = 0; i < warm_up; ++i) make(source, i);
  const std::size_t before = allocations;
  for (int i = warm_up; i < warm_up + elements; ++i) make(source, i);
  return allocations - before;
}
std::size_t while_emitting(const Stream<int>& source) {
  return while_emitting(source, [](const Stream<int>& s, int i) { s.emit(i); });
}

/// A value and a timer that is put off again and again.
struct Watched {
  ValueState<int> last{"last"};

  void element(int x, auto& ctx) {
    ctx.cancel_timer(EventTime{last.value_or(0)});
    ctx.timer_at(EventTime{x});
    last = x;
    ctx.emit(x);
  }
  void timer(auto& ctx) { ctx.emit(ctx.key()); }
};

std::int64_t sum = 0;
void add(std::int64_t x) { sum += x; }

}  // namespace

TEST_CASE("the counter counts") {
  const std::size_t before = allocations;
  std::vector<int> some(100);
  REQUIRE(allocations - before == 1);
  REQUIRE(some.size() == 100);
}

TEST_CASE("a chain of steps allocates nothing for an element") {
  Stream<int> source;
  source.map([](int x) { return x + 1; })
      .filter([](int x) { return x % 3 != 0; })
      .remove([](int x) { return x % 5 == 0; })
      .tap([](int) {})
      .accumulate(std::plus{}, std::int64_t{0})
      .skip(1)
      .take(1000000)
      .take_while([](std::int64_t) { return true; })
      .slice({.start = 1, .step = 2})
      .sink(add);
  REQUIRE(while_emitting(source) == 0);
}

TEST_CASE("the branches of a tee allocate nothing for an element") {
  Stream<int> source;
  const auto adds = [](auto s) { return s.sink(add); };
  const auto selects = [adds](auto s) { return s.tee(adds).filter([](int x) { return x % 3 != 0; }).sink(add); };
  source.tee(adds, selects, adds, adds).map([](int x) { return x + 1; }).tee(adds, adds).sink(add);
  REQUIRE(while_emitting(source) == 0);
}

TEST_CASE("tuples that are made and taken apart allocate nothing") {
  Stream<int> source;
  auto pairs = source.map([](int x) { return std::tuple(x, 2 * x, 3.0); });
  pairs.starmap([](int a, int b, double) { return a + b; }).sink(add);
  pairs.pluck<1>().sink(add);
  pairs.pluck<0, 2>().pluck<0>().sink(add);
  REQUIRE(while_emitting(source) == 0);
}

TEST_CASE("several nodes behind one another and a fan-out allocate nothing") {
  Stream<int> source;
  const auto node = source.map([](int x) { return x + 1; }).stream();
  for (int i = 0; i < 8; ++i) node.sink(add);
  REQUIRE(while_emitting(source) == 0);
}

TEST_CASE("windows and pairs allocate nothing while what follows borrows them") {
  Stream<int> source;
  source.sliding_window(10).sink([](const std::vector<int>& window) { add(window.front()); });
  source.pairwise().sink([](const std::pair<int, int>& pair) { add(pair.first); });
  REQUIRE(while_emitting(source) == 0);
}

TEST_CASE("views of windows and groups allocate nothing") {
  Stream<int> source;
  source.sliding_window(10, as_view).sink([](View<int> window) { add(window.front()); });
  source.partition(100, as_view).sink([](View<int> group) { add(group.front()); });
  source.partition(100, as_view, [](int x) { return x % 2; }).sink([](View<int> group) { add(group.front()); });
  REQUIRE(while_emitting(source) == 0);
}

TEST_CASE("a function with states and timers allocates nothing for a key that is known") {
  Stream<int> source;
  source.key_by([](int x) { return x % 50; }).process(Watched{}).sink(add);
  REQUIRE(while_emitting(source) == 0);
}

TEST_CASE("unique with a maxsize allocates nothing, whether it knows an element or not") {
  Stream<int> source;
  source.unique({.maxsize = 1000}).sink(add);
  source.map([](int x) { return x % 50; }).unique({.maxsize = 100}).sink(add);
  REQUIRE(while_emitting(source) == 0);
}

TEST_CASE("frequencies of known elements, and an accumulated container that is borrowed, allocate nothing") {
  Stream<int> source;
  source.map([](int x) { return x % 100; }).frequencies().sink([](const std::map<int, std::size_t>& counts) {
    add(static_cast<std::int64_t>(counts.size()));
  });
  const auto rotate = [](std::vector<int> all, int x) noexcept {
    all[static_cast<std::size_t>(x) % all.size()] = x;
    return all;
  };
  source.accumulate(rotate, std::vector<int>(64)).sink([](const std::vector<int>& all) { add(all.front()); });
  REQUIRE(while_emitting(source) == 0);
}

TEST_CASE("partition allocates one vector for each that it emits") {
  {
    Stream<int> source;
    source.partition(100).sink([](const std::vector<int>& group) { add(group.front()); });
    REQUIRE(while_emitting(source) == elements / 100);
  }
  {
    Stream<int> source;
    source.partition(100, [](int x) { return x % 2; }).sink([](const std::vector<int>& group) { add(group.front()); });
    REQUIRE(while_emitting(source) == elements / 100);
  }
  {
    Stream<int> source;
    source.partition_unique(100).sink([](const std::vector<int>& group) { add(group.front()); });
    REQUIRE(while_emitting(source) == elements / 100);
  }
}

TEST_CASE("flatten allocates nothing for items that nobody holds up") {
  Stream<std::vector<int>> source;
  source.flatten().sink(add);
  const std::vector<int> list{1, 2, 3};
  std::vector<std::vector<int>> lists(elements, list);
  source.emit({1, 2, 3});
  const std::size_t before = allocations;
  for (auto& each : lists) source.emit(std::move(each));
  REQUIRE(allocations == before);
}

TEST_CASE("a Ref costs nothing but its block, which is used again") {
  Stream<int> source;
  source.map([](int x) { return x + 1; }).filter([](int x) { return x % 2 == 0; }).sink(add);
  const auto with_ref = [](const Stream<int>& s, int i) { s.emit(i, Context{Ref([] { ++sum; })}); };
#ifdef PENSTOCK_SANITIZED
  constexpr std::size_t blocks = elements;  // the pool steps aside there
#else
  constexpr std::size_t blocks = 0;
#endif
  REQUIRE(while_emitting(source, with_ref) == blocks);
}

TEST_CASE("operators that keep elements allocate nothing once their queues have grown") {
  using namespace std::chrono_literals;
  SECTION("without a loop") {
    Stream<int> source;
    source.buffer(10).sink(add);
    source.buffer(10, keep_one_per([](int x) { return x % 7; })).sink(add);
    source.latest().sink(add);
    source.map([](int x) { return x + 1; }).on_error(Retry{}).sink(add);
    REQUIRE(while_emitting(source) == 0);
  }
  SECTION("on a loop") {
    VirtualLoop loop;
    Stream<int> source{loop};
    source.buffer(10).sink(add);
    source.latest().sink(add);
    source.delay(5ms).sink(add);
    source.debounce(3ms).sink(add);
    source.sample(4ms).sink(add);
    source.timeout(20ms).sink(add);
#ifndef PENSTOCK_SANITIZED
    source.rate_limit(1ms).sink(add);  // its receipts are pooled
#endif
    const auto emit = [&](const Stream<int>& s, int i) {
      static_cast<void>(s.push(i));
      if (i % 10 == 9) loop.run_for(10ms);
    };
    REQUIRE(while_emitting(source, emit) == 0);
  }
}
