// expect: tee: a branch holds only operators that never wait; use the stream by its name for the others
// SPDX-License-Identifier: BSL-1.0
#include "penstock/ops/tee.hpp"
#include "penstock/sinks/sink.hpp"

int main() {
  penstock::Stream<int> source;
  penstock::Stream<int> other;
  const auto waits = [&](int x) { return other.push(x); };
  const auto ignore = [](int) {};
#ifdef BAD
  source.tee([&](auto s) { return s.sink(waits); }).sink(ignore);
#else
  source.tee([&](auto s) { return s.sink(ignore); }).sink(waits);
#endif
}
