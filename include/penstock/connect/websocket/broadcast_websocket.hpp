// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/connect/net/listener.hpp"
#include "penstock/connect/websocket/detail/dial.hpp"
#include "penstock/connect/websocket/detail/drain_websocket.hpp"
#include "penstock/core/ring.hpp"
#include "penstock/core/stream.hpp"

namespace penstock {

/// What broadcast_websocket does when an element comes and the queue of a client is full.
enum class SlowClient : std::uint8_t {
  drop,  ///< closes its connection with code 1013
  wait   ///< the element waits, and with it all clients
};

/// How broadcast_websocket serves.
struct BroadcastWebSocket {
  SlowClient slow_client = SlowClient::drop;
  std::size_t queue = 64;  ///< messages that wait for a client, at least 1
  std::size_t replay = 0;  ///< so many of the last messages are what a new client gets first; at most `queue`
  bool binary = false;     ///< strings go as bytes and not as text
  std::string path = "/";  ///< what stands before the `?` of a request must be this
  std::size_t connections = 64;           ///< clients at once, at least 1; others wait to be accepted
  /// Whose web pages may connect, such as "https://example.org", or "*": those of all. What is no browser
  /// needs no permission.
  std::vector<std::string> origins = {};
  std::vector<std::string> subprotocols = {};  ///< the first of the client's that is one of them is agreed on
  std::vector<WebSocketHeader> headers = {};  ///< added to the answer
  SecurityPtr security = nullptr;         ///< TLS, from penstock::tls_server
  WebSocketLimits limits = {};  ///< of what clients send, which is left out, and of time
};

namespace detail {

/// The sink but for the type of its elements.
class WebSocketBroadcaster : public Node {
 public:
  WebSocketBroadcaster(const Endpoint& endpoint, BroadcastWebSocket options)
      : Node(Info{"broadcast_websocket", endpoint.text(), Shape::sink}),
        options_(std::move(options)),
        listener_(*this, "broadcast_websocket",
                  {endpoint, options_.connections, options_.security, options_.limits.handshake_timeout}),
        rules_(std::make_shared<const WebSocketRules>(
            WebSocketRules{options_.path, options_.origins, options_.subprotocols, options_.headers})) {
    info().guarantee = Guarantee::at_most_once;
  }

  const char* needs_loop() const noexcept override { return "broadcast_websocket: sockets"; }
  bool busy() const noexcept override { return queued_ != 0 || end_.pending(); }

  void listen() {
    listener_.open([this](ByteStream stream) { return serve(std::move(stream)); });
  }
  void shut_down() noexcept override {
    const bool worked = busy();
    listener_.close();
    listener_.cancel();
    for (const std::shared_ptr<Client>& client : clients_) {
      client->node = nullptr;
      client->gate.open();
      for (; !client->queue.empty(); client->queue.pop()) lose(client->queue.front());
      lose(client->current);
      say_goodbye(clock(), client->connection, WebSocketClose::going_away);
    }
    clients_.clear();
    count();
    queued_ = 0;
    info().holds(0);
    const auto stopped =
        std::make_exception_ptr(Stopped(info().label() + ": destroyed before the element was sent"));
    while (!waiting_.empty()) waiting_.pop().settle(stopped);
    std::exchange(end_, {}).settle();
    rests(worked);
  }

  std::uint16_t port() const noexcept { return listener_.port(); }
  std::size_t clients() const noexcept { return open_.load(std::memory_order_relaxed); }
  std::uint64_t dropped_clients() const noexcept { return dropped_.load(std::memory_order_relaxed); }

 protected:
  Pending* send(std::string payload, bool binary, const Context* context) {
    info().took();
    Entry entry;
    entry.message =
        std::make_shared<const WebSocketMessage>(WebSocketMessage{std::move(payload), binary, {}});
    if (context) entry.held = std::make_shared<Context>(*context);
    if (options_.slow_client == SlowClient::drop) drop_slow_clients();
    const bool was_busy = busy();
    bool waits = !waiting_.empty();
    for (const std::shared_ptr<Client>& client : clients_) {
      waits = waits || client->queue.size() >= options_.queue;
      client->queue.push(entry);
      ++queued_;
      client->gate.open();
    }
    if (!was_busy && busy()) clock().work_started();
    info().holds(queued_);
    if (options_.replay != 0) {
      last_.push(std::move(entry.message));
      if (last_.size() > options_.replay) last_.pop();
    }
    if (!waits) return nullptr;
    Receipt receipt = Receipt::waiting(strand(), &info(), Why::full);
    waiting_.push(receipt);
    return receipt.release();
  }
  Pending* end() {
    listener_.close();
    if (clients_.empty()) return nullptr;
    if (!end_.pending()) {
      if (!busy()) clock().work_started();
      end_ = Receipt::waiting(strand(), &info(), Why::sink);
    }
    for (const std::shared_ptr<Client>& client : clients_) client->gate.open();
    return end_.share();
  }
  bool binary() const noexcept { return options_.binary; }

 private:
  /// One message for one client. All have one copy of it, and of what is beside it.
  struct Entry {
    std::shared_ptr<const WebSocketMessage> message;
    std::shared_ptr<Context> held;
  };
  struct Client final : WebSocketLink {
    using WebSocketLink::WebSocketLink;
    WebSocketBroadcaster* node = nullptr;  // null when it has given the client up
    Ring<Entry> queue;
    Entry current;  // is being written
  };

  Async<> serve(ByteStream stream) {
    const auto connection = WebSocketConnection::over(std::move(stream), options_.limits);
    if (!co_await connection->accept(rules_)) co_return;
    co_await never_mind_cancelling();
    if (!listener_.is_open()) {
      // The stream has ended while they shook hands.
      co_await connection->close(WebSocketClose::going_away, {});
      co_return;
    }
    const auto client = std::make_shared<Client>(AsioLoop::executor_of(clock()), connection);
    welcome(client);
    while (!client->lost) {
      if (client->queue.empty()) {
        if (end_.pending()) {
          co_await connection->close(WebSocketClose::normal, {});
          break;
        }
        co_await client->gate.async_wait(awaited);
        if (!client->node) co_return;
        continue;
      }
      client->current = client->queue.front();
      const WebSocketMessage& message = *client->current.message;
      const boost::system::error_code error = co_await connection->write(message.payload, message.binary);
      if (!client->node) co_return;
      client->current = {};
      client->queue.pop();
      --queued_;
      made_room();
      if (error) break;
    }
    if (client->node) forget(*client);
    connection->abort();
  }

  void welcome(const std::shared_ptr<Client>& client) {
    client->node = this;
    const bool was_busy = busy();
    for (std::size_t i = 0; i < last_.size(); ++i) client->queue.push(Entry{last_[i], nullptr});
    queued_ += client->queue.size();
    if (!was_busy && busy()) clock().work_started();
    clients_.push_back(client);
    count();
    read_beside(AsioLoop::executor_of(clock()), client);
  }
  void forget(Client& client) {
    client.node = nullptr;
    queued_ -= client.queue.size();
    client.queue.clear();
    client.current = {};
    std::erase_if(clients_, [&](const std::shared_ptr<Client>& one) { return one.get() == &client; });
    count();
    if (clients_.empty()) std::exchange(end_, {}).settle();
    made_room();
  }
  void drop_slow_clients() {
    for (std::size_t i = 0; i < clients_.size();) {
      const std::shared_ptr<Client> client = clients_[i];
      if (client->queue.size() < options_.queue) {
        ++i;
        continue;
      }
      dropped_.store(dropped_clients() + 1, std::memory_order_relaxed);
      const std::shared_ptr<const WebSocketMessage> current = client->current.message;
      forget(*client);
      client->current.message = current;  // which is being written
      client->gate.open();
      say_goodbye(clock(), client->connection, WebSocketClose::try_again_later, "too slow");
    }
  }
  /// The queue of a client has become shorter: whoever waits for that is told.
  void made_room() {
    const auto too_long = [this](const std::shared_ptr<Client>& client) {
      return client->queue.size() >= options_.queue + waiting_.size();
    };
    while (!waiting_.empty() && std::none_of(clients_.begin(), clients_.end(), too_long))
      waiting_.pop().settle();
    info().holds(queued_);
    rests(true);
  }
  void lose(const Entry& entry) noexcept {
    if (!entry.message) return;
    if (entry.held) {
      entry.held->drop("broadcast_websocket: destroyed before it was sent");
      entry.held->clear();
    }
  }
  /// To be called where it may have stopped being busy.
  void rests(bool was_busy) noexcept {
    if (!was_busy || busy()) return;
    clock().work_finished();
    graph().rested();
  }
  void count() noexcept { open_.store(clients_.size(), std::memory_order_relaxed); }

  BroadcastWebSocket options_;
  Listener listener_;
  std::shared_ptr<const WebSocketRules> rules_;
  std::vector<std::shared_ptr<Client>> clients_;
  Ring<Receipt> waiting_;  // of those that stand behind the first `queue` of some client
  Ring<std::shared_ptr<const WebSocketMessage>> last_;
  std::size_t queued_ = 0;  // in the queues of all clients
  Receipt end_;
  std::atomic<std::size_t> open_{0};
  std::atomic<std::uint64_t> dropped_{0};
};

template <element T>
class BroadcastWebSocketNode final : public WebSocketBroadcaster,
                                     public Receiver<T, BroadcastWebSocketNode<T>> {
 public:
  BroadcastWebSocketNode(const Endpoint& endpoint, BroadcastWebSocket options)
      : WebSocketBroadcaster(endpoint, std::move(options)) {
    this->Node::port(static_cast<InletBase&>(*this));
  }

  template <class V>
  Pending* take(V&& value, const Context* context) {
    const bool as_bytes = is_binary(value, this->binary());
    return this->send(take_payload(std::forward<V>(value)), as_bytes, context);
  }

 protected:
  Pending* take_signal(const Signal& signal) override {
    if (signal.kind == Signal::reopen) this->listen();
    return signal.kind == Signal::end ? this->end() : nullptr;
  }
};

}  // namespace detail

/// The end of a stream in the WebSockets of many clients.
class WebSocketBroadcast : public Sink {
 public:
  explicit WebSocketBroadcast(detail::WebSocketBroadcaster& node) : Sink(node), broadcaster_(&node) {}

  /// The port that it listens at, also where it was told to take any. From any thread.
  std::uint16_t port() const noexcept { return broadcaster_->port(); }
  /// Connected now. From any thread.
  std::size_t clients() const noexcept { return broadcaster_->clients(); }
  /// Those that were dropped for being slow. From any thread.
  std::uint64_t dropped_clients() const noexcept { return broadcaster_->dropped_clients(); }

  WebSocketBroadcast named(std::string name) const {
    this->rename(std::move(name));
    return *this;
  }

 private:
  detail::WebSocketBroadcaster* broadcaster_;
};

/// Sends every element as a message to all clients that are connected at the time. An element that comes
/// while there is none is gone, but for `.replay`.
///
///     in  -a--b--c-|
///     x   -a--b--c-|
///     y      -b--c-|
///
/// @param endpoint  a port, or an Endpoint, bound here; 127.0.0.1 unless told, and 0 is any free port, which
///                  `port()` tells. Elements are WebSocketMessages, or whatever converts to std::string_view
///                  and goes as text, which must be UTF-8, or with `.binary` as bytes.
/// @param options   see BroadcastWebSocket.
///
/// Limits: 64 messages in the queue of a client, which all share one copy of each; 64 clients, 10 s for a
/// handshake, 16 KiB of a request; a client that says nothing for 30 s is sent a ping, and one that does not
/// answer it for as long is given up, also while others wait for it. Web pages may connect only when
/// `origins` names them. The end of the stream sends all, closes with code 1000 and waits 5 s for the
/// answers. What clients send is left out. As long as it listens the loop's `run` does not return.
///
/// Back-pressure: passes through and drops slow clients, counted; or waits for them, by `slow_client`.
/// Metadata:      held until the element was written to all clients; dropped when the graph ends before.
/// Errors:        std::invalid_argument here; boost::system::system_error here when it cannot listen, naming
///                the address. The end of a client's connection is none.
/// Cost:          one copy of the message; a system call and a turn of the loop for each client.
/// Recovery:      at_most_once: a client gets what comes while it is there.
/// Example:       examples/10_connect/websocket.cpp
/// See also:      to_websocket, from_websocket
inline auto broadcast_websocket(Endpoint endpoint, BroadcastWebSocket options = {}) {
  if (options.queue == 0)
    detail::bad_argument("broadcast_websocket: a queue must have room for at least 1 message");
  if (options.replay > options.queue) {
    detail::bad_argument("broadcast_websocket: what is replayed must have room in the queue of a client");
  }
  return [endpoint = std::move(endpoint), options = std::move(options)](auto&& stream) mutable {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    static_assert(
        websocket_payload<T>,
        "broadcast_websocket: the elements must be WebSocketMessages or convert to std::string_view; make "
        "texts of them with map");
    if constexpr (websocket_payload<T>) {
      auto& node = attach<detail::BroadcastWebSocketNode<T>>(stream.stream(), endpoint, std::move(options));
      const WebSocketBroadcast handle{node};
      try {
        node.listen();
      } catch (...) {
        handle.destroy();
        throw;
      }
      return handle;
    }
  };
}

}  // namespace penstock
