// SPDX-License-Identifier: BSL-1.0
#pragma once

// Not an operator: what takes long to compile. A program of many source files that use WebSockets defines
// PENSTOCK_SEPARATE_COMPILATION in all of them, and includes this in one.

#include "penstock/connect/websocket/connection_impl.hpp"
