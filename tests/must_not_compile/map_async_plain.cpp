// expect: map_async: the function must be callable with an element of the stream and give a result later
// SPDX-License-Identifier: BSL-1.0
#include "penstock/core.hpp"
#include "penstock/ops/map_async.hpp"

int main() {
  penstock::Stream<int> source;
#ifdef BAD
  source.map_async([](int x) { return x + 1; });
#else
  source.map_async([](int x, penstock::Completion<int> done) { done(x + 1); }).sink([](int) {});
#endif
}
