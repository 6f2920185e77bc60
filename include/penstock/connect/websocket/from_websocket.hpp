// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "penstock/connect/net/listener.hpp"
#include "penstock/connect/net/source_handles.hpp"
#include "penstock/connect/websocket/detail/websocket_lines.hpp"

namespace penstock {

/// How from_websocket and broadcast_websocket serve.
struct WebSocketServer {
  std::string path = "/";                  ///< what stands before the `?` of a request must be this
  std::size_t connections = 64;            ///< at once, at least 1; others wait to be accepted
  /// Whose web pages may connect, such as "https://example.org", or "*": those of all. What is no browser
  /// needs no permission.
  std::vector<std::string> origins = {};
  std::vector<std::string> subprotocols = {};  ///< the first of the client's that is one of them is agreed on
  std::vector<WebSocketHeader> headers = {};  ///< added to the answer
  SecurityPtr security = nullptr;          ///< TLS, from penstock::tls_server
  WebSocketLimits limits = {};  ///< of messages and of time
  OnFailure on_failure = OnFailure::go_on; ///< whether the next message follows when one fails
};

/// How from_websocket connects.
struct WebSocketClient {
  bool end = false;  ///< the stream ends when the connection does; false: it connects again
  Retry reconnect = websocket_retry;  ///< attempts in a row to connect, and their pace
  /// What to send whenever a connection is open, such as what to subscribe to.
  std::function<std::vector<WebSocketMessage>()> on_connect = nullptr;
  std::vector<std::string> subprotocols = {};  ///< offered, the first is liked best
  std::vector<WebSocketHeader> headers = {};  ///< added to the request
  SecurityPtr security = nullptr;          ///< TLS for wss://, from penstock::tls_client
  Duration connect_timeout = std::chrono::seconds{10};  ///< to look up the name, connect and agree on TLS
  WebSocketLimits limits = {};  ///< of messages and of time
  OnFailure on_failure = OnFailure::go_on; ///< whether the next message follows when one fails
};

namespace detail {

template <element T>
class WebSocketServerNode final : public WebSocketLines<T, WebSocketServerNode<T>> {
 public:
  WebSocketServerNode(const Endpoint& endpoint, WebSocketServer options)
      : WebSocketServerNode::WebSocketLines(Info{"from_websocket", endpoint.text()}, options.on_failure),
        limits_(options.limits),
        listener_(
            *this, "from_websocket",
            {endpoint, options.connections, std::move(options.security), options.limits.handshake_timeout}),
        rules_(std::make_shared<const WebSocketRules>(
            WebSocketRules{std::move(options.path), std::move(options.origins),
                           std::move(options.subprotocols), std::move(options.headers)})) {}

  void on_start() {
    listener_.open([this](ByteStream stream) { return serve(std::move(stream)); });
    this->clock().work_started();
  }
  void on_stop() noexcept {
    this->clock().work_finished();
    listener_.close();
    listener_.cancel();
    this->drop_lines();
  }

  std::uint16_t port() const noexcept { return listener_.port(); }

 private:
  Async<> serve(ByteStream stream) {
    const auto connection = WebSocketConnection::over(std::move(stream), limits_);
    if (!co_await connection->accept(rules_)) co_return;
    const auto error = co_await this->read_all(connection);
    if (error) check_end("from_websocket: " + connection->peer(), *connection, *error);
  }

  WebSocketLimits limits_;
  Listener listener_;
  std::shared_ptr<const WebSocketRules> rules_;
};

template <element T>
class WebSocketClientNode final : public WebSocketLines<T, WebSocketClientNode<T>> {
 public:
  WebSocketClientNode(std::shared_ptr<const Dial> dial, WebSocketClient options)
      : WebSocketClientNode::WebSocketLines(Info{"from_websocket", dial->url.text}, options.on_failure),
        dial_(std::move(dial)),
        on_connect_(std::move(options.on_connect)),
        retry_(options.reconnect),
        backoff_(options.reconnect),
        ends_(options.end) {}

  void on_start() {
    this->unfinish();
    sessions_.spawn([this] { return connect_and_read(); });
    this->clock().work_started();
  }
  void on_stop() noexcept {
    this->clock().work_finished();
    sessions_.cancel();
    this->drop_lines();
  }

  std::uint64_t connects() const noexcept { return connects_.load(std::memory_order_relaxed); }

 private:
  Async<> connect_and_read() {
    std::size_t failed = 0;
    for (std::size_t fruitless = 0;;) {
      std::exception_ptr error;
      std::shared_ptr<WebSocketConnection> connection;
      try {
        connection = co_await open_websocket(this->clock(), dial_);
        static_cast<void>(co_await cancelled());
        if (on_connect_) {
          std::vector<WebSocketMessage> messages = on_connect_();
          co_await greet(connection, dial_, std::move(messages));
        }
      } catch (...) {
        error = std::current_exception();
      }
      static_cast<void>(co_await cancelled());
      if (!error) {
        failed = 0;
        connects_.store(connects() + 1, std::memory_order_relaxed);
        const std::uint64_t before = this->messages();
        const auto ended = co_await this->read_all(connection);
        if (!ended) co_return;
        if (this->messages() != before) fruitless = 0;
        if (ends_) co_return end(*connection, *ended);
      } else if (++failed >= retry_.attempts) {
        co_return give_up(std::move(error));
      }
      co_await async_sleep(this->clock(), backoff_.pause(++fruitless), awaited);
      static_cast<void>(co_await cancelled());
    }
  }

  void end(const WebSocketConnection& connection, const boost::system::error_code& error) {
    this->finish();
    check_end("from_websocket: " + dial_->url.text, connection, error);
  }
  void give_up(std::exception_ptr error) {
    const StrandRef strand{this->strand()};
    strand->descend([&] {
      this->stop();
      this->graph().report(std::move(error), this->info());  // last: whoever hears of it may end the graph
    });
  }

  std::shared_ptr<const Dial> dial_;
  std::function<std::vector<WebSocketMessage>()> on_connect_;
  Retry retry_;
  Backoff backoff_;
  bool ends_;
  std::atomic<std::uint64_t> connects_{0};
  Sessions sessions_{*this};
};

}  // namespace detail

/// What from_websocket returns for a port: a stream of messages, with the server that they come to.
template <element T>
using WebSocketServerSource = ServerSource<T, detail::WebSocketServerNode<T>>;

/// What from_websocket returns for a URL: a stream of messages, with the connection that they come by.
template <element T>
using WebSocketClientSource = ClientSource<T, detail::WebSocketClientNode<T>>;

/// Serves WebSockets and emits the messages that come over them, those of one client in their order, those of
/// several in turns.
///
///     a    -x--y---
///     b    --1-----
///     out  -x1-y---
///
/// @tparam T        `std::string`, or WebSocketMessage to know whether it was text and who has sent it.
/// @param endpoint  a port, or an Endpoint; 127.0.0.1 unless told, and 0 is any free port, which `port()`
///                  tells and later starts keep.
/// @param options   see WebSocketServer.
///
/// Limits: messages of 1 MiB (a longer one closes its connection with code 1009), 64 connections, 10 s for a
/// handshake, 16 KiB of a request; a client that says nothing for 30 s is sent a ping, and one that does not
/// answer it for as long is given up. Web pages may connect only when `origins` names them. What is no
/// WebSocket is answered 400, 403, 404, 405, 426 or 431. `stop` closes all connections with code 1001; what
/// was read and not emitted is counted as dropped.
///
/// Back-pressure: the next message of a client is read when the one before was taken; TCP then slows the
///                client.
/// Metadata:      none.
/// Errors:        boost::system::system_error from `start` when it cannot listen, naming the address; a
///                connection that breaks, or ends with another code than 1000 or 1001, is reported with the
///                client's name; what is behind it throws is reported, and it goes on or stops as
///                `on_failure` says.
/// Cost:          one string and a turn or two of the loop a message.
/// Recovery:      no position: what was read and not processed is lost with the process.
/// Example:       examples/10_connect/websocket.cpp
/// See also:      to_websocket, broadcast_websocket, from_tcp
template <class T = std::string>
auto from_websocket(Loop& loop, Endpoint endpoint, WebSocketServer options = {}) {
  static_assert(detail::is_websocket_element<T>,
                "from_websocket: the elements are std::string or WebSocketMessage");
  if constexpr (detail::is_websocket_element<T>) {
    return WebSocketServerSource<T>{detail::make_source(
        &loop, std::make_unique<detail::WebSocketServerNode<T>>(endpoint, std::move(options)))};
  }
}

/// Connects to a WebSocket and emits the messages that come over it; when it ends it connects again.
///
///     server  -a--b#    -c--
///     out     -a--b------c--
///
/// @tparam T       `std::string`, or WebSocketMessage to know whether it was text.
/// @param url      `ws://host:port/path?query`, or `wss://` with `.security`.
/// @param options  see WebSocketClient.
///
/// Limits: messages of 1 MiB (a longer one closes the connection with code 1009), 10 s to connect and 10 s
/// for the handshake; after 30 s without a word it sends a ping, and without an answer for as long it gives
/// the connection up. Between two attempts it waits 100 ms and each time twice as long, up to 30 s, less a
/// random part.
///
/// Back-pressure: the next message is read when the one before was taken; TCP then slows the server.
/// Metadata:      none.
/// Errors:        std::invalid_argument here for what is no URL; the last attempt's error is reported when
///                there are no more, and the source stops; with `.end` that of the connection, and the stream
///                ends; what is behind it throws is reported, and it goes on or stops as `on_failure` says.
/// Cost:          one string and a turn or two of the loop a message.
/// Recovery:      no position: what the server sends while there is no connection is lost.
/// Example:       examples/10_connect/websocket.cpp
/// See also:      to_websocket, broadcast_websocket, from_tcp
template <class T = std::string, std::convertible_to<std::string_view> Url>
auto from_websocket(Loop& loop, const Url& url, WebSocketClient options = {}) {
  static_assert(detail::is_websocket_element<T>,
                "from_websocket: the elements are std::string or WebSocketMessage");
  if constexpr (detail::is_websocket_element<T>) {
    if (options.reconnect.attempts == 0)
      detail::bad_argument("from_websocket: at least 1 attempt must be allowed");
    auto dial = std::make_shared<const detail::Dial>(
        "from_websocket", url, options.security, options.connect_timeout, options.limits,
        WebSocketRules{{}, {}, options.subprotocols, options.headers});
    return WebSocketClientSource<T>{detail::make_source(
        &loop, std::make_unique<detail::WebSocketClientNode<T>>(std::move(dial), std::move(options)))};
  }
}

}  // namespace penstock
