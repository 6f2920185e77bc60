// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "penstock/core/loop.hpp"

// Not an operator: what travels over a WebSocket, and the settings that all ends of one have.

namespace penstock {

/// A message as it travels: text, which must be UTF-8, or bytes.
struct WebSocketMessage {
  std::string payload;
  bool binary = false;
  std::string peer = {};  ///< of one that came: who sent it, as `host:port`; otherwise empty

  static WebSocketMessage text(std::string payload) { return {std::move(payload), false, {}}; }
  static WebSocketMessage bytes(std::string payload) { return {std::move(payload), true, {}}; }

  friend bool operator==(const WebSocketMessage&, const WebSocketMessage&) = default;
};

/// One header line of a handshake.
struct WebSocketHeader {
  std::string name;
  std::string value;
};

/// What ends a connection, RFC 6455 section 7.4.1.
enum class WebSocketClose : std::uint16_t {
  none = 0,              ///< the connection broke, no code came
  normal = 1000,         ///< all has been said
  going_away = 1001,     ///< a server goes down, a page is left
  protocol_error = 1002,
  unknown_data = 1003,
  no_code = 1005,        ///< closed without a code
  bad_payload = 1007,    ///< text that is no UTF-8
  policy = 1008,
  too_big = 1009,        ///< a message over the limit
  internal_error = 1011,
  try_again_later = 1013  ///< what broadcast_websocket tells a client that it drops for being slow
};

/// The other side has closed a connection with a code that tells of a failure.
class WebSocketError : public std::runtime_error {
 public:
  WebSocketError(WebSocketClose code, const std::string& what) : std::runtime_error(what), code_(code) {}
  WebSocketClose code() const noexcept { return code_; }

 private:
  WebSocketClose code_;
};

/// What is the same for all ends of WebSockets.
struct WebSocketLimits {
  /// Bytes of a message that comes, at most; one over it closes the connection with code 1009.
  std::size_t message_size = std::size_t{1} << 20;
  std::chrono::milliseconds handshake_timeout{10'000};  ///< from the connection to the end of the handshake
  /// Without a word from the other side for half of it a ping is sent, and without an answer to that for the
  /// other half the connection is given up. 0: never.
  std::chrono::milliseconds idle_timeout{60'000};
  std::chrono::milliseconds close_timeout{5'000};  ///< for the other side to answer a close
  bool compress = false;  ///< offers and accepts permessage-deflate: less to send for more to compute
};

/// Can be sent as a message: a WebSocketMessage, or whatever converts to std::string_view and goes as text,
/// or as bytes where the options say so.
template <class T>
concept websocket_payload =
    std::same_as<T, WebSocketMessage> || std::convertible_to<const T&, std::string_view>;

namespace detail {

template <class T>
std::string_view payload_of(const T& value) noexcept(std::same_as<T, WebSocketMessage>) {
  if constexpr (std::same_as<T, WebSocketMessage>) {
    return value.payload;
  } else {
    return value;
  }
}
/// The payload as a string of its own; that of an rvalue is moved.
template <class V>
std::string take_payload(V&& value) {
  using T = std::remove_cvref_t<V>;
  if constexpr (std::same_as<T, WebSocketMessage>) {
    return std::forward<V>(value).payload;
  } else if constexpr (std::same_as<T, std::string>) {
    return std::forward<V>(value);
  } else {
    return std::string{std::string_view{value}};
  }
}
template <class T>
bool is_binary(const T& value, bool otherwise) noexcept {
  if constexpr (std::same_as<T, WebSocketMessage>) {
    return value.binary;
  } else {
    return otherwise;
  }
}

}  // namespace detail
}  // namespace penstock
