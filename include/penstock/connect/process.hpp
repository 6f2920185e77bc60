// SPDX-License-Identifier: BSL-1.0
#pragma once

// Child processes and signals.

#include "penstock/connect/process/from_process.hpp"
#include "penstock/connect/process/from_signal.hpp"
#include "penstock/connect/process/sink_to_process.hpp"
#include "penstock/connect/process/through_process.hpp"
