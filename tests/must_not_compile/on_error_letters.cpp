// expect: on_error: divert_to needs a stream of DeadLetter<T>
// SPDX-License-Identifier: BSL-1.0
#include <string>

#include "penstock/ops/map.hpp"
#include "penstock/ops/on_error.hpp"

int main() {
  penstock::Stream<int> source;
  const auto twice = [](int x) { return x * 2; };
#ifdef BAD
  penstock::Stream<penstock::DeadLetter<std::string>> letters;
#else
  penstock::Stream<penstock::DeadLetter<int>> letters;
#endif
  source.map(twice).on_error(penstock::divert_to(letters));
}
