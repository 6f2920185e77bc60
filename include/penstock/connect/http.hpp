// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "penstock/connect/http/from_http_server.hpp"
#include "penstock/connect/http/json.hpp"
#include "penstock/connect/http/sink_to_http.hpp"
