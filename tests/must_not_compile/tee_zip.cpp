// expect: tee: a branch holds only operators that never wait; use the stream by its name for the others
// SPDX-License-Identifier: BSL-1.0
#include "penstock/ops/tee.hpp"
#include "penstock/ops/zip.hpp"
#include "penstock/sinks/sink.hpp"

int main() {
  penstock::Stream<int> source;
  penstock::Stream<int> other;
  const auto ignore = [](const auto&) {};
#ifdef BAD
  source.tee([&](auto s) { return s.zip(other).sink(ignore); }).sink(ignore);
#else
  source.tee([&](auto s) { return s.sink(ignore); }).zip(other).sink(ignore);
#endif
}
