// SPDX-License-Identifier: BSL-1.0
#pragma once

// The synchronous part of Penstock: no event loop, no Boost, no fmt. Compiles in well under a second.

#include "penstock/core/feedback.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/observe/describe.hpp"
#include "penstock/observe/dot.hpp"
#include "penstock/observe/mermaid.hpp"
#include "penstock/observe/stats.hpp"
#include "penstock/ops/accumulate.hpp"
#include "penstock/ops/combine_latest.hpp"
#include "penstock/ops/combine_latest_all.hpp"
#include "penstock/ops/filter.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/ops/merge.hpp"
#include "penstock/ops/pluck.hpp"
#include "penstock/ops/skip.hpp"
#include "penstock/ops/slice.hpp"
#include "penstock/ops/starmap.hpp"
#include "penstock/ops/take.hpp"
#include "penstock/ops/tap.hpp"
#include "penstock/ops/unique.hpp"
#include "penstock/ops/zip.hpp"
#include "penstock/ops/zip_all.hpp"
#include "penstock/ops/zip_latest.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/sources/from_range.hpp"
