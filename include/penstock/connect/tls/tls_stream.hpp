// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <boost/asio/append.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include "penstock/connect/net/byte_stream.hpp"
#include "penstock/connect/tls/tls_context.hpp"

// Not an operator: the bytes of one connection on their way through OpenSSL.

namespace penstock::detail {

/// OpenSSL between a connection and a socket. OpenSSL reads and writes memory; whenever it lacks input the socket
/// is read, and what it has put out is written. Unlike asio::ssl::stream this can say its end without waiting
/// for the other side's, and what is read next stays when reading is cancelled.
class TlsStream final : public ByteStreamImpl {
 public:
  TlsStream(Socket socket, const TlsContext& context) : socket_(std::move(socket)), ssl_(SSL_new(context.get())) {
    input_ = BIO_new(BIO_s_mem());
    output_ = BIO_new(BIO_s_mem());
    if (!ssl_ || !input_ || !output_) {
      BIO_free(input_);
      BIO_free(output_);
      tls_error("TLS: no memory for a connection");
    }
    SSL_set_bio(ssl_.get(), input_, output_);  // which owns them now
    SSL_set_app_data(ssl_.get(), this);
    SSL_set_verify(ssl_.get(), SSL_get_verify_mode(ssl_.get()), note_refusal);
  }

  SSL* ssl() noexcept { return ssl_.get(); }
  /// The certificate that was refused, the other side's or one of its CAs; null when none was.
  X509* refused() const noexcept { return refused_.get(); }

  /// Agrees with the other side; SSL_set_connect_state or SSL_set_accept_state comes before.
  template <class Token>
  auto async_handshake(Token&& token) {
    return asio::async_initiate<Token, void(boost::system::error_code)>(Agree{this}, token);
  }

  void read_some(const MutableBuffers& buffers, Transferred handler) override {
    reading_.buffers = buffers;
    await(reading_, std::move(handler));
  }
  void write_some(const ConstBuffers& buffers, Transferred handler) override {
    writing_.next = gather(buffers);
    await(writing_, std::move(handler));
  }
  void shut_down(Finished handler) override {
    shutting_down_ = true;
    await(finishing_, std::move(handler));
  }
  void close() noexcept override {
    boost::system::error_code ignored;
    // Unread input, such as tickets that nobody asked for, would make the system send a reset behind our last words, and
    // those could be lost on their way.
    if (shut_down_ && socket_.is_open()) {
      socket_.non_blocking(true, ignored);
      std::array<unsigned char, 4096> rest;
      for (int i = 0; i < 16 && !ignored; ++i) socket_.read_some(asio::buffer(rest), ignored);
    }
    socket_.close(ignored);
  }
  LoopExecutor executor() noexcept override { return socket_.get_executor(); }

 private:
  using Error = boost::system::error_code;
  static constexpr std::size_t block = std::size_t{16} * 1024;
  static constexpr std::size_t most_written = std::size_t{64} * 1024;  // at once

  struct Agree {
    TlsStream* stream;
    template <class Handler>
    void operator()(Handler&& handler) const {
      stream->await(stream->finishing_, Finished(std::forward<Handler>(handler)));
    }
  };

  template <class Handler>
  struct Waiting {
    Handler handler;
    std::uint64_t id = 0;
    bool done = false;  // once what was put out is written
    Error error;
  };
  struct Reading : Waiting<Transferred> {
    MutableBuffers buffers{asio::mutable_buffer{}};
  };
  struct Writing : Waiting<Transferred> {
    asio::const_buffer next;
    std::size_t taken = 0;
  };
  using Finishing = Waiting<Finished>;

  template <class Fn>
  struct Arrived {
    explicit Arrived(std::shared_ptr<TlsStream> s, Fn f) : stream(std::move(s)), fn(f) {}
    Arrived(Arrived&&) = default;
    Arrived& operator=(Arrived&&) = delete;
    /// The loop ends with this under way. The handlers that wait own, in the end, this stream, so they must go first.
    ~Arrived() {
      if (stream) stream->abandon();
    }
    void operator()(const Error& error, std::size_t n) {
      const std::shared_ptr<TlsStream> alive = std::move(stream);
      ((*alive).*fn)(error, n);
    }
    std::shared_ptr<TlsStream> stream;
    Fn fn;
  };
  template <class Fn>
  auto arrives(Fn fn) {
    return Arrived<Fn>{std::static_pointer_cast<TlsStream>(this->shared_from_this()), fn};
  }

  template <class Operation, class Handler>
  void await(Operation& operation, Handler handler) {
    operation.id = ++ids_;
    operation.done = false;
    operation.error = {};
    auto slot = asio::get_associated_cancellation_slot(handler);
    operation.handler.swap(handler);
    if (slot.is_connected()) slot.assign(Cancel<Operation>{this->weak_from_this(), &operation, operation.id});
    go_on();
  }
  template <class Operation>
  struct Cancel {
    std::weak_ptr<ByteStreamImpl> stream;
    Operation* operation;
    std::uint64_t id;
    void operator()(asio::cancellation_type type) const {
      const auto alive = stream.lock();
      if (!alive || type == asio::cancellation_type::none || operation->id != id) return;
      static_cast<TlsStream&>(*alive).cancel(*operation);
    }
  };
  /// Input under way goes on and is kept for the next one who reads.
  template <class Operation>
  void cancel(Operation& operation) {
    if (!operation.handler) return;
    operation.error = asio::error::operation_aborted;
    finish(operation);
  }

  /// Not by assignment, with which Boost 1.81 never comes to an end.
  template <class Operation>
  static auto take(Operation& operation) noexcept {
    decltype(operation.handler) handler;
    handler.swap(operation.handler);
    return handler;
  }

  /// The slot of the handler is left as it is: this may be called by it.
  void finish(Reading& operation, std::size_t n = 0) { call(operation, operation.error, n); }
  void finish(Writing& operation) {
    call(operation, operation.error, operation.error ? std::size_t{0} : operation.taken);
  }
  void finish(Finishing& operation) { call(operation, operation.error); }
  template <class Operation, class... Results>
  void call(Operation& operation, Results... results) {
    ++operation.id;
    operation.done = false;
    asio::post(socket_.get_executor(), asio::append(take(operation), results...));
  }

  /// Several small buffers as one, so that they become one record.
  asio::const_buffer gather(const ConstBuffers& buffers) {
    if (buffers.begin() == buffers.end()) return {};
    if (buffers.end() - buffers.begin() == 1) return asio::buffer(*buffers.begin(), most_written);
    gathered_.clear();
    for (const asio::const_buffer& buffer : buffers) {
      const auto* at = static_cast<const unsigned char*>(buffer.data());
      const std::size_t n = std::min(buffer.size(), most_written - gathered_.size());
      gathered_.insert(gathered_.end(), at, at + n);
    }
    return asio::buffer(gathered_);
  }

  static int note_refusal(int accepted, X509_STORE_CTX* state) {
    if (accepted == 1) return 1;
    void* ssl = X509_STORE_CTX_get_ex_data(state, SSL_get_ex_data_X509_STORE_CTX_idx());
    auto* stream = static_cast<TlsStream*>(SSL_get_app_data(static_cast<SSL*>(ssl)));
    X509* certificate = X509_STORE_CTX_get_current_cert(state);
    if (certificate && X509_up_ref(certificate) == 1) stream->refused_.reset(certificate);
    return accepted;
  }

  void go_on() {
    agree_or_shut_down();
    write();
    read();
    put_out();
    take_in();
  }

  /// True when `result` is that of a call that has failed, and why is in `error`; false when there is no input yet.
  bool failed(int result, Error& error) {
    switch (SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ:
        lacks_input_ = true;
        error = input_end_;
        break;
      case SSL_ERROR_ZERO_RETURN:
        error = asio::error::eof;
        break;
      default:
        error = broken_ = openssl_error();
        if (!error) error = broken_ = asio::error::connection_reset;
    }
    return error.failed();
  }

  void agree_or_shut_down() {
    if (!finishing_.handler || finishing_.done) return;
    ERR_clear_error();
    if (shutting_down_) {
      // A connection that has failed has no proper end.
      if (!broken_ && SSL_is_init_finished(ssl_.get())) SSL_shutdown(ssl_.get());
      ERR_clear_error();
      finishing_.error = broken_;
      finishing_.done = true;
      return;
    }
    const int result = SSL_do_handshake(ssl_.get());
    finishing_.done = result == 1 || failed(result, finishing_.error);
  }

  void write() {
    if (!writing_.handler || writing_.done) return;
    writing_.taken = 0;
    if (broken_ || output_end_) {
      writing_.error = broken_ ? broken_ : output_end_;
      writing_.done = true;
    } else if (writing_.next.size() == 0) {
      writing_.done = true;
    } else {
      ERR_clear_error();
      const int result = SSL_write_ex(ssl_.get(), writing_.next.data(), writing_.next.size(), &writing_.taken);
      writing_.done = result == 1 || failed(result, writing_.error);
    }
  }

  void read() {
    if (!reading_.handler) return;
    std::size_t total = 0;
    bool more = true;
    const bool others_lack_input = lacks_input_;
    for (const asio::mutable_buffer& buffer : reading_.buffers) {
      asio::mutable_buffer left = buffer;
      while (more && left.size() != 0) {
        if (broken_) {
          reading_.error = broken_;
          more = false;
          break;
        }
        std::size_t n = 0;
        ERR_clear_error();
        const int result = SSL_read_ex(ssl_.get(), left.data(), left.size(), &n);
        if (result == 1) {
          left += n;
          total += n;
        } else {
          failed(result, reading_.error);
          more = false;
        }
      }
    }
    const bool wanted = reading_.buffers.begin() != reading_.buffers.end();
    if (total != 0) {
      reading_.error = {};  // it comes again
      lacks_input_ = others_lack_input;
      finish(reading_, total);
    } else if (reading_.error || !wanted) {
      finish(reading_);
    }
  }

  void put_out() {
    if (putting_out_) return;
    const std::size_t pending = BIO_ctrl_pending(output_);
    if (pending == 0 || output_end_) {
      const Error end = broken_ ? broken_ : output_end_;
      if (writing_.handler && writing_.done) {
        if (!writing_.error) writing_.error = end;
        finish(writing_);
      }
      if (finishing_.handler && finishing_.done) {
        if (!finishing_.error) finishing_.error = end;
        if (shutting_down_ && !finishing_.error) {
          shut_down_ = true;
          socket_.shutdown(Socket::shutdown_send, finishing_.error);
        }
        finish(finishing_);
      }
      return;
    }
    encrypted_.resize(pending);
    BIO_read(output_, encrypted_.data(), static_cast<int>(pending));
    putting_out_ = true;
    asio::async_write(socket_, asio::buffer(encrypted_), arrives(&TlsStream::was_put_out));
  }
  void was_put_out(const Error& error, std::size_t) {
    putting_out_ = false;
    if (error) {
      output_end_ = error;
      hear_last_words();
    }
    go_on();
  }
  /// Who closes a connection on us may have said why before.
  void hear_last_words() {
    Error error;
    socket_.non_blocking(true, error);
    std::array<unsigned char, 4096> rest;
    for (int i = 0; i < 16 && !error; ++i) {
      const std::size_t n = socket_.read_some(asio::buffer(rest), error);
      BIO_write(input_, rest.data(), static_cast<int>(n));
    }
    if (!SSL_is_init_finished(ssl_.get())) return;  // agreeing goes on with it by itself
    unsigned char next = 0;
    std::size_t n = 0;
    ERR_clear_error();
    if (const int result = SSL_peek_ex(ssl_.get(), &next, 1, &n); result != 1) failed(result, error);
  }

  void take_in() {
    const bool waits = reading_.handler || (writing_.handler && !writing_.done) ||
                       (finishing_.handler && !finishing_.done);
    if (!std::exchange(lacks_input_, false) || !waits || taking_in_ || input_end_) return;
    taking_in_ = true;
    if (block_.empty()) block_.resize(block);
    socket_.async_read_some(asio::buffer(block_), arrives(&TlsStream::was_taken_in));
  }
  void was_taken_in(const Error& error, std::size_t n) {
    taking_in_ = false;
    if (error) input_end_ = error;
    BIO_write(input_, block_.data(), static_cast<int>(n));
    go_on();
  }

  void abandon() noexcept {
    const auto reading = take(reading_);
    const auto writing = take(writing_);
    const auto finishing = take(finishing_);
  }

  Socket socket_;
  OpenSslPtr<SSL, SSL_free> ssl_;
  BIO* input_ = nullptr;   // what came from the socket
  BIO* output_ = nullptr;  // what goes to the socket
  std::uint64_t ids_ = 0;
  Reading reading_;
  Writing writing_;
  Finishing finishing_;
  CertificatePtr refused_;
  std::vector<unsigned char> gathered_;
  std::vector<unsigned char> encrypted_;
  std::vector<unsigned char> block_;
  Error input_end_;
  Error output_end_;
  Error broken_;
  bool lacks_input_ = false;
  bool taking_in_ = false;
  bool putting_out_ = false;
  bool shutting_down_ = false;
  bool shut_down_ = false;
};

}  // namespace penstock::detail
