// expect: upsert_csv: takes a path, then pointers to the members of the row that are its key
// SPDX-License-Identifier: BSL-1.0
#include <optional>
#include <string>

#include <penstock/sinks/upsert_csv.hpp>

struct Row {
  std::string brand;
  std::optional<int> hour;
};

int main() {
  const penstock::Stream<Row> rows;
#ifdef BAD
  rows.upsert_csv("rows.csv", &Row::brand, &Row::hour);
#else
  rows.upsert_csv("rows.csv", &Row::brand);
#endif
}
