// expect: sink_to_vector: the vector must be a std::vector of the stream's element type
// SPDX-License-Identifier: BSL-1.0
#include <vector>

#include "penstock/core.hpp"

int main() {
  penstock::Stream<int> source;
#ifdef BAD
  std::vector<long> out;
#else
  std::vector<int> out;
#endif
  source.sink_to_vector(out);
}
