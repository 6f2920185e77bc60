// expect: aggregate: takes an aggregate such as count\(\), or a copyable object
// SPDX-License-Identifier: BSL-1.0
#include "penstock/time/aggregates.hpp"

struct Longest {
  int longest = 0;
#ifdef BAD
  void push(const int& value) { longest = value > longest ? value : longest; }
#else
  void add(const int& value) { longest = value > longest ? value : longest; }
#endif
  int result() const { return longest; }
};

int main() {
  return penstock::detail::check_aggregate<Longest, int>() ? 0 : 1;
}
