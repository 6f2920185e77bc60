// SPDX-License-Identifier: BSL-1.0
// A server that counts words, a client that sends it some, and a client that listens to a ticker.
#include <fmt/core.h>

#include <chrono>
#include <cstddef>
#include <exception>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <boost/asio.hpp>

#include <penstock/connect/tcp.hpp>
#include <penstock/penstock.hpp>

using namespace std::chrono_literals;
using Tcp = boost::asio::ip::tcp;
namespace asio = boost::asio;

std::vector<std::string> words(const std::string& line) {
  std::istringstream in{line};
  std::vector<std::string> all;
  for (std::string word; in >> word;) all.push_back(word);
  return all;
}

// What has no penstock in it: says three numbers to the first who comes, each behind its length.
asio::awaitable<void> ticker(Tcp::acceptor& door) {
  Tcp::socket socket = co_await door.async_accept(asio::use_awaitable);
  const std::string bytes{"\0\4" "1.25" "\0\3" "1.5" "\0\1" "2", 14};
  co_await asio::async_write(socket, asio::buffer(bytes), asio::use_awaitable);
}

int main() {
  penstock::EventLoop loop;

  const auto lines = penstock::from_tcp(loop, 0, {.connections = 100, .idle = 1min});
  lines.on_background_error([](std::exception_ptr error, const penstock::Info&) {
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& e) {
      fmt::print(stderr, "{}\n", e.what());  // a client that sent half a line, or one that is too long
    }
  });
  std::map<std::string, std::size_t> counted;
  lines.map(words).flatten().sink([&](const std::string& word) { ++counted[word]; });
  lines.start();

  penstock::Stream<std::string> out{loop};
  const auto sink = out | penstock::sink_to_tcp({"127.0.0.1", lines.port()});
  out.emit("to be or");
  out.emit("not to be");
  out.close();  // returns when all is written and the server has ended its side too
  fmt::print("{} lines sent over {} connection\n", sink.info().in.get(), sink.connects());
  for (const auto& [word, times] : counted) fmt::print("{} {}\n", word, times);
  lines.stop();

  Tcp::acceptor door{loop.io_context(), {asio::ip::address_v4::loopback(), 0}};
  asio::co_spawn(door.get_executor(), ticker(door), asio::detached);
  const auto prices = penstock::from_tcp_client(
      loop, door.local_endpoint().port(), {.framing = penstock::LengthPrefixed{.bytes = 2}, .end = true});
  prices.map([](const std::string& text) { return std::stod(text); }).sink([](double price) {
    fmt::print("price {}\n", price);
  });
  prices.start();
  loop.run();
}
