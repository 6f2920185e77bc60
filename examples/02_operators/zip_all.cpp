// SPDX-License-Identifier: BSL-1.0
// Zips streams that come and go.
#include <fmt/core.h>

#include <vector>

#include "penstock/core.hpp"

int main() {
  penstock::Stream<int> first{"first"};
  penstock::Stream<int> second{"second"};
  penstock::Stream<int> third{"third"};

  const auto rows = penstock::zip_all<int>({first, second});
  rows.sink([](const std::vector<int>& row) {
    for (int x : row) fmt::print("{} ", x);
    fmt::print("\n");
  });

  first.emit(1);
  second.emit(2);  // 1 2
  rows.add(third);
  first.emit(3);
  second.emit(4);
  third.emit(5);  // 3 4 5
  first.emit(6);
  third.emit(7);
  rows.remove(second);  // 6 7: only the removed one was missing
}
