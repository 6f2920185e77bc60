// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <tuple>

#include "bench.hpp"
#include "penstock/core.hpp"

// The workloads of cheap operators, as one writes them: fused, which is one node, and dynamic, with a node for every
// operator. The benchmarks measure their time, bench/gates/driver.cpp their instructions.

namespace bench::chains {

using penstock::Stream;

struct Consume {
  void operator()(Value value) const { consume(value); }
};
struct ConsumePair {
  void operator()(const std::tuple<Value, Value>& pair) const { consume(std::get<0>(pair), std::get<1>(pair)); }
};

// a: nothing between source and sink.
struct A {
  static auto hand() {
    return [](Value x) { consume(x); };
  }
  static void fused(const Stream<Value>& source) { source.sink(Consume{}); }
};

// b: one map.
struct B {
  static auto hand() {
    return [](Value x) { consume(x + 1); };
  }
  static void fused(const Stream<Value>& source) {
    source.map([](Value x) { return x + 1; }).sink(Consume{});
  }
  static void dynamic(const Stream<Value>& source) {
    const Stream<Value> mapped = source.map([](Value x) { return x + 1; });
    mapped.sink(Consume{});
  }
};

// c2: ten maps of ten different types.
struct C2 {
  static auto hand() {
    return [](Value x) { consume(((((((((((x + 1) ^ 3) * 5) - 7) + 11) ^ 13) * 17) - 19) + 23) ^ 29)); };
  }
  static void fused(const Stream<Value>& source) {
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
  static void dynamic(const Stream<Value>& source) {
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
};

// d: filter, map, running sum.
struct D {
  static auto hand() {
    return [sum = Value{0}](Value x) mutable {
      if (x % 2 == 0) consume(sum += x + 1);
    };
  }
  static void fused(const Stream<Value>& source) {
    source.filter([](Value x) { return x % 2 == 0; })
        .map([](Value x) { return x + 1; })
        .accumulate([](Value sum, Value x) { return sum + x; }, Value{0})
        .sink(Consume{});
  }
  static void dynamic(const Stream<Value>& source) {
    const Stream<Value> even = source.filter([](Value x) { return x % 2 == 0; });
    const Stream<Value> next = even.map([](Value x) { return x + 1; });
    const Stream<Value> sums = next.accumulate([](Value sum, Value x) { return sum + x; }, Value{0});
    sums.sink(Consume{});
  }
};

// e: one to eight: branches of one chain, or eight nodes behind a fan-out.
struct E {
  static auto hand() {
    return [](Value x) {
      for (int i = 0; i < 8; ++i) consume(x);
    };
  }
  static void fused(const Stream<Value>& source) {
    const auto end = [](auto branch) { return branch.sink(Consume{}); };
    source.tee(end, end, end, end, end, end, end).sink(Consume{});
  }
  static void dynamic(const Stream<Value>& source) {
    for (int i = 0; i < 8; ++i) source.sink(Consume{});
  }
};

// f: two branches and their zip.
struct F {
  static auto hand() {
    return [](Value x) { consume(x + 1, x - 1); };
  }
  static void dynamic(const Stream<Value>& source) {
    auto next = source.map([](Value x) { return x + 1; });
    auto last = source.map([](Value x) { return x - 1; });
    next.zip(last).sink(ConsumePair{});
  }
};

}  // namespace bench::chains
