// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "penstock/core/handle.hpp"
#include "penstock/core/list.hpp"
#include "penstock/core/search.hpp"
#include "penstock/ops/detail/table.hpp"
#include "penstock/time/gauges.hpp"

namespace penstock {

/// What an operator that deals with event time knows of it; see TimeGauges. Times and spans are microseconds.
struct EventTimeStats {
  EventTime frontier = no_frontier;     ///< no later element has a time before it
  EventTime newest = no_frontier;       ///< the latest time that has come
  std::uint64_t windows = 0;            ///< open
  std::uint64_t entries = 0;            ///< open pairs of a key and a window, or keys that a function knows something of
  std::uint64_t timers = 0;             ///< set by process functions
  std::uint64_t late = 0;               ///< elements that came late and still counted
  std::uint64_t late_dropped = 0;       ///< elements that came too late
  EventTime late_by_most = 0;           ///< by which the latest of those was behind the frontier
  double late_by_mean = 0;              ///< by which they all were, in the mean
  std::uint64_t ahead = 0;              ///< elements too far in the future to move the frontier

  /// By how much the frontier is behind the latest time; nothing before there is one.
  std::optional<EventTime> lag() const noexcept {
    if (frontier == no_frontier || newest == no_frontier) return std::nullopt;
    return newest - frontier;
  }
};

/// What one operator has done up to now. A chain of fused steps gives one for each step.
///
/// Conservation, when no element is under way: in = out + left_out + dropped + failed + held for operators
/// that pass elements on one by one.
struct OperatorStats {
  std::string op;         ///< the operator, such as "partition"
  std::string detail;     ///< its parameters, such as "2"
  std::string name;       ///< the user's name for it, or empty
  Shape shape = Shape::plain;
  std::size_t node = 0;   ///< steps that were fused into one node have the same number
  bool counting = true;   ///< when false the numbers below stand still

  std::optional<std::uint64_t> in;   ///< elements taken; nothing for what has no input
  std::optional<std::uint64_t> out;  ///< elements passed on; nothing for an end, and where no neighbour can tell
  std::uint64_t left_out = 0;        ///< left out because that was the processing
  std::uint64_t dropped = 0;         ///< lost by policy
  std::uint64_t failed = 0;          ///< its function threw
  std::uint64_t held = 0;            ///< kept now
  std::uint64_t waiting = 0;         ///< receipts open now
  Duration blocked{0};               ///< time that receipts which have settled were open, by the loop's clock
  std::uint64_t late_errors = 0;     ///< failures of background work that no caller saw
  std::uint64_t saved = 0;           ///< bytes of its state in the last snapshot
  std::optional<EventTimeStats> time = std::nullopt;  ///< of operators that deal with event time

  /// The user's name, or the operator's.
  const std::string& label() const noexcept { return name.empty() ? op : name; }
};

/// A way that elements take, between two places in `GraphSnapshot::operators`.
struct EdgeStats {
  std::size_t from = 0;
  std::size_t to = 0;
  std::size_t outlet = 0;    ///< which outlet of `from`, counted from 0
  std::size_t outlets = 1;   ///< of so many
  std::size_t inlet = 0;     ///< which inlet of `to`
  std::size_t inlets = 1;    ///< of so many
  bool fused = false;        ///< inside one node: a plain function call
  bool branch = false;       ///< from a tee, which has several fused ones
};

/// A copy of all that can be told of a graph: what descriptions, drawings and numbers are made from. Sources
/// come first and what is behind an operator follows it, in the order in which the branches were written.
struct GraphSnapshot {
  std::vector<OperatorStats> operators;
  std::vector<EdgeStats> edges;
};

// Templates all of them, though not of anything: a program that asks for none of this compiles none of it.

namespace detail {

inline bool is_feedback(const Node& node) noexcept {
  return std::string_view{node.infos().front().op} == "feedback";
}

/// Nothing but feedback leads to it.
template <class = void>
bool begins(const Node& node) {
  for (const InletBase* inlet : node.inlets()) {
    for (const OutletBase* outlet : inlet->upstreams()) {
      if (!is_feedback(*outlet->node())) return false;
    }
  }
  return !is_feedback(node);
}

inline std::size_t edges_into(const Node& node) {
  std::size_t count = 0;
  for (const InletBase* inlet : node.inlets()) count += inlet->upstreams().size();
  return count;
}

template <class = void>
class SnapshotTaker {
 public:
  explicit SnapshotTaker(const Graph& graph) {
    for (const Node* node : graph.nodes()) {
      if (begins(*node)) walk(*node);
    }
    for (const Node* node : graph.nodes()) walk(*node);
    for (const Node* node : order_) add_operators(*node);
    for (const Node* node : order_) add_edges(*node);
  }
  GraphSnapshot take() { return std::move(snapshot_); }

 private:
  // Depth first, without recursion: a graph may be deeper than the stack.
  void walk(const Node& root) {
    List<const Node*> open;
    open.push_back(&root);
    while (!open.empty()) {
      const Node* node = open.back();
      open.pop_back();
      if (node->destroyed() || first_.find(node) != first_.nowhere) continue;
      first_.add(node);
      order_.push_back(node);
      for (std::size_t i = node->outlets().size(); i > 0; --i) {
        const auto& branches = node->outlets()[i - 1]->branches();
        for (std::size_t j = branches.size(); j > 0; --j) open.push_back(branches[j - 1].inlet->node());
      }
    }
  }

  static std::uint64_t rest(const OperatorStats& stats) {
    const std::uint64_t gone = stats.left_out + stats.dropped + stats.failed + stats.held;
    return stats.in.value_or(0) > gone ? *stats.in - gone : 0;
  }

  // What the busiest of the consumers that take from nobody else has taken.
  static std::optional<std::uint64_t> taken_behind(const Node& node) {
    std::optional<std::uint64_t> most;
    for (const OutletBase::Branch& branch : node.outlets().front()->branches()) {
      const Node& consumer = *branch.inlet->node();
      if (edges_into(consumer) != 1) continue;
      const std::uint64_t taken = consumer.infos().front().in.get();
      if (most.value_or(0) <= taken) most = taken;
    }
    return most;
  }

  void add_operators(const Node& node) {
    const std::size_t number = numbered_++;
    first_.value_of(&node) = snapshot_.operators.size();
    std::optional<std::uint64_t> in;
    if (const std::uint64_t counted = node.infos().front().in.get(); counted > 0 || edges_into(node) > 0) {
      in = counted;
    }
    const std::vector<Info>& infos = node.infos();
    const std::size_t begin = first_.value_of(&node);
    for (std::size_t i = 0; i < infos.size(); ++i) {
      const Info& info = infos[i];
      OperatorStats stats;
      if (i > 0) {
        // What a branch takes is what its tee has taken, whatever becomes of it in another branch.
        const OperatorStats& from = snapshot_.operators[begin + i - info.after];
        in = info.depth > infos[i - info.after].depth ? from.in : from.out;
      }
      if (in) *in -= *in < info.missed.get() ? *in : info.missed.get();
      stats.op = info.op;
      stats.detail = info.detail;
      stats.name = info.name;
      stats.shape = info.shape;
      stats.node = number;
      stats.counting = info.counting;
      stats.in = in;
      stats.left_out = info.left_out.get();
      stats.dropped = info.dropped.get();
      stats.failed = info.failed.get();
      stats.held = info.held.get();
      stats.waiting = info.waiting.get();
      stats.blocked = Duration{info.blocked_ns.get()};
      stats.late_errors = info.late_errors.get();
      stats.saved = info.saved.get();
      if (&info == &last_of(infos)) stats.time = time_of(node);

      const bool last = &info == &last_of(infos);
      if (leads_on(infos, i) || (last && !node.outlets().empty())) {
        const std::uint64_t counted = info.out.get();
        if (!info.one_to_one && !info.selects) {
          stats.out = counted;
        } else if (in) {
          stats.out = rest(stats);
        } else if (counted > 0 || info.shape == Shape::source) {
          stats.out = counted;
        }
        // Whoever holds a handle may emit right behind an operator, and at a stream everybody does.
        if (last && node.outlets().size() == 1) {
          const auto taken = taken_behind(node);
          if (taken && stats.out.value_or(0) <= *taken) stats.out = taken;
        }
      }
      snapshot_.operators.push_back(std::move(stats));
    }
  }

  static std::optional<EventTimeStats> time_of(const Node& node) {
    const TimeGauges* gauges = node.time_gauges();
    if (!gauges) return std::nullopt;
    EventTimeStats stats;
    stats.frontier = gauges->frontier.get();
    stats.newest = gauges->newest.get();
    stats.windows = gauges->windows.get();
    stats.entries = gauges->entries.get();
    stats.timers = gauges->timers.get();
    stats.late = gauges->late.get();
    stats.late_dropped = gauges->late_dropped.get();
    stats.late_by_most = static_cast<EventTime>(gauges->late_by_most.get());
    if (stats.late_dropped != 0) {
      stats.late_by_mean = static_cast<double>(gauges->late_by_all.get()) / static_cast<double>(stats.late_dropped);
    }
    stats.ahead = gauges->ahead.get();
    return stats;
  }

  /// Whether a step in the node takes from the one at `i`.
  static bool leads_on(const std::vector<Info>& infos, std::size_t i) {
    return i + 1 < infos.size() && infos[i + 1].after == 1;
  }

  void add_edges(const Node& node) {
    const std::vector<Info>& infos = node.infos();
    const std::size_t begin = first_.value_of(&node);
    const std::size_t last = begin + static_cast<std::size_t>(&last_of(infos) - infos.data());
    for (std::size_t i = 1; i < infos.size(); ++i) {
      const std::size_t from = i - infos[i].after;
      const bool branch = from + 1 < infos.size() && infos[from + 1].depth > infos[from].depth;
      snapshot_.edges.push_back({begin + from, begin + i, 0, 1, 0, 1, true, branch});
    }
    for (std::size_t i = 0; i < node.outlets().size(); ++i) {
      for (const OutletBase::Branch& branch : node.outlets()[i]->branches()) {
        const Node& target = *branch.inlet->node();
        const auto found = find_item(target.inlets(), branch.inlet);
        const auto inlet = static_cast<std::size_t>(found - target.inlets().begin());
        snapshot_.edges.push_back(
            {last, first_.value_of(&target), i, node.outlets().size(), inlet, target.inlets().size(), false});
      }
    }
  }

  Table<const Node*, std::size_t> first_;  // where the operators of a node begin in the snapshot
  List<const Node*> order_;
  std::size_t numbered_ = 0;
  GraphSnapshot snapshot_;
};

}  // namespace detail

/// Everything that can be told of `graph` now, from any thread. In a graph with a loop no element is under
/// way meanwhile, but for one whose function asks: another thread holds the loop for that long. A graph
/// without a loop has nothing to hold: the numbers are read as they stand, and nobody may wire or name its
/// operators meanwhile.
template <class = void>
GraphSnapshot snapshot(const Graph& graph) {
  const Hold hold{graph.loop()};
  return detail::SnapshotTaker<>{graph}.take();
}
template <class = void>
GraphSnapshot snapshot(const Handle& handle) {
  return snapshot(handle.graph());
}

/// The counters of every operator of a graph, in the order in which `describe` tells them. Readable at any
/// time and from any thread, as `snapshot` says.
///
/// A stream made with `Stream<T> name` counts what was connected to it as `in`; its `out` is what the busiest
/// of its consumers has taken.
template <class>
std::vector<OperatorStats> stats(const Graph& graph) {
  return snapshot(graph).operators;
}

}  // namespace penstock
