// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

// What all benchmarks share: how a contender is written down, and the sinks that the compiler cannot see through. It
// knows nothing of Google Benchmark, which main.cpp alone includes, and nothing of Penstock, for which see graph.hpp.

namespace bench {

using Value = std::int64_t;

/// What is measured: one call goes through all elements of the workload.
struct Pass {
  std::function<void()> run;
  /// Asked after the first run of a new pass: what is wrong with the result, or nothing. Where it is left out, what has
  /// reached the sinks is compared with what `hand1` of the same workload sends there.
  std::function<std::string()> wrong = {};
  /// With Clock::own: what the last run measured, in nanoseconds an element.
  std::function<double()> measured = {};
};

enum class Clock {
  cpu,   ///< CPU time of the thread that calls `run`
  wall,  ///< for work of several threads
  own    ///< `Pass::measured`
};

/// What a contender is to reach; zeros do not count.
struct Goal {
  double ratio = 0;           ///< at most so much of the contender `of`
  const char* of = "hand1";
  double nanoseconds = 0;     ///< at most so much an element
  double allocations = -1;    ///< at most so many an element; negative does not count
  double factor = 0;          ///< at least so many times faster than `streamz`
  double streamz = 0;         ///< what Streamz takes, in nanoseconds an element
};

/// What counting may add; zeros do not count.
struct Counting {
  double nanoseconds = 0;
  double percent = 0;
};

struct Contender {
  std::string workload;
  std::string name;
  std::int64_t elements;
  /// Makes a new pass; the argument says whether the graph is to count.
  std::function<Pass(bool counting)> make;
  std::vector<Goal> goals = {};
  Counting counting = {};  ///< with a goal in it, the contender is measured twice
  Clock clock = Clock::cpu;
};

/// Puts a contender on the list. Called before `main`.
void add(Contender contender);

/// `const bench::Registration registered{[] { bench::add(…); }};` in every file.
struct Registration {
  template <class Fn>
  explicit Registration(Fn fn) {
    fn();
  }
};

/// Set while results are compared.
extern bool hashing;
void hash_more(Value value) noexcept;

/// Sinks: opaque to the optimiser. What they see is hashed in order while results are compared; otherwise that costs one
/// comparison, the same for every contender. For one thread at a time.
[[gnu::always_inline]] inline void consume(Value value) {
  asm volatile("" : : "r"(value) : "memory");
  if (hashing) [[unlikely]] hash_more(value);
}
[[gnu::always_inline]] inline void consume(Value a, Value b) {
  asm volatile("" : : "r"(a), "r"(b) : "memory");
  if (hashing) [[unlikely]] {
    hash_more(a);
    hash_more(b);
  }
}
[[gnu::always_inline]] inline void consume(std::span<const Value> values) {
  asm volatile("" : : "r"(values.data()), "r"(values.size()) : "memory");
  if (hashing) [[unlikely]] {
    hash_more(static_cast<Value>(values.size()));
    for (const Value value : values) hash_more(value);
  }
}

/// Runs `pass` and returns the hash of what reached the sinks.
std::uint64_t hash_of(const Pass& pass);

/// Allocations so far; exact for one thread.
std::uint64_t allocations() noexcept;

/// Code written by hand behind one opaque indirect call an element: the floor of anything that is wired at run time.
template <class T>
class Hand {
 public:
  template <class Fn>
  explicit Hand(Fn fn)
      : self_(new Fn(std::move(fn)), [](void* self) { delete static_cast<Fn*>(self); }),
        call_([](void* self, T value) { (*static_cast<Fn*>(self))(std::forward<T>(value)); }) {}

  [[gnu::always_inline]] void operator()(T value) const { call_(self_.get(), std::forward<T>(value)); }

 private:
  std::unique_ptr<void, void (*)(void*)> self_;
  void (*call_)(void*, T);
};

/// Calls `fn` with 0 … n-1, everything inlined into one loop that is a function of its own.
template <class Fn>
[[gnu::noinline]] void each(std::int64_t n, Fn& fn) {
  for (Value i = 0; i < n; ++i) fn(i);
}

/// The contender `hand1` of a workload: `fn` with 0 … n-1.
template <class T = Value, class Fn, class Make>
Contender hand1(std::string workload, std::int64_t n, Fn fn, Make make) {
  return {std::move(workload), "hand1", n, [=](bool) {
            auto hand = std::make_shared<Hand<T>>(fn);
            return Pass{[=] {
              auto one = [&](Value i) { (*hand)(make(i)); };
              each(n, one);
            }};
          }};
}
template <class Fn>
Contender hand1(std::string workload, std::int64_t n, Fn fn) {
  return hand1<Value>(std::move(workload), n, std::move(fn), [](Value i) { return i; });
}

/// The contender `hand`: `fn` with 0 … n-1 in one loop.
template <class Fn>
Contender hand(std::string workload, std::int64_t n, Fn fn) {
  return {std::move(workload), "hand", n, [=](bool) { return Pass{[=]() mutable { each(n, fn); }}; }};
}

}  // namespace bench
