// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/detached.hpp>
#include <boost/system/system_error.hpp>

#include "penstock/connect/net/connect.hpp"
#include "penstock/connect/net/sessions.hpp"
#include "penstock/connect/websocket/connection.hpp"
#ifndef PENSTOCK_SEPARATE_COMPILATION
#include "penstock/connect/websocket/connection_impl.hpp"
#endif
#include "penstock/core/ring.hpp"
#include "penstock/ops/on_error.hpp"

// Not an operator: how WebSockets of clients begin, and how all of them end.

namespace penstock {

/// How often a client tries to connect: without end, and more and more rarely.
inline constexpr Retry websocket_retry{unlimited, std::chrono::milliseconds{100}, 2,
                                       0.5,       std::chrono::seconds{30},       0};

namespace detail {

/// The parts of `ws://host:port/path?query`.
struct WebSocketUrl {
  Endpoint endpoint;
  std::string host;    // as the request names it
  std::string target;  // path and query
  bool secure = false;
  std::string text;

  /// Throws std::invalid_argument in the name of `who`.
  WebSocketUrl(const char* who, std::string_view url) : text(url) {
    const auto bad = [&](const char* why) {
      bad_argument(std::string{who} + ": \"" + text +
                   "\" is no URL of a WebSocket like ws://host:port/path: " + why);
    };
    std::string_view rest = url;
    if (rest.starts_with("wss://")) secure = true;
    if (!secure && !rest.starts_with("ws://")) bad("it does not begin with ws:// or wss://");
    rest.remove_prefix(secure ? 6 : 5);
    const std::size_t end = rest.find_first_of("/?#");
    const std::string_view authority = rest.substr(0, end);
    target = end == std::string_view::npos ? std::string_view{} : rest.substr(end);
    if (target.empty() || target.front() != '/') target.insert(0, "/");
    if (target.find('#') != std::string::npos) bad("it has a fragment");
    for (const char c : text) {
      if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f) bad("it has a blank or a control character");
    }
    if (authority.find('@') != std::string_view::npos) bad("names of users do not belong into it");
    if (authority.empty() || authority.front() == ':') bad("it has no host");
    const std::size_t colon = authority.rfind(':');
    const bool has_port =
        colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos;
    const std::string standard = secure ? ":443" : ":80";
    try {
      endpoint = Endpoint{has_port ? std::string(authority) : std::string(authority) + standard};
    } catch (const std::invalid_argument&) {
      bad("its port is none");
    }
    if (endpoint.port == 0) bad("its port is none");
    host = authority;
    if (host.ends_with(standard)) host.resize(host.size() - standard.size());
  }
};

/// All that a client has to know to connect.
struct Dial {
  const char* who;
  WebSocketUrl url;
  SecurityPtr security;
  Duration connect_timeout;
  WebSocketLimits limits;
  std::shared_ptr<const WebSocketRules> offers;

  Dial(const char* w, std::string_view u, SecurityPtr s, Duration time, WebSocketLimits l, WebSocketRules o)
      : who(w),
        url(w, u),
        security(std::move(s)),
        connect_timeout(time),
        limits(l),
        offers(std::make_shared<const WebSocketRules>(std::move(o))) {
    if (url.secure && !security) {
      bad_argument(std::string{who} + ": wss:// needs `.security`, which penstock/connect/tls.hpp has");
    }
    if (!url.secure) security = nullptr;
  }
};

/// One attempt. Throws boost::system::system_error that names the URL.
inline Async<std::shared_ptr<WebSocketConnection>> open_websocket(Loop& loop,
                                                                  std::shared_ptr<const Dial> dial) {
  ByteStream stream =
      co_await connect(loop, dial->who, dial->url.endpoint, dial->security, dial->connect_timeout);
  const auto connection = WebSocketConnection::over(std::move(stream), dial->limits);
  boost::system::error_code error;
  std::string reason;
  try {
    std::string host = dial->url.host;
    std::string target = dial->url.target;
    co_await connection->open(std::move(host), std::move(target), dial->offers);
    co_return connection;
  } catch (const boost::system::system_error& failure) {
    error = failure.code();
    reason = words_of(failure);
  }
  net_error(error, std::string{dial->who} + ": cannot connect to " + dial->url.text + ": " + reason);
}

/// Sends what is to be sent over every new connection.
inline Async<> greet(std::shared_ptr<WebSocketConnection> connection, std::shared_ptr<const Dial> dial,
                     std::vector<WebSocketMessage> messages) {
  for (const WebSocketMessage& message : messages) {
    const boost::system::error_code error = co_await connection->write(message.payload, message.binary);
    if (error) net_error(error, std::string{dial->who} + ": cannot send to " + dial->url.text);
  }
}

inline Async<> close_in_peace(std::shared_ptr<WebSocketConnection> connection, WebSocketClose code,
                              std::string reason) {
  co_await connection->close(code, reason);
}
/// Closes a connection that nobody uses any more. It takes care of itself.
inline void say_goodbye(Loop& loop, std::shared_ptr<WebSocketConnection> connection, WebSocketClose code,
                        std::string reason = {}) {
  if (!connection->is_open()) return connection->abort();
  asio::co_spawn(AsioLoop::executor_of(loop), close_in_peace(std::move(connection), code, std::move(reason)),
                 asio::detached);
}

/// Throws what was wrong with the end of a connection, if anything, in words that begin with `who`.
inline void check_end(const std::string& who, const WebSocketConnection& connection,
                      const boost::system::error_code& error) {
  const WebSocketClose code = connection.close_code();
  if (code == WebSocketClose::normal || code == WebSocketClose::going_away || code == WebSocketClose::no_code)
    return;
  if (code != WebSocketClose::none) {
    const std::string reason = connection.close_reason();
    throw WebSocketError(code, who + ": closed with code " + std::to_string(static_cast<int>(code)) +
                                   (reason.empty() ? "" : ": " + reason));
  }
  net_error(error,
            who + (error == asio::error::timed_out ? ": no sign of life" : ": the connection was lost"));
}

/// In a coroutine of Sessions: from here on it is not cancelled. Throws when it was.
inline Async<> never_mind_cancelling() {
  static_cast<void>(co_await cancelled());
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
}
/// The end of that.
inline Async<> mind_cancelling() {
  co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
}

}  // namespace detail
}  // namespace penstock
