// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench.hpp"
#include "penstock/core.hpp"

namespace bench {

/// Emits `make(0)` … `make(n-1)` one by one.
template <class T, class Make>
[[gnu::noinline]] void emit_each(const penstock::Stream<T>& source, std::int64_t n, Make& make) {
  for (Value i = 0; i < n; ++i) source.emit(make(i));
}

/// A contender that is a graph without a loop: `build(source)` wires it, and it is fed with `make(0)` … `make(n-1)`.
template <class T = Value, class Build, class Make>
Contender graph(std::string workload, std::string name, std::int64_t n, Build build, std::vector<Goal> goals,
                Counting counting, Make make) {
  return {std::move(workload), std::move(name), n,
          [=](bool count) {
            auto source = std::make_shared<penstock::Stream<T>>();
            build(*source);
            source->graph().counting(count);
            return Pass{[=]() mutable { emit_each(*source, n, make); }};
          },
          std::move(goals), counting};
}
template <class Build>
Contender graph(std::string workload, std::string name, std::int64_t n, Build build, std::vector<Goal> goals = {},
                Counting counting = {}) {
  return graph<Value>(std::move(workload), std::move(name), n, std::move(build), std::move(goals), counting,
                      [](Value i) { return i; });
}

}  // namespace bench
