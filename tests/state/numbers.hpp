// SPDX-License-Identifier: BSL-1.0
#pragma once

// A source that is read again from its position, and a store in memory.

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "penstock/core.hpp"
#include "penstock/sources/source.hpp"
#include "penstock/state/checkpoints.hpp"

namespace penstock::test {

/// 0, 1, 2, ... and then the end, or nothing more for now.
class NumbersNode final : public SourceNode<int, NumbersNode>, public Managed {
 public:
  NumbersNode(int n, bool ends) : SourceNode(Info{"numbers"}), n_(n), ends_(ends) {
    info().state = this;
    info().recovery = Recovery::replays;
  }
  std::optional<int> next() {
    if (at_ < n_) return at_++;
    return ends_ ? std::nullopt : nothing_yet();
  }
  void save(StateWriter& to) const override { to.put(at_); }
  void load(StateReader& from) override { from.get(at_); }

 private:
  int at_ = 0;
  int n_;
  bool ends_;
};

inline Source<int> numbers(Loop& loop, int n, bool ends = true) {
  return Source<int>{detail::make_source(&loop, detail::make_box<NumbersNode>(n, ends))}.named("numbers");
}

using Kept = std::map<std::uint64_t, Snapshot>;

/// Keeps snapshots in a map; the first `failures` writes fail.
class MemoryStore final : public SnapshotStore {
 public:
  explicit MemoryStore(Kept& kept, unsigned failures = 0) : kept_(kept), failures_(failures) {}

  std::uint64_t write(const Snapshot& snapshot) override {
    if (failures_ != 0 && failures_-- != 0) throw std::runtime_error("no space left");
    kept_[snapshot.epoch] = snapshot;
    return encode(snapshot).size();
  }
  std::optional<Snapshot> newest(bool) override {
    if (kept_.empty()) return std::nullopt;
    return kept_.rbegin()->second;
  }
  Snapshot load(std::uint64_t epoch) override { return kept_.at(epoch); }
  std::vector<std::uint64_t> epochs() override {
    std::vector<std::uint64_t> epochs;
    for (const auto& [epoch, snapshot] : kept_) epochs.push_back(epoch);
    return epochs;
  }
  void save_as(const std::string&, const Snapshot&) override {}
  Snapshot load_savepoint(const std::string&) override { throw std::runtime_error("there are none"); }
  void remove_savepoint(const std::string&) override {}
  std::vector<std::string> savepoints() override { return {}; }

 private:
  Kept& kept_;
  unsigned failures_;
};

inline CheckpointOptions often(Duration every = std::chrono::milliseconds{7}) {
  CheckpointOptions options;
  options.every = every;
  options.background = false;
  return options;
}

template <class T>
T saved(const Snapshot& snapshot, const std::string& name) {
  for (const Snapshot::Entry& entry : snapshot.entries) {
    if (entry.uid == name) return StateReader(entry.bytes).get<T>();
  }
  throw std::runtime_error("nothing was saved of " + name);
}

}  // namespace penstock::test
