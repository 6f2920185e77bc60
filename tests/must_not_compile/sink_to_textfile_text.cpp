// expect: sink_to_textfile: the elements must convert to std::string_view; make texts of them with map
// SPDX-License-Identifier: BSL-1.0
#include <string>

#include "penstock/sinks/sink_to_textfile.hpp"

int main() {
#ifdef BAD
  const penstock::Stream<int> source;
#else
  const penstock::Stream<std::string> source;
#endif
  source.sink_to_textfile("out.txt");
}
