// expect: buffer: measured_by needs a function that takes a const element and returns a size
// SPDX-License-Identifier: BSL-1.0
#include <cstddef>

#include "penstock/ops/buffer.hpp"

int main() {
  penstock::Stream<int> source;
#ifdef BAD
  const auto size = [](const char* text) { return std::size_t(*text); };
#else
  const auto size = [](int) { return std::size_t{1}; };
#endif
  source.apply(penstock::buffer(3, penstock::BufferOptions{.max_bytes = 10}, penstock::measured_by(size)));
}
