// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "penstock/core/error.hpp"

// Not an operator: where other programs are found.

namespace penstock {

/// A host, by name or address, and a TCP port. As what a server binds to the host is an address of this
/// machine: 127.0.0.1, which nobody else can reach, unless told otherwise; port 0 is any free one.
struct Endpoint {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;

  Endpoint() = default;
  template <std::integral Port>
  Endpoint(Port p) : port(static_cast<std::uint16_t>(p)) {  // NOLINT: `from_tcp(loop, 9876)`
    if (!std::in_range<std::uint16_t>(p)) detail::bad_argument("Endpoint: a port is at most 65535");
  }
  Endpoint(std::string h, std::uint16_t p) : host(std::move(h)), port(p) {}
  /// `host:port`, `[::1]:port` or a port alone. Throws std::invalid_argument.
  Endpoint(std::string_view text) {  // NOLINT: `sink_to_tcp("db:9876")`
    const std::size_t colon = text.rfind(':');
    std::string_view name = colon == std::string_view::npos ? std::string_view{} : text.substr(0, colon);
    const std::string_view number = colon == std::string_view::npos ? text : text.substr(colon + 1);
    if (name.size() > 1 && name.front() == '[' && name.back() == ']') name = name.substr(1, name.size() - 2);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), port);
    if (error != std::errc{} || end != number.data() + number.size() || (name.empty() && colon == 0)) {
      detail::bad_argument("Endpoint: \"" + std::string(text) + "\" is not host:port");
    }
    if (!name.empty()) host = name;
  }
  Endpoint(const char* text) : Endpoint(std::string_view{text}) {}      // NOLINT: as above
  Endpoint(const std::string& text) : Endpoint(std::string_view{text}) {}  // NOLINT: as above

  /// As it is written: `host:port`.
  std::string text() const {
    const bool six = host.find(':') != std::string::npos;
    return (six ? '[' + host + ']' : host) + ':' + std::to_string(port);
  }
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

namespace detail {

inline std::string text_of(const boost::asio::ip::tcp::endpoint& endpoint) {
  const std::string host = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? '[' + host + ']' : host) + ':' + std::to_string(endpoint.port());
}

}  // namespace detail
}  // namespace penstock
