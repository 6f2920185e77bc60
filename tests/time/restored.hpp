// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <vector>

#include "penstock/core.hpp"
#include "penstock/state/codec.hpp"

// Takes the states of a graph at a barrier and puts them into another one of the same making, as checkpoints do, without a
// directory.

namespace restored {

/// What each operator has saved, in the order in which they were made.
using States = std::vector<std::string>;

inline std::vector<penstock::Managed*> managed_in(const penstock::Graph& graph) {
  std::vector<penstock::Managed*> all;
  for (penstock::Node* node : graph.nodes()) {
    for (const penstock::Info& info : node->infos()) {
      if (info.state) all.push_back(info.state);
    }
  }
  return all;
}

class Taker final : public penstock::Epochs {
 public:
  explicit Taker(const penstock::Graph& graph) : managed_(managed_in(graph)), states(managed_.size()) {}

  void passes(penstock::Info& info, std::int64_t) override {
    for (std::size_t i = 0; i < managed_.size(); ++i) {
      if (managed_[i] != info.state) continue;
      penstock::StateWriter to;
      info.state->save(to);
      states[i] = to.take();
    }
  }
  bool puts_off(penstock::Task&) noexcept override { return false; }
  const penstock::Ref* stirs(const penstock::Info&) override { return nullptr; }
  void fails(const std::exception_ptr&) noexcept override {}

 private:
  std::vector<penstock::Managed*> managed_;

 public:
  States states;
};

/// Sends a barrier from each of the sources.
template <class... Sources>
States save(std::int64_t epoch, const Sources&... sources) {
  penstock::Graph* graph = nullptr;
  ((graph = &sources.graph()), ...);
  Taker taker{*graph};
  graph->epochs(&taker);
  (static_cast<void>(sources.node().send_barrier({penstock::Signal::barrier, epoch})), ...);
  graph->epochs(nullptr);
  return taker.states;
}

inline void load(const penstock::Graph& graph, const States& states) {
  const auto managed = managed_in(graph);
  for (std::size_t i = 0; i < managed.size(); ++i) {
    penstock::StateReader from{states.at(i)};
    managed[i]->load(from);
    from.end();
  }
  for (penstock::Managed* each : managed) each->loaded();
}

}  // namespace restored
