// SPDX-License-Identifier: BSL-1.0
//
// Runs all contenders of bench/<room>/*_bench.cpp with Google Benchmark. tools/bench_table.py makes the table of its
// results: what it needs to know of a contender is in the label and the counters.
#include "bench.hpp"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <thread>

#include <benchmark/benchmark.h>

namespace {

// A plain increment, which threads may spoil for each other: a locked one would be half the price of an allocation.
std::atomic<std::uint64_t> allocated{0};

void* allocate(std::size_t bytes) {
  allocated.store(allocated.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  if (void* memory = std::malloc(bytes)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t bytes) { return allocate(bytes); }
void* operator new[](std::size_t bytes) { return allocate(bytes); }
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace bench {

bool hashing = false;

namespace {

std::uint64_t hash = 0;

std::vector<Contender>& contenders() {
  static std::vector<Contender> all;
  return all;
}

}  // namespace

void add(Contender contender) { contenders().push_back(std::move(contender)); }

void hash_more(Value value) noexcept {
  hash = (hash ^ static_cast<std::uint64_t>(value)) * 6364136223846793005U + 1442695040888963407U;
}

std::uint64_t hash_of(const Pass& pass) {
  hash = 0;
  hashing = true;
  pass.run();
  hashing = false;
  return hash;
}

std::uint64_t allocations() noexcept { return allocated.load(std::memory_order_relaxed); }

namespace {

/// Nothing when a new pass of `contender` does what it should. Asked once for each.
std::string wrong_with(const Contender& contender, bool counting) {
  static std::map<std::string, std::optional<std::uint64_t>> by_hand;
  const Pass pass = contender.make(counting);
  if (pass.wrong) {
    pass.run();
    return pass.wrong();
  }
  std::optional<std::uint64_t>& expected = by_hand[contender.workload];
  for (const Contender& other : contenders()) {
    if (expected || other.workload != contender.workload || other.name != "hand1") continue;
    expected = hash_of(other.make(false));
  }
  if (!expected) return "there is no hand1 to compare with";
  return hash_of(pass) == *expected ? "" : "what reached the sink is not what hand1 sends there";
}

std::string label(const Contender& contender, bool counting) {
  std::string text;
  char one[200];
  const auto say = [&](const char* format, auto... values) {
    std::snprintf(one, sizeof one, format, values...);
    text += (text.empty() ? "" : "; ") + std::string(one);
  };
  if (counting) {
    if (contender.counting.nanoseconds != 0) say("counting adds at most %g ns", contender.counting.nanoseconds);
    if (contender.counting.percent != 0) say("counting adds at most %g %%", contender.counting.percent);
    return text;
  }
  for (const Goal& goal : contender.goals) {
    if (goal.ratio != 0) say("at most %g of %s", goal.ratio, goal.of);
    if (goal.nanoseconds != 0) say("at most %g ns", goal.nanoseconds);
    if (goal.allocations >= 0) say("at most %g allocations", goal.allocations);
    if (goal.factor != 0) say("at least %g times faster than %g ns", goal.factor, goal.streamz);
  }
  return text;
}

void run(benchmark::State& state, const Contender& contender, bool counting) {
  static std::map<std::pair<const Contender*, bool>, std::string> known;
  const auto key = std::pair{&contender, counting};
  auto found = known.find(key);
  if (found == known.end()) found = known.emplace(key, wrong_with(contender, counting)).first;
  if (!found->second.empty()) return state.SkipWithError(found->second.c_str());

  const Pass pass = contender.make(counting);
  pass.run();
  const std::uint64_t before = allocations();
  if (contender.clock == Clock::own) {
    for (auto _ : state) {
      pass.run();
      state.SetIterationTime(pass.measured() * 1e-9 * static_cast<double>(contender.elements));
    }
  } else {
    for (auto _ : state) pass.run();
  }
  const double total = static_cast<double>(state.iterations()) * static_cast<double>(contender.elements);
  state.counters["allocations"] = static_cast<double>(allocations() - before) / total;
  state.counters["elements"] = static_cast<double>(contender.elements);
  state.counters["real"] = contender.clock == Clock::cpu ? 0 : 1;
  state.SetLabel(label(contender, counting));
}

void enlist(const Contender& contender, bool counting) {
  const std::string name = contender.workload + "/" + contender.name + (counting ? "/counted" : "");
  auto* made = benchmark::RegisterBenchmark(
      name.c_str(), [&contender, counting](benchmark::State& state) { run(state, contender, counting); });
  if (contender.clock == Clock::wall) made->UseRealTime();
  if (contender.clock == Clock::own) made->UseManualTime()->Iterations(1);
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  for (const bench::Contender& contender : bench::contenders()) {
    bench::enlist(contender, false);
    const bench::Counting& counting = contender.counting;
    if (counting.nanoseconds != 0 || counting.percent != 0) bench::enlist(contender, true);
  }

  // With a second thread alive libstdc++ takes no shortcuts for programs with one.
  std::atomic<bool> over{false};
  std::thread other([&] { over.wait(false); });
  benchmark::RunSpecifiedBenchmarks();
  over = true;
  over.notify_all();
  other.join();
}
