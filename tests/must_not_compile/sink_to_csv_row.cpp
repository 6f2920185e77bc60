// expect: sink_to_csv: the elements must be structs that Boost\.Describe or a row_traits describes
// SPDX-License-Identifier: BSL-1.0
#include <tuple>

#include <penstock/sinks/sink_to_csv.hpp>

int main() {
  const penstock::Stream<int> numbers;
  const penstock::Stream<std::tuple<int>> rows;
#ifdef BAD
  numbers.sink_to_csv("rows.csv");
#else
  rows.sink_to_csv("rows.csv");
#endif
}
