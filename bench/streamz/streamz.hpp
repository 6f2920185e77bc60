// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <utility>

#include "bench.hpp"

// The workloads that Streamz 0.6.5 was measured with, on the same kind of machine: the same elements, graphs and checksums.

namespace bench::streamz {

/// Ends a graph as `noop` and `counter` do: counts, and keeps the last element.
template <class T = Value>
struct Counter {
  std::int64_t count = 0;
  T last{};
};

/// @param id          the workload's letter
/// @param streamz_us  what Streamz takes, in microseconds a unit
template <class Make>
Contender row(const char* id, std::int64_t n, double streamz_us, Make make) {
  return {std::string("streamz_") + id, "penstock", n, [=](bool) { return make(); },
          {{.factor = 200, .streamz = streamz_us * 1000}}};
}

inline std::string unless(bool right) { return right ? "" : "the checksum is wrong"; }

}  // namespace bench::streamz
