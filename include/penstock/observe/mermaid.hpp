// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "penstock/observe/dot.hpp"

namespace penstock {
namespace detail {

/// What opens and closes a node, as Mermaid draws the shapes that come nearest to Graphviz's.
inline std::pair<const char*, const char*> mermaid_shape(Shape shape) {
  switch (shape) {
    case Shape::state: return {"[", "]"};
    case Shape::collect: return {"{", "}"};
    case Shape::time: return {"{{", "}}"};
    case Shape::join: return {">", "]"};
    case Shape::source: return {"(((", ")))"};
    case Shape::sink: return {"[/", "\\]"};
    case Shape::plain: break;
  }
  return {"(", ")"};
}

template <class = void>
std::string mermaid_quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"') {
      result += "#quot;";
    } else if (c == '#') {
      result += "#35;";
    } else if (c == '<') {
      result += "#lt;";
    } else if (c == '>') {
      result += "#gt;";
    } else {
      result += c == '\n' ? ' ' : c;
    }
  }
  return result + '"';
}

}  // namespace detail

/// The whole graph in Mermaid's language, which Markdown pages and chats draw. Frames, dashed arrows and
/// numbers mean what they mean in `to_dot`.
///
/// From any thread, as `snapshot` says.
template <class>
std::string to_mermaid(const Graph& graph) {
  const detail::Drawing<> drawing{snapshot(graph)};
  const auto& operators = drawing.snapshot.operators;
  std::string text = "flowchart LR\n";
  for (std::size_t i = 0; i < operators.size();) {
    const std::size_t end = drawing.end_of_node(i);
    const bool fused = end > i;
    if (fused) text += "  subgraph f" + std::to_string(operators[i].node) + "[\" \"]\n";
    for (; i <= end; ++i) {
      if (drawing.feedback(i)) continue;
      const auto [open, close] = detail::mermaid_shape(operators[i].shape);
      text += (fused ? "    n" : "  n") + std::to_string(i) + open +
              detail::mermaid_quoted(drawing.labels[i]) + close + '\n';
    }
    if (fused) text += "  end\n";
  }
  for (const auto& edge : drawing.edges) {
    std::string label = edge.to_port;
    if (!edge.from_port.empty()) label = label.empty() ? edge.from_port : edge.from_port + " to " + label;
    text += "  n" + std::to_string(edge.from) + (edge.feedback ? " -.->" : " -->") +
            (label.empty() ? "" : '|' + label + '|') + " n" + std::to_string(edge.to) + '\n';
  }
  return text;
}
template <class = void>
std::string to_mermaid(const Handle& handle) {
  return to_mermaid<>(handle.graph());
}

}  // namespace penstock
