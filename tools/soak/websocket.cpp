// SPDX-License-Identifier: BSL-1.0
#include <optional>

#include <penstock/connect/websocket.hpp>

#include "soak.hpp"

namespace soak {
namespace {

std::string url_of(std::uint16_t port) { return "ws://127.0.0.1:" + std::to_string(port) + "/"; }

/// to_websocket, a connection that breaks, from_websocket. Nothing is lost but what a server that is stopped drops, and
/// counts.
class BrokenWebSocket final : public Lane {
 public:
  static constexpr std::size_t queue = 64;

  explicit BrokenWebSocket(Run& r) : Lane(r, "websocket, cut"), proxy_(r) {
    server_.sink([this](std::string text) { return take(number_of(text)); });
    expect_errors(server_);
  }

  void start() override {
    server_.start();
    proxy_.start(server_.port());
    penstock::ToWebSocket options;
    options.queue = queue;
    options.reconnect.attempts = 1000;
    options.reconnect.max_backoff = 200ms;
    source_ | penstock::to_websocket(url_of(proxy_.port()), options);
    expect_errors(source_);
    run.begin(produce(source_));
    run.begin(disturb(7, [this] {
      if (chance(0.3)) {
        server_.stop();
        server_.start();
      } else {
        proxy_.cut();
      }
    }));
  }
  void finish() override { run.begin(close()); }
  void stop() override {
    if (arrivals.missing() > server_.info().dropped.get()) ++wrong;
    server_.stop();
    proxy_.close();
  }
  std::uint64_t lost() const override { return arrivals.missing(); }
  std::uint64_t again_allowed() const override { return proxy_.connections() * queue; }

 private:
  Async<> close() { co_await source_.async_close(awaited); }

  Proxy proxy_;
  penstock::WebSocketServerSource<std::string> server_ = penstock::from_websocket(run.loop, 0);
  Stream<std::string> source_{run.loop};
};

/// broadcast_websocket to two clients: one gets everything, the connection of the other breaks all the time.
class Broadcast final : public Lane {
 public:
  explicit Broadcast(Run& r) : Lane(r, "websocket, broadcast"), proxy_(r) {
    penstock::BroadcastWebSocket options;
    options.slow_client = penstock::SlowClient::wait;
    sink_.emplace(source_ | penstock::broadcast_websocket(0, options));
    expect_errors(source_);
  }

  void start() override {
    proxy_.start(sink_->port());
    steady_.emplace(penstock::from_websocket(run.loop, url_of(sink_->port())));
    steady_->sink([this](std::string text) { return take(number_of(text)); });
    expect_errors(*steady_);
    penstock::WebSocketClient options;
    options.reconnect.attempts = 1000;
    options.reconnect.max_backoff = 200ms;
    shaky_.emplace(penstock::from_websocket(run.loop, url_of(proxy_.port()), options));
    shaky_->sink([this](const std::string& text) { at_shaky(number_of(text)); });
    expect_errors(*shaky_);
    steady_->start();
    shaky_->start();
    run.begin(begin());
    run.begin(disturb(7, [this] { proxy_.cut(); }));
  }
  void stop() override {
    if (seen_ == 0) ++wrong;
    steady_->stop();
    shaky_->stop();
    sink_->destroy();
    proxy_.close();
  }

 private:
  Async<> begin() {
    while (!run.ending && !(steady_->connected() && sink_->clients() == 2)) {
      co_await penstock::async_sleep(run.loop, 20ms, awaited);
    }
    co_await produce(source_);
  }
  /// In order, and something is missing only where a connection has ended.
  void at_shaky(std::uint64_t number) {
    const bool follows = number == next_;
    const bool gap = number != ~std::uint64_t{0} && number > next_ && shaky_->connects() != connects_;
    if (seen_ > 0 && !follows && !gap) ++wrong;
    next_ = number + 1;
    connects_ = shaky_->connects();
    ++seen_;
  }

  Proxy proxy_;
  Stream<std::string> source_{run.loop};
  std::optional<penstock::WebSocketBroadcast> sink_;
  std::optional<penstock::WebSocketClientSource<std::string>> steady_;
  std::optional<penstock::WebSocketClientSource<std::string>> shaky_;
  std::uint64_t next_ = 0;
  std::uint64_t seen_ = 0;
  std::uint64_t connects_ = 0;
};

}  // namespace

std::vector<std::unique_ptr<Lane>> websocket_lanes(Run& run) {
  std::vector<std::unique_ptr<Lane>> lanes;
  lanes.push_back(std::make_unique<BrokenWebSocket>(run));
  lanes.push_back(std::make_unique<Broadcast>(run));
  return lanes;
}

}  // namespace soak
