// expect: accumulate: the function must be callable with the state
// SPDX-License-Identifier: BSL-1.0
#include <string>

#include "penstock/core.hpp"

int main() {
  penstock::Stream<int> source;
  const auto append = [](const std::string& s, int x) { return s + std::to_string(x); };
#ifdef BAD
  source.apply(penstock::accumulate(append));
#else
  auto texts = source.accumulate(append, std::string{}).stream();
#endif
}
