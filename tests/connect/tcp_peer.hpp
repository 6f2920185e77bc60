// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sanitized.hpp"

namespace penstock::test {

/// Nothing takes as long, however busy the machine: what runs into it has failed.
inline constexpr std::chrono::seconds guard{100};

/// A blocking socket of the operating system and nothing else; what takes longer than `guard` throws.
class Peer {
 public:
  explicit Peer(int handle) : handle_(handle) {
    if (handle_ < 0) throw std::runtime_error(std::string("no socket: ") + std::strerror(errno));
    const timeval limit{guard.count(), 0};
    setsockopt(handle_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(handle_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  }
  Peer(Peer&& other) noexcept : handle_(std::exchange(other.handle_, -1)) {}
  Peer& operator=(Peer&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Peer() { close(); }

  static Peer connected(std::uint16_t port, int send_buffer = 0) {
    Peer peer{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (send_buffer != 0) setsockopt(peer.handle_, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
    const int yes = 1;
    setsockopt(peer.handle_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    const sockaddr_in to = address(port);
    if (::connect(peer.handle_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
      throw std::runtime_error(std::string("cannot connect: ") + std::strerror(errno));
    }
    return peer;
  }
  static bool refused(std::uint16_t port) {
    try {
      connected(port);
      return false;
    } catch (const std::runtime_error&) {
      return true;
    }
  }
  /// Throws when the other side has gone.
  Peer& send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = ::send(handle_, text.data(), text.size(), MSG_NOSIGNAL);
      if (n < 0) throw std::runtime_error(std::string("cannot send: ") + std::strerror(errno));
      text.remove_prefix(static_cast<std::size_t>(n));
    }
    return *this;
  }
  /// What can be sent without waiting for longer than `quiet`.
  std::size_t send_some(std::string_view text, std::chrono::milliseconds quiet) {
    std::size_t sent = 0;
    while (sent < text.size()) {
      pollfd ready{handle_, POLLOUT, 0};
      if (poll(&ready, 1, static_cast<int>(quiet.count())) != 1) break;
      const ssize_t n = ::send(handle_, text.data() + sent, text.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0 && errno != EAGAIN)
        throw std::runtime_error(std::string("cannot send: ") + std::strerror(errno));
      if (n > 0) sent += static_cast<std::size_t>(n);
    }
    return sent;
  }
  /// Nothing at the end.
  std::string receive(std::size_t most = 65536) {
    std::string text(most, '\0');
    const ssize_t n = ::recv(handle_, text.data(), most, 0);
    if (n < 0 && errno == ECONNRESET) return {};
    if (n < 0) throw std::runtime_error(std::string("cannot receive: ") + std::strerror(errno));
    text.resize(static_cast<std::size_t>(n));
    return text;
  }
  std::string receive_all() {
    std::string all;
    for (std::string piece = receive(); !piece.empty(); piece = receive()) all += piece;
    return all;
  }
  Peer& end() {
    ::shutdown(handle_, SHUT_WR);
    return *this;
  }
  void close() noexcept {
    if (handle_ >= 0) ::close(std::exchange(handle_, -1));
  }
  /// Ends the connection as a program does that crashes.
  void reset() noexcept {
    const linger none{1, 0};
    setsockopt(handle_, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    close();
  }
  int handle() const noexcept { return handle_; }

 private:
  friend class PeerServer;
  static sockaddr_in address(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }
  int handle_;
};

/// The other way round.
class PeerServer {
 public:
  explicit PeerServer(std::uint16_t port = 0, int receive_buffer = 0)
      : listening_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int yes = 1;
    setsockopt(listening_.handle_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (receive_buffer != 0) {
      setsockopt(listening_.handle_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    sockaddr_in at = Peer::address(port);
    socklen_t size = sizeof at;
    if (::bind(listening_.handle_, reinterpret_cast<const sockaddr*>(&at), size) != 0 ||
        ::listen(listening_.handle_, 16) != 0 ||
        ::getsockname(listening_.handle_, reinterpret_cast<sockaddr*>(&at), &size) != 0) {
      throw std::runtime_error(std::string("cannot listen: ") + std::strerror(errno));
    }
    port_ = ntohs(at.sin_port);
  }
  std::uint16_t port() const noexcept { return port_; }
  /// `accept` does not wait.
  bool has_one() const {
    pollfd ready{listening_.handle_, POLLIN, 0};
    return poll(&ready, 1, 0) == 1;
  }
  Peer accept() { return Peer{::accept4(listening_.handle_, nullptr, nullptr, SOCK_CLOEXEC)}; }
  void close() noexcept { listening_.close(); }

 private:
  Peer listening_;
  std::uint16_t port_ = 0;
};

/// What came out of a graph that another thread runs.
template <class T>
class Arrived {
 public:
  void operator()(T value) const {
    const std::lock_guard lock{state_->mutex};
    state_->values.push_back(std::move(value));
    state_->changed.notify_all();
  }
  /// All, once there are at least `n`.
  std::vector<T> wait(std::size_t n) const {
    std::unique_lock lock{state_->mutex};
    state_->changed.wait_for(lock, guard, [&] { return state_->values.size() >= n; });
    return state_->values;
  }
  std::size_t size() const {
    const std::lock_guard lock{state_->mutex};
    return state_->values.size();
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<T> values;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

/// Waits for something that another thread brings about; false when it does not.
template <class Condition>
bool comes(Condition condition) {
  const auto limit = std::chrono::steady_clock::now() + guard;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > limit) return false;
    poll(nullptr, 0, 1);
  }
  return true;
}

}  // namespace penstock::test
