// expect: to_websocket: the elements must be WebSocketMessages or convert to std::string_view; make texts of them with map
// SPDX-License-Identifier: BSL-1.0
#define PENSTOCK_SEPARATE_COMPILATION
#include <string>

#include "penstock/connect/websocket/to_websocket.hpp"

#ifdef BAD
using T = int;
#else
using T = std::string;
#endif

void wire(const penstock::Stream<T>& source) { source | penstock::to_websocket("ws://127.0.0.1:1"); }
