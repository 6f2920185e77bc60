// SPDX-License-Identifier: BSL-1.0
#pragma once

// Not an operator: everything about event time.

#include "penstock/time/aggregates.hpp"
#include "penstock/time/asof_join.hpp"
#include "penstock/time/enrich.hpp"
#include "penstock/time/event_time.hpp"
#include "penstock/time/interval_join.hpp"
#include "penstock/time/key_by.hpp"
#include "penstock/time/process.hpp"
#include "penstock/time/window.hpp"
#include "penstock/time/window_join.hpp"
