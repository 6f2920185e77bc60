// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "penstock/core/search.hpp"
#include "penstock/core/sort.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/state/checkpoint_options.hpp"
#include "penstock/state/detail/gate.hpp"

// What a graph can promise when it is killed: looked at before it runs, and refused in a sentence.

namespace penstock::detail {

inline const char* name_of(Guarantee guarantee) noexcept {
  switch (guarantee) {
    case Guarantee::at_most_once: return "at_most_once";
    case Guarantee::at_least_once: return "at_least_once";
    case Guarantee::exactly_once: return "exactly_once";
  }
  return "";
}

/// A node that elements enter the graph by.
inline bool is_entrance(const Node& node) noexcept {
  if (node.outlets().empty()) return false;
  return !any_of(node.inlets(), [](const InletBase* inlet) { return !inlet->upstreams().empty(); });
}

[[noreturn]] inline void refuse(const Info& info, const std::string& why) {
  misuse("checkpoint: " + info.label() + (info.name.empty() ? "" : " (" + std::string{info.op} + ")") + " " + why);
}

/// Throws std::logic_error when the operator cannot do what was asked for.
inline void check_promise(const Node& node, const Info& info, CheckpointMode mode, Guarantee asked) {
  const bool remembers = info.recovery == Recovery::state && info.shape != Shape::sink;
  if (mode == CheckpointMode::replay && remembers && (info.shape == Shape::state || node.time_gauges())) {
    refuse(info, "remembers more than elements on their way, which replay mode would lose; use snapshot mode");
  }
  if (mode == CheckpointMode::replay && asked > Guarantee::at_least_once) {
    refuse(info, "may get elements again in replay mode, so the graph can promise at_least_once only");
  }
  switch (info.recovery) {
    case Recovery::refused: refuse(info, "keeps what no snapshot can hold");
    case Recovery::lossy:
      if (asked > Guarantee::at_most_once) refuse(info, "may drop elements, so the graph can promise at_most_once only");
      break;
    case Recovery::state:
      if (!info.state && mode == CheckpointMode::snapshot) {
        refuse(info, "remembers something of a type that cannot be written into a snapshot; see Codec in state/codec.hpp");
      }
      break;
    default: break;
  }
  if (asked == Guarantee::at_most_once) return;
  if (is_entrance(node) && info.recovery != Recovery::replays) {
    refuse(info, "cannot be read again from a position after a crash, so the graph can promise at_most_once only");
  }
  if (info.shape == Shape::sink && info.guarantee < asked) {
    refuse(info, std::string{"promises "} + name_of(info.guarantee) + " only, and " + name_of(asked) + " is asked for");
  }
}

/// All that a snapshot of the graph has to hold.
inline std::vector<Info*> managed_of(const Graph& graph) {
  std::vector<Info*> found;
  for (Node* node : graph.nodes()) {
    if (node->destroyed()) continue;
    for (Info& info : node->infos()) {
      if (info.state) found.push_back(&info);
    }
  }
  return found;
}

/// Throws std::logic_error when a snapshot could not tell one from the other, or who decides.
inline void check_names(std::vector<Info*> managed) {
  put_in_order(managed, [](const Info* a, const Info* b) { return a->name < b->name; });
  for (std::size_t i = 0; i < managed.size(); ++i) {
    if (managed[i]->name.empty()) {
      refuse(*managed[i], "has no name, by which a snapshot could know it; give it one with named(\"...\")");
    }
    if (i != 0 && managed[i]->name == managed[i - 1]->name) refuse(*managed[i], "has the name of another operator that a snapshot holds");
  }
  const Info* decides = nullptr;
  for (const Info* info : managed) {
    if (info->state->authority() && std::exchange(decides, decides ? decides : info)) {
      refuse(*decides, "keeps the epoch in its own transactions, and so does another sink: only one can decide which is real");
    }
  }
}

inline void check_promises(const Graph& graph, CheckpointMode mode, Guarantee asked) {
  for (const Node* node : graph.nodes()) {
    if (node->destroyed()) continue;
    for (const OutletBase* outlet : node->outlets()) {
      if (outlet->closes_cycle()) refuse(node->infos().back(), "closes a cycle, and what goes round in it is in no snapshot");
    }
    for (const Info& info : node->infos()) check_promise(*node, info, mode, asked);
  }
  check_names(managed_of(graph));
}

inline bool is_gate(const Node& node) noexcept { return dynamic_cast<const BarrierGate*>(&node) != nullptr; }

/// Puts a gate before every input of `node` that has none, when it has several.
/// @returns  what aligns them, with one holder more; null for nodes with one input.
inline Alignment* align(Node& node) {
  struct Edge {
    OutletBase* from;
    InletBase* to;
  };
  Alignment* alignment = nullptr;
  std::vector<Edge> edges;
  std::size_t inputs = 0;
  for (InletBase* inlet : node.inlets()) {
    for (OutletBase* from : inlet->upstreams()) {
      ++inputs;
      if (auto* gate = dynamic_cast<BarrierGate*>(from->node())) {
        alignment = &gate->alignment();
      } else if (!from->ended()) {
        edges.push_back({from, inlet});
      }
    }
  }
  if (inputs < 2 || (!alignment && edges.empty())) return nullptr;
  alignment = alignment ? alignment->retain() : new Alignment(node);
  for (const Edge& edge : edges) {
    Box<Node> gate{edge.to->make_gate(*alignment)};
    if (!gate) {
      alignment->release();
      refuse(node.info(), "has several streams connected to it, between which a checkpoint cannot be aligned; use merge");
    }
    const auto branch = find_where(edge.from->branches(), [&](const auto& each) { return each.inlet == edge.to; });
    const std::uint64_t ticket = branch->ticket;
    Graph& graph = node.graph();
    Node& added = graph.add(std::move(gate));
    graph.connect(*added.outlets().front(), *edge.to);
    graph.connect(*edge.from, *added.inlets().front(), ticket);
    graph.disconnect(*edge.from, *edge.to);
  }
  return alignment;
}

}  // namespace penstock::detail
