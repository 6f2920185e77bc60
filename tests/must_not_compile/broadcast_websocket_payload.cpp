// expect: broadcast_websocket: the elements must be WebSocketMessages or convert to std::string_view; make texts of
// SPDX-License-Identifier: BSL-1.0
#define PENSTOCK_SEPARATE_COMPILATION
#include <string>

#include "penstock/connect/websocket/broadcast_websocket.hpp"

#ifdef BAD
using T = int;
#else
using T = std::string;
#endif

void wire(const penstock::Stream<T>& source) { source | penstock::broadcast_websocket(0); }
