// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/system/error_code.hpp>

#include "penstock/connect/net/gate.hpp"
#include "penstock/connect/websocket/connection.hpp"
#include "penstock/connect/websocket/detail/dial.hpp"
#include "penstock/core/ring.hpp"
#include "penstock/sources/source.hpp"

// Not an operator: the messages of one or many WebSockets as a source.

namespace penstock::detail {

template <class T>
inline constexpr bool is_websocket_element =
    std::is_same_v<T, std::string> || std::is_same_v<T, WebSocketMessage>;

/// Reads connections and emits their messages, one of each in turn. The next message of a connection is read
/// when the one before was taken.
template <element T, class Self>
class WebSocketLines : public SourceNode<T, Self> {
 public:
  const char* needs_loop() const noexcept override { return "from_websocket: sockets"; }

  std::size_t connections() const noexcept { return open_.load(std::memory_order_relaxed); }

  std::optional<T> next() {
    if (emitted_) std::exchange(emitted_, nullptr)->gate.open();
    if (ready_.empty()) return finished_ ? std::nullopt : std::optional<T>(this->nothing_yet());
    emitted_ = ready_.pop();
    WebSocketMessage& message = emitted_->message;
    if constexpr (std::is_same_v<T, std::string>) {
      return std::exchange(message.payload, {});
    } else {
      return T{std::exchange(message.payload, {}), message.binary, emitted_->connection->peer()};
    }
  }

 protected:
  using Connection = std::shared_ptr<WebSocketConnection>;

  using WebSocketLines::SourceNode::SourceNode;

  /// Reads an open connection to its end, and returns what that was. To be awaited by a coroutine of
  /// Sessions: when the node was stopped meanwhile it is not to be touched, and there is nothing to return.
  Async<std::optional<boost::system::error_code>> read_all(Connection connection) {
    co_await never_mind_cancelling();
    const auto line = std::make_shared<Line>(*this, std::move(connection));
    lines_.push_back(line);
    count();
    for (;;) {
      const boost::system::error_code error = co_await line->connection->read(line->message);
      if (!line->node) co_return std::nullopt;
      if (error) {
        std::erase(lines_, line);
        count();
        co_await mind_cancelling();
        co_return error;
      }
      ++messages_;
      ready_.push(line);
      this->wake();
      co_await line->gate.async_wait(awaited);
      if (!line->node) co_return std::nullopt;
    }
  }

  /// No message will come any more: the stream ends.
  void finish() {
    finished_ = true;
    this->wake();
  }
  void unfinish() noexcept { finished_ = false; }
  /// How many have come.
  std::uint64_t messages() const noexcept { return messages_; }

  /// Gives all connections up, and counts what they have brought and was not emitted.
  void drop_lines() noexcept {
    this->info().drops(ready_.size());
    ready_.clear();
    emitted_.reset();
    for (const std::shared_ptr<Line>& line : lines_) {
      line->node = nullptr;
      line->gate.open();
      say_goodbye(this->clock(), line->connection, WebSocketClose::going_away);
    }
    lines_.clear();
    count();
  }

 private:
  struct Line {
    Line(WebSocketLines& n, Connection c)
        : node(&n), connection(std::move(c)), gate(AsioLoop::executor_of(n.clock())) {}

    WebSocketLines* node;  // null when it was stopped
    Connection connection;
    Gate gate;
    WebSocketMessage message;
  };

  void count() noexcept { open_.store(lines_.size(), std::memory_order_relaxed); }

  std::vector<std::shared_ptr<Line>> lines_;
  Ring<std::shared_ptr<Line>> ready_;  // those that have a message
  std::shared_ptr<Line> emitted_;      // its message is on its way
  std::uint64_t messages_ = 0;
  bool finished_ = false;
  std::atomic<std::size_t> open_{0};
};

}  // namespace penstock::detail
