// SPDX-License-Identifier: BSL-1.0
#pragma once

// Everything that needs no other program: the standard library, Boost.Asio and fmt.

#include "penstock/core.hpp"
#include "penstock/exec/async_emit.hpp"
#include "penstock/exec/await.hpp"
#include "penstock/exec/event_loop.hpp"
#include "penstock/exec/sleep.hpp"
#include "penstock/observe/visualize.hpp"
#include "penstock/ops/frequencies.hpp"
#include "penstock/ops/hop.hpp"
#include "penstock/sinks/print.hpp"
#include "penstock/sinks/sink_to_csv.hpp"
#include "penstock/sinks/sink_to_textfile.hpp"
#include "penstock/sinks/upsert_csv.hpp"
#include "penstock/sources/csv.hpp"
#include "penstock/sources/filenames.hpp"
#include "penstock/sources/from_csv.hpp"
#include "penstock/sources/from_periodic.hpp"
#include "penstock/sources/from_queue.hpp"
#include "penstock/sources/from_textfile.hpp"
#include "penstock/time/time.hpp"
