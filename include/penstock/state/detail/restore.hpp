// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "penstock/core/error.hpp"
#include "penstock/core/info.hpp"
#include "penstock/core/managed.hpp"
#include "penstock/core/search.hpp"
#include "penstock/state/codec.hpp"
#include "penstock/state/snapshot.hpp"

// Not an operator: a snapshot comes back into a graph.

namespace penstock::detail {

/// Whose state it is; null when that operator is gone and may be. Throws std::logic_error for what does not fit.
inline Info* owner_of(const Snapshot& snapshot, const Snapshot::Entry& entry, const std::vector<Info*>& managed, bool may_be_gone) {
  const auto at = find_where(managed, [&](const Info* info) { return info->name == entry.uid; });
  if (at == managed.end()) {
    if (may_be_gone) return nullptr;
    misuse("checkpoint: the snapshot of epoch " + std::to_string(snapshot.epoch) + " holds the state of '" + entry.uid + "' (" +
           entry.op + "), and nothing in the graph has that name; allow_dropped_state gives it up");
  }
  if ((*at)->op == entry.op) return *at;
  misuse("checkpoint: '" + entry.uid + "' is " + (*at)->op + " in the graph and was " + entry.op + " in the snapshot of epoch " +
         std::to_string(snapshot.epoch));
}

/// A sink that goes back to where it was, and has no say in which snapshot is real.
inline bool follows(const Info& info) noexcept { return info.shape == Shape::sink && !info.state->authority(); }

/// What each entry of a snapshot belongs to.
class Restoring {
 public:
  Restoring(const Snapshot& snapshot, const std::vector<Info*>& managed, bool may_be_gone) : snapshot_(snapshot) {
    for (const Snapshot::Entry& entry : snapshot.entries) owners_.push_back(owner_of(snapshot, entry, managed, may_be_gone));
  }

  /// Gives their state to sinks that follow, or to all others.
  void load(bool following) const {
    for (std::size_t i = 0; i < owners_.size(); ++i) {
      if (!owners_[i] || follows(*owners_[i]) != following) continue;
      const Snapshot::Entry& entry = snapshot_.entries[i];
      StateReader reader{entry.bytes, "checkpoint: '" + entry.uid + "' (" + entry.op + ")"};
      owners_[i]->state->load(reader);
      reader.end();
    }
  }
  /// Of which the snapshot has nothing.
  bool misses(const Info& info) const { return !has_item(owners_, &info); }

 private:
  const Snapshot& snapshot_;
  std::vector<Info*> owners_;
};

}  // namespace penstock::detail
