// expect: aggregate: sessions, panes and other windows that are put together need an aggregate with `void merge
// SPDX-License-Identifier: BSL-1.0
#include "penstock/time/aggregates.hpp"

struct Total {
  int total = 0;
  void add(const int& value) { total += value; }
#ifndef BAD
  void merge(const Total& other) { total += other.total; }
#endif
  int result() const { return total; }
};

int main() {
  const auto both = penstock::all_of(penstock::count(), Total{});
  return penstock::detail::check_merge<std::remove_cv_t<decltype(both)>, int>() ? 0 : 1;
}
