// expect: from_jsonl: the rows must be structs that Boost\.Describe or a row_traits describes
// SPDX-License-Identifier: BSL-1.0
#include <memory>
#include <vector>

#include <penstock/sources/from_jsonl.hpp>

int main() {
#ifdef BAD
  static_cast<void>(penstock::from_jsonl<std::unique_ptr<int>>("rows.jsonl"));
#else
  static_cast<void>(penstock::from_jsonl<std::vector<int>>("rows.jsonl"));
#endif
}
