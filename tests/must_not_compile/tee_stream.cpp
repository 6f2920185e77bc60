// expect: tee: a branch holds only operators that never wait; use the stream by its name for the others
// SPDX-License-Identifier: BSL-1.0
#include "penstock/ops/tee.hpp"
#include "penstock/sinks/sink.hpp"

int main() {
  penstock::Stream<int> source;
  const auto ignore = [](int) {};
#ifdef BAD
  source.tee([&](penstock::Stream<int> s) { return s.sink(ignore); }).sink(ignore);
#else
  source.tee([&](auto s) { return s.sink(ignore); }).sink(ignore);
#endif
}
