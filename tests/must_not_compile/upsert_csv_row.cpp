// expect: upsert_csv: the elements must be rows as of sink_to_csv
// SPDX-License-Identifier: BSL-1.0
#include <string>
#include <vector>

#include <penstock/sinks/upsert_csv.hpp>

struct Nested {
  std::string brand;
  std::vector<int> hours;
};
struct Row {
  std::string brand;
  int hour;
};

int main() {
  const penstock::Stream<Nested> nested;
  const penstock::Stream<Row> rows;
#ifdef BAD
  nested.upsert_csv("rows.csv", &Nested::brand);
#else
  rows.upsert_csv("rows.csv", &Row::brand);
#endif
}
