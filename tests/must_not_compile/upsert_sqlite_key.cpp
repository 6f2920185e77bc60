// expect: upsert_sqlite: takes a path, a table, then pointers to the members of the row that are its key
// SPDX-License-Identifier: BSL-1.0
#include <string>

#include <penstock/connect/sqlite.hpp>

struct Row {
  std::string brand;
  int hour;
};

int main() {
  const penstock::Stream<Row> rows;
#ifdef BAD
  rows | penstock::upsert_sqlite("shop.db", "sold");
#else
  rows | penstock::upsert_sqlite("shop.db", "sold", &Row::brand, &Row::hour);
#endif
}
