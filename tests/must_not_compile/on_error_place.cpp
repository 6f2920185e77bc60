// expect: on_error: stands behind an operator with a function
// SPDX-License-Identifier: BSL-1.0
#include "penstock/ops/map.hpp"
#include "penstock/ops/on_error.hpp"

int main() {
  penstock::Stream<int> source;
  const auto twice = [](int x) { return x * 2; };
#ifdef BAD
  auto doubled = source.map(twice);
  doubled.on_error(penstock::OnError::skip);
#else
  auto doubled = source.map(twice).on_error(penstock::OnError::skip).stream();
#endif
}
