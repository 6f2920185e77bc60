// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "penstock/connect/tcp/from_tcp.hpp"
#include "penstock/connect/tcp/from_tcp_client.hpp"
#include "penstock/connect/tcp/sink_to_tcp.hpp"
