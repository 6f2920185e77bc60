// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>
#include <utility>

#include "penstock/core/box.hpp"
#include "penstock/core/unique_ptr.hpp"
#include "penstock/state/checkpoint_options.hpp"
#include "penstock/state/detail/coordinator.hpp"
#include "penstock/state/directory_store.hpp"

namespace penstock {

/// Makes a graph survive: takes snapshots of what its operators remember together with the positions of its sources, and
/// lets a program that was killed, at any moment, go on from the last one.
///
///     auto sales = from_csv<Sale>(loop, "sales/*.csv").named("sales");
///     (sales | key_by(&Sale::shop) | process(Totals{})).named("totals").sink(show);
///     Checkpoints checkpoints{sales, {.directory = "state", .every = 10s}};
///     sales.start();
///     loop.run();
///
/// To be made when the graph is complete and before it is started: looks at what the graph can promise and refuses, with a
/// sentence, what it cannot; locks the directory; and restores what is there. While it lives, snapshots are taken. What is
/// wired later is in the snapshots from the next epoch on; it is not restored, and not asked what it can promise.
///
/// An epoch: each source sends a barrier behind what it has emitted; the barrier passes every operator in order with the
/// elements, and each saves what it remembers when it comes; nodes with several inputs hold those that have the barrier
/// back until all have it. When the barriers have gone through everything, the snapshot is written in one piece by a
/// thread of its own, and when it is durable the sinks are told to publish. Elements flow all the while. An operator is
/// known by its name: whatever remembers something needs one.
///
/// Errors: std::logic_error for a graph that cannot do what was asked for or is at work already, and for a snapshot that does
///         not fit the graph;
///         StateError for one that cannot be read; std::system_error for the directory. An epoch that fails or takes
///         too long is given up and counted, and the graph goes on; more than `tolerated_failures` in a row are
///         reported like errors of background work. An element that fails where nobody deals with it, as no error policy and
///         no `on_background_error` of the graph does, stops the sources and ends the run: it is in no snapshot, so that
///         the next run gets it again.
/// Cost:   nothing an element; per epoch one barrier through the graph, the writing of all that is remembered on the strand,
///         and one durable write beside it.
class Checkpoints {
 public:
  /// @param of  any handle on the graph.
  Checkpoints(const Handle& of, CheckpointOptions options) : Checkpoints(of, options, directory_store(options)) {}
  /// @param store  where snapshots are kept instead of `options.directory`.
  Checkpoints(const Handle& of, CheckpointOptions options, std::unique_ptr<SnapshotStore> store) : of_(of) {
    const Hold hold{of.loop()};
    coordinator_ = detail::make_box<detail::Coordinator>(of, std::move(options), std::move(store));
  }

  /// Takes a snapshot now, and waits until it is durable; like `emit`, throws std::logic_error where waiting would block the
  /// loop itself.
  void take() {
    wait([this] { return coordinator_->take(); });
  }
  /// The same, kept under a name until it is removed by hand: CheckpointOptions::savepoint goes on from it.
  void savepoint(const std::string& name) {
    detail::check_savepoint_name(name);
    wait([&] { return coordinator_->take(name); });
  }
  /// Stops the sources, lets what is under way come through, and takes the last snapshot: a run that starts from it goes on as if
  /// there had been no end.
  void suspend() {
    wait([this] { return coordinator_->suspend(); });
  }
  /// Stops the sources and ends the streams: windows close, everything is flushed. Then the last snapshot.
  void drain() {
    wait([this] { return coordinator_->drain(); });
  }
  /// Waits until all streams have ended by themselves, or were suspended, and the last snapshot is durable.
  void wait_over() {
    wait([this] { return coordinator_->over(); });
  }

  /// The steps under these, on the strand: receipts to go on from.
  Receipt start_take() { return coordinator_->take(); }
  Receipt start_suspend() { return coordinator_->suspend(); }
  Receipt start_drain() { return coordinator_->drain(); }
  Receipt start_wait_over() { return coordinator_->over(); }

  CheckpointStats stats() const {
    const Hold hold{of_.loop()};
    return coordinator_->stats();
  }

 private:
  static std::unique_ptr<SnapshotStore> directory_store(const CheckpointOptions& options) {
    if (options.directory.empty()) detail::bad_argument("checkpoint: needs a directory to keep snapshots in");
    if (options.keep < 2) detail::bad_argument("checkpoint: keep must be at least 2");
    return std::make_unique<DirectoryStore>(options.directory.string(), DirectoryStoreOptions{.keep = options.keep});
  }

  template <class Fn>
  void wait(Fn fn) {
    Loop* loop = of_.loop();
    const Position position = loop ? loop->position() : Position::inside;
    if (position == Position::elsewhere) return detail::Errand::send(of_.node(), fn);
    if (loop && position == Position::inside) {
      detail::misuse("checkpoint: the loop that would have to do the work is running this thread; use start_take and the like");
    }
    const Receipt receipt = fn();
    if (loop) return detail::Settled::wait(*loop, receipt);
    receipt.get();
  }

  Handle of_;
  detail::Box<detail::Coordinator> coordinator_;
};

/// Runs a graph to its end: restores it, starts its sources, takes snapshots, and returns when the streams have ended and the last
/// snapshot is durable. After a crash the same call goes on where the last run was.
inline void run(const Handle& graph, CheckpointOptions options) {
  Checkpoints checkpoints{graph, std::move(options)};
  graph.start();
  checkpoints.wait_over();
}

}  // namespace penstock
