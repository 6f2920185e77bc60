// expect: on_error: to be tried again or diverted an element must be copyable
// SPDX-License-Identifier: BSL-1.0
#include <memory>

#include "penstock/ops/map.hpp"
#include "penstock/ops/on_error.hpp"

int main() {
  penstock::Stream<std::unique_ptr<int>> source;
  const auto value = [](const std::unique_ptr<int>& x) { return *x; };
#ifdef BAD
  source.map(value).on_error(penstock::Retry{});
#else
  auto values = source.map(value).on_error(penstock::OnError::skip).stream();
#endif
}
