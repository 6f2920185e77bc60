// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <utility>

#include "penstock/core/graph.hpp"

namespace penstock::detail {

/// A counted handle on a node and with it on its graph.
class NodeHandle {
 public:
  NodeHandle() = default;
  explicit NodeHandle(Node& node) noexcept : node_(&node) { Graph::retain(node); }
  NodeHandle(const NodeHandle& other) noexcept : node_(other.node_) {
    if (node_) Graph::retain(*node_);
  }
  NodeHandle(NodeHandle&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  NodeHandle& operator=(const NodeHandle& other) noexcept { return *this = NodeHandle(other); }
  NodeHandle& operator=(NodeHandle&& other) noexcept {
    Node* const old = std::exchange(node_, std::exchange(other.node_, nullptr));
    if (old) Graph::release(*old);
    return *this;
  }
  ~NodeHandle() {
    if (node_) Graph::release(*node_);
  }

  Node* operator->() const noexcept { return node_; }
  Node& operator*() const noexcept { return *node_; }
  explicit operator bool() const noexcept { return node_ != nullptr; }

 private:
  Node* node_ = nullptr;
};

}  // namespace penstock::detail
