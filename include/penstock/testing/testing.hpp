// SPDX-License-Identifier: BSL-1.0
#pragma once

// The testing room: what tests of pipelines and of operators need, with any test framework. Nothing here is
// included by <penstock/penstock.hpp>.

#include "penstock/testing/contract.hpp"
#include "penstock/testing/counted.hpp"
#include "penstock/testing/ledger.hpp"
#include "penstock/testing/marbles.hpp"
#include "penstock/testing/probe.hpp"
#include "penstock/testing/scripted_sink.hpp"
#include "penstock/testing/virtual_loop.hpp"
