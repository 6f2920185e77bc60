// expect: sink_to_jsonl: the elements must be structs that Boost\.Describe or a row_traits describes
// SPDX-License-Identifier: BSL-1.0
#include <vector>

#include <penstock/sinks/sink_to_jsonl.hpp>

int main() {
  const penstock::Stream<int*> pointers;
  const penstock::Stream<std::vector<int>> rows;
#ifdef BAD
  pointers.sink_to_jsonl("rows.jsonl");
#else
  rows.sink_to_jsonl("rows.jsonl");
#endif
}
