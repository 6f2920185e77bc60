// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include "catch.hpp"
#include "penstock/state/snapshot_store.hpp"

// What a store has to keep whatever happens: what it has told to be durable is there, or what was being written then, and
// as a whole. For stores whose n-th operation fails, for every n until none does.

namespace penstock::test {

/// Its content tells which one it is.
inline Snapshot snapshot_of(std::uint64_t epoch, const std::string& run = "") {
  return {epoch, "graph\n", {{"total", "accumulate", run + std::string(100 + epoch, 'x')}}};
}
inline std::string told(const Snapshot& snapshot) {
  return std::to_string(snapshot.epoch) + ": " + snapshot.entries.at(0).bytes;
}
inline std::string told(const std::optional<Snapshot>& snapshot) { return snapshot ? told(*snapshot) : "nothing"; }

struct StoreModel {
  std::uint64_t durable = 0;  // the newest of which it was told that it is
  std::uint64_t tried = 0;
  std::map<std::string, std::uint64_t> savepoints;

  /// Six epochs and two savepoints, each as often as it takes, in a program that may die.
  void work(SnapshotStore& store) {
    for (std::uint64_t epoch = durable + 1; epoch <= 6; ++epoch) {
      tried = epoch;
      for (int attempt = 0;; ++attempt) {
        try {
          store.write(snapshot_of(epoch));
          break;
        } catch (const std::system_error&) {
          if (attempt == 3) throw;
        }
      }
      durable = epoch;
      if (epoch % 3 == 0) {
        store.save_as("third", snapshot_of(epoch));
        savepoints["third"] = epoch;
      }
    }
  }

  void check(SnapshotStore& store, std::size_t n) const {
    INFO("operation " << n << ", durable " << durable << ", tried " << tried);
    const std::optional<Snapshot> newest = store.newest();
    const std::uint64_t epoch = newest ? newest->epoch : 0;
    REQUIRE((epoch == durable || epoch == tried));
    for (const std::uint64_t each : store.epochs()) REQUIRE(told(store.load(each)) == told(snapshot_of(each)));
    // And the one before, as a sink may still name it.
    if (epoch > 1) REQUIRE(told(store.load(epoch - 1)) == told(snapshot_of(epoch - 1)));
    for (const auto& [name, saved] : savepoints) REQUIRE(store.load_savepoint(name).epoch >= saved);
  }
};

}  // namespace penstock::test
