// SPDX-License-Identifier: BSL-1.0
#include <algorithm>
#include <deque>
#include <optional>

#include <fmt/core.h>

#include <penstock/connect/tcp.hpp>
#include <penstock/connect/tls.hpp>

#include "certificate.hpp"
#include "soak.hpp"

namespace soak {
namespace {

/// sink_to_tcp, a connection that breaks, from_tcp. What a broken connection takes with it is lost, and seen as a gap
/// that begins with another connection.
class BrokenTcp final : public Lane {
 public:
  explicit BrokenTcp(Run& r) : Lane(r, "tcp, cut"), proxy_(r) {
    server_.sink([this](penstock::TcpMessage message) { return arrived(std::move(message)); });
    expect_errors(server_);
  }

  void start() override {
    server_.start();
    proxy_.start(server_.port());
    penstock::TcpSink options;
    options.reconnect.attempts = 1000;
    options.reconnect.max_backoff = 200ms;
    source_ | penstock::sink_to_tcp(penstock::Endpoint{proxy_.port()}, options);
    expect_errors(source_);
    run.begin(produce(source_));
    run.begin(disturb(7, [this] {
      if (chance(0.3)) {
        // What is in it is dropped, and counted; at the same port it goes on.
        server_.stop();
        server_.start();
      } else {
        proxy_.cut();
      }
    }));
  }
  /// What the last break has taken with it is seen when something comes behind it.
  void finish() override { run.begin(emit_more()); }
  void stop() override {
    source_.destroy();
    server_.stop();
    proxy_.close();
  }
  std::uint64_t lost() const override { return arrivals.missing(); }
  std::uint64_t again_allowed() const override { return proxy_.connections(); }

 private:
  Async<> emit_more() {
    for (int i = 0; i < 10; ++i) {
      std::string next = element(arrivals.send());
      co_await source_.async_emit(std::move(next), awaited);
    }
  }
  asio::awaitable<void> arrived(penstock::TcpMessage message) {
    const std::uint64_t number = number_of(message.data);
    // Within one connection nothing is missing.
    const auto known = std::find_if(last_.begin(), last_.end(), [&](const auto& one) { return one.first == message.peer; });
    if (known == last_.end()) {
      last_.emplace_back(message.peer, number);
      if (last_.size() > 8) last_.pop_front();
    } else {
      if (number != known->second + 1) {
        ++wrong;
        fmt::print("{}: {} came behind {} from {}, of {} connections\n", name, number, known->second, message.peer,
                   proxy_.connections());
      }
      known->second = number;
    }
    return take(number);
  }

  Proxy proxy_;
  penstock::TcpServerSource<penstock::TcpMessage> server_ = penstock::from_tcp<penstock::TcpMessage>(run.loop, 0);
  Stream<std::string> source_{run.loop};
  std::deque<std::pair<std::string, std::uint64_t>> last_;
};

/// One client after the other, each with some elements and an end; nothing is lost.
class TcpClients final : public Lane {
 public:
  TcpClients(Run& r, std::string n, penstock::TcpServer server, penstock::SecurityPtr security)
      : Lane(r, std::move(n)), security_(std::move(security)), server_(penstock::from_tcp(run.loop, 0, std::move(server))) {
    server_.sink([this](std::string text) { return take(number_of(text)); });
    expect_errors(server_);
  }

  void start() override {
    server_.start();
    run.begin(come_and_go());
  }
  void stop() override { server_.stop(); }

 private:
  Async<> come_and_go() {
    while (!run.ending) {
      Stream<std::string> source{run.loop};
      const penstock::Endpoint to{"localhost", server_.port()};
      penstock::TcpSink options;
      options.security = security_;
      source | penstock::sink_to_tcp(to, std::move(options));
      const auto n = static_cast<std::uint64_t>(uniform(1, run.rate / 4));
      for (std::uint64_t i = 0; i < n; ++i) {
        std::string next = element(arrivals.send());
        co_await source.async_emit(std::move(next), awaited);
      }
      co_await source.async_close(awaited);
      ++disturbed;
      const auto pause = std::chrono::duration_cast<Duration>(Seconds{static_cast<double>(n) / run.rate});
      co_await penstock::async_sleep(run.loop, pause, awaited);
    }
  }

  penstock::SecurityPtr security_;
  penstock::TcpServerSource<std::string> server_;
};

}  // namespace

std::vector<std::unique_ptr<Lane>> tcp_lanes(Run& run) {
  std::vector<std::unique_ptr<Lane>> lanes;
  lanes.push_back(std::make_unique<BrokenTcp>(run));
  lanes.push_back(std::make_unique<TcpClients>(run, "tcp, many clients", penstock::TcpServer{}, nullptr));
  const Certificate certificate{run.directory};
  penstock::TcpServer server;
  server.security = penstock::tls_server(certificate.certificate, certificate.key);
  auto client = penstock::tls_client({.trust = certificate.certificate});
  lanes.push_back(std::make_unique<TcpClients>(run, "tcp with TLS, many clients", std::move(server), std::move(client)));
  return lanes;
}

}  // namespace soak
