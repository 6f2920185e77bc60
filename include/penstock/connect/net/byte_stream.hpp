// SPDX-License-Identifier: BSL-1.0
#pragma once

#if !defined(__unix__) && !defined(__APPLE__)
#error "penstock/connect/net/byte_stream.hpp: sockets are kept from child processes as POSIX does it"
#endif

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include <fcntl.h>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>

#include "penstock/exec/asio_executor.hpp"

// Not an operator: a connection, as everything that talks over one sees it.

namespace penstock {

/// A TCP socket on a loop.
using Socket = asio::basic_stream_socket<asio::ip::tcp, LoopExecutor>;

namespace detail {

/// Programs that this one starts do not get the socket, which would then stay open as long as they run.
inline void keep_from_children(int socket) noexcept { ::fcntl(socket, F_SETFD, FD_CLOEXEC); }

using Transferred = asio::any_completion_handler<void(boost::system::error_code, std::size_t)>;
using Finished = asio::any_completion_handler<void(boost::system::error_code)>;

/// Any sequence of buffers as one type; of a long one the first few, which reading and writing "some" may do.
template <class Buffer>
class BufferList {
 public:
  using value_type = Buffer;
  using const_iterator = const Buffer*;

  template <class Buffers>
  explicit BufferList(const Buffers& buffers) {
    const auto last = asio::buffer_sequence_end(buffers);
    for (auto at = asio::buffer_sequence_begin(buffers); at != last && size_ < most; ++at) {
      const Buffer buffer{*at};
      if (buffer.size() != 0) buffers_[size_++] = buffer;
    }
  }
  const Buffer* begin() const noexcept { return buffers_.data(); }
  const Buffer* end() const noexcept { return buffers_.data() + size_; }

 private:
  static constexpr std::size_t most = 16;
  std::array<Buffer, most> buffers_;
  std::size_t size_ = 0;
};
using MutableBuffers = BufferList<asio::mutable_buffer>;
using ConstBuffers = BufferList<asio::const_buffer>;

/// What a ByteStream is made of. Handlers are called as Asio's are: never inside the call that they were given
/// to, on their executor, and with operation_aborted after `close`. Whoever keeps pieces of itself in an
/// operation keeps itself alive in the handler.
class ByteStreamImpl : public std::enable_shared_from_this<ByteStreamImpl> {
 public:
  virtual ~ByteStreamImpl() = default;
  virtual void read_some(const MutableBuffers& buffers, Transferred handler) = 0;
  virtual void write_some(const ConstBuffers& buffers, Transferred handler) = 0;
  /// Says to the other side that nothing more will come, and is done when that has been sent.
  virtual void shut_down(Finished handler) = 0;
  /// Ends all operations.
  virtual void close() noexcept = 0;
  virtual LoopExecutor executor() noexcept = 0;
};

class PlainStream final : public ByteStreamImpl {
 public:
  explicit PlainStream(Socket socket) : socket_(std::move(socket)) { keep_from_children(socket_.native_handle()); }

  void read_some(const MutableBuffers& buffers, Transferred handler) override {
    socket_.async_read_some(buffers, std::move(handler));
  }
  void write_some(const ConstBuffers& buffers, Transferred handler) override {
    socket_.async_write_some(buffers, std::move(handler));
  }
  void shut_down(Finished handler) override {
    boost::system::error_code error;
    socket_.shutdown(Socket::shutdown_send, error);
    asio::post(socket_.get_executor(),
               [handler = std::move(handler), error]() mutable { std::move(handler)(error); });
  }
  void close() noexcept override {
    boost::system::error_code ignored;
    socket_.close(ignored);
  }
  LoopExecutor executor() noexcept override { return socket_.get_executor(); }

  /// For a Security, which puts something of its own in the place of this.
  Socket& socket() noexcept { return socket_; }

 private:
  Socket socket_;
};

}  // namespace detail

/// A connection to another program: bytes in both directions, in the clear or over TLS, with one type for
/// both. What Asio and Beast call an AsyncReadStream and an AsyncWriteStream, on the loop's executor. One
/// reading and one writing operation may be under way.
class ByteStream {
 public:
  using executor_type = LoopExecutor;

  /// None: may only be destroyed or given one.
  ByteStream() = default;
  ByteStream(std::shared_ptr<detail::ByteStreamImpl> impl, std::string peer)
      : impl_(std::move(impl)), peer_(std::move(peer)) {}
  ByteStream(ByteStream&&) noexcept = default;
  ByteStream& operator=(ByteStream&& other) noexcept {
    std::swap(impl_, other.impl_);
    std::swap(peer_, other.peer_);
    return *this;
  }
  ~ByteStream() {
    if (impl_) impl_->close();
  }

  LoopExecutor get_executor() const noexcept { return impl_->executor(); }
  /// Who is at the other end, as `host:port`, for messages.
  const std::string& peer() const noexcept { return peer_; }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
        Read{impl_.get()}, token, detail::MutableBuffers(buffers));
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
        Write{impl_.get()}, token, detail::ConstBuffers(buffers));
  }
  /// Says that nothing more will be written; completes with `void(error_code)` when that was sent.
  template <class Token>
  auto async_shutdown(Token&& token) {
    return asio::async_initiate<Token, void(boost::system::error_code)>(ShutDown{impl_.get()}, token);
  }
  /// Ends the connection: what is under way completes with operation_aborted.
  void close() noexcept { impl_->close(); }

  const std::shared_ptr<detail::ByteStreamImpl>& impl() const noexcept { return impl_; }

 private:
  struct Read {
    detail::ByteStreamImpl* impl;
    template <class Handler>
    void operator()(Handler&& handler, const detail::MutableBuffers& buffers) const {
      impl->read_some(buffers, detail::Transferred(std::forward<Handler>(handler)));
    }
  };
  struct Write {
    detail::ByteStreamImpl* impl;
    template <class Handler>
    void operator()(Handler&& handler, const detail::ConstBuffers& buffers) const {
      impl->write_some(buffers, detail::Transferred(std::forward<Handler>(handler)));
    }
  };
  struct ShutDown {
    detail::ByteStreamImpl* impl;
    template <class Handler>
    void operator()(Handler&& handler) const {
      impl->shut_down(detail::Finished(std::forward<Handler>(handler)));
    }
  };

  std::shared_ptr<detail::ByteStreamImpl> impl_;
  std::string peer_;
};

// Beast finds it by its name where a WebSocket gives its connection up.
inline void beast_close_socket(ByteStream& stream) { stream.close(); }

}  // namespace penstock
