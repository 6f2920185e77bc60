// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "penstock/core/graph.hpp"
#include "penstock/state/codec.hpp"
#include "penstock/state/detail/promises.hpp"

namespace penstock::testing {

/// The states of a graph's operators as a checkpoint would save them, without a directory and without names: by the order in
/// which the operators were made, so that another graph of the same making can load them.
///
///     States states{graph};                                     // before anything is emitted
///     Receipt receipt = source.node().send_barrier({Signal::barrier, 1});
///     States other{graph_of_the_same_making};
///     other.load(states.bytes());
class States final : public Epochs {
 public:
  /// Graphs with several inputs get gates, as from Checkpoints.
  explicit States(Graph& graph) : graph_(graph) {
    const std::vector<Node*> nodes = graph.nodes();
    for (Node* node : nodes) {
      if (penstock::detail::Alignment* alignment = penstock::detail::align(*node)) alignment->release();
    }
    for (const Info* info : penstock::detail::managed_of(graph)) managed_.push_back(info->state);
    bytes_.resize(managed_.size());
    times_.resize(managed_.size());
    graph.epochs(this);
  }
  States(const States&) = delete;
  States& operator=(const States&) = delete;
  /// To be called before the graph ends.
  void detach() noexcept { graph_.epochs(nullptr); }

  /// What each has saved when the barrier last passed it.
  const std::vector<std::string>& bytes() const noexcept { return bytes_; }
  /// How often a barrier has passed each.
  const std::vector<std::size_t>& times() const noexcept { return times_; }

  /// What they would save now.
  std::vector<std::string> now() const {
    std::vector<std::string> all;
    for (Managed* each : managed_) all.push_back(bytes_of(*each));
    return all;
  }
  void load(const std::vector<std::string>& bytes) {
    if (bytes.size() != managed_.size()) throw std::logic_error("States: that is another graph");
    for (std::size_t i = 0; i < managed_.size(); ++i) {
      StateReader from{bytes[i]};
      managed_[i]->load(from);
      from.end();
    }
    for (Managed* each : managed_) each->loaded();
  }

  void passes(Info& info, std::int64_t) override {
    for (std::size_t i = 0; i < managed_.size(); ++i) {
      if (managed_[i] != info.state) continue;
      bytes_[i] = bytes_of(*info.state);
      ++times_[i];
    }
  }
  bool puts_off(Task&) noexcept override { return false; }
  const Ref* stirs(const Info&) override { return nullptr; }
  void fails(const std::exception_ptr&) noexcept override {}

 private:
  static std::string bytes_of(Managed& managed) {
    StateWriter to;
    managed.prepare();
    managed.save(to);
    return to.take();
  }

  Graph& graph_;
  std::vector<Managed*> managed_;
  std::vector<std::string> bytes_;
  std::vector<std::size_t> times_;
};

}  // namespace penstock::testing
