// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/system/system_error.hpp>

#include "penstock/connect/http/detail/response_reader.hpp"
#include "penstock/connect/http/detail/url.hpp"
#include "penstock/connect/net/connect.hpp"
#include "penstock/connect/net/sessions.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/exec/sleep.hpp"
#include "penstock/ops/on_error.hpp"

// Not an operator: what sends requests for sink_to_http, whatever the elements are.

namespace penstock {

/// How sink_to_http sends.
struct HttpSink {
  std::size_t batch = 1;                          ///< elements in a request, at least 1
  Duration batch_time = std::chrono::seconds{1};  ///< how long the first of a batch waits; 0: till it is full
  bool lines = false;           ///< rows of a batch one in a line, application/x-ndjson; false: a JSON array
  std::string type{};           ///< media type; empty: application/json for rows, text/plain for texts
  std::string method = "POST";
  std::vector<std::pair<std::string, std::string>> headers{};  ///< more of them: name, value
  std::size_t connections = 1;  ///< at once, at least 1; with one, requests keep their order
  /// Attempts for a request in all, and the waits between them. Seed 0: another one in every run.
  Retry retry{.attempts = 5,
              .backoff = std::chrono::milliseconds{200},
              .factor = 2,
              .jitter = 0.5,
              .max_backoff = std::chrono::seconds{30},
              .seed = 0};
  Duration max_retry_after = std::chrono::minutes{2};  ///< who asks for a longer wait has failed the request
  std::string key_header = "Idempotency-Key";          ///< the same key in every attempt; empty: none is sent
  std::string run{};                                   ///< what keys begin with; empty: something random
  Duration connect_time = std::chrono::seconds{10};    ///< with name and TLS
  Duration send_time = std::chrono::seconds{30};       ///< for all of a request
  Duration answer_time = std::chrono::seconds{30};     ///< from then on to the end of the answer
  SecurityPtr security = nullptr;                      ///< for https://: TLS, from penstock::tls_client
  std::string time_format{};  ///< of times in JSON, see field_traits; empty: ISO 8601
};

/// A server has not taken a request.
class HttpError : public std::runtime_error {
 public:
  HttpError(const std::string& what, unsigned status) : std::runtime_error(what), status_(status) {}
  unsigned status() const noexcept { return status_; }

 private:
  unsigned status_;
};

namespace detail {

/// The sink, as far as it is the same for all elements: batches, connections, attempts.
class HttpPoster : public Node {
 public:
  const char* needs_loop() const noexcept override { return "sink_to_http: a connection"; }
  bool busy() const noexcept override { return open_ != 0 || batch_timer_.active(); }

  void shut_down() noexcept override {
    *alive_ = false;
    batch_timer_.cancel();
    sessions_.cancel();
    idle_.clear();
    const auto error = std::make_exception_ptr(Stopped(info().label() + ": destroyed with elements in it"));
    const auto drop = [&](const RequestPtr& request) {
      if (!request) return;
      info().drops(request->elements);
      request->context.drop("the sink was destroyed before the server had taken the element");
      request->context.clear();
      request->receipt.settle(error);
      request->through.settle(error);
    };
    for (const RequestPtr& request : std::exchange(under_way_, {})) drop(request);
    for (const RequestPtr& request : std::exchange(queue_, {})) drop(request);
    drop(std::exchange(batch_, nullptr));
    waiting_.clear();
    open_ = 0;
    std::exchange(end_, {}).settle(error);
  }

  std::uint64_t requests() const noexcept { return requests_.load(std::memory_order_relaxed); }
  std::uint64_t retries() const noexcept { return retries_.load(std::memory_order_relaxed); }

 protected:
  enum class Join : std::uint8_t { array, lines };

  HttpPoster(const std::string& url, HttpSink options, Join join)
      : Node(Info{"sink_to_http", url, Shape::sink}),
        url_(url, "sink_to_http"),
        named_(url),
        options_(std::move(options)),
        join_(join),
        backoff_(seeded(options_.retry)) {
    if (options_.batch == 0) bad_argument("sink_to_http: a batch has at least 1 element");
    if (options_.connections == 0) bad_argument("sink_to_http: at least 1 connection must be allowed");
    if (options_.retry.attempts == 0) bad_argument("sink_to_http: at least 1 attempt must be allowed");
    if (url_.secured && !options_.security) {
      bad_argument("sink_to_http: https needs .security, which penstock::tls_client makes");
    }
    if (!url_.secured) options_.security = nullptr;
    std::string all = options_.method + options_.type + options_.key_header + options_.run;
    for (const auto& [name, value] : options_.headers) all += name + value;
    if (!one_line(all)) bad_argument("sink_to_http: a method or a header has a line's end in it");
    if (options_.run.empty()) {
      std::random_device random;
      constexpr const char* digits = "0123456789abcdef";
      for (int i = 0; i < 4; ++i) {
        for (unsigned bits = random(), n = 0; n < 8; ++n, bits >>= 4) options_.run += digits[bits & 15];
      }
    }
  }

  const HttpSink& options() const noexcept { return options_; }

  /// Takes an element as the text that it is sent as.
  /// @param key  the user's; empty: one is made.
  Pending* add(std::string_view body, std::string_view key, const Context* context) {
    if (!one_line(key)) throw std::invalid_argument("sink_to_http: a key has a line's end in it");
    info().took();
    const bool first = !batch_;
    if (first) {
      batch_ = std::make_shared<Request>();
      batch_->key = key.empty() ? options_.run + "-" + std::to_string(sequence_) : std::string(key);
      if (options_.batch > 1 && join_ == Join::array) batch_->body += '[';
    } else {
      batch_->body += join_ == Join::array ? ',' : '\n';
    }
    ++sequence_;
    ++batch_->elements;
    batch_->body += body;
    batch_->context.append(context);
    info().holds(held_ += 1);
    if (batch_->elements < options_.batch) {
      if (first && options_.batch_time > Duration::zero()) {
        clock().set(batch_timer_, later(clock().now(), options_.batch_time));
      }
      return nullptr;
    }
    const RequestPtr request = close_batch();
    if (open_ < options_.connections) return nullptr;
    request->receipt = Receipt::waiting(strand(), &info(), Why::sink);
    waiting_.push_back(request);
    return request->receipt.share();
  }

  /// All that was taken so far is sent, and answered.
  Pending* barrier() {
    if (batch_) close_batch();
    penstock::Join join{strand()};
    const auto add = [&](const RequestPtr& request) {
      if (!request->through.state()) request->through = Receipt::waiting(strand(), &info(), Why::sink);
      join.add(request->through.share());
    };
    for (const RequestPtr& request : under_way_) add(request);
    for (const RequestPtr& request : queue_) add(request);
    return join.finish();
  }
  /// The same, and nothing follows.
  Pending* end() {
    if (batch_) close_batch()->last = true;
    if (open_ == 0) return nullptr;
    if (!end_.pending()) end_ = Receipt::waiting(strand(), &info(), Why::sink);
    return end_.share();
  }

 private:
  struct Request {
    std::string body;
    std::string key;
    Context context;
    Receipt receipt;
    Receipt through;  // of barriers
    std::size_t elements = 0;
    bool last = false;  // closed by the end, whose receipt gets its error
  };
  using RequestPtr = std::shared_ptr<Request>;

  /// How one attempt went.
  struct Attempt {
    std::exception_ptr error;  // null: the server took it
    bool again = false;        // it may be tried again
    std::optional<std::int64_t> wait;  // seconds that the server asks for
  };

  struct BatchTimer final : Timer {
    explicit BatchTimer(HttpPoster& p) noexcept : poster(p) {}
    void run() override { poster.batch_is_due(); }
    HttpPoster& poster;
  };
  /// Closes a connection after some time, which ends what is under way there.
  class Limit final : public Timer {
   public:
    Limit(Loop& loop, ByteStream& stream, Duration time) : stream_(stream) {
      loop.set(*this, later(loop.now(), time));
    }
    void run() override {
      expired = true;
      stream_.close();
    }
    bool expired = false;

   private:
    ByteStream& stream_;
  };

  static Retry seeded(Retry retry) {
    if (retry.seed == 0) retry.seed = std::random_device{}();
    return retry;
  }

  RequestPtr close_batch() {
    batch_timer_.cancel();
    due_ = false;
    RequestPtr request = std::exchange(batch_, nullptr);
    if (options_.batch > 1 && join_ == Join::array) request->body += ']';
    ++open_;
    queue_.push_back(request);
    if (workers_ < options_.connections) {
      ++workers_;
      sessions_.spawn([this, alive = alive_] { return work(alive); });
    }
    return request;
  }
  void batch_is_due() {
    due_ = true;
    // While all connections are busy it may as well grow: who fills it waits.
    if (batch_ && open_ < options_.connections) close_batch();
  }

  /// One connection's work. While `alive` the node is there.
  Async<> work(std::shared_ptr<bool> alive) {
    std::optional<ByteStream> stream;
    if (!idle_.empty()) {
      stream.emplace(std::move(idle_.back()));
      idle_.pop_back();
    }
    while (!queue_.empty()) {
      const RequestPtr request = queue_.front();
      queue_.pop_front();
      under_way_.push_back(request);
      std::exception_ptr error;
      for (std::size_t made = 1;; ++made) {
        requests_.store(requests() + 1, std::memory_order_relaxed);
        Attempt attempt = co_await send(alive, stream, request);
        if (!*alive) co_return;
        if (!attempt.error) break;
        // Compared in seconds: a server may ask for more of them than a Duration holds.
        const std::chrono::seconds asked{attempt.wait.value_or(0)};
        const auto longest = std::chrono::floor<std::chrono::seconds>(options_.max_retry_after);
        if (!attempt.again || made >= options_.retry.attempts || asked > longest) {
          error = std::move(attempt.error);
          break;
        }
        retries_.store(retries() + 1, std::memory_order_relaxed);
        const Duration pause = std::max<Duration>(backoff_.pause(made), asked);
        boost::system::error_code cancelled;
        co_await async_sleep(clock(), pause, asio::redirect_error(awaited, cancelled));
        if (!*alive) co_return;
      }
      finish(request, std::move(error));
      if (!*alive) co_return;
    }
    --workers_;
    if (stream) idle_.push_back(std::move(*stream));
  }

  Async<Attempt> send(std::shared_ptr<bool> alive, std::optional<ByteStream>& stream, RequestPtr request) {
    const std::string message = head_of(*request) + request->body;
    for (;;) {
      const bool used = stream.has_value();
      Attempt attempt;
      ResponseReader reader;
      bool stale = false;
      try {
        if (!used) {
          ByteStream made = co_await connect(clock(), "sink_to_http", url_.endpoint, options_.security,
                                             options_.connect_time);
          if (!*alive) co_return attempt;
          stream.emplace(std::move(made));
        }
        co_await exchange(*stream, message, reader, options_.send_time, options_.answer_time);
        if (!*alive) co_return attempt;
        judge(reader.answer(), attempt);
        if (!reader.keep_alive()) stream.reset();
      } catch (const boost::system::system_error& failure) {
        if (!*alive) co_return attempt;
        stale = used && reader.nothing() && failure.code() != asio::error::timed_out;
        stream.reset();
        attempt.error = named_failure(failure);
        attempt.again = true;
      }
      // A server may end a connection that nothing happens on just when something does.
      if (!stale) co_return attempt;
    }
  }

  /// Writes the request and reads the answer. The node may end meanwhile, also when the connection had no time to notice.
  static Async<> exchange(ByteStream& stream, const std::string& message, ResponseReader& reader, Duration send_time,
                          Duration answer_time) {
    boost::system::error_code broken;
    {
      Limit limit{clock_of(stream), stream, send_time};
      for (std::size_t at = 0; at < message.size() && !broken;) {
        const asio::const_buffer rest(message.data() + at, message.size() - at);
        at += co_await stream.async_write_some(rest, asio::redirect_error(awaited, broken));
      }
      if (limit.expired) throw boost::system::system_error(asio::error::timed_out, "not sent in time");
    }
    // A server that has heard enough answers and ends the connection: what it says explains why.
    Limit limit{clock_of(stream), stream, answer_time};
    for (;;) {
      boost::system::error_code error;
      const std::size_t n =
          co_await stream.async_read_some(reader.room(), asio::redirect_error(awaited, error));
      if (limit.expired) throw boost::system::system_error(asio::error::timed_out, "no answer in time");
      if (n != 0 && reader.added(n)) co_return;
      if (!error) continue;
      if (reader.ended()) co_return;
      throw boost::system::system_error(broken ? broken : error, "no answer");
    }
  }
  static Loop& clock_of(const ByteStream& stream) { return *stream.get_executor().loop(); }

  void judge(const ResponseParser& answer, Attempt& attempt) const {
    const unsigned status = answer.status;
    if (status / 100 == 2) return;
    std::string what = "sink_to_http: " + named_ + " answered " + std::to_string(status);
    if (!answer.body.empty()) what += ": " + answer.body;
    for (char& c : what) {
      if (static_cast<unsigned char>(c) < 0x20) c = ' ';
    }
    attempt.error = std::make_exception_ptr(HttpError(what, status));
    attempt.again = status == 408 || status == 429 || (status / 100 == 5 && status != 501 && status != 505);
    if (!answer.retry_after.empty()) {
      attempt.wait = retry_after_seconds(answer.retry_after, std::time(nullptr));
    }
  }
  std::exception_ptr named_failure(const boost::system::system_error& failure) const {
    const std::string words = words_of(failure);
    if (words.starts_with("sink_to_http")) return std::make_exception_ptr(failure);
    const boost::system::error_code code(failure.code().value(), failure.code().category());
    const std::string what = "sink_to_http: " + named_ + ": " + words;
    return std::make_exception_ptr(boost::system::system_error(code, what));
  }

  std::string head_of(const Request& request) const {
    std::string head = options_.method + " " + url_.target + " HTTP/1.1\r\nHost: " + url_.host + "\r\n";
    head += "Content-Type: " + options_.type + "\r\n";
    head += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
    if (!options_.key_header.empty()) head += options_.key_header + ": " + request.key + "\r\n";
    for (const auto& [name, value] : options_.headers) head += name + ": " + value + "\r\n";
    return head + "\r\n";
  }

  void finish(const RequestPtr& request, std::exception_ptr error) {
    std::erase(under_way_, request);
    --open_;
    info().holds(held_ -= request->elements);
    if (error) {
      info().fails(request->elements);
      request->context.fail(error);
    }
    request->context.clear();
    request->through.settle(error);
    const bool awaited_for = request->receipt.pending();
    if (awaited_for) {
      // Older ones that wait are all under way: it stands within the first `connections`, however many wait.
      const auto at = std::find(waiting_.begin(), waiting_.end(), request);
      if (at != waiting_.end()) waiting_.erase(at);
      request->receipt.settle(error);
    } else if (error && request->last) {
      end_error_ = error;
    }
    if (open_ < options_.connections) {
      if (!waiting_.empty()) {  // there is room for another one
        waiting_.front()->receipt.settle();
        waiting_.pop_front();
      }
      if (due_ && batch_) close_batch();
    }
    if (open_ == 0 && end_.pending()) std::exchange(end_, {}).settle(std::exchange(end_error_, nullptr));
    graph().rested();
    // Last: whoever hears of it may end the graph.
    if (error && !awaited_for && !request->last) graph().report(std::move(error), info());
  }

  HttpUrl url_;
  std::string named_;
  HttpSink options_;
  Join join_;
  Backoff backoff_;
  RequestPtr batch_;  // that is being filled
  BatchTimer batch_timer_{*this};
  bool due_ = false;
  std::deque<RequestPtr> queue_;
  std::vector<RequestPtr> under_way_;
  std::deque<RequestPtr> waiting_;  // those whose receipts are out, in their order
  std::vector<ByteStream> idle_;
  std::size_t open_ = 0;  // requests in the queue and under way
  std::size_t workers_ = 0;
  std::size_t held_ = 0;  // elements
  std::uint64_t sequence_ = 0;
  Receipt end_;
  std::exception_ptr end_error_;
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> retries_{0};
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  Sessions sessions_{*this};
};

}  // namespace detail
}  // namespace penstock
