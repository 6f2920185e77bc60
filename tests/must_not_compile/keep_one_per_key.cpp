// expect: keep_one_per: the key must be callable with a const element of the stream
// SPDX-License-Identifier: BSL-1.0
#include "penstock/ops/keep_one_per.hpp"

struct Row {
  int id;
};
struct Other {
  int id;
};

int main() {
  penstock::Stream<Row> source;
#ifdef BAD
  source.apply(penstock::buffer(3, penstock::keep_one_per(&Other::id)));
#else
  source.apply(penstock::buffer(3, penstock::keep_one_per(&Row::id)));
#endif
}
