// expect: timed_window_unique: the key must be callable with a const element of the stream
// SPDX-License-Identifier: BSL-1.0
#include <chrono>

#include "penstock/ops/timed_window_unique.hpp"

struct Row {
  int id;
};
struct Other {
  int id;
};

void wire(penstock::Stream<Row> source) {
#ifdef BAD
  source.apply(penstock::timed_window_unique(std::chrono::seconds{1}, &Other::id));
#else
  source.apply(penstock::timed_window_unique(std::chrono::seconds{1}, &Row::id));
#endif
}

int main() {}
