// expect: from_periodic: the function must be callable without an argument and return a value
// SPDX-License-Identifier: BSL-1.0
#include <chrono>

#include "penstock/sources/from_periodic.hpp"

auto source(penstock::Loop& loop) {
#ifdef BAD
  return penstock::from_periodic(loop, [](int x) { return x; }, std::chrono::seconds{1});
#else
  return penstock::from_periodic(loop, [] { return 1; }, std::chrono::seconds{1});
#endif
}

int main() {}
