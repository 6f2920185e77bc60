// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/redirect_error.hpp>

#include "penstock/connect/net/connect.hpp"
#include "penstock/connect/net/sessions.hpp"
#include "penstock/connect/net/source_handles.hpp"
#include "penstock/connect/tcp/detail/tcp_lines.hpp"
#include "penstock/connect/tcp/reconnect.hpp"
#include "penstock/exec/sleep.hpp"

namespace penstock {

/// How from_tcp_client connects and reads.
struct TcpClient {
  Framing framing = Delimited{};                       ///< how messages are told apart
  std::size_t max_frame = std::size_t{1} << 20;        ///< bytes; a longer one ends the connection
  bool end = false;                                    ///< the stream ends when the server says it is through
  Retry reconnect = reconnects;  ///< attempts in a row that bring no frame, and their pace
  Duration connect_timeout = std::chrono::seconds{10};  ///< for one attempt, with name and TLS
  Duration idle = Duration::zero();  ///< without a frame for so long: connect anew; 0: never
  SecurityPtr security = nullptr;                      ///< TLS, from penstock::tls_client
  OnFailure on_failure = OnFailure::go_on;             ///< whether the next frame follows when one fails
};

namespace detail {

template <element T>
class TcpClientNode final : public TcpLines<T, TcpClientNode<T>> {
 public:
  TcpClientNode(Endpoint endpoint, TcpClient options)
      : TcpClientNode::TcpLines(Info{"from_tcp_client", endpoint.text()}, options.on_failure,
                                {options.framing, options.max_frame, options.idle}),
        endpoint_(std::move(endpoint)),
        options_(std::move(options)) {}

  void on_start() {
    this->unfinish();
    alive_ = std::make_shared<bool>(true);
    sessions_.spawn([this, alive = alive_] { return run(alive); });
    this->clock().work_started();
  }
  void on_stop() noexcept {
    this->clock().work_finished();
    *alive_ = false;
    sessions_.cancel();
    this->drop_lines();
  }

  std::uint64_t connects() const noexcept { return connects_.load(std::memory_order_relaxed); }

 private:
  /// While `alive` the node is there and was not stopped.
  Async<> run(std::shared_ptr<bool> alive) {
    Backoff backoff{options_.reconnect};
    for (std::size_t failed = 0;;) {
      std::exception_ptr error;
      std::uint64_t frames = 0;
      try {
        ByteStream stream = co_await connect(this->clock(), "from_tcp_client", endpoint_, options_.security,
                                             options_.connect_timeout);
        if (!*alive) co_return;
        connects_.store(connects() + 1, std::memory_order_relaxed);
        const auto ended = co_await this->read_all(std::move(stream));
        if (!ended) co_return;
        frames = ended->frames;
        if (!ended->problem.empty()) {
          throw FrameError("from_tcp_client: " + ended->problem);
        }
        if (ended->orderly && options_.end) co_return this->finish();
      } catch (...) {
        error = std::current_exception();
      }
      if (!*alive) co_return;
      failed = frames != 0 ? 1 : failed + 1;
      const bool give_up = failed >= options_.reconnect.attempts;
      if (!error && give_up) {
        error = std::make_exception_ptr(
            Stopped("from_tcp_client: " + endpoint_.text() + " ended the connection again and again"));
      }
      const bool frame_error = frames != 0 || is_frame_error(error);
      if (give_up) this->stop();
      if (error && (give_up || frame_error)) this->graph().report(std::move(error), this->info());
      if (give_up || !*alive) co_return;
      boost::system::error_code cancelled;
      co_await async_sleep(this->clock(), backoff.pause(failed), asio::redirect_error(awaited, cancelled));
      if (!*alive) co_return;
    }
  }
  static bool is_frame_error(const std::exception_ptr& error) noexcept {
    try {
      if (error) std::rethrow_exception(error);
    } catch (const FrameError&) {
      return true;
    } catch (...) {
    }
    return false;
  }

  Endpoint endpoint_;
  TcpClient options_;
  std::shared_ptr<bool> alive_;
  std::atomic<std::uint64_t> connects_{0};
  Sessions sessions_{*this};
};

}  // namespace detail

/// What from_tcp_client returns: a stream of frames, with the connection that they come over.
template <element T>
using TcpClientSource = ClientSource<T, detail::TcpClientNode<T>>;

/// Connects to a server and emits the frames that it sends. When the connection ends it connects again, after
/// a while that grows from attempt to attempt, and goes on with what the server sends then.
///
///     server  "x\ny\n" ends    "z\n"
///     out      xy              z
///
/// @tparam T        `std::string`, or TcpMessage.
/// @param endpoint  `host:port`.
/// @param options   see TcpClient. With `.end = true` the stream ends where the server says that it is
///                  through.
///
/// Limits: frames of 1 MiB, 10 attempts in a row without a frame, 10 seconds for each. A frame that is cut
/// off is not emitted. `stop` ends the connection; what was read and not emitted is counted as dropped.
///
/// Back-pressure: the connection is read only when its frames were taken; TCP then slows the server.
/// Metadata:      none.
/// Errors:        what the last of the attempts failed with is reported, and the source stops; a frame that
///                is too long or cut off is counted, reported as a FrameError that names the server, and it
///                connects anew; what is behind it throws is reported, and it goes on or stops as
///                `on_failure` says.
/// Cost:          one string a frame, in memory that is used again; one read for up to 64 KiB.
/// Recovery:      no position: what the server has sent and was not processed is lost with the connection.
/// Example:       examples/10_connect/tcp.cpp
/// See also:      from_tcp, sink_to_tcp
template <class T = std::string>
auto from_tcp_client(Loop& loop, Endpoint endpoint, TcpClient options = {}) {
  static_assert(is_tcp_element<T>, "from_tcp_client: the elements are std::string or TcpMessage");
  if constexpr (is_tcp_element<T>) {
    detail::check_framing("from_tcp_client", options.framing, options.max_frame);
    detail::check_reconnect("from_tcp_client", options.reconnect);
    return TcpClientSource<T>{detail::make_source(
        &loop, std::make_unique<detail::TcpClientNode<T>>(std::move(endpoint), std::move(options)))};
  }
}

}  // namespace penstock
