// SPDX-License-Identifier: BSL-1.0
//
// What a graph costs beside the loop one would have written by hand. Every workload pushes 65 536 integers, one `emit`
// each, into a sink that the compiler cannot see through:
//
//   hand1         the same code behind one opaque indirect call an element: the floor of anything wired at run time
//   fused         the operators as one chain
//   dynamic       every operator a node of its own
//   batch         fused, fed in batches of 256 through one virtual call each
//
// and `counted` runs the same with counting on. The first call of each contender is checked against `hand1` by an
// order-sensitive hash of what reaches the sink.

#include "penstock/core.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>

namespace {

std::atomic<std::uint64_t> allocations{0};

}  // namespace

void* operator new(std::size_t bytes) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(bytes)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

using Value = std::int64_t;
using penstock::Stream;

constexpr Value elements = 65536;

// The sink: opaque to the optimiser; the hash is on only while results are compared.
bool hashing = false;
std::uint64_t hash = 0;

[[gnu::noinline]] void consume(Value value) {
  asm volatile("" : : "r"(value) : "memory");
  if (hashing) [[unlikely]] hash = hash * 6364136223846793005U + static_cast<std::uint64_t>(value);
}

struct Consume {
  void operator()(Value value) const { consume(value); }
};

/// A contender: takes one element.
struct Hand {
  virtual ~Hand() = default;
  virtual void push(Value value) = 0;
};

template <class Fn>
std::unique_ptr<Hand> hand(Fn fn) {
  struct Of final : Hand {
    explicit Of(Fn f) : fn_(std::move(f)) {}
    void push(Value value) override { fn_(value); }
    Fn fn_;
  };
  return std::make_unique<Of>(std::move(fn));
}

// Workload a: nothing between source and sink.
auto a_hand() {
  return hand([](Value x) { consume(x); });
}
void a_fused(const Stream<Value>& source) { source.sink(Consume{}); }

// Workload b: one map.
auto b_hand() {
  return hand([](Value x) { consume(x + 1); });
}
void b_fused(const Stream<Value>& source) {
  source.map([](Value x) { return x + 1; }).sink(Consume{});
}
void b_dynamic(const Stream<Value>& source) {
  const Stream<Value> mapped = source.map([](Value x) { return x + 1; });
  mapped.sink(Consume{});
}

// Workload c2: ten maps of ten different functor types.
auto c2_hand() {
  return hand([](Value x) { consume(((((((((((x + 1) ^ 3) * 5) - 7) + 11) ^ 13) * 17) - 19) + 23) ^ 29)); });
}
void c2_fused(const Stream<Value>& source) {
  source.map([](Value x) { return x + 1; })
      .map([](Value x) { return x ^ 3; })
      .map([](Value x) { return x * 5; })
      .map([](Value x) { return x - 7; })
      .map([](Value x) { return x + 11; })
      .map([](Value x) { return x ^ 13; })
      .map([](Value x) { return x * 17; })
      .map([](Value x) { return x - 19; })
      .map([](Value x) { return x + 23; })
      .map([](Value x) { return x ^ 29; })
      .sink(Consume{});
}
void c2_dynamic(const Stream<Value>& source) {
  Stream<Value> stream = source.map([](Value x) { return x + 1; });
  stream = stream.map([](Value x) { return x ^ 3; });
  stream = stream.map([](Value x) { return x * 5; });
  stream = stream.map([](Value x) { return x - 7; });
  stream = stream.map([](Value x) { return x + 11; });
  stream = stream.map([](Value x) { return x ^ 13; });
  stream = stream.map([](Value x) { return x * 17; });
  stream = stream.map([](Value x) { return x - 19; });
  stream = stream.map([](Value x) { return x + 23; });
  stream = stream.map([](Value x) { return x ^ 29; });
  stream.sink(Consume{});
}

// Workload d: filter, map, running sum.
auto d_hand() {
  return hand([sum = Value{0}](Value x) mutable {
    if (x % 2 == 0) consume(sum += x + 1);
  });
}
void d_fused(const Stream<Value>& source) {
  source.filter([](Value x) { return x % 2 == 0; })
      .map([](Value x) { return x + 1; })
      .accumulate([](Value sum, Value x) { return sum + x; }, Value{0})
      .sink(Consume{});
}
void d_dynamic(const Stream<Value>& source) {
  const Stream<Value> even = source.filter([](Value x) { return x % 2 == 0; });
  const Stream<Value> next = even.map([](Value x) { return x + 1; });
  const Stream<Value> sums = next.accumulate([](Value sum, Value x) { return sum + x; }, Value{0});
  sums.sink(Consume{});
}

// Workload e: one to eight.
auto e_hand() {
  return hand([](Value x) {
    for (int i = 0; i < 8; ++i) consume(x);
  });
}
void e_dynamic(const Stream<Value>& source) {
  for (int i = 0; i < 8; ++i) source.sink(Consume{});
}

void report(benchmark::State& state, std::uint64_t allocated) {
  const double n = static_cast<double>(state.iterations()) * static_cast<double>(elements);
  state.counters["seconds_each"] = benchmark::Counter(n, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["allocs"] = static_cast<double>(allocated) / n;
}

using MakeHand = std::unique_ptr<Hand> (*)();
using Build = void (*)(const Stream<Value>&);

void push_all(Hand& hand) {
  for (Value i = 0; i < elements; ++i) hand.push(i);
}
void emit_all(const Stream<Value>& source) {
  for (Value i = 0; i < elements; ++i) source.emit(i);
}

template <class Fn>
std::uint64_t hashed(Fn fn) {
  hashing = true;
  hash = 0;
  fn();
  hashing = false;
  return hash;
}

void run_hand(benchmark::State& state, MakeHand make) {
  const std::unique_ptr<Hand> hand = make();
  Hand* opaque = hand.get();
  benchmark::DoNotOptimize(opaque);
  const std::uint64_t before = allocations;
  for (auto _ : state) push_all(*opaque);
  report(state, allocations - before);
}

void run_graph(benchmark::State& state, Build build, MakeHand make, bool counting) {
  {
    const Stream<Value> source;
    build(source);
    const std::unique_ptr<Hand> hand = make();
    if (hashed([&] { emit_all(source); }) != hashed([&] { push_all(*hand); })) {
      return state.SkipWithError("the sink saw something else than that of hand1");
    }
  }
  const Stream<Value> source;
  build(source);
  source.graph().counting(counting);
  const std::uint64_t before = allocations;
  for (auto _ : state) emit_all(source);
  report(state, allocations - before);
}

void add(const std::string& workload, MakeHand make, const std::vector<std::pair<const char*, Build>>& builds) {
  benchmark::RegisterBenchmark((workload + "/hand1").c_str(), run_hand, make);
  for (const auto& [name, build] : builds) {
    for (const bool counting : {false, true}) {
      const std::string full = workload + "/" + name + (counting ? "/counted" : "");
      benchmark::RegisterBenchmark(full.c_str(), run_graph, build, make, counting);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  // With a second thread alive libstdc++ takes no shortcuts for programs with one.
  std::atomic<bool> over{false};
  std::thread other([&] { over.wait(false); });

  add("a", a_hand, {{"fused", a_fused}});
  add("b", b_hand, {{"fused", b_fused}, {"dynamic", b_dynamic}});
  add("c2", c2_hand, {{"fused", c2_fused}, {"dynamic", c2_dynamic}});
  add("d", d_hand, {{"fused", d_fused}, {"dynamic", d_dynamic}});
  add("e", e_hand, {{"dynamic", e_dynamic}});

  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  over = true;
  over.notify_all();
  other.join();
}
