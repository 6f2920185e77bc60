// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "penstock/connect/net/async.hpp"
#include "penstock/connect/net/connect.hpp"
#include "penstock/connect/net/sessions.hpp"

// Not an operator: how servers get their connections.

namespace penstock {

/// What all servers have in common.
struct Listen {
  Endpoint endpoint;                           ///< where: this machine alone and any free port, unless told
  std::size_t connections = 64;                ///< at once, at least 1; others wait to be accepted
  SecurityPtr security = nullptr;              ///< TLS, from penstock::tls_server
  Duration handshake = std::chrono::seconds{10};  ///< how long TLS may take to agree
};

namespace detail {

/// Accepts connections for a node and serves each by a coroutine. No more than its limit are accepted at once:
/// others wait in the queue of the operating system.
class Listener {
 public:
  using Serve = std::function<Async<>(ByteStream)>;

  /// @param who    the name of the source, for messages.
  Listener(Node& node, std::string who, Listen options)
      : node_(node), who_(std::move(who)), options_(std::move(options)) {
    if (options_.connections == 0) bad_argument(who_ + ": at least 1 connection must be allowed");
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() { close(); }

  /// Binds, listens and accepts until `close`. Throws boost::system::system_error that names the address.
  void open(Serve serve) {
    using Tcp = asio::ip::tcp;
    boost::system::error_code error;
    const asio::ip::address address = asio::ip::make_address(options_.endpoint.host, error);
    if (error) net_error(error, who_ + ": a server binds to an address, and this is none: " + options_.endpoint.host);
    // Opened again it keeps the port that it had.
    const std::uint16_t port = options_.endpoint.port != 0 ? options_.endpoint.port : port_.load();
    const Tcp::endpoint endpoint{address, port};
    auto door = std::make_shared<Door>(AsioLoop::executor_of(node_.clock()));
    const auto step = [&](const char* what) {
      if (error) net_error(error, who_ + ": cannot " + what + " " + text_of(endpoint));
    };
    door->acceptor.open(endpoint.protocol(), error);
    step("open a socket for");
    keep_from_children(door->acceptor.native_handle());
    door->acceptor.set_option(asio::socket_base::reuse_address(true), error);
    step("reuse the address");
    door->acceptor.bind(endpoint, error);
    step("bind to");
    door->acceptor.listen(asio::socket_base::max_listen_connections, error);
    step("listen at");
    port_.store(door->acceptor.local_endpoint(error).port());
    serve_ = std::move(serve);
    door->listener = this;
    door_ = std::move(door);
    accept();
  }
  /// Accepts no more, at once. Sessions go on until they are cancelled.
  void close() noexcept {
    if (!door_) return;
    boost::system::error_code ignored;
    door_->listener = nullptr;
    door_->acceptor.close(ignored);
    door_.reset();
  }
  /// Ends all connections.
  void cancel() noexcept { sessions_.cancel(); }

  bool is_open() const noexcept { return door_ != nullptr; }
  /// 0 before the first `open`. From any thread.
  std::uint16_t port() const noexcept { return port_.load(std::memory_order_relaxed); }
  std::size_t connections() const noexcept { return sessions_.size(); }

 private:
  struct Door {
    explicit Door(const LoopExecutor& executor) : acceptor(executor) {}
    asio::basic_socket_acceptor<asio::ip::tcp, LoopExecutor> acceptor;
    Listener* listener = nullptr;
    bool accepting = false;
  };
  struct Again final : Timer {
    explicit Again(Listener& l) noexcept : listener(l) {}
    void run() override { listener.accept(); }
    Listener& listener;
  };

  void accept() {
    if (!door_ || door_->accepting || sessions_.size() >= options_.connections) return;
    door_->accepting = true;
    door_->acceptor.async_accept([door = door_](const boost::system::error_code& error, Socket socket) {
      door->accepting = false;
      if (door->listener) door->listener->accepted(error, std::move(socket));
    });
  }
  void accepted(const boost::system::error_code& error, Socket socket) {
    if (error) {
      // Mostly that there are no more file descriptors: that passes when connections end.
      node_.clock().set(again_, node_.clock().now() + std::chrono::milliseconds{100});
      auto failure = boost::system::system_error(error, who_ + ": cannot accept a connection");
      return node_.graph().report(std::make_exception_ptr(failure), node_.info());
    }
    boost::system::error_code gone;
    const auto peer = socket.remote_endpoint(gone);
    boost::system::error_code ignored;
    socket.set_option(asio::ip::tcp::no_delay(true), ignored);
    socket.set_option(asio::socket_base::keep_alive(true), ignored);
    if (!gone) {
      ByteStream stream{std::make_shared<PlainStream>(std::move(socket)), text_of(peer)};
      auto work = [this, kept = std::make_shared<ByteStream>(std::move(stream))] { return session(kept); };
      sessions_.spawn(std::move(work), [this] { accept(); });
    }
    accept();
  }
  Async<> session(std::shared_ptr<ByteStream> stream) {
    if (!options_.security) {
      co_await serve_(std::move(*stream));
      co_return;
    }
    auto handshake = options_.security->accepted(std::move(*stream));
    ByteStream secured = co_await within(node_.clock(), options_.handshake, std::move(handshake),
                                         "no TLS handshake in time");
    if (co_await cancelled()) co_return;  // the node may have gone just after the handshake
    co_await serve_(std::move(secured));
  }

  Node& node_;
  std::string who_;
  Listen options_;
  Serve serve_;
  std::shared_ptr<Door> door_;
  std::atomic<std::uint16_t> port_{0};
  Again again_{*this};
  Sessions sessions_{node_, true};
};

}  // namespace detail
}  // namespace penstock
