// expect: from_websocket: the elements are std::string or WebSocketMessage
// SPDX-License-Identifier: BSL-1.0
#define PENSTOCK_SEPARATE_COMPILATION
#include "penstock/connect/websocket/from_websocket.hpp"
#include "penstock/exec/event_loop.hpp"

#ifdef BAD
using T = int;
#else
using T = std::string;
#endif

void wire(penstock::EventLoop& loop) {
  static_cast<void>(penstock::from_websocket<T>(loop, 0));
  static_cast<void>(penstock::from_websocket<T>(loop, "ws://127.0.0.1:1"));
}
