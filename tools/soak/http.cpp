// SPDX-License-Identifier: BSL-1.0
#include <algorithm>
#include <optional>
#include <string_view>

#include <penstock/connect/http.hpp>
#include <penstock/connect/tls.hpp>

#include "certificate.hpp"
#include "soak.hpp"

namespace soak {
namespace {

/// sink_to_http in batches, a connection that breaks or not, from_http_server. What breaks is sent again: nothing is lost,
/// and some comes twice.
class Posts final : public Lane {
 public:
  static constexpr std::size_t batch = 20;
  static constexpr std::size_t connections = 2;

  Posts(Run& r, std::string n, penstock::SecurityPtr server, penstock::SecurityPtr client)
      : Lane(r, std::move(n)), proxy_(r), client_(std::move(client)) {
    penstock::HttpServer options;
    options.security = std::move(server);
    server_.emplace(penstock::from_http_server(run.loop, 0, std::move(options)));
    server_->sink([this](std::string body) { return take_lines(std::move(body)); });
    expect_errors(*server_);
  }

  void start() override {
    server_->start();
    proxy_.start(server_->port());
    penstock::HttpSink options;
    options.batch = batch;
    options.batch_time = 50ms;
    options.connections = connections;
    options.retry.attempts = 1000;
    options.retry.max_backoff = 200ms;
    options.security = client_;
    const std::string url = (client_ ? "https" : "http") + std::string{"://localhost:"} + std::to_string(proxy_.port()) + "/in";
    source_ | penstock::sink_to_http(url, options);
    expect_errors(source_);
    run.begin(produce(source_));
    run.begin(disturb(7, [this] {
      if (chance(0.3)) {
        server_->stop();
        server_->start();
      } else {
        proxy_.cut();
      }
    }));
  }
  void finish() override { run.begin(close()); }
  void stop() override {
    server_->stop();
    proxy_.close();
  }
  /// A request that was taken, and whose answer was lost.
  std::uint64_t again_allowed() const override { return (disturbed + 1) * connections * batch; }

 private:
  Async<> close() { co_await source_.async_close(awaited); }
  asio::awaitable<void> take_lines(std::string body) {
    for (std::string_view left = body; !left.empty();) {
      const std::size_t end = std::min(left.find('\n'), left.size());
      co_await take(number_of(left.substr(0, end)));
      left.remove_prefix(std::min(end + 1, left.size()));
    }
  }

  Proxy proxy_;
  penstock::SecurityPtr client_;
  std::optional<penstock::HttpSource<std::string>> server_;
  Stream<std::string> source_{run.loop};
};

}  // namespace

std::vector<std::unique_ptr<Lane>> http_lanes(Run& run) {
  std::vector<std::unique_ptr<Lane>> lanes;
  lanes.push_back(std::make_unique<Posts>(run, "http, cut", nullptr, nullptr));
  const Certificate certificate{run.directory};
  lanes.push_back(std::make_unique<Posts>(run, "http with TLS, cut",
                                          penstock::tls_server(certificate.certificate, certificate.key),
                                          penstock::tls_client({.trust = certificate.certificate})));
  return lanes;
}

}  // namespace soak
