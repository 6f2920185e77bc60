// expect: partition_unique: the key must be callable with a const element
// SPDX-License-Identifier: BSL-1.0
#include <string>

#include "penstock/core.hpp"

int main() {
  penstock::Stream<int> source;
#ifdef BAD
  source.apply(penstock::partition_unique(2, [](const std::string& s) { return s.size(); }));
#else
  auto pairs = source.partition_unique(2, [](int x) { return x % 2; }).stream();
#endif
}
