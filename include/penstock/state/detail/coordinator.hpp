// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "penstock/core/box.hpp"
#include "penstock/core/search.hpp"
#include "penstock/core/sort.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/core/unique_ptr.hpp"
#include "penstock/state/checkpoint_options.hpp"
#include "penstock/state/codec.hpp"
#include "penstock/state/detail/promises.hpp"
#include "penstock/state/detail/replay.hpp"
#include "penstock/state/detail/restore.hpp"
#include "penstock/state/detail/writer.hpp"
#include "penstock/state/failpoint.hpp"
#include "penstock/state/snapshot.hpp"
#include "penstock/state/snapshot_store.hpp"

// Takes the snapshots of a graph, one epoch after the other.

namespace penstock::detail {

/// Something of each source, by its address.
template <class T>
class BySource {
 public:
  T& operator[](const Info* source) {
    const auto at = place(source);
    if (at != all_.end() && at->first == source) return at->second;
    return all_.emplace(at, source, T{})->second;
  }
  /// Null when there is nothing of it.
  T* find(const Info* source) noexcept {
    const auto at = place(source);
    return at != all_.end() && at->first == source ? &at->second : nullptr;
  }
  void clear() noexcept { all_.clear(); }

 private:
  auto place(const Info* source) noexcept {
    return find_sorted(all_, [source](const auto& each) { return std::less<const Info*>{}(each.first, source); });
  }

  std::vector<std::pair<const Info*, T>> all_;
};

class Coordinator final : public Epochs {
 public:
  Coordinator(const Handle& of, CheckpointOptions options, std::unique_ptr<SnapshotStore> store)
      : handle_(of), options_(std::move(options)), store_(std::move(store)) {
    if (graph().epochs()) misuse("checkpoint: this graph has Checkpoints already");
    check_promises(graph(), options_.mode, options_.guarantee);
    for (Node* node : graph().nodes()) {
      // What is on its way would be there twice, or not in the first snapshot.
      if (node->destroyed() || !node->busy()) continue;
      refuse(node->info(), "is at work already; Checkpoints are to be made before the streams are started");
    }
    if (!replays()) align_inputs();
    restore();
    graph().epochs(this);
    if (handle_.loop()) began_ = handle_.loop()->now();
    if (fed_by_hand()) schedule();
  }
  Coordinator(const Coordinator&) = delete;
  Coordinator& operator=(const Coordinator&) = delete;
  ~Coordinator() {
    writer_ = {};  // no job is under way any more
    const Hold hold{handle_.loop()};
    closed_ = true;
    if (written_) written_->coordinator = nullptr;
    if (over_.state()) over_.settle(stopped("checkpoint: the checkpoints were ended before the streams"));
    if (state_ != State::rests) give_up(stopped("checkpoint: the checkpoints were ended"));
    graph().epochs(nullptr);
  }

  /// Asks for a snapshot; the receipt settles when it is durable.
  Receipt take(std::string savepoint = {}) {
    if (failed_) std::rethrow_exception(failed_);
    Receipt receipt = Receipt::waiting(graph().strand(), nullptr, Why::barrier);
    wanted_.push_back({receipt, std::move(savepoint), nullptr});
    if (state_ != State::rests) return receipt;
    // An element that is under way may have come to some branches and not to others.
    if (graph().strand().descending()) {
      graph().strand().after(begin_);
    } else {
      begin();
    }
    return receipt;
  }

  /// Stops the sources and takes the last snapshot: a run that starts from it goes on as if nothing had been.
  Receipt suspend() {
    graph().stop();
    take_last();
    return over();
  }
  /// Stops the sources, ends the streams, so that everything is flushed, and takes the last snapshot then.
  Receipt drain() {
    graph().stop();
    drains_ = true;
    graph().when_idle(idle_);
    return over();
  }
  /// A receipt that settles when the streams have ended, or were suspended, and the last snapshot is durable.
  Receipt over() {
    if (!over_.state()) over_ = Receipt::waiting(graph().strand(), nullptr, Why::barrier);
    return over_;
  }

  const CheckpointStats& stats() const noexcept { return stats_; }

  // --- Epochs

  void passes(Info& info, std::int64_t epoch) override {
    if (state_ != State::passes || epoch != static_cast<std::int64_t>(epoch_)) return;  // one that was given up
    save(info);
  }
  void fails(const std::exception_ptr& error) noexcept override {
    if (failed_) return;
    failed_ = error;
    graph().stop();
    alarm_.cancel();
    if (state_ == State::passes) return give_up(error);
    if (state_ == State::rests) rest(error);
  }
  bool puts_off(Task& change) noexcept override {
    if (state_ != State::passes) return false;
    changes_.push(change);
    return true;
  }
  const Ref* stirs(const Info& source) override {
    if (!std::exchange(stirred_, true)) {
      graph().when_idle(idle_);
      if (state_ == State::rests && !alarm_.active()) schedule();
    }
    if (options_.every_elements != 0) count(source);
    if (!replays()) return nullptr;
    auto& positions = positions_[&source];
    if (!positions) positions = make_box<ReplayPositions>(*source.state);
    return &positions->next();
  }

 private:
  enum class State : std::uint8_t {
    rests,
    passes,  ///< the barrier is on its way
    writes   ///< the snapshot is being made durable
  };
  struct Wanted {
    Receipt receipt;
    std::string savepoint;
    std::exception_ptr error = nullptr;  // of the savepoint
  };

  Graph& graph() const noexcept { return handle_.graph(); }

  // --- before anything starts

  void restore() {
    const std::vector<Info*> managed = managed_of(graph());
    const auto found = start_from(managed);
    if (!found) {
      save_beginning(managed, {});
      for (Info* info : managed) {
        if (was_saved(*info)) info->state->committed(epoch_);
      }
      return;
    }
    epoch_ = found->epoch;
    const Restoring restoring{*found, managed, options_.allow_dropped_state};
    restoring.load(false);
    for (const Info* info : managed) {
      if (info->state->authority()) info->state->committed(epoch_);  // it may refuse, and then all is as it was
    }
    std::vector<Info*> anew;
    for (Info* info : managed) {
      if (!restoring.misses(*info) || !goes_into_snapshots(*info)) continue;
      anew.push_back(info);
      if (epoch_ != 0) stats_.anew.push_back(info->name);
    }
    save_beginning(anew, found->entries);
    restoring.load(true);
    stats_.restored = stats_.epoch = epoch_;
    for (Info* info : managed) info->state->loaded();
    for (Info* info : managed) info->state->committed(epoch_);
  }

  /// Where sinks begin, so that what they write before the next checkpoint can be told from what they had, and so that one
  /// that decides is known. When there is nothing else this is epoch 0, and everything else begins anew with it. A savepoint
  /// takes the place of what is newer.
  void save_beginning(const std::vector<Info*>& anew, std::vector<Snapshot::Entry> restored) {
    try {
      for (Info* info : anew) {
        if (follows(*info) || info->state->authority()) save(*info);
      }
      if (entries_.empty() && options_.savepoint.empty()) return;
      for (Snapshot::Entry& entry : restored) entries_.push_back(std::move(entry));
      snapshot_ = made();
      stats_.bytes = store_->write(snapshot_);
      ++stats_.taken;
    } catch (...) {
      for (const Info* info : saved_) info->state->aborted(epoch_);
      throw;
    }
  }

  /// What to go on from, or nothing. A sink that keeps the epoch itself decides which one is real. One that has none has
  /// written nothing since the beginning, if it was there then; otherwise it is new, or has another name, or its table was
  /// taken away: the newest snapshot tells these apart.
  std::optional<Snapshot> start_from(const std::vector<Info*>& managed) {
    if (!options_.savepoint.empty()) return store_->load_savepoint(options_.savepoint);
    for (const Info* info : managed) {
      const std::uint64_t* real = info->state->authority();
      if (!real) continue;
      if (*real != 0) return store_->load(*real);
      const std::vector<std::uint64_t> there = store_->epochs();
      if (!has_item(there, std::uint64_t{0})) break;
      Snapshot beginning = store_->load(0);
      const auto own = find_where(beginning.entries, [&](const Snapshot::Entry& entry) { return entry.uid == info->name; });
      if (own != beginning.entries.end()) return beginning;
      break;
    }
    return store_->newest(options_.allow_fallback);
  }

  // --- an epoch

  void begin() {
    alarm_.cancel();
    ++epoch_;
    if (options_.every_elements != 0) count_anew();
    entries_.clear();
    saved_.clear();
    requests_ = std::exchange(wanted_, {});
    Loop* loop = handle_.loop();
    began_ = loop ? loop->now() : TimePoint{};
    if (loop && options_.timeout > Duration::zero()) loop->set(alarm_, later(began_, options_.timeout));
    PENSTOCK_FAILPOINT("checkpoint.begin");
    try {
      check_names(managed_of(graph()));
      if (!replays()) align_inputs();
    } catch (...) {
      return give_up(std::current_exception());
    }
    state_ = State::passes;  // changes of the graph wait from here on
    if (replays()) return replay_from();
    const Signal barrier{Signal::barrier, static_cast<std::int64_t>(epoch_)};
    try {
      let_through(true);
      Join join{graph().strand()};
      for (Node* node : entrances()) {
        if (!node->destroyed()) join.add(node->send_barrier(barrier).release());
      }
      through_.on = Receipt{join.finish()};
    } catch (...) {
      return give_up(std::current_exception());
    }
    PENSTOCK_FAILPOINT("checkpoint.barriers_sent");
    if (through_.on.pending()) {
      through_.on.state()->then(through_);
    } else {
      went_through();
    }
  }

  /// Replay mode: positions first, so that what they leave behind is in what the sinks make durable then.
  void replay_from() {
    try {
      for (const Info* source : managed_of(graph())) {
        const auto* positions = positions_.find(source);
        if (!positions) continue;
        entries_.push_back({source->name, source->op, (*positions)->position()});
        saved_.push_back(source);
      }
    } catch (...) {
      return give_up(std::current_exception());
    }
    went_through();
  }
  bool replays() const noexcept { return options_.mode == CheckpointMode::replay; }
  bool goes_into_snapshots(const Info& info) const noexcept {
    return !replays() || info.shape == Shape::source || info.shape == Shape::sink;
  }

  void save(Info& info) {
    StateWriter writer;
    info.state->prepare();
    info.state->save(writer);
    entries_.push_back({info.name, info.op, writer.take()});
    info.saved.set(entries_.back().bytes.size());
    saved_.push_back(&info);
    PENSTOCK_FAILPOINT("checkpoint.saved");
  }

  bool was_saved(const Info& info) const { return has_item(saved_, &info); }

  /// At the beginning, and in each epoch what was wired, or has begun again, since the last one.
  void align_inputs() {
    const std::vector<Node*> nodes = graph().nodes();  // gates are added to them
    for (Node* node : nodes) {
      if (node->destroyed()) continue;
      if (is_gate(*node) && node->outlets().front()->branches().empty()) {
        graph().destroy(*node);  // what it stood before is gone
        continue;
      }
      std::unique_ptr<Alignment, Release> alignment{align(*node)};
      if (alignment && !has_item(alignments_, alignment)) alignments_.push_back(std::move(alignment));
    }
  }

  /// Nodes with several inputs hear of a barrier from their gates. One that makes sources wait for each other behind a merge
  /// has to know that barriers come, and hears of it when there are to be none; else it sees its own.
  void let_through(bool yes) {
    for (Node* node : graph().nodes()) {
      if (!node->destroyed() && node->inlets().size() == 1) node->aligning(yes);
    }
  }

  /// The barriers have passed everything.
  void went_through() {
    const Receipt through = std::exchange(through_.on, {});
    alarm_.cancel();
    if (through.error()) return give_up(through.error());
    try {
      // What no barrier comes to does not change.
      for (Info* info : managed_of(graph())) {
        if (goes_into_snapshots(*info) && !was_saved(*info)) save(*info);
      }
    } catch (...) {
      return give_up(std::current_exception());
    }
    snapshot_ = made();
    // A sink that could not commit for some epochs still names an old one.
    for (const Info* info : managed_of(graph())) {
      if (const std::uint64_t* real = info->state->authority()) store_->keep_from(*real);
    }
    state_ = State::writes;
    Loop* loop = handle_.loop();
    if (loop) stats_.barrier_took = loop->now() - began_;
    make_changes();
    PENSTOCK_FAILPOINT("checkpoint.complete");
    if (loop && options_.background) {
      if (!writer_) writer_ = make_box<Writer>();
      written_ = new Written{*this};
      return writer_->start(*loop, write_, *written_);
    }
    write();
    written();
  }

  /// In an order that does not depend on how barriers came: the same state is the same bytes.
  Snapshot made() {
    put_in_order(entries_, [](const auto& a, const auto& b) { return a.uid < b.uid; });
    Snapshot snapshot;
    snapshot.epoch = epoch_;
    for (const auto& entry : entries_) snapshot.graph += entry.op + ' ' + entry.uid + '\n';
    snapshot.entries = std::exchange(entries_, {});
    return snapshot;
  }

  /// In the thread of the writer.
  void write() noexcept {
    error_ = nullptr;
    try {
      bytes_ = store_->write(snapshot_);
    } catch (...) {
      error_ = std::current_exception();
      return;
    }
    // The epoch is durable: what goes wrong with a savepoint is told to who wanted it.
    for (Wanted& request : requests_) {
      try {
        if (!request.savepoint.empty()) store_->save_as(request.savepoint, snapshot_);
      } catch (...) {
        request.error = std::current_exception();
      }
    }
  }

  void written() {
    if (error_) return give_up(std::exchange(error_, nullptr));
    PENSTOCK_FAILPOINT("checkpoint.durable");
    stats_.epoch = epoch_;
    ++stats_.taken;
    stats_.bytes = bytes_;
    failures_ = 0;
    std::exception_ptr error;
    for (const Info* info : managed_of(graph())) {  // of those that were saved some may be gone
      try {
        if (was_saved(*info)) info->state->committed(epoch_);
      } catch (...) {
        if (!error) error = std::current_exception();
      }
      PENSTOCK_FAILPOINT("checkpoint.committed");
    }
    rest(error);
    // It is durable and not to be seen: only a new start, which commits again, can mend that.
    if (error) graph().report(error, handle_.node().info());
  }

  /// State is as it was; the graph goes on.
  void give_up(std::exception_ptr error) {
    alarm_.cancel();
    through_.unlink();
    through_.on = {};
    let_through(false);
    for (const auto& alignment : alignments_) alignment->give_up(static_cast<std::int64_t>(epoch_));
    for (const Info* info : managed_of(graph())) info->state->aborted(epoch_);
    ++stats_.given_up;
    const bool tell = ++failures_ > options_.tolerated_failures && !closed_ && !failed_;
    make_changes();
    rest(error, !tell);
    if (tell) graph().report(error, handle_.node().info());
  }

  /// @param again  the epoch failed, and another try may not.
  void rest(const std::exception_ptr& error, bool again = false) {
    state_ = State::rests;
    if (const Loop* loop = handle_.loop()) rests_until_ = later(loop->now(), options_.min_pause);
    for (Wanted& request : std::exchange(requests_, {})) request.receipt.settle(error ? error : request.error);
    if (closed_) return;
    if (failed_) {
      for (Wanted& request : std::exchange(wanted_, {})) request.receipt.settle(failed_);
      return over().settle(failed_);
    }
    if (!wanted_.empty()) return begin();
    if (std::exchange(looks_later_, false) || (ends_ && again)) {
      graph().when_idle(idle_);
    } else if (ends_) {
      return over().settle(error);
    }
    if (stirred_ || fed_by_hand()) schedule();
  }

  // --- the end

  /// No element is under way, and none will come by itself.
  void at_rest() {
    looks_later_ = state_ != State::rests;
    if (looks_later_) return;
    stirred_ = false;
    if (drains_) {
      drains_ = false;
      graph().when_idle(idle_);
      for (Node* node : open_entrances()) end(*node);
    } else if (!failed_ && (ends_ || open_entrances().empty())) {
      take_last();
    }
  }
  void end(Node& node) noexcept {
    for (OutletBase* outlet : node.outlets()) {
      try {
        if (!outlet->ended()) static_cast<void>(offer(*outlet, Signal{Signal::end}));
      } catch (...) {
        graph().report(std::current_exception(), node.info());
      }
    }
  }
  void take_last() {
    ends_ = true;
    static_cast<void>(take());
  }
  std::vector<Node*> entrances() const {
    std::vector<Node*> found;
    for (Node* node : graph().nodes()) {
      if (!node->destroyed() && is_entrance(*node)) found.push_back(node);
    }
    return found;
  }
  /// Nodes that elements may still enter by.
  std::vector<Node*> open_entrances() const {
    std::vector<Node*> open = entrances();
    std::erase_if(open, [](Node* node) { return node->outlets().front()->ended(); });
    return open;
  }
  /// A stream that is emitted at from outside does not say so.
  bool fed_by_hand() const {
    return any_of(open_entrances(), [](const Node* node) { return !node->inlets().empty(); });
  }

  void make_changes() {
    while (Task* change = changes_.pop()) graph().strand().after(*change);
  }

  void schedule() {
    Loop* loop = handle_.loop();
    if (!loop) return;
    if (enough()) {
      loop->set(alarm_, rests_until_);
    } else if (options_.every > Duration::zero()) {
      loop->set(alarm_, std::max(later(began_, options_.every), rests_until_));
    }
  }

  // --- elements

  bool enough() const noexcept { return options_.every_elements != 0 && elements_ >= options_.every_elements; }
  /// The epoch begins when the turn of the source is over.
  void count(const Info& source) {
    std::uint64_t& counted = counted_[&source];
    const bool had = enough();
    elements_ += source.out.get() - std::exchange(counted, source.out.get());
    if (had || !enough() || state_ != State::rests || ends_ || failed_) return;
    Loop* loop = handle_.loop();
    if (loop && loop->now() < rests_until_) return loop->set(alarm_, rests_until_);
    graph().strand().post(begin_);
  }
  /// Sources may have come and gone.
  void count_anew() {
    elements_ = 0;
    counted_.clear();
    for (const Info* info : managed_of(graph())) {
      if (info->shape == Shape::source) counted_[info] = info->out.get();
    }
  }
  void rang() {
    if (state_ == State::rests) return begin();
    if (state_ == State::passes) give_up(std::make_exception_ptr(TimedOut("checkpoint: the barrier took longer than the timeout")));
  }

  struct Alarm final : Timer {
    explicit Alarm(Coordinator& c) noexcept : coordinator(c) {}
    void run() override { coordinator.rang(); }
    Coordinator& coordinator;
  };
  struct Begin final : Task {
    explicit Begin(Coordinator& c) noexcept : coordinator(c) {}
    void run() override {
      if (coordinator.state_ == State::rests && (!coordinator.wanted_.empty() || coordinator.enough())) coordinator.begin();
    }
    Coordinator& coordinator;
  };
  struct Through final : Task {
    explicit Through(Coordinator& c) noexcept : coordinator(c) {}
    void run() override { coordinator.went_through(); }
    Coordinator& coordinator;
    Receipt on;
  };
  struct Idle final : Task {
    explicit Idle(Coordinator& c) noexcept : coordinator(c) {}
    void run() override { coordinator.at_rest(); }
    Coordinator& coordinator;
  };
  /// On its way from the writer's thread it may outlive all of this.
  struct Written final : Task {
    explicit Written(Coordinator& c) noexcept : coordinator(&c) {}
    void run() override {
      Coordinator* const c = coordinator;
      if (c) c->written_ = nullptr;
      delete this;
      if (c) c->written();
    }
    void discard() noexcept override {
      if (coordinator) coordinator->written_ = nullptr;
      delete this;
    }
    Coordinator* coordinator;
  };
  struct Write {
    Coordinator* coordinator;
    void operator()() const noexcept { coordinator->write(); }
  };

  Handle handle_;
  CheckpointOptions options_;
  std::unique_ptr<SnapshotStore> store_;
  struct Release {
    void operator()(Alignment* alignment) const noexcept { alignment->release(); }
  };
  std::vector<std::unique_ptr<Alignment, Release>> alignments_;
  BySource<Box<ReplayPositions>> positions_;  // in replay mode
  CheckpointStats stats_;

  State state_ = State::rests;
  std::uint64_t epoch_ = 0;
  std::vector<Snapshot::Entry> entries_;
  std::vector<const Info*> saved_;
  std::vector<Wanted> wanted_;    // for the next epoch
  std::vector<Wanted> requests_;  // of the one under way
  TaskQueue changes_;             // of the graph, that wait for the barrier
  TimePoint began_{};
  TimePoint rests_until_{};
  BySource<std::uint64_t> counted_;  // elements of each source
  std::uint64_t elements_ = 0;                    // of all of them since the last epoch began
  unsigned failures_ = 0;  // in a row
  std::exception_ptr failed_;
  bool stirred_ = false;   // since it was idle
  bool looks_later_ = false;  // it was idle while an epoch was under way
  bool drains_ = false;
  bool ends_ = false;      // the epoch under way is the last one
  bool closed_ = false;
  Receipt over_;

  // The writer's, while the state is `writes`.
  Snapshot snapshot_;
  std::exception_ptr error_;
  std::uint64_t bytes_ = 0;

  Begin begin_{*this};
  Through through_{*this};
  Written* written_ = nullptr;
  Write write_{this};
  Alarm alarm_{*this};
  Idle idle_{*this};
  Box<Writer> writer_;
};

}  // namespace penstock::detail
