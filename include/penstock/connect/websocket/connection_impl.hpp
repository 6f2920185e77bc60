// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <boost/system/system_error.hpp>

#include "penstock/connect/net/async.hpp"
#include "penstock/connect/net/sessions.hpp"
#include "penstock/connect/websocket/connection.hpp"

// Not an operator: the one place that knows Beast's WebSockets.

namespace penstock {

// Beast finds it by its name where a WebSocket gives its connection up.
template <class Handler>
void async_teardown(boost::beast::role_type, ByteStream& stream, Handler&& handler) {
  stream.async_shutdown(std::forward<Handler>(handler));
}

namespace detail {

inline constexpr auto awaited_with_error = asio::as_tuple(awaited);

class BeastWebSocket final : public WebSocketConnection, public std::enable_shared_from_this<BeastWebSocket> {
  using Stream = boost::beast::websocket::stream<ByteStream>;
  using Request = boost::beast::http::request<boost::beast::http::empty_body>;
  using Fields = boost::beast::http::fields;

 public:
  BeastWebSocket(ByteStream stream, const WebSocketLimits& limits)
      : peer_(stream.peer()), limits_(limits), ws_(std::move(stream)) {
    namespace websocket = boost::beast::websocket;
    ws_.read_message_max(limits_.message_size);
    ws_.auto_fragment(false);
    ws_.write_buffer_bytes(block);
    websocket::permessage_deflate deflate;
    deflate.client_enable = deflate.server_enable = limits_.compress;
    ws_.set_option(deflate);
    // Called from what `read` waits for, so this is still there.
    const auto control = [this](websocket::frame_type kind, boost::beast::string_view payload) {
      heard_ = true;
      if (kind == websocket::frame_type::pong) pong({payload.data(), payload.size()});
    };
    ws_.control_callback(control);
  }
  ~BeastWebSocket() override { watch_.cancel(); }

  Async<bool> accept(std::shared_ptr<const WebSocketRules> rules) override {
    namespace http = boost::beast::http;
    allow(limits_.handshake_timeout);
    boost::beast::flat_buffer buffer{most_of_a_request};
    http::request_parser<http::empty_body> parser;
    parser.header_limit(most_of_a_request);
    const auto [error, size] =
        co_await http::async_read_header(ws_.next_layer(), buffer, parser, awaited_with_error);
    if (error) {
      const bool spoke_http =
          error.category() == http::make_error_code(http::error::end_of_stream).category();
      if (spoke_http && error != http::error::end_of_stream && error != http::error::partial_message) {
        const bool long_winded = error == http::error::header_limit || error == http::error::buffer_overflow;
        co_await refuse(long_winded ? "431 Request Header Fields Too Large" : "400 Bad Request");
      }
      co_return false;
    }
    const Request request = parser.release();
    if (const char* answer = objection(request, *rules); answer || buffer.size() != 0) {
      co_await refuse(answer ? answer : "400 Bad Request");
      co_return false;
    }
    choose_subprotocol(request, *rules);
    decorate(*rules);
    // Whoever gets the answer has a WebSocket and is owed a goodbye: from here on cancelling is only noted.
    static_cast<void>(co_await cancelled());
    bool going_away = false;
    auto note = [&going_away](asio::cancellation_type) {
      going_away = true;
      return asio::cancellation_type::none;
    };
    co_await asio::this_coro::reset_cancellation_state(note);
    const auto [failure] = co_await ws_.async_accept(request, awaited_with_error);
    opened(!failure);
    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    if (going_away) co_await close(WebSocketClose::going_away, {});
    co_return !failure && !going_away;
  }

  Async<> open(std::string host, std::string target, std::shared_ptr<const WebSocketRules> offers) override {
    namespace websocket = boost::beast::websocket;
    allow(limits_.handshake_timeout);
    std::string subprotocols;
    for (const std::string& one : offers->subprotocols)
      subprotocols += (subprotocols.empty() ? "" : ", ") + one;
    const auto add = [&](websocket::request_type& request) {
      if (!subprotocols.empty()) request.set(boost::beast::http::field::sec_websocket_protocol, subprotocols);
      for (const WebSocketHeader& header : offers->headers) request.set(header.name, header.value);
    };
    ws_.set_option(websocket::stream_base::decorator(add));
    websocket::response_type response;
    const auto [failure] = co_await ws_.async_handshake(response, host, target, awaited_with_error);
    opened(!failure);
    if (!failure) {
      subprotocol_ = std::string(response[boost::beast::http::field::sec_websocket_protocol]);
      co_return;
    }
    if (timed_out_) throw boost::system::system_error(asio::error::timed_out, "no answer to the handshake");
    std::string words = "the handshake failed";
    if (failure == websocket::error::upgrade_declined) {
      words = "the server answered " + std::to_string(response.result_int()) + " " +
              std::string(response.reason());
    }
    throw boost::system::system_error(Error(failure.value(), failure.category()), words);
  }

  Async<Error> read(WebSocketMessage& into) override {
    namespace websocket = boost::beast::websocket;
    into.payload.clear();
    reading_ = true;
    for (;;) {
      const auto [error, size] = co_await ws_.async_read_some(asio::buffer(*scratch()), awaited_with_error);
      heard_ = true;
      into.payload.append(scratch_->data(), size);
      if (error) {
        reading_ = open_ = false;
        if (error == websocket::condition::protocol_violation || error == websocket::error::message_too_big ||
            error == websocket::error::bad_frame_payload) {
          co_await drain();
        }
        co_return timed_out_ ? Error(asio::error::timed_out) : error;
      }
      if (ws_.is_message_done()) break;
    }
    reading_ = false;
    into.binary = ws_.got_binary();
    co_return Error{};
  }

  Async<Error> write(std::string_view payload, bool binary) override {
    ws_.binary(binary);
    const auto [error, size] =
        co_await ws_.async_write(asio::buffer(payload.data(), payload.size()), awaited_with_error);
    co_return timed_out_ ? Error(asio::error::timed_out) : error;
  }

  void ping(std::uint64_t number) override { send_ping(std::to_string(number)); }
  void on_pong(std::function<void(std::uint64_t)> fn) override { on_pong_ = std::move(fn); }

  Async<> close(WebSocketClose code, std::string_view reason) override {
    if (!open_ || std::exchange(closing_, true)) co_return;
    allow(limits_.close_timeout);
    // The whole of a control frame is 125 bytes at the most.
    const std::size_t size = reason.size() < most_of_a_reason ? reason.size() : most_of_a_reason;
    boost::beast::websocket::close_reason why{static_cast<std::uint16_t>(code)};
    why.reason.assign(reason.data(), size);
    static_cast<void>(co_await ws_.async_close(why, awaited_with_error));
    abort();
  }
  void abort() noexcept override {
    open_ = false;
    watch_.cancel();
    ws_.next_layer().close();
  }

  WebSocketClose close_code() const override { return static_cast<WebSocketClose>(ws_.reason().code); }
  std::string close_reason() const override {
    const auto& reason = ws_.reason().reason;
    return {reason.data(), reason.size()};
  }
  const std::string& subprotocol() const noexcept override { return subprotocol_; }
  const std::string& peer() const noexcept override { return peer_; }
  bool is_open() const noexcept override { return open_; }

 private:
  static constexpr std::size_t block = std::size_t{16} * 1024;
  static constexpr std::size_t most_of_a_request = std::size_t{16} * 1024;
  static constexpr std::size_t most_of_a_reason = 123;
  using Scratch = std::array<char, block>;

  // What is wrong with a request, as the answer to it; null when nothing is.
  static const char* objection(const Request& request, const WebSocketRules& rules) {
    namespace http = boost::beast::http;
    const boost::beast::string_view target = request.target();
    if (target.substr(0, target.find('?')) != rules.path) return "404 Not Found";
    if (request.method() != http::verb::get) return "405 Method Not Allowed";
    if (!boost::beast::websocket::is_upgrade(request)) return "426 Upgrade Required";
    const auto origin = request.find(http::field::origin);
    if (origin == request.end()) return nullptr;
    for (const std::string& allowed : rules.origins) {
      if (allowed == "*" || allowed == origin->value()) return nullptr;
    }
    return "403 Forbidden";
  }

  Async<> refuse(const char* status) {
    std::string answer = "HTTP/1.1 " + std::string(status) + "\r\n";
    if (answer.find(" 405 ") != std::string::npos) answer += "Allow: GET\r\n";
    if (answer.find(" 426 ") != std::string::npos) {
      answer += "Upgrade: websocket\r\nConnection: Upgrade, close\r\n";
    } else {
      answer += "Connection: close\r\n";
    }
    const std::string body = std::string(status) + "\n";
    answer +=
        "Content-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    const auto [error, size] =
        co_await asio::async_write(ws_.next_layer(), asio::buffer(answer), awaited_with_error);
    if (!error) {
      static_cast<void>(co_await ws_.next_layer().async_shutdown(awaited_with_error));
      co_await drain();
    }
    abort();
  }

  // Closing a connection on which something has come and was not read would take back what was sent last.
  Async<> drain() {
    allow(limits_.close_timeout);
    for (;;) {
      const auto [error, size] =
          co_await ws_.next_layer().async_read_some(asio::buffer(*scratch()), awaited_with_error);
      if (error) co_return;
    }
  }

  void choose_subprotocol(const Request& request, const WebSocketRules& rules) {
    const auto offered = request.find(boost::beast::http::field::sec_websocket_protocol);
    if (offered == request.end()) return;
    for (const auto one : boost::beast::http::token_list(offered->value())) {
      for (const std::string& known : rules.subprotocols) {
        if (subprotocol_.empty() && known == one) subprotocol_ = known;
      }
    }
  }
  void decorate(const WebSocketRules& rules) {
    namespace websocket = boost::beast::websocket;
    const auto add = [this, headers = rules.headers](websocket::response_type& response) {
      if (!subprotocol_.empty())
        response.set(boost::beast::http::field::sec_websocket_protocol, subprotocol_);
      for (const WebSocketHeader& header : headers) response.set(header.name, header.value);
    };
    ws_.set_option(websocket::stream_base::decorator(add));
  }

  void opened(bool open) noexcept {
    open_ = open;
    limited_ = false;
    watch_.cancel();
    if (open) watch_.keep();
    if (!open) ws_.next_layer().close();
  }

  void pong(std::string_view payload) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(payload.data(), payload.data() + payload.size(), number);
    if (error == std::errc{} && on_pong_) on_pong_(number);
  }
  void send_ping(std::string payload) {
    if (pinging_) {
      next_ping_ = std::move(payload);
      return;
    }
    if (!open_ || closing_) return;
    pinging_ = true;
    const boost::beast::websocket::ping_data data{boost::beast::string_view(payload)};
    ws_.async_ping(data, [self = shared_from_this()](const Error& error) {
      self->pinging_ = false;
      const std::optional<std::string> next = std::exchange(self->next_ping_, std::nullopt);
      if (!error && next) self->send_ping(*next);
    });
  }

  // One timer for a connection. As long as it is opened or closed: when that must be over. In between it
  // looks from time to time whether anything was heard, so that a message costs no timer.
  struct Watch final : Timer {
    explicit Watch(BeastWebSocket& s) noexcept : self(s) {}
    void run() override { self.ring(); }
    void keep() {
      if (self.limits_.idle_timeout.count() > 0) at(self.limits_.idle_timeout / 2);
    }
    void at(Duration time) {
      if (Loop* loop = self.ws_.get_executor().loop()) loop->set(*this, later(loop->now(), time));
    }
    BeastWebSocket& self;
  };
  void allow(Duration time) {
    limited_ = true;
    watch_.at(time);
  }
  void ring() {
    if (limited_) return give_up();
    watch_.keep();
    if (!reading_ || std::exchange(heard_, false)) {
      asked_ = false;
    } else if (!asked_) {
      asked_ = true;
      send_ping({});
    } else {
      give_up();
    }
  }
  void give_up() noexcept {
    timed_out_ = true;
    abort();
  }

  // While messages are read into: not kept for connections on which nothing happens.
  std::unique_ptr<Scratch>& scratch() {
    if (!scratch_) scratch_ = std::make_unique<Scratch>();
    return scratch_;
  }

  std::string peer_;
  WebSocketLimits limits_;
  Stream ws_;
  Watch watch_{*this};
  std::unique_ptr<Scratch> scratch_;
  std::string subprotocol_;
  std::function<void(std::uint64_t)> on_pong_;
  std::optional<std::string> next_ping_;
  bool open_ = false;
  bool closing_ = false;
  bool limited_ = false;  // what is under way must be over in time
  bool timed_out_ = false;
  bool reading_ = false;
  bool heard_ = false;  // since the watch has looked
  bool asked_ = false;  // a ping was sent, and nothing has been heard since
  bool pinging_ = false;
};

}  // namespace detail

#ifndef PENSTOCK_SEPARATE_COMPILATION
inline
#endif
    std::shared_ptr<WebSocketConnection>
    WebSocketConnection::over(ByteStream stream, const WebSocketLimits& limits) {
  return std::make_shared<detail::BeastWebSocket>(std::move(stream), limits);
}

}  // namespace penstock
