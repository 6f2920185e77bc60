// expect: partition: as_view does not go with a timeout
// SPDX-License-Identifier: BSL-1.0
#include <chrono>

#include "penstock/core.hpp"

using namespace std::chrono_literals;

int main() {
  penstock::Stream<int> source;
#ifdef BAD
  source.partition(2, penstock::as_view, 1s).sink([](const auto&) {});
#else
  source.partition(2, penstock::as_view).sink([](const auto&) {});
#endif
}
