// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "penstock/sources/source.hpp"

// Not an operator: what the sources that serve, and those that connect, return.

namespace penstock {

/// A stream of what comes over connections, with the server that takes them.
template <element T, class Node>
class ServerSource : public Source<T> {
 public:
  explicit ServerSource(Node& node) : Source<T>(node) {}

  /// The port that it listens at, also where it was told to take any; 0 before the first `start`. From any
  /// thread.
  std::uint16_t port() const noexcept { return server().port(); }
  /// Open connections. From any thread.
  std::size_t connections() const noexcept { return server().connections(); }

  ServerSource named(std::string name) const {
    this->rename(std::move(name));
    return *this;
  }

 private:
  const Node& server() const noexcept { return static_cast<const Node&>(this->node()); }
};

/// A stream of what comes over a connection, with the client that makes it.
template <element T, class Node>
class ClientSource : public Source<T> {
 public:
  explicit ClientSource(Node& node) : Source<T>(node) {}

  /// True while the connection is open. From any thread.
  bool connected() const noexcept { return client().connections() != 0; }
  /// How often it was opened. From any thread.
  std::uint64_t connects() const noexcept { return client().connects(); }

  ClientSource named(std::string name) const {
    this->rename(std::move(name));
    return *this;
  }

 private:
  const Node& client() const noexcept { return static_cast<const Node&>(this->node()); }
};

}  // namespace penstock
