// expect: into: takes a struct that can be made of nothing, and after each pointer to a member of it an aggregate
// SPDX-License-Identifier: BSL-1.0
#include <cstdint>

#include "penstock/time/aggregates.hpp"

struct Row {
  std::uint64_t count = 0;
};

int main() {
#ifdef BAD
  penstock::into<Row>(penstock::count(), &Row::count);
#else
  const auto rows = penstock::into<Row>(&Row::count, penstock::count());
  return penstock::detail::check_aggregate<std::remove_cv_t<decltype(rows)>, int>() ? 0 : 1;
#endif
}
