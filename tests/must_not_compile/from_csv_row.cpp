// expect: from_csv: the rows must be structs that Boost\.Describe or a row_traits describes
// SPDX-License-Identifier: BSL-1.0
#include <tuple>
#include <vector>

#include <penstock/sources/from_csv.hpp>

int main() {
#ifdef BAD
  static_cast<void>(penstock::from_csv<std::tuple<int, std::vector<int>>>("rows.csv"));
#else
  static_cast<void>(penstock::from_csv<std::tuple<int, double>>("rows.csv"));
#endif
}
