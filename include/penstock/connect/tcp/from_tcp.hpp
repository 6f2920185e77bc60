// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "penstock/connect/net/listener.hpp"
#include "penstock/connect/net/source_handles.hpp"
#include "penstock/connect/tcp/detail/tcp_lines.hpp"

namespace penstock {

/// How from_tcp listens and reads.
struct TcpServer {
  Framing framing = Delimited{};                  ///< how messages are told apart
  std::size_t max_frame = std::size_t{1} << 20;   ///< bytes; a longer one ends its connection
  std::size_t connections = 64;                   ///< at once, at least 1; others wait to be accepted
  Duration idle = std::chrono::minutes{5};  ///< a connection without a whole frame for so long ends; 0: never
  SecurityPtr security = nullptr;                 ///< TLS, from penstock::tls_server
  Duration handshake = std::chrono::seconds{10};  ///< how long TLS may take to agree
  OnFailure on_failure = OnFailure::go_on;        ///< whether the next frame follows when one fails
};

namespace detail {

template <element T>
class TcpServerNode final : public TcpLines<T, TcpServerNode<T>> {
 public:
  TcpServerNode(const Endpoint& endpoint, TcpServer options)
      : TcpServerNode::TcpLines(Info{"from_tcp", endpoint.text()}, options.on_failure,
                                {std::move(options.framing), options.max_frame, options.idle}),
        listener_(*this, "from_tcp",
                  {endpoint, options.connections, std::move(options.security), options.handshake}) {}

  void on_start() {
    listener_.open([this](ByteStream stream) { return serve(std::move(stream)); });
    this->clock().work_started();
  }
  void on_stop() noexcept {
    this->clock().work_finished();
    listener_.close();
    listener_.cancel();
    this->drop_lines();
  }

  std::uint16_t port() const noexcept { return listener_.port(); }

 private:
  Async<> serve(ByteStream stream) {
    const auto ended = co_await this->read_all(std::move(stream));
    if (ended && !ended->problem.empty()) throw FrameError("from_tcp: " + ended->problem);
  }

  Listener listener_;
};

}  // namespace detail

/// What from_tcp returns: a stream of frames, with the server that they come from.
template <element T>
using TcpServerSource = ServerSource<T, detail::TcpServerNode<T>>;

/// Listens for TCP connections and emits the frames that come over them, those of one connection in their
/// order, those of several in turns.
///
///     a    "x\ny" "\nz\n"
///     b          "1\n"
///     out  x      y1z
///
/// @tparam T        `std::string`, or TcpMessage to know who has sent a frame.
/// @param endpoint  a port, or `address:port`; 127.0.0.1 unless told, and 0 is any free port, which `port()`
///                  tells and later starts keep.
/// @param options   see TcpServer. Lines without what ends them, unless told (Streamz keeps it:
///                  `.framing = Delimited{.keep = true}`).
///
/// Limits: frames of 1 MiB, 64 connections, 5 minutes without a frame. Each connection holds at most its
/// longest frame and 64 KiB. A frame that is cut off by the end of its connection is not emitted. `stop` ends
/// all connections; what was read and not emitted is counted as dropped.
///
/// Back-pressure: a connection is read only when its frames were taken; TCP then slows the sender.
/// Metadata:      none.
/// Errors:        boost::system::system_error from `start` when it cannot listen, naming the address; a frame
///                that is too long or cut off is counted and reported as a FrameError that names the sender,
///                and ends its connection; what is behind it throws is reported, and it goes on or stops as
///                `on_failure` says.
/// Cost:          one string a frame, in memory that is used again; one read for up to 64 KiB.
/// Recovery:      no position: what was read and not processed is lost with the process.
/// Example:       examples/10_connect/tcp.cpp
/// See also:      from_tcp_client, sink_to_tcp, from_websocket
template <class T = std::string>
auto from_tcp(Loop& loop, Endpoint endpoint, TcpServer options = {}) {
  static_assert(is_tcp_element<T>, "from_tcp: the elements are std::string or TcpMessage");
  if constexpr (is_tcp_element<T>) {
    detail::check_framing("from_tcp", options.framing, options.max_frame);
    return TcpServerSource<T>{detail::make_source(
        &loop, std::make_unique<detail::TcpServerNode<T>>(endpoint, std::move(options)))};
  }
}

}  // namespace penstock
