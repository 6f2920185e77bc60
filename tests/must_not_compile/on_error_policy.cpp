// expect: on_error: takes OnError::skip, OnError::propagate or divert_to
// SPDX-License-Identifier: BSL-1.0
#include "penstock/ops/map.hpp"
#include "penstock/ops/on_error.hpp"

int main() {
  penstock::Stream<int> source;
  const auto twice = [](int x) { return x * 2; };
#ifdef BAD
  auto doubled = source.map(twice).apply(penstock::on_error(3));
#else
  auto doubled = source.map(twice).on_error(penstock::Retry{.attempts = 3}).stream();
#endif
}
