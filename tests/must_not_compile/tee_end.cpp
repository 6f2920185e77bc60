// expect: tee: every branch is a function that takes a chain and returns it with a sink at its end
// SPDX-License-Identifier: BSL-1.0
#include "penstock/ops/map.hpp"
#include "penstock/ops/tee.hpp"
#include "penstock/sinks/sink.hpp"

int main() {
  penstock::Stream<int> source;
  const auto twice = [](int x) { return x * 2; };
  const auto ignore = [](int) {};
#ifdef BAD
  source.tee([&](auto s) { return s.map(twice); }).sink(ignore);
#else
  source.tee([&](auto s) { return s.map(twice).sink(ignore); }).sink(ignore);
#endif
}
