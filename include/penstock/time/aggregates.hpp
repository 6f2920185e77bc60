// SPDX-License-Identifier: BSL-1.0
#pragma once

// Not an operator: what windows and groups make of their elements, one aggregate a header.

#include "penstock/time/aggregate.hpp"
#include "penstock/time/aggregates/all_of.hpp"
#include "penstock/time/aggregates/approx_distinct.hpp"
#include "penstock/time/aggregates/approx_quantile.hpp"
#include "penstock/time/aggregates/approx_top_k.hpp"
#include "penstock/time/aggregates/count.hpp"
#include "penstock/time/aggregates/distinct.hpp"
#include "penstock/time/aggregates/first_last.hpp"
#include "penstock/time/aggregates/into.hpp"
#include "penstock/time/aggregates/mean.hpp"
#include "penstock/time/aggregates/min_max.hpp"
#include "penstock/time/aggregates/quantile.hpp"
#include "penstock/time/aggregates/stable_hash.hpp"
#include "penstock/time/aggregates/sum.hpp"
#include "penstock/time/aggregates/to_vector.hpp"
#include "penstock/time/aggregates/top_k.hpp"
#include "penstock/time/aggregates/variance.hpp"
