// expect: sink_to_sqlite: the elements must be rows as of sink_to_csv
// SPDX-License-Identifier: BSL-1.0
#include <string>

#include <penstock/connect/sqlite.hpp>

struct Row {
  std::string brand;
  int hour;
};

int main() {
  const penstock::Stream<int> numbers;
  const penstock::Stream<Row> rows;
#ifdef BAD
  numbers | penstock::sink_to_sqlite("shop.db", "sold");
#else
  rows | penstock::sink_to_sqlite("shop.db", "sold");
#endif
}
