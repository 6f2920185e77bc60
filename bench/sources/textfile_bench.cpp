// SPDX-License-Identifier: BSL-1.0
//
// A text file of JSON lines: read, parse, pick, sum. By hand: the same file with std::getline and the same calls of Boost.JSON
// in one loop. Opening the file and wiring the graph are included.
#include <fstream>

#include "penstock/sources/from_textfile.hpp"
#include "sources/lines.hpp"

namespace bench {
namespace {

Pass by_hand(bool) {
  return {[] {
    std::ifstream file{lines_file()};
    Value sum = 0;
    for (std::string line; std::getline(file, line);) consume(sum += parse(line).value());
  }};
}

Pass from_file(bool counting) {
  return {[counting] {
    const auto source = penstock::from_textfile(lines_file());
    Value last = 0;
    sum_lines(source, &last);
    source.graph().counting(counting);
    source.start();
  }};
}

const Registration registered{[] {
  add({"file", "hand1", lines, by_hand});
  add({"file", "from_textfile", lines, from_file, {{.ratio = 1.2}}, {.percent = 3}});
}};

}  // namespace
}  // namespace bench
