// expect: from_tcp: the elements are std::string or TcpMessage
// SPDX-License-Identifier: BSL-1.0
#include "penstock/connect/tcp/from_tcp.hpp"
#include "penstock/exec/event_loop.hpp"

int main() {
  penstock::EventLoop loop;
#ifdef BAD
  penstock::from_tcp<int>(loop, 0);
#else
  penstock::from_tcp<penstock::TcpMessage>(loop, 0);
#endif
}
