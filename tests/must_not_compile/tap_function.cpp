// expect: tap: the function must be callable with a const element
// SPDX-License-Identifier: BSL-1.0
#include <string>

#include "penstock/core.hpp"

int main() {
  penstock::Stream<int> source;
#ifdef BAD
  source.apply(penstock::tap([](const std::string&) {}));
#else
  auto same = source.tap([](int) {}).stream();
#endif
}
