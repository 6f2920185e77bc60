// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "connect/tcp_peer.hpp"

namespace penstock::test {

/// The text of a request.
inline std::string http_post(const std::string& path, const std::string& body, const std::string& fields = {}) {
  return "POST " + path + " HTTP/1.1\r\nHost: test\r\n" + fields +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

struct HttpAnswerSeen {
  int status = 0;  // 0: the connection has ended
  std::string head;
  std::string body;
};

/// A client of HTTP that knows nothing but where answers end, on a socket of the operating system.
class HttpPeer {
 public:
  explicit HttpPeer(std::uint16_t port) : peer_(Peer::connected(port)) {}

  HttpPeer& send(std::string_view text) {
    peer_.send(text);
    return *this;
  }
  HttpAnswerSeen answer() {
    HttpAnswerSeen seen;
    while (text_.find("\r\n\r\n") == std::string::npos) {
      if (!more()) return seen;
    }
    seen.head = take(text_.find("\r\n\r\n") + 4);
    seen.status = std::stoi(seen.head.substr(9, 3));
    const std::size_t length = seen.head.find("Content-Length: ");
    if (length == std::string::npos) return seen;
    const auto size = static_cast<std::size_t>(std::stoul(seen.head.substr(length + 16)));
    while (text_.size() < size) {
      if (!more()) throw std::runtime_error("the connection has ended in the middle of an answer");
    }
    seen.body = take(size);
    return seen;
  }
  /// True when nothing comes any more.
  bool ended() { return text_.empty() && !more(); }
  Peer& peer() noexcept { return peer_; }

 private:
  bool more() {
    const std::string piece = peer_.receive();
    text_ += piece;
    return !piece.empty();
  }
  std::string take(std::size_t n) {
    std::string piece = text_.substr(0, n);
    text_.erase(0, n);
    return piece;
  }

  Peer peer_;
  std::string text_;
};

}  // namespace penstock::test
