// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "penstock/core/error.hpp"
#include "penstock/core/search.hpp"
#include "penstock/state/snapshot.hpp"

namespace penstock {

/// Keeps snapshots beyond the end of the program. Whoever has one has it alone: a second one for the same place is refused.
///
/// Snapshots stand in the order in which they were written. A run that goes on from an older one writes epochs again: what
/// is then written takes the place of all that has the same epoch or a later one.
///
/// Errors: StateError for what cannot be read, std::system_error for the system under it, with sentences that name the
///         place. A write that has failed has changed nothing, or not so that it could be seen.
/// Not for several threads at once.
class SnapshotStore {
 public:
  SnapshotStore() = default;
  SnapshotStore(const SnapshotStore&) = delete;
  SnapshotStore& operator=(const SnapshotStore&) = delete;
  virtual ~SnapshotStore() = default;

  /// When this returns, no loss of power can take the snapshot away. Forgets all but the last few.
  /// @return its size in bytes.
  virtual std::uint64_t write(const Snapshot& snapshot) = 0;
  /// Forgets none of this epoch and behind it, however many there are: for a sink that names the one that is real.
  void keep_from(std::uint64_t epoch) noexcept { keep_from_ = epoch; }

  /// The one that was written last; nothing when there is none. One that is damaged is refused, since sinks may have
  /// published what came after the one before: `allow_fallback` takes an older one all the same.
  virtual std::optional<Snapshot> newest(bool allow_fallback) = 0;
  std::optional<Snapshot> newest() { return newest(false); }
  /// The one of an epoch; refuses when it is not there.
  virtual Snapshot load(std::uint64_t epoch) = 0;
  /// Those that are there, readable or not, in the order in which they were written.
  virtual std::vector<std::uint64_t> epochs() = 0;

  /// Keeps one under a name, in place of what has that name, until it is removed by it.
  virtual void save_as(const std::string& name, const Snapshot& snapshot) = 0;
  virtual Snapshot load_savepoint(const std::string& name) = 0;
  virtual void remove_savepoint(const std::string& name) = 0;
  /// Their names in alphabetical order.
  virtual std::vector<std::string> savepoints() = 0;

 protected:
  std::uint64_t keep_from_ = std::numeric_limits<std::uint64_t>::max();
};

namespace detail {

/// Savepoints have names that are good for a file.
inline void check_savepoint_name(const std::string& name) {
  const bool good = !name.empty() && name.size() <= 128 && name[0] != '.' && name.find_first_not_of(
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == name.npos;
  if (!good) bad_argument("checkpoint: the name of a savepoint is of letters, digits, '.', '_' and '-', and '" + name + "' is not");
}

/// What a store has, by the order of writing: which of it to forget when one of `epoch` has been written as the last.
struct StoredEpoch {
  std::uint64_t sequence;
  std::uint64_t epoch;
};
inline std::vector<StoredEpoch> to_forget(const std::vector<StoredEpoch>& stored, std::size_t keep, std::uint64_t keep_from) {
  std::vector<StoredEpoch> forgotten;
  if (stored.empty()) return forgotten;
  // Of what was there before the last one, epochs that are no earlier were written by a run that was given up. They must
  // not count: else the one that a sink still names could go while what follows it is not yet real.
  std::size_t kept = 1;
  for (std::size_t i = stored.size() - 1; i-- > 0;) {
    const bool replaced = stored[i].epoch >= stored.back().epoch;
    if (replaced || (++kept > keep && stored[i].epoch < keep_from)) forgotten.push_back(stored[i]);
  }
  return forgotten;
}

inline std::vector<std::uint64_t> epochs_of(const std::vector<StoredEpoch>& stored) {
  std::vector<std::uint64_t> epochs;
  for (const StoredEpoch& each : stored) epochs.push_back(each.epoch);
  return epochs;
}
/// What there is, for sentences: `none`, `3, 4`, `'a', 'b'`.
inline std::string listed(const std::vector<std::string>& all) {
  std::string text;
  for (const std::string& each : all) text += (text.empty() ? "" : ", ") + each;
  return text.empty() ? "none" : text;
}
inline std::string listed_epochs(const std::vector<StoredEpoch>& stored) {
  std::vector<std::string> all;
  for (const StoredEpoch& each : stored) all.push_back(std::to_string(each.epoch));
  return listed(all);
}

/// The one that was written last and can be read by `read(const StoredEpoch&)`.
template <class Read>
std::optional<Snapshot> newest_of(std::vector<StoredEpoch> stored, bool allow_fallback, Read read) {
  std::string damage;
  while (!stored.empty()) {
    const StoredEpoch last = stored.back();
    stored.pop_back();
    try {
      return read(last);
    } catch (const StateError& error) {
      if (damage.empty()) damage = error.what();
      if (allow_fallback) continue;
      throw StateError(damage + "; with allow_fallback an older one will do (epochs there are: " + listed_epochs(stored) +
                       "), but what sinks have published since may be published again");
    }
  }
  if (damage.empty()) return std::nullopt;
  throw StateError(damage + "; and no older snapshot can be read either");
}
/// The last one of an epoch.
inline StoredEpoch stored_epoch(const std::vector<StoredEpoch>& stored, std::uint64_t epoch, const std::string& whose) {
  for (std::size_t i = stored.size(); i-- > 0;) {
    if (stored[i].epoch == epoch) return stored[i];
  }
  throw StateError(whose + " has no snapshot of epoch " + std::to_string(epoch) + " (epochs there are: " + listed_epochs(stored) + ")");
}
/// What was found where a snapshot of `epoch` should be.
inline Snapshot of_epoch(std::uint64_t epoch, Snapshot found, const std::string& name) {
  if (found.epoch == epoch) return found;
  throw StateError(name + " cannot be restored: it holds epoch " + std::to_string(found.epoch));
}
inline void check_savepoint(const std::string& name, std::vector<std::string> names, const std::string& whose) {
  check_savepoint_name(name);
  if (has_item(names, name)) return;
  for (std::string& each : names) each = '\'' + each + '\'';
  throw StateError(whose + " has no savepoint '" + name + "' (savepoints there are: " + listed(names) + ")");
}

}  // namespace detail
}  // namespace penstock
