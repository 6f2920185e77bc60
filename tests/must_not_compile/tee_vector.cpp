// expect: tee: a branch gives no handle; sink_to_vector takes the vector to append to there
// SPDX-License-Identifier: BSL-1.0
#include "penstock/ops/tee.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/sinks/sink_to_vector.hpp"

int main() {
  penstock::Stream<int> source;
  std::vector<int> seen;
  const auto ignore = [](int) {};
#ifdef BAD
  source.tee([&](auto s) { return s.sink_to_vector(); }).sink(ignore);
#else
  source.tee([&](auto s) { return s.sink_to_vector(seen); }).sink(ignore);
#endif
}
