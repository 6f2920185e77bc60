// SPDX-License-Identifier: BSL-1.0
#pragma once

// For one source file of a program that defines PENSTOCK_SEPARATE_COMPILATION in all of them: what takes long to
// compile.
#ifdef PENSTOCK_SEPARATE_COMPILATION
#include "penstock/connect/websocket/connection_impl.hpp"
#else
#error "penstock/connect/websocket/src.hpp is for programs that define PENSTOCK_SEPARATE_COMPILATION everywhere"
#endif
