// expect: sink: the function must be callable with an element of the stream
// SPDX-License-Identifier: BSL-1.0
#include <string>

#include "penstock/core.hpp"

int main() {
  penstock::Stream<int> source;
#ifdef BAD
  source.sink([](const std::string&) {});
#else
  source.sink([](int) {});
#endif
}
