// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/system/error_code.hpp>

#include "penstock/connect/net/async.hpp"
#include "penstock/connect/net/byte_stream.hpp"
#include "penstock/connect/websocket/message.hpp"

// Not an operator: a WebSocket, as sources and sinks see it. Beast's templates stand behind this one class,
// over a connection of one type, so that a program compiles them once, with TLS and without.

namespace penstock {

/// What a server asks of those that connect and tells them, and a client the other way round.
struct WebSocketRules {
  std::string path = "/";
  std::vector<std::string> origins;
  std::vector<std::string> subprotocols;
  std::vector<WebSocketHeader> headers;
};

/// An open WebSocket, or one that is about to be opened. One reading and one writing operation may be under
/// way; all runs on the loop of the connection below. Who starts an operation keeps the object alive until it
/// is over.
class WebSocketConnection {
 public:
  using Error = boost::system::error_code;

  static std::shared_ptr<WebSocketConnection> over(ByteStream stream, const WebSocketLimits& limits);
  virtual ~WebSocketConnection() = default;

  /// As the server: reads the request. What is no request for a WebSocket at `rules.path` is answered like
  /// any HTTP request (400, 403, 404, 426, 431), and the connection is over. False: it was not opened, or it
  /// was cancelled while the answer was under way and has been closed with code 1001.
  virtual Async<bool> accept(std::shared_ptr<const WebSocketRules> rules) = 0;
  /// As the client. Throws boost::system::system_error with the server's answer.
  virtual Async<> open(std::string host, std::string target,
                       std::shared_ptr<const WebSocketRules> offers) = 0;

  /// The next message, its payload and its kind. An error is the end: of the connection and not of this
  /// reading.
  virtual Async<Error> read(WebSocketMessage& into) = 0;
  /// @param payload  must stay until the operation is over.
  virtual Async<Error> write(std::string_view payload, bool binary) = 0;
  /// Sends a ping that bears a number as soon as that is possible; of several that have to wait only the
  /// last. The answer, which comes when the other side has seen all that was written before, is told to
  /// `on_pong` while somebody reads.
  virtual void ping(std::uint64_t number) = 0;
  virtual void on_pong(std::function<void(std::uint64_t)> fn) = 0;
  /// Says goodbye, waits for the answer, `close_timeout` at the most, and closes. What comes meanwhile is
  /// left out.
  virtual Async<> close(WebSocketClose code, std::string_view reason) = 0;
  /// Ends the connection now: all operations come back with an error.
  virtual void abort() noexcept = 0;

  /// What the other side has closed it with.
  virtual WebSocketClose close_code() const = 0;
  virtual std::string close_reason() const = 0;
  /// Which subprotocol was agreed on, if any.
  virtual const std::string& subprotocol() const noexcept = 0;
  virtual const std::string& peer() const noexcept = 0;
  virtual bool is_open() const noexcept = 0;
};

}  // namespace penstock
