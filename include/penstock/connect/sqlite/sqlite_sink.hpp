// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "penstock/core/loop.hpp"

// Not an operator: how the sinks write that have a table of SQLite.

namespace penstock {

/// How sink_to_sqlite and upsert_sqlite write.
struct SqliteSink {
  std::size_t batch = 1'000;                ///< rows in a transaction, at least 1; those at the end may be fewer
  Duration every{};                         ///< the transaction is at the latest so long after its first row; needs an event loop; 0: never
  std::size_t max_rows = 1'000'000;         ///< that sink_to_sqlite keeps for a checkpoint; one more throws Overflow. 0: no bound
  std::string time_format{};                ///< of times, see field_traits; empty: ISO 8601
  Duration busy = std::chrono::seconds{5};  ///< so long a transaction waits for another program that has the database
  std::string vfs{};                        ///< a virtual file system that was registered with SQLite; empty: that of the machine
};

}  // namespace penstock
