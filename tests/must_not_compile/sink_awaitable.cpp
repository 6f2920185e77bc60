// expect: sink: the function returns an awaitable; include penstock/penstock.hpp
// SPDX-License-Identifier: BSL-1.0
#include <coroutine>

#include "penstock/core.hpp"

int main() {
  penstock::Stream<int> source;
#ifdef BAD
  source.sink([](int) { return std::suspend_never{}; });
#else
  source.sink([](int) {});
#endif
}
