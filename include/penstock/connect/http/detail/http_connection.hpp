// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>

#include "penstock/connect/http/detail/http_job.hpp"
#include "penstock/connect/http/detail/http_message.hpp"
#include "penstock/connect/http/detail/request_reader.hpp"
#include "penstock/connect/http/server_options.hpp"
#include "penstock/connect/net/byte_stream.hpp"

// Not an operator: one connection of an HTTP server.

namespace penstock::detail {

class HttpConnection;

/// What a connection needs of its server.
class HttpService {
 public:
  virtual const HttpServer& options() const noexcept = 0;
  virtual Loop& loop_of_connections() const noexcept = 0;
  virtual std::string_view date() = 0;
  /// Whether a request with that header may go on; otherwise `answer` says why not. Fills in the parameters.
  virtual bool check(HttpRequest& request, HttpAnswer& answer) const = 0;
  /// The elements of a request. Null, and `answer` says why, when they cannot be had.
  virtual HttpJob* take(HttpRequest&& request, HttpAnswer& answer) = 0;
  /// Lets the job into the pipeline now or when it is its turn.
  virtual void admit(HttpJob& job) = 0;
  /// Nobody waits for the job any more. True when nothing of it was emitted, and nothing will be.
  virtual bool withdraw(HttpJob& job) noexcept = 0;
  virtual bool running() const noexcept = 0;
  virtual void left(HttpConnection& connection) noexcept = 0;

 protected:
  ~HttpService() = default;
};

/// Reads requests one after the other, has each processed, and answers it before the next one is looked at.
class HttpConnection final : public std::enable_shared_from_this<HttpConnection>, private HttpWaiter {
 public:
  HttpConnection(HttpService& service, ByteStream stream)
      : service_(&service),
        stream_(std::move(stream)),
        reader_(service.options().max_header, service.options().max_body) {}

  void start() { next_request(); }

  /// The server has stopped: ends now, or behind the answer that is under way.
  void wind_down() {
    closes_ = true;
    if (state_ == State::idle || state_ == State::header || state_ == State::body) return over();
    if (state_ == State::processing && job_->emitted() == 0) unavailable();
  }
  /// Ends now. The server is not touched any more.
  void abort() noexcept {
    if (state_ == State::over) return;
    state_ = State::over;
    service_ = nullptr;
    job_ = nullptr;
    alarm_.cancel();
    stream_.close();
    if (waiting_) wake();
  }

  /// Completes with `void()` when the connection has ended. Cancelling it ends the connection.
  template <class Token>
  auto async_wait(Token&& token) {
    return asio::async_initiate<Token, void()>(Wait{this}, token);
  }

 private:
  enum class State : std::uint8_t {
    idle,        // no byte of the next request
    header,      // not all of it
    body,        // not all of it
    processing,  // a job is on its way
    finishing,   // it was taken, and Refs are held
    answering,   // the answer is being sent
    lingering,   // all is said; what still comes is thrown away
    over
  };
  using Error = boost::system::error_code;

  // Who waits for the end. Not an any_completion_handler: that of Asio 1.26 cannot be moved into a member.
  struct Ended {
    virtual ~Ended() = default;
    virtual void call() = 0;
  };
  template <class Handler>
  struct EndedOf final : Ended {
    explicit EndedOf(Handler h) : handler(std::move(h)) {}
    void call() override { std::move(handler)(); }
    Handler handler;
  };
  struct Wait {
    HttpConnection* connection;
    template <class Handler>
    void operator()(Handler&& handler) const {
      auto slot = asio::get_associated_cancellation_slot(handler);
      const auto end = [weak = connection->weak_from_this()](asio::cancellation_type) {
        if (const auto self = weak.lock()) self->over();
      };
      if (slot.is_connected()) slot.assign(end);
      connection->waiting_ = std::make_unique<EndedOf<std::decay_t<Handler>>>(std::forward<Handler>(handler));
      if (connection->state_ == State::over) connection->wake();
    }
  };
  struct Alarm final : Timer {
    explicit Alarm(HttpConnection& c) noexcept : connection(c) {}
    void run() override {
      const auto self = connection.shared_from_this();
      self->too_late();
    }
    HttpConnection& connection;
  };

  void wake() {
    auto call = [waiting = std::move(waiting_)] { waiting->call(); };
    asio::post(stream_.get_executor(), std::move(call));
  }
  const HttpServer& options() const noexcept { return service_->options(); }
  void enter(State state, Duration time) {
    state_ = state;
    Loop& loop = service_->loop_of_connections();
    loop.set(alarm_, later(loop.now(), time));
  }
  void over() {
    if (service_) service_->left(*this);
    if (job_) static_cast<void>(service_->withdraw(*std::exchange(job_, nullptr)));
    abort();
  }

  void next_request() {
    if (closes_) return finish_writing();
    enter(State::idle, options().idle_time);
    go_on();
  }

  void read() {
    if (std::exchange(reading_, true)) return;  // that of a request that came too slowly
    stream_.async_read_some(reader_.room(), [self = shared_from_this()](Error error, std::size_t n) {
      self->has_read(error, n);
    });
  }
  void has_read(Error error, std::size_t n) {
    reading_ = false;
    if (state_ == State::over) return;
    if (state_ == State::lingering) {
      lingered_ += n;
      constexpr std::size_t most = std::size_t{1} << 20;
      return error || lingered_ > most ? over() : read();  // never given to the reader
    }
    if (state_ == State::answering) return;  // too late
    if (error) return over();
    reader_.added(n);
    go_on();
  }
  void go_on() {
    for (;;) {
      switch (reader_.next()) {
        case RequestReader::Found::more:
          if (state_ == State::idle && reader_.begun()) enter(State::header, options().header_time);
          return read();
        case RequestReader::Found::header:
          if (!header_came()) return;
          break;
        case RequestReader::Found::request:
          return process();
        case RequestReader::Found::refused:
          closes_ = true;
          return answer(reader_.status());
      }
    }
  }

  /// False when the request is not read on now.
  bool header_came() {
    HttpRequest& request = reader_.request();
    old_version_ = reader_.old_version();
    no_body_ = request.method == "HEAD";
    ++requests_;
    const std::size_t most = options().max_requests;
    if (!reader_.keep_alive() || (most != 0 && requests_ >= most)) closes_ = true;
    HttpAnswer refusal;
    bool right = service_->check(request, refusal);
    const bool has_content = request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
    if (right && has_content && !reader_.has_length()) {
      right = false;
      refusal = {411, http_reason(411)};
    }
    const auto expected = request.headers.find("Expect");
    if (right && expected && !old_version_ && !same_letters(*expected, "100-continue")) {
      right = false;
      refusal = {417, http_reason(417)};
    }
    if (!right) {
      // A body that is on its way is not worth waiting for.
      if (reader_.has_body()) closes_ = true;
      if (!closes_) reader_.begin();
      answer(std::move(refusal));
      return false;
    }
    if (!reader_.has_body()) return true;
    enter(State::body, options().body_time);
    if (!expected || old_version_ || reader_.has_bytes()) return true;
    out_ = "HTTP/1.1 100 Continue\r\n\r\n";
    continues_ = true;
    write();
    return false;
  }

  void process() {
    HttpAnswer refusal;
    HttpRequest request = std::move(reader_.request());
    request.peer = stream_.peer();
    reader_.begin();
    job_ = service_->take(std::move(request), refusal);
    if (!job_) return answer(std::move(refusal));
    const auto self = shared_from_this();
    Context context;
    if (options().reply == HttpReply::done) context.add(ref());
    enter(State::processing, options().answer_time);
    job_->wait_for(*this, std::move(context));
    service_->admit(*job_);
  }
  Ref ref() {
    return Ref{[weak = weak_from_this(), request = requests_](const Ending& ending) {
      const auto self = weak.lock();
      if (!self || self->state_ != State::finishing || self->requests_ != request) return;
      if (ending.outcome == Outcome::done) return self->answer(HttpAnswer{});
      self->answer(ending.outcome == Outcome::failed ? 500 : 503);
    }};
  }
  void processed(HttpFate fate, std::size_t emitted, std::size_t size) override {
    job_ = nullptr;
    switch (fate) {
      case HttpFate::taken:
        if (options().reply == HttpReply::taken) return answer(HttpAnswer{});
        state_ = State::finishing;  // the alarm goes on
        return;
      case HttpFate::failed:
        return answer(500);
      case HttpFate::cut_off:
        return unavailable(emitted, size);
    }
  }

  void too_late() {
    switch (state_) {
      case State::header:
      case State::body:
        if (continues_) return over();  // not even that could be sent
        closes_ = true;
        return answer(408);
      case State::processing:
        return unavailable();
      case State::finishing:
        closes_ = true;
        return answer({503, "taken, but not done in time", "text/plain", retry_after()});
      default:
        return over();
    }
  }
  void unavailable() {
    const std::size_t emitted = job_->emitted();
    const std::size_t size = job_->size();
    // What was emitted is in the pipeline, and nobody would know which answer is whose.
    if (!service_->withdraw(*std::exchange(job_, nullptr))) closes_ = true;
    unavailable(emitted, size);
  }
  void unavailable(std::size_t emitted, std::size_t size) {
    std::string body = "not taken";
    if (emitted != 0) body = "emitted " + std::to_string(emitted) + " of " + std::to_string(size);
    answer({503, std::move(body), "text/plain", retry_after()});
  }
  std::string retry_after() const {
    return "Retry-After: " + std::to_string(options().retry_after.count()) + "\r\n";
  }

  void answer(unsigned status) { answer(HttpAnswer{status, http_reason(status)}); }
  void answer(HttpAnswer&& it) {
    if (!service_->running()) closes_ = true;
    out_.clear();
    out_.append("HTTP/1.1 ").append(std::to_string(it.status)).append(" ").append(http_reason(it.status));
    out_.append("\r\nDate: ").append(service_->date());
    out_.append("\r\nContent-Type: ").append(it.type);
    out_.append("\r\nContent-Length: ").append(std::to_string(it.body.size())).append("\r\n");
    out_.append(it.fields);
    if (closes_) {
      out_.append("Connection: close\r\n");
    } else if (old_version_) {
      out_.append("Connection: keep-alive\r\n");
    }
    out_.append("\r\n");
    if (!no_body_) out_.append(it.body);
    enter(State::answering, options().header_time);
    write();
  }

  void write() {
    const auto rest = asio::buffer(out_) + written_;
    stream_.async_write_some(rest, [self = shared_from_this()](Error error, std::size_t n) {
      self->has_written(error, n);
    });
  }
  void has_written(Error error, std::size_t n) {
    if (state_ == State::over) return;
    if (error) return over();
    written_ += n;
    if (written_ < out_.size()) return write();
    written_ = 0;
    if (std::exchange(continues_, false)) return go_on();
    next_request();
  }

  /// Says that nothing more comes. Closing at once could cost the client the answer while it still sends.
  void finish_writing() {
    constexpr auto most = std::chrono::seconds{2};
    enter(State::lingering, most);
    reader_.discard();  // a read into a full buffer would be done at once with nothing, again and again
    stream_.async_shutdown([self = shared_from_this()](Error error) {
      if (self->state_ == State::over) return;
      if (error) return self->over();
      self->read();
    });
  }

  HttpService* service_;  // null when the connection is over
  ByteStream stream_;
  RequestReader reader_;
  Alarm alarm_{*this};
  State state_ = State::idle;
  HttpJob* job_ = nullptr;
  std::string out_;
  std::size_t written_ = 0;
  std::size_t requests_ = 0;
  std::size_t lingered_ = 0;
  bool reading_ = false;
  bool closes_ = false;       // behind this request
  bool old_version_ = false;  // of the request
  bool no_body_ = false;      // may be in the answer
  bool continues_ = false;    // the request is read on when this is written
  std::unique_ptr<Ended> waiting_;
};

}  // namespace penstock::detail
