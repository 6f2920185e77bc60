// expect: through_process: the elements must convert to std::string_view
// SPDX-License-Identifier: BSL-1.0
#include <string>

#include "penstock/connect/process.hpp"
#include "penstock/ops/map.hpp"

void wire(const penstock::Stream<int>& source) {
#ifdef BAD
  source | penstock::through_process({"cat"});
#else
  static_cast<void>(source.map([](int n) { return std::to_string(n); }) | penstock::through_process({"cat"}));
#endif
}
