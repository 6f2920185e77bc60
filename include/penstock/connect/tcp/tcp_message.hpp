// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

// Not an operator: what TCP sources can emit.

namespace penstock {

/// A frame, and who has sent it.
struct TcpMessage {
  std::string data;
  std::string peer;  ///< as `host:port`; a later connection may come from the same

  friend bool operator==(const TcpMessage&, const TcpMessage&) = default;
};

/// What a TCP source emits: `std::string`, or TcpMessage where one wants to know who has sent it.
template <class T>
inline constexpr bool is_tcp_element = false;
template <>
inline constexpr bool is_tcp_element<std::string> = true;
template <>
inline constexpr bool is_tcp_element<TcpMessage> = true;

namespace detail {

/// Takes over a frame in memory that is used again, unless that is much more than is needed.
inline void put_frame(std::string& into, std::string_view frame) {
  constexpr std::size_t kept = std::size_t{16} * 1024;
  if (into.capacity() > kept && into.capacity() / 2 > frame.size()) into = std::string();
  into.assign(frame);
}
inline void put_frame(std::string& into, std::string_view frame, const std::string&) {
  put_frame(into, frame);
}
inline void put_frame(TcpMessage& into, std::string_view frame, const std::string& peer) {
  put_frame(into.data, frame);
  into.peer = peer;
}

}  // namespace detail
}  // namespace penstock
