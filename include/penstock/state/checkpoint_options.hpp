// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "penstock/core/loop.hpp"
#include "penstock/core/managed.hpp"
#include "penstock/state/file_path.hpp"

namespace penstock {

/// What a graph goes on from after a crash.
enum class CheckpointMode : std::uint8_t {
  /// What every operator remembers, saved together with the positions of the sources. Any graph; exact.
  snapshot,
  /// Positions alone: each source reads again from before the first element that is not through, as its Ref tells. For
  /// graphs that remember nothing but elements on their way; those are read, and written, again.
  replay
};

/// Of Checkpoints and `run`.
struct CheckpointOptions {
  FilePath directory{};                                     ///< where snapshots are kept; made when it is not there
  Duration every = std::chrono::seconds{10};                ///< from the start of one to the start of the next; 0: only when asked
  std::uint64_t every_elements = 0;                         ///< also when the sources together have emitted so many since then; looked at when
                                                            ///< the turn of a source on the loop is over, so up to 64 elements later. What is
                                                            ///< emitted by hand, or while counting is off, is not counted; 0: however many
  Duration min_pause{};                                     ///< at least that long from the end of one to the start of the next
  Duration timeout = std::chrono::minutes{10};              ///< a barrier that takes longer is given up; 0: never
  std::size_t keep = 3;                                     ///< snapshots that are kept, at least 2
  CheckpointMode mode = CheckpointMode::snapshot;
  Guarantee guarantee = Guarantee::at_least_once;           ///< what the graph has to promise: checked before it runs
  std::string savepoint{};                                  ///< go on from this one, and not from the newest snapshot
  bool allow_dropped_state = false;                         ///< a snapshot may hold the state of operators that are gone
  bool allow_fallback = false;                              ///< when the newest is damaged an older one will do
  unsigned tolerated_failures = 2;                          ///< in a row; one more is reported like an error of background work
  bool background = true;                                   ///< snapshots are written by a thread of their own, where there is a loop
};

/// What Checkpoints have done so far.
struct CheckpointStats {
  std::uint64_t restored = 0;  ///< the epoch that the graph went on from; 0: from the beginning
  std::uint64_t epoch = 0;     ///< the last one that is durable
  std::uint64_t taken = 0;     ///< with what was saved before the start, if anything was
  std::uint64_t given_up = 0;  ///< for an error or because it took too long
  std::uint64_t bytes = 0;     ///< of the last one
  Duration barrier_took{};     ///< of the last one, from the start until the barrier had passed everything
  std::vector<std::string> anew{};  ///< operators that the snapshot had nothing of, by their names: they began anew
};

}  // namespace penstock
