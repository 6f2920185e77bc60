// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memory>

#include <boost/asio/detached.hpp>
#include <boost/system/error_code.hpp>

#include "penstock/connect/net/gate.hpp"
#include "penstock/connect/websocket/connection.hpp"

// Not an operator: the reading side of a WebSocket that is written to.

namespace penstock::detail {

/// What a writer and the reader beside it share.
struct WebSocketLink {
  WebSocketLink(const LoopExecutor& executor, std::shared_ptr<WebSocketConnection> c)
      : connection(std::move(c)), gate(executor) {}
  virtual ~WebSocketLink() = default;

  std::shared_ptr<WebSocketConnection> connection;
  Gate gate;  // where the writer waits for something to do
  bool lost = false;
};

inline Async<> read_to_nothing(std::shared_ptr<WebSocketLink> link) {
  WebSocketMessage left_out;
  boost::system::error_code error;
  while (!error) error = co_await link->connection->read(left_out);
  link->lost = true;
  link->connection->abort();
  link->gate.open();
}
/// Reads what comes, so that pings are answered and the end is noticed. It takes care of itself.
inline void read_beside(const LoopExecutor& executor, std::shared_ptr<WebSocketLink> link) {
  asio::co_spawn(executor, read_to_nothing(std::move(link)), asio::detached);
}

}  // namespace penstock::detail
