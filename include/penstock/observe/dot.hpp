// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "penstock/observe/describe.hpp"
#include "penstock/observe/stats.hpp"
#include "penstock/ops/detail/table.hpp"

namespace penstock {

/// `text` with every run of what is not a letter of the alphabet, a digit, `_` or `:` as one blank, and `:`
/// as `;`: what Streamz calls a node in a drawing.
template <class = void>
std::string clean_text(std::string_view text) {
  std::string clean;
  bool blank = false;
  for (const char c : text) {
    const bool kept =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == ':';
    if (kept) {
      clean += c == ':' ? ';' : c;
    } else if (!blank) {
      clean += ' ';
    }
    blank = !kept;
  }
  return clean;
}

namespace detail {

/// What is drawn: feedback is an edge from where it comes to where it leads.
template <class = void>
struct Drawing {
  struct Edge {
    std::size_t from;
    std::size_t to;
    std::string from_port;  // empty, or a number where there are several
    std::string to_port;
    bool fused;
    bool feedback;
    std::string label;
  };

  explicit Drawing(GraphSnapshot taken) : snapshot(std::move(taken)) {
    const auto& operators = snapshot.operators;
    struct Uses {
      std::size_t all = 0;
      std::size_t numbered = 0;
    };
    Table<std::string, Uses> uses;
    for (const OperatorStats& stats : operators) ++uses.value_of(clean_text(describe(stats))).all;
    for (const OperatorStats& stats : operators) {
      const std::string text = describe(stats);
      const std::string name = clean_text(text);
      Uses& use = uses.value_of(name);
      std::string number;
      if (use.all > 1) number = '-' + std::to_string(++use.numbered);
      labels.push_back(text + number);
      names.push_back(name + number);
      is_feedback.push_back(stats.op == "feedback");
    }
    for (const EdgeStats& edge : snapshot.edges) {
      if (feedback(edge.to)) continue;
      if (!feedback(edge.from)) {
        edges.push_back(drawn(edge));
        continue;
      }
      for (const EdgeStats& into : snapshot.edges) {
        if (into.to != edge.from) continue;
        Edge both = drawn(edge);
        both.from = into.from;
        both.from_port = into.outlets > 1 ? std::to_string(into.outlet) : "";
        both.feedback = true;
        both.label = operators[edge.from].detail;
        edges.push_back(std::move(both));
      }
    }
  }

  bool feedback(std::size_t i) const { return is_feedback[i]; }
  /// The last step of the node that `i` belongs to.
  std::size_t end_of_node(std::size_t i) const {
    while (i + 1 < snapshot.operators.size() &&
           snapshot.operators[i + 1].node == snapshot.operators[i].node) {
      ++i;
    }
    return i;
  }

  GraphSnapshot snapshot;
  std::vector<std::string> labels;
  std::vector<std::string> names;
  std::vector<Edge> edges;

 private:
  static Edge drawn(const EdgeStats& edge) {
    return {edge.from,
            edge.to,
            edge.outlets > 1 ? std::to_string(edge.outlet) : "",
            edge.inlets > 1 ? std::to_string(edge.inlet) : "",
            edge.fused,
            false,
            ""};
  }

  std::vector<bool> is_feedback;
};

template <class = void>
std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    if (c == '\n') {
      result += "\\n";
    } else {
      result += c;
    }
  }
  return result + '"';
}

inline const char* dot_shape(Shape shape) {
  switch (shape) {
    case Shape::state: return "shape=box";
    case Shape::collect: return "shape=diamond";
    case Shape::time: return "shape=octagon";
    case Shape::join: return "shape=triangle, orientation=270";
    case Shape::source: return "shape=doubleoctagon";
    case Shape::sink: return "shape=trapezium";
    case Shape::plain: break;
  }
  return "shape=ellipse";
}

}  // namespace detail

/// The whole graph in Graphviz's language: `dot -Tsvg`. The shapes are those that Streamz draws: ellipses,
/// boxes for accumulate, diamonds for what collects elements, octagons for what the clock drives, triangles
/// for what has several inputs, double octagons for sources and trapeziums for sinks. A grey frame holds the
/// steps of one fused node, a dashed arrow is feedback, and a number at an arrow says which of several
/// inputs, or outputs, it is.
///
/// From any thread, as `snapshot` says.
template <class>
std::string to_dot(const Graph& graph) {
  const detail::Drawing<> drawing{snapshot(graph)};
  const auto& operators = drawing.snapshot.operators;
  std::string dot =
      "digraph penstock {\n"
      "  rankdir=LR;\n"
      "  node [style=\"rounded,filled\", fillcolor=white, fontname=\"Helvetica\", fontsize=12];\n"
      "  edge [fontname=\"Helvetica\", fontsize=10];\n";
  for (std::size_t i = 0; i < operators.size();) {
    const std::size_t end = drawing.end_of_node(i);
    const bool fused = end > i;
    if (fused) {
      dot += "  subgraph cluster_" + std::to_string(operators[i].node) +
             " {\n    style=rounded; color=gray70; label=\"\";\n";
    }
    for (; i <= end; ++i) {
      if (drawing.feedback(i)) continue;
      dot += (fused ? "    " : "  ") + detail::quoted(drawing.names[i]) +
             " [label=" + detail::quoted(drawing.labels[i]) + ", " + detail::dot_shape(operators[i].shape) +
             "];\n";
    }
    if (fused) dot += "  }\n";
  }
  for (const auto& edge : drawing.edges) {
    std::string attributes;
    const auto add = [&attributes](const char* name, const std::string& value) {
      attributes += (attributes.empty() ? "" : ", ") + std::string{name} + '=' + value;
    };
    if (edge.feedback) {
      add("style", "dashed");
      add("constraint", "false");
    }
    if (!edge.to_port.empty()) add("label", detail::quoted(edge.to_port));
    if (!edge.from_port.empty()) add("taillabel", detail::quoted(edge.from_port));
    dot += "  " + detail::quoted(drawing.names[edge.from]) + " -> " + detail::quoted(drawing.names[edge.to]);
    if (!attributes.empty()) dot += " [" + attributes + "]";
    dot += ";\n";
  }
  return dot + "}\n";
}
template <class = void>
std::string to_dot(const Handle& handle) {
  return to_dot<>(handle.graph());
}

}  // namespace penstock
