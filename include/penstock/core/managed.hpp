// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <exception>

#include "penstock/core/task.hpp"

namespace penstock {

class StateReader;
class StateWriter;
class Ref;
struct Info;

/// What an operator does when a checkpoint passes it.
enum class Recovery : std::uint8_t {
  stateless,  ///< remembers nothing
  drained,    ///< keeps only what it emits again, in order: the barrier waits behind that
  state,      ///< remembers something, which the snapshot has to hold: see Managed
  replays,    ///< a source that can be read again from a position
  lossy,      ///< may drop elements by policy
  refused     ///< keeps what no snapshot can hold
};

/// What a sink or a source can promise of each element when the program is killed and started again.
enum class Guarantee : std::uint8_t {
  at_most_once,   ///< some may be lost
  at_least_once,  ///< none is lost, some may be written twice
  exactly_once    ///< what there is to see is as if each had been written once
};

/// What a node or a step remembers, or what a source or a sink has to agree on with the others, so that a run that is
/// started again goes on where the last one was. Its operator says so with `info().state = this`, and is known to
/// snapshots by the operator's name. Everything is called on the strand.
class Managed {
 public:
  /// Just before `save`: what a sink has written must be as safe as what it saves says, and what it is to publish in
  /// `committed` ends here. Throwing gives the epoch up.
  virtual void prepare() {}
  /// At the barrier: everything that the elements before it have left behind, and nothing of those behind it.
  virtual void save(StateWriter& to) const = 0;
  /// Into a fresh operator, before anything starts. Throws StateError when the bytes are not of its kind.
  virtual void load(StateReader& from) = 0;
  /// Every operator has loaded; signals may be sent.
  virtual void loaded() {}
  /// What it saved at the barrier of `epoch` is durable, together with all the others. Sinks publish here. Told again
  /// after a restart from that snapshot, since the first time may not have come to its end: twice must be as good as once.
  virtual void committed(std::uint64_t epoch) { static_cast<void>(epoch); }
  /// The snapshot of `epoch` will not be: what was prepared for it belongs to the next one.
  virtual void aborted(std::uint64_t epoch) noexcept { static_cast<void>(epoch); }
  /// Of a sink in which a snapshot becomes real, because it keeps the epoch together with what it has written: the last
  /// epoch that it has; 0 for none. Null for all others.
  virtual const std::uint64_t* authority() const noexcept { return nullptr; }

 protected:
  ~Managed() = default;
};

/// Whoever takes the snapshots of a graph.
class Epochs {
 public:
  /// The barrier of `epoch` has come to the operator.
  virtual void passes(Info& info, std::int64_t epoch) = 0;
  /// An element has failed and nobody has dealt with that: a snapshot from now on would leave it out for good.
  virtual void fails(const std::exception_ptr& error) noexcept = 0;
  /// Keeps a change of the graph until no barrier is under way; false when there is none.
  virtual bool puts_off(Task& change) noexcept = 0;
  /// A source is about to emit: what was saved last is out of date.
  /// @returns  the Ref that the element has to carry; null for none.
  virtual const Ref* stirs(const Info& source) = 0;

 protected:
  ~Epochs() = default;
};

}  // namespace penstock
