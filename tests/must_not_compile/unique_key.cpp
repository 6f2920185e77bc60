// expect: unique: the keys, or without a key function the elements, must be comparable
// SPDX-License-Identifier: BSL-1.0
#include "penstock/core.hpp"

struct Reading {
  int id;
};

int main() {
  penstock::Stream<Reading> source;
#ifdef BAD
  source.apply(penstock::unique());
#else
  auto once = source.unique(&Reading::id).stream();
#endif
}
