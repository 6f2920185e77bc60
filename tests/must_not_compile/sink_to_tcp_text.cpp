// expect: sink_to_tcp: the elements must convert to std::string_view; make texts of them with map
// SPDX-License-Identifier: BSL-1.0
#include <string>

#include "penstock/connect/tcp/sink_to_tcp.hpp"
#include "penstock/exec/event_loop.hpp"

int main() {
  penstock::EventLoop loop;
#ifdef BAD
  const penstock::Stream<int> source{loop};
#else
  const penstock::Stream<std::string> source{loop};
#endif
  source | penstock::sink_to_tcp("127.0.0.1:9");
}
