// SPDX-License-Identifier: BSL-1.0
#pragma once

// WebSockets. Boost.Beast takes 10 seconds and more to compile: see connect/websocket/src.hpp for programs of many files.

#include "penstock/connect/websocket/broadcast_websocket.hpp"
#include "penstock/connect/websocket/from_websocket.hpp"
#include "penstock/connect/websocket/to_websocket.hpp"
