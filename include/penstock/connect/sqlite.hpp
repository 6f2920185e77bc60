// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "penstock/connect/sqlite/sink_to_sqlite.hpp"
#include "penstock/connect/sqlite/sqlite_error.hpp"
#include "penstock/connect/sqlite/sqlite_store.hpp"
#include "penstock/connect/sqlite/upsert_sqlite.hpp"
