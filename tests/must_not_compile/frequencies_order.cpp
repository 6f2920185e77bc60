// expect: frequencies: the elements must be copyable and comparable
// SPDX-License-Identifier: BSL-1.0
#include <compare>

#include "penstock/core.hpp"
#include "penstock/ops/frequencies.hpp"

struct Colour {
  int rgb;
#ifndef BAD
  friend auto operator<=>(const Colour&, const Colour&) = default;
#endif
};

int main() {
  penstock::Stream<Colour> source;
#ifdef BAD
  source.apply(penstock::frequencies());
#else
  auto counts = source.frequencies().stream();
#endif
}
