// SPDX-License-Identifier: BSL-1.0
//
// Workload p: requests a second over loopback, on one connection that is kept, each posted when the one before was
// answered. The client is the same for both: it writes one text again and again and reads until an answer is complete. By
// hand: what Beast's own examples do, a coroutine with async_read and async_write. Wall time a request, as the server is
// another thread; most of it is the operating system's.
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "bench.hpp"
#include "penstock/connect/http/from_http_server.hpp"
#include "penstock/exec/event_loop.hpp"
#include "penstock/sinks/sink.hpp"

namespace bench {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using Tcp = asio::ip::tcp;

constexpr std::int64_t requests = 20000;

class Client {
 public:
  explicit Client(std::uint16_t port) : socket_(context_) {
    socket_.connect({asio::ip::address_v4::loopback(), port});
    socket_.set_option(Tcp::no_delay(true));
    const std::string body(100, 'x');
    request_ = "POST /in HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\nContent-Type: text/plain\r\nContent-Length: " +
               std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  /// Posts so many, and says how many were answered 200.
  std::int64_t post(std::int64_t n) {
    std::int64_t good = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      asio::write(socket_, asio::buffer(request_));
      std::size_t filled = 0;
      for (;;) {
        filled += socket_.read_some(asio::buffer(answer_.data() + filled, answer_.size() - filled));
        const std::string_view text{answer_.data(), filled};
        if (text.size() > 6 && text.ends_with("\r\n\r\nOK")) break;
      }
      if (std::string_view{answer_.data(), 12} == "HTTP/1.1 200") ++good;
    }
    return good;
  }

 private:
  asio::io_context context_;
  Tcp::socket socket_;
  std::string request_;
  std::array<char, 4096> answer_{};
};

class BareServer {
 public:
  BareServer() : acceptor_(context_, {asio::ip::address_v4::loopback(), 0}) {
    asio::co_spawn(context_, accept(), asio::detached);
    thread_ = std::thread([this] { context_.run(); });
  }
  ~BareServer() {
    context_.stop();
    thread_.join();
  }
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

 private:
  asio::awaitable<void> accept() {
    for (;;) {
      Tcp::socket socket = co_await acceptor_.async_accept(asio::use_awaitable);
      socket.set_option(Tcp::no_delay(true));
      asio::co_spawn(context_, serve(std::move(socket)), asio::detached);
    }
  }
  asio::awaitable<void> serve(Tcp::socket socket) {
    boost::beast::flat_buffer buffer;
    try {
      for (;;) {
        http::request<http::string_body> request;
        co_await http::async_read(socket, buffer, request, asio::use_awaitable);
        consume(static_cast<Value>(request.body().size()));
        http::response<http::string_body> response{http::status::ok, request.version()};
        response.set(http::field::content_type, "text/plain");
        response.keep_alive(request.keep_alive());
        response.body() = "OK";
        response.prepare_payload();
        co_await http::async_write(socket, response, asio::use_awaitable);
      }
    } catch (const boost::system::system_error&) {  // the client has gone
    }
  }

  asio::io_context context_{1};
  Tcp::acceptor acceptor_;
  std::thread thread_;
};

struct PenstockServer {
  PenstockServer() {
    source.sink([](const std::string& body) { consume(static_cast<Value>(body.size())); });
    source.start();
  }
  std::uint16_t port() const { return source.port(); }
  penstock::EventLoop loop{penstock::background};
  penstock::HttpSource<std::string> source =
      penstock::from_http_server(loop, 0, {.max_requests = 0, .idle_time = std::chrono::hours{1}});
};

template <class Server>
Contender contender(std::string name, std::vector<Goal> goals) {
  return {.workload = "p",
          .name = std::move(name),
          .elements = requests,
          .make =
              [](bool) {
                auto server = std::make_shared<Server>();
                auto client = std::make_shared<Client>(server->port());
                auto good = std::make_shared<std::int64_t>(0);
                return Pass{.run = [=] { *good = client->post(requests); },
                            .wrong =
                                [=, alive = server] {
                                  return *good == requests ? std::string{} : "not every request was answered 200";
                                }};
              },
          .goals = std::move(goals),
          .clock = Clock::wall};
}

const Registration registered{[] {
  add(contender<BareServer>("hand1", {}));
  add(contender<PenstockServer>("penstock", {{.ratio = 1.25}}));  // 0.8 times the requests a second
}};

}  // namespace
}  // namespace bench
