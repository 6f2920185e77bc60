// expect: tee: a branch holds only operators that never wait; use the stream by its name for the others
// SPDX-License-Identifier: BSL-1.0
#include "penstock/ops/buffer.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/ops/tee.hpp"
#include "penstock/sinks/sink.hpp"

int main() {
  penstock::Stream<int> source;
  const auto twice = [](int x) { return x * 2; };
  const auto ignore = [](int) {};
#ifdef BAD
  source.tee([&](auto s) { return s.map(twice).buffer(10).sink(ignore); }).sink(ignore);
#else
  source.tee([&](auto s) { return s.map(twice).sink(ignore); }).sink(ignore);
#endif
}
