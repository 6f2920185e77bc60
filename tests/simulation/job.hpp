// SPDX-License-Identifier: BSL-1.0
#pragma once

// A job that is killed again and again: several sources, random operators between, windows, totals and a diamond, and
// sinks of every kind. Everything that happens is decided by a seed. What survives a kill is the World; the rest is
// built anew, as by a process that is started again.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include "penstock/penstock.hpp"
#include "penstock/state/checkpoints.hpp"
#include "penstock/testing/faulty_file_system.hpp"
#include "penstock/testing/virtual_loop.hpp"
#include "penstock/time/time.hpp"

namespace penstock::test {

struct Event {
  int id = 0;
  int key = 0;
  EventTime time = 0;
};

using Ids = std::vector<int>;
using Table = std::map<std::pair<EventTime, int>, Ids>;  // by window and key

/// The aggregate of a window: which events are in it.
struct Gathered {
  Ids ids;

  void add(const Event& event) { ids.push_back(event.id); }
  Ids result() const {
    Ids sorted = ids;
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  }
  template <class Self>
  static auto fields(Self& self) {
    return std::tie(self.ids);
  }
};

/// What a seed decides, and the model: what the job has to come to, computed without it.
struct Plan {
  explicit Plan(std::uint64_t s) : seed(s), random(s) {
    partitions.resize(1 + below(3));
    size = 5 + static_cast<EventTime>(below(20));
    disorder = static_cast<EventTime>(below(30));
    late = partitions.size() == 1 && below(2) == 0;
    keys = 1 + static_cast<int>(below(4));
    int id = 0;
    for (auto& events : partitions) {
      EventTime now = static_cast<EventTime>(below(1000)) - 500;
      for (unsigned n = below(60); n > 0; --n) {
        now += static_cast<EventTime>(below(6));
        // Up to the bound behind; with `late` also more.
        const EventTime back = static_cast<EventTime>(below(static_cast<unsigned>((late ? 3 : 1) * disorder + 1)));
        events.push_back({id++, static_cast<int>(below(static_cast<unsigned>(keys))), now - back});
      }
    }
    model();
  }

  unsigned below(unsigned n) { return static_cast<unsigned>(random() % n); }
  static EventTime floor_to(EventTime time, EventTime step) {
    const EventTime rest = time % step;
    return time - (rest < 0 ? rest + step : rest);
  }

  std::uint64_t seed;
  std::mt19937_64 random;
  std::vector<std::vector<Event>> partitions;
  EventTime size;
  EventTime disorder;
  bool late;
  int keys;

  Table table;
  std::set<int> late_ids;
  long total = 0;
  std::size_t count = 0;

 private:
  void model() {
    for (const auto& events : partitions) {
      EventTime newest = no_frontier;
      for (const Event& event : events) {
        total += event.id;
        ++count;
        const EventTime start = floor_to(event.time, size);
        const bool too_late = newest != no_frontier && start + size <= newest - disorder;
        newest = std::max(newest, event.time);
        if (too_late) {
          late_ids.insert(event.id);
        } else {
          table[{start, event.key}].push_back(event.id);
        }
      }
    }
    for (auto& [key, ids] : table) std::sort(ids.begin(), ids.end());
  }
};

/// What is left when a process is killed.
struct World {
  explicit World(const Plan& plan) : older(plan.seed % 4), file(older) {}

  void lose_power(std::uint64_t seed) {
    disk.lose_power(seed);
    file.resize(synced + seed % (file.size() - synced + 1));
  }

  testing::FaultyFileSystem disk;
  std::size_t older;  // rows that the file had before the job
  std::vector<WindowResult<int, Ids>> file;
  std::size_t synced = older;
  Table upserted;
  Table transacted;
  std::uint64_t marker = 0;
  Table appended;
  std::set<int> late_ids;
  long total = 0;
  std::size_t pairs = 0;
  std::string wrong;  // the first thing that was seen to be wrong
};

class Job;

/// A directory on a disk that fails at times, or dies.
class DiskStore final : public SnapshotStore {
 public:
  DiskStore(World& world, Job& job);

  std::uint64_t write(const Snapshot& snapshot) override;
  std::optional<Snapshot> newest(bool allow_fallback) override { return store_.newest(allow_fallback); }
  Snapshot load(std::uint64_t epoch) override { return store_.load(epoch); }
  std::vector<std::uint64_t> epochs() override { return store_.epochs(); }
  void save_as(const std::string& name, const Snapshot& snapshot) override { store_.save_as(name, snapshot); }
  Snapshot load_savepoint(const std::string& name) override { return store_.load_savepoint(name); }
  void remove_savepoint(const std::string& name) override { store_.remove_savepoint(name); }
  std::vector<std::string> savepoints() override { return store_.savepoints(); }

 private:
  World& world_;
  Job& job_;
  DirectoryStore store_;
};

/// The events of a partition, at random times.
class PartitionNode final : public SourceNode<Event, PartitionNode>, public Managed {
 public:
  PartitionNode(Job& job, const std::vector<Event>& events) : SourceNode(Info{"partition"}), job_(job), events_(events) {
    info().state = this;
    info().recovery = Recovery::replays;
  }
  std::optional<Event> next();
  void save(StateWriter& to) const override { to.put(static_cast<std::uint64_t>(at_)); }
  void load(StateReader& from) override { at_ = static_cast<std::size_t>(from.get<std::uint64_t>()); }

 private:
  Job& job_;
  const std::vector<Event>& events_;
  std::size_t at_ = 0;
  bool waited_ = false;
};

using Closed = WindowResult<int, Ids>;

/// Writes its rows together with the epoch: decides which snapshot is real.
class TransactionNode final : public Node, public Receiver<Closed, TransactionNode>, public Managed {
 public:
  TransactionNode(Job& job, World& world) : Node(Info{"transactions", {}, Shape::sink}), job_(job), world_(world) {
    port(static_cast<InletBase&>(*this));
    info().state = this;
    info().name = "transactions";
    info().guarantee = Guarantee::exactly_once;
  }
  template <class V>
  Pending* take(V&& row, const Context*) {
    rows_.push_back(Closed(std::forward<V>(row)));
    return nullptr;
  }

  void prepare() override { prepared_ = rows_.size(); }
  void save(StateWriter&) const override {}
  void load(StateReader&) override {}
  void committed(std::uint64_t epoch) override;
  const std::uint64_t* authority() const noexcept override { return &world_.marker; }

 protected:
  Pending* take_signal(const Signal& signal) override { return at_barrier(signal); }

 private:
  Job& job_;
  World& world_;
  std::vector<Closed> rows_;
  std::size_t prepared_ = 0;
};

/// Appends its rows to a file, and cuts off what came after the snapshot that it goes on from.
class FileNode final : public Node, public Receiver<Closed, FileNode>, public Managed {
 public:
  FileNode(Job& job, World& world) : Node(Info{"file", {}, Shape::sink}), job_(job), world_(world) {
    port(static_cast<InletBase&>(*this));
    info().state = this;
    info().name = "file";
    info().guarantee = Guarantee::exactly_once;
  }
  template <class V>
  Pending* take(V&& row, const Context*) {
    write(Closed(std::forward<V>(row)));
    return nullptr;
  }

  void prepare() override { world_.synced = world_.file.size(); }
  void save(StateWriter& to) const override { to.put(static_cast<std::uint64_t>(world_.file.size())); }
  void load(StateReader& from) override {
    const auto size = static_cast<std::size_t>(from.get<std::uint64_t>());
    if (size > world_.synced && world_.wrong.empty()) world_.wrong = "a snapshot has more rows than the file is sure to have";
    world_.file.resize(world_.synced = size);
  }

 protected:
  Pending* take_signal(const Signal& signal) override { return at_barrier(signal); }

 private:
  void write(Closed row);

  Job& job_;
  World& world_;
};

/// One life of the process.
class Job {
 public:
  /// @param life    which one; the last one is not killed.
  /// @param faults  whether the disk fails, now and then, when a snapshot is written.
  Job(const Plan& plan, World& world, unsigned life, bool last, bool faults)
      : plan_(plan),
        world_(world),
        random_(plan.seed * 1000 + life),
        loop_(plan.seed * 1000 + life + 1),
        last_(last),
        faults_(faults),
        left_(last ? 0 : 1 + below(static_cast<unsigned>(plan.count) * 8 + 8)) {
    build();
  }

  /// Lives until it is killed or over; true when it is over.
  bool live() {
    try {
      std::optional<Checkpoints> checkpoints;
      try {
        checkpoints.emplace(*handle_, options(), std::make_unique<DiskStore>(world_, *this));
      } catch (const testing::Died&) {
        return false;
      } catch (const std::system_error&) {  // where it begins cannot be saved, so it does not begin
        return false;
      }
      const Receipt over = checkpoints->start_wait_over();
      struct Done final : Task {
        explicit Done(Flag& d) : done(d) {}
        void run() override { done.set(); }
        Flag& done;
      } done{done_};
      over.state()->then(done);
      handle_->start();
      loop_.wait(done_);
      if (!killed_ && over.error()) std::rethrow_exception(over.error());
    } catch (const Killed&) {
      killed_ = true;
    }
    return !killed_;
  }
  std::uint64_t trace() const noexcept { return loop_.trace_hash(); }

  /// Something that the world can see: before or behind it the process may die.
  struct Killed {};
  bool happens() {
    if (left_ != 0 && --left_ == 0) dies();
    return !killed_;
  }
  void dies() {
    killed_ = true;
    done_.set();
  }
  /// What the disk does next, if it does anything.
  std::optional<testing::DiskFault> fault() {
    using testing::DiskFault;
    const unsigned chance = faults_ ? below(16) : 16;
    if (chance > 2 || (chance == 2 && last_)) return std::nullopt;
    return std::array{DiskFault::error, DiskFault::late_error, DiskFault::death}[chance];
  }
  unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }
  Loop& loop() noexcept { return loop_; }
  Duration moment() { return std::chrono::microseconds(below(4) == 0 ? below(3000) : 0); }

 private:
  CheckpointOptions options() {
    CheckpointOptions options;
    options.every = std::chrono::microseconds(500 + plan_.seed % 7 * 1000);
    options.min_pause = std::chrono::microseconds(plan_.seed % 3 * 100);
    if (plan_.seed % 5 == 0) options.every_elements = 1 + plan_.seed % 30;
    options.guarantee = Guarantee::exactly_once;
    options.tolerated_failures = 1000;
    options.background = false;
    return options;
  }

  /// The same in every life: what it looks like depends on the plan alone.
  void build() {
    std::mt19937_64 shape(plan_.seed ^ 0x5eed);
    const auto choose = [&](unsigned n) { return static_cast<unsigned>(shape() % n); };
    const auto between = [&](Stream<Event> from) {
      switch (choose(6)) {
        case 0: return Stream<Event>{from.buffer(1 + choose(4))};
        case 1: return Stream<Event>{from.map([](const Event& event) { return event; })};
        case 2: return Stream<Event>{from.rate_limit(std::chrono::microseconds(20))};
        case 3: return Stream<Event>{from.filter([](const Event&) { return true; }).buffer(2)};
        case 4:
          return Stream<Event>{from.map_async(
              [this](Event event) -> asio::awaitable<Event> {
                co_await async_sleep(loop_, moment(), asio::use_awaitable);
                co_return event;
              },
              {.parallelism = 3})};
        default: return from;
      }
    };
    std::vector<Stream<Event>> streams;
    std::optional<Stream<Late<Event>>> late;
    for (std::size_t i = 0; i < plan_.partitions.size(); ++i) {
      auto& node = detail::make_source(&loop_, detail::make_box<PartitionNode>(*this, plan_.partitions[i]));
      Source<Event> source = Source<Event>{node}.named("partition " + std::to_string(i));
      if (!handle_) handle_ = source;
      const EventTimeOptions told{.tell = Tell::element};
      const auto disorder = bounded_disorder(std::chrono::microseconds(plan_.disorder));
      streams.push_back(between(between(source).event_time(&Event::time, disorder, told).named("time " + std::to_string(i))));
    }
    Stream<Event> all = streams[0];
    if (streams.size() == 2) all = streams[0].merge(streams[1]);
    if (streams.size() == 3) all = streams[0].merge(streams[1], streams[2]);
    all = between(all);

    const auto windows = all.key_by(&Event::key).window(tumbling(std::chrono::microseconds(plan_.size))).aggregate(Gathered{}).named("windows");
    const Stream<Closed> results = windows;
    results.sink([this](Closed row) -> asio::awaitable<void> {
             co_await async_sleep(loop_, moment(), asio::use_awaitable);
             if (!happens()) co_return;
             put(world_.upserted, row, true);
             happens();
           })
        .promises(Guarantee::exactly_once);
    attach<TransactionNode>(results, *this, world_);
    attach<FileNode>(results, *this, world_);
    results.sink([this](const Closed& row) {
             if (happens()) put(world_.appended, row, false);
           })
        .promises(Guarantee::exactly_once);  // not true: what comes twice is looked at
    windows.late()
        .sink([this](const Late<Event>& one) {
          if (happens()) world_.late_ids.insert(one.value.id);
        })
        .promises(Guarantee::exactly_once);

    all.map([](const Event& event) { return static_cast<long>(event.id); })
        .accumulate([](long sum, long id) { return sum + id; }, 0L)
        .named("total")
        .sink([this](long total) {
          if (happens()) world_.total = total;
        })
        .promises(Guarantee::exactly_once);

    // Two ways to one node: every pair must be of one event.
    const Stream<int> one = between(all).map([](const Event& event) { return event.id; });
    const Stream<int> other = between(all).map([](const Event& event) { return event.id; });
    one.zip(other)
        .named("pairs")
        .accumulate(
            [this](std::size_t n, const std::tuple<int, int>& both) {
              if (std::get<0>(both) != std::get<1>(both)) wrong("a pair of two events");
              return n + 1;
            },
            std::size_t{0})
        .named("count of pairs")
        .sink([this](std::size_t n) {
          if (happens()) world_.pairs = n;
        })
        .promises(Guarantee::exactly_once);
  }

  void put(Table& table, const Closed& row, bool may_differ) {
    const std::pair<EventTime, int> at{row.window.start, row.key};
    const auto found = table.find(at);
    if (!may_differ && found != table.end() && found->second != row.value) wrong("another result for one window");
    table[at] = row.value;
  }
  void wrong(const char* what) {
    if (world_.wrong.empty()) world_.wrong = what;
  }

  const Plan& plan_;
  World& world_;
  std::mt19937_64 random_;
  VirtualLoop loop_;
  std::optional<Handle> handle_;
  bool last_;
  bool faults_;
  unsigned left_;
  bool killed_ = false;
  Flag done_;
};

inline DiskStore::DiskStore(World& world, Job& job)
    : world_(world), job_(job), store_("state", {.keep = 3, .files = &world.disk}) {}

inline std::uint64_t DiskStore::write(const Snapshot& snapshot) {
  if (const auto fault = job_.fault()) world_.disk.fail_at(1 + job_.below(12), *fault);
  try {
    store_.keep_from(keep_from_);
    const std::uint64_t size = store_.write(snapshot);
    job_.happens();
    return size;
  } catch (const testing::Died&) {
    job_.dies();
    throw;
  }
}

inline std::optional<Event> PartitionNode::next() {
  if (at_ == events_.size() || !job_.happens()) return std::nullopt;
  if (const Duration wait = job_.moment(); !std::exchange(waited_, true) && wait > Duration::zero()) {
    return later(job_.loop().now() + wait);
  }
  waited_ = false;
  return events_[at_++];
}

inline void FileNode::write(Closed row) {
  if (!job_.happens()) return;
  world_.file.push_back(std::move(row));
  job_.happens();
}

inline void TransactionNode::committed(std::uint64_t epoch) {
  if (!job_.happens()) throw Job::Killed{};
  if (epoch <= world_.marker) return;
  for (std::size_t i = 0; i < prepared_; ++i) {
    const Closed& row = rows_[i];
    Ids& ids = world_.transacted[{row.window.start, row.key}];
    if (!ids.empty() && world_.wrong.empty()) world_.wrong = "a row of a transaction came twice";
    ids = row.value;
  }
  rows_.erase(rows_.begin(), rows_.begin() + static_cast<std::ptrdiff_t>(std::exchange(prepared_, 0)));
  world_.marker = epoch;
  job_.happens();
}

}  // namespace penstock::test
