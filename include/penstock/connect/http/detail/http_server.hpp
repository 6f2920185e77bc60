// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "penstock/connect/http/detail/http_connection.hpp"
#include "penstock/connect/http/detail/http_message.hpp"
#include "penstock/connect/http/detail/path_pattern.hpp"
#include "penstock/connect/net/listener.hpp"

// Not an operator: the server behind from_http_server, as far as it is the same for all elements.

namespace penstock::detail {

/// The node behind from_http_server.
class HttpServerBase : public Node, private HttpService, protected HttpJobOwner {
 public:
  HttpServerBase(const Endpoint& endpoint, HttpServer options)
      : Node(Info{"from_http_server", endpoint.text(), Shape::source}),
        options_(std::move(options)),
        listener_(*this, "from_http_server",
                  {endpoint, options_.connections, options_.security, options_.handshake}) {
    if (options_.max_waiting == 0) bad_argument("from_http_server: max_waiting must be at least 1");
    if (options_.max_header < 64 || options_.max_header > (std::size_t{1} << 24)) {
      bad_argument("from_http_server: max_header must be at least 64 bytes, and at most 16 MiB");
    }
    if (options_.methods.empty()) bad_argument("from_http_server: at least one method must be allowed");
    if (options_.paths.empty()) bad_argument("from_http_server: at least one path must be served");
    for (const std::string& path : options_.paths) patterns_.emplace_back(path);
    for (const std::string& method : options_.methods) allow_ += (allow_.empty() ? "" : ", ") + method;
    this->info().one_to_one = false;
  }

  const char* needs_loop() const noexcept override { return "from_http_server: a server"; }
  std::uint16_t bound_port() const noexcept { return listener_.port(); }
  bool stopped() const noexcept { return !running_.load(std::memory_order_relaxed); }
  bool busy() const noexcept override { return !jobs_.empty(); }

  void start() override {
    if (!stopped()) return;
    listener_.open([this](ByteStream stream) { return serve(std::move(stream)); });
    running_.store(true, std::memory_order_relaxed);
  }
  void stop() override {
    if (stopped()) return;
    running_.store(false, std::memory_order_relaxed);
    listener_.close();
    const std::vector<HttpConnection*> all = connections_;  // some leave
    for (HttpConnection* connection : all) connection->wind_down();
  }
  void shut_down() noexcept override {
    stop();
    listener_.cancel();
    const std::vector<HttpConnection*> all = std::exchange(connections_, {});
    for (HttpConnection* connection : all) connection->abort();
    door_.clear();
    jobs_.clear();
  }

  /// Serves one connection to its end.
  Async<> serve(ByteStream stream) {
    HttpService& service = *this;
    auto connection = std::make_shared<HttpConnection>(service, std::move(stream));
    connections_.push_back(connection.get());
    connection->start();
    auto ended = connection->async_wait(awaited);
    co_await std::move(ended);
  }

 protected:
  const HttpServer& options() const noexcept final { return options_; }
  /// The elements in a request. Null, and `answer` says why, when they cannot be had.
  virtual std::unique_ptr<HttpJob> make_job(HttpRequest&& request, HttpAnswer& answer) = 0;
  bool running() const noexcept override { return !stopped(); }

 private:
  struct Next final : Task {
    explicit Next(HttpServerBase& s) noexcept : server(s) {}
    void run() override { server.admit_next(); }
    HttpServerBase& server;
  };

  // For connections.
  Loop& loop_of_connections() const noexcept final { return clock(); }
  std::string_view date() final { return date_.now(); }
  void left(HttpConnection& connection) noexcept final { std::erase(connections_, &connection); }

  bool check(HttpRequest& request, HttpAnswer& answer) const final {
    std::string_view path = request.path();
    const std::size_t scheme = path.find("://");
    if (scheme != std::string_view::npos && path.front() != '/') {  // `POST http://host/path`, as to a proxy
      const std::size_t slash = path.find('/', scheme + 3);
      path = slash == std::string_view::npos ? "/" : path.substr(slash);
    }
    for (const PathPattern& pattern : patterns_) {
      request.parameters.clear();
      switch (pattern.match(path, request.parameters)) {
        case PathPattern::Match::no: continue;
        case PathPattern::Match::damaged: return refuse(answer, 400);
        case PathPattern::Match::yes: break;
      }
      const auto& methods = options_.methods;
      if (std::find(methods.begin(), methods.end(), request.method) == methods.end()) {
        answer.fields = "Allow: " + allow_ + "\r\n";
        return refuse(answer, 405);
      }
      return check_content(request, answer);
    }
    return refuse(answer, 404);
  }

  HttpJob* take(HttpRequest&& request, HttpAnswer& answer) final {
    std::unique_ptr<HttpJob> job;
    try {
      job = make_job(std::move(request), answer);
    } catch (...) {  // a type of the user's that cannot be read
      refuse(answer, 500);
      graph().report(std::current_exception(), info());
    }
    if (!job) return nullptr;
    jobs_.push_back(std::move(job));
    return jobs_.back().get();
  }
  void admit(HttpJob& job) final {
    if (!door_.empty() || emitting_ >= options_.max_waiting) {
      door_.push_back(&job);
      return;
    }
    ++emitting_;
    job.run();
  }
  bool withdraw(HttpJob& job) noexcept final {
    job.let_go();
    if (job.emitted() != 0) return false;
    std::erase(door_, &job);
    remove(job);
    return true;
  }

  // For jobs.
  Node& node_of_jobs() noexcept final { return *this; }
  void finished(HttpJob& job) noexcept final {
    --emitting_;
    remove(job);
    if (!door_.empty()) strand().post(next_);
  }
  void admit_next() {
    if (door_.empty() || emitting_ >= options_.max_waiting) return;
    HttpJob& job = *door_.front();
    door_.pop_front();
    ++emitting_;
    if (!door_.empty()) strand().post(next_);
    job.run();  // last: it may end the graph
  }

  static bool refuse(HttpAnswer& answer, unsigned status) {
    answer.status = status;
    answer.body = http_reason(status);
    return false;
  }
  bool check_content(const HttpRequest& request, HttpAnswer& answer) const {
    const std::string_view coding = request.header("Content-Encoding");
    if (!coding.empty() && !same_letters(coding, "identity")) return refuse(answer, 415);
    if (options_.types.empty()) return true;
    std::string_view type = request.header("Content-Type");
    type = type.substr(0, type.find(';'));
    while (!type.empty() && type.back() == ' ') type.remove_suffix(1);
    for (const std::string& allowed : options_.types) {
      if (same_letters(type, allowed)) return true;
    }
    return refuse(answer, 415);
  }
  void remove(HttpJob& job) noexcept {
    std::erase_if(jobs_, [&](const std::unique_ptr<HttpJob>& one) { return one.get() == &job; });
    if (jobs_.empty()) graph().rested();
  }

  HttpServer options_;
  Listener listener_;
  std::vector<PathPattern> patterns_;
  std::string allow_;
  HttpDate date_;
  std::atomic<bool> running_{false};
  std::vector<HttpConnection*> connections_;
  std::vector<std::unique_ptr<HttpJob>> jobs_;
  std::deque<HttpJob*> door_;  // jobs that nothing was emitted of, in their order
  Next next_{*this};
  std::size_t emitting_ = 0;
};

}  // namespace penstock::detail
