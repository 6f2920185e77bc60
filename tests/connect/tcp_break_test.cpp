// SPDX-License-Identifier: BSL-1.0
// Connections that break at any byte, between sink_to_tcp and from_tcp and at either end. Everything is on one thread and
// in the hands of the test: each byte, each turn of the loop, and when the sink behind is through with an element.
#include "penstock/connect/tcp.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <map>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>

#include "catch.hpp"
#include "connect/tcp_peer.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/exec/async_emit.hpp"
#include "penstock/exec/event_loop.hpp"
#include "penstock/sinks/sink.hpp"

using namespace penstock;
using namespace std::string_literals;
using penstock::test::Peer;
using penstock::test::PeerServer;

namespace {

/// Attempts follow each other at once, and there are always more.
constexpr Retry at_once{.attempts = 1'000'000'000, .backoff = Duration::zero(), .factor = 1, .jitter = 0};

/// From an address, of which 127 has many, and a port, 0 for any.
Peer connected_from(std::uint32_t host, std::uint16_t port, std::uint16_t to) {
  Peer peer{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  const int yes = 1;
  setsockopt(peer.handle(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  const auto use = [&](auto call, std::uint32_t h, std::uint16_t p) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(h);
    address.sin_port = htons(p);
    if (call(peer.handle(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      throw std::runtime_error("no connection from there: "s + std::strerror(errno));
    }
  };
  use(::bind, host, port);
  use(::connect, INADDR_LOOPBACK, to);
  return peer;
}
std::uint16_t port_of(const Peer& peer) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  getsockname(peer.handle(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}
std::string host_text(std::size_t number) {
  return "127.1." + std::to_string(number / 256) + "." + std::to_string(number % 256);
}

constexpr std::size_t most = 8'000'000;
/// A number, and what tells whether it is whole: now and then more than the operating system takes without anybody reading.
std::string text_of(std::uint64_t number) {
  return std::to_string(number) + ":" + std::string(number % 1000 == 999 ? most : number % 300, 'x');
}
std::uint64_t number_of(const std::string& text) {
  const std::uint64_t number = std::strtoull(text.c_str(), nullptr, 10);
  if (text != text_of(number)) throw std::runtime_error("no whole element: " + text.substr(0, 100));
  return number;
}
/// Those that stand in a text whole.
std::vector<std::uint64_t> numbers_in(const std::string& text) {
  std::vector<std::uint64_t> numbers;
  std::size_t begin = 0;
  for (std::size_t end = 0; (end = text.find('\n', begin)) != text.npos; begin = end + 1) {
    numbers.push_back(number_of(text.substr(begin, end - begin)));
  }
  return numbers;
}
bool follow_each_other(const std::vector<std::uint64_t>& numbers) {
  return std::adjacent_find(numbers.begin(), numbers.end(), [](auto a, auto b) { return b != a + 1; }) == numbers.end();
}

/// What leads from one connection to another, a few bytes at a time.
struct Way {
  std::optional<Peer> near = {};
  std::optional<Peer> far = {};
  std::string text = {};   // that was read
  std::size_t passed = 0;  // so much of it was passed on
  std::size_t frames = 0;  // that end in there
  bool broken = false;     // what is under way to the server may be lost
  std::size_t given_up = std::size_t(-1);  // behind so many elements, by a stop

  void step(std::size_t bytes) {
    if (near && !read(bytes)) near.reset();
    if (far && !pass_on(bytes)) far.reset();
    if (!far) near.reset();                           // so that the sender hears of it
    if (!near && passed == text.size()) far.reset();  // the end, in order
  }
  void cut(bool reset) {
    broken = true;
    for (std::optional<Peer>* side : {&near, &far}) {
      if (*side && reset) (*side)->reset();
      side->reset();
    }
  }

 private:
  bool read(std::size_t bytes) {
    std::string room(bytes, ' ');
    const ssize_t n = ::recv(near->handle(), room.data(), bytes, MSG_DONTWAIT);
    if (n > 0) text.append(room, 0, static_cast<std::size_t>(n));
    return n > 0 || (n < 0 && errno == EAGAIN);
  }
  bool pass_on(std::size_t bytes) {
    char answer = 0;
    if (::recv(far->handle(), &answer, 1, MSG_DONTWAIT) != -1 || errno != EAGAIN) return false;
    const char* const from = text.data() + passed;
    const ssize_t n = ::send(far->handle(), from, std::min(bytes, text.size() - passed), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n <= 0) return n == 0 || errno == EAGAIN;
    passed += static_cast<std::size_t>(n);
    frames += static_cast<std::size_t>(std::count(from, from + n, '\n'));
    return true;
  }
};

}  // namespace

TEST_CASE("a connection from the port of an earlier one begins anew, though its peer has the same name") {
  EventLoop loop;
  const auto source = from_tcp<TcpMessage>(loop, 0);
  std::vector<TcpMessage> out;
  source.sink([&](const TcpMessage& message) { out.push_back(message); });
  std::vector<std::string> errors;
  source.on_background_error([&](std::exception_ptr, const Info& where) { errors.push_back(where.label()); });
  source.start();
  Peer first = connected_from(INADDR_LOOPBACK, 0, source.port());
  const std::uint16_t port = port_of(first);
  first.send("1\n2\nthe first half");
  loop.poll();
  first.reset();
  loop.poll();
  connected_from(INADDR_LOOPBACK, port, source.port()).send("7\n8\n");
  loop.poll();
  const std::string peer = "127.0.0.1:" + std::to_string(port);
  CHECK(out == std::vector<TcpMessage>{{"1", peer}, {"2", peer}, {"7", peer}, {"8", peer}});
  CHECK(source.info().failed.get() == 1);
  CHECK(errors.size() == 1);
  CHECK(source.connections() == 0);
}

TEST_CASE("whatever breaks, within one connection nothing is missing, nothing comes twice and nothing is torn") {
  const auto seed = GENERATE(range(1U, 5U));
  CAPTURE(seed);
  std::mt19937 random{seed};
  const auto chance = [&](unsigned one_in) { return random() % one_in == 0; };
  EventLoop loop;

  const auto server = from_tcp<TcpMessage>(loop, 0, {.max_frame = 2 * most});
  std::map<std::string, std::vector<std::uint64_t>> arrived;  // by the address that they come from
  std::uint64_t last = 0;
  std::optional<Completion<>> held;
  server.sink([&](const TcpMessage& message, Completion<> done) {
    last = number_of(message.data);
    arrived[message.peer.substr(0, message.peer.find(':'))].push_back(last);
    held.emplace(std::move(done));
  });
  server.on_background_error([](std::exception_ptr, const Info&) {});  // frames that were cut off
  server.start();

  PeerServer between;
  Stream<std::string> source{loop};
  const TcpSink options{.max_frame = 2 * most, .queue = 2000, .reconnect = at_once};
  const auto sink = source | sink_to_tcp(between.port(), options);
  std::uint64_t emitted = 0;
  std::size_t waiting = 0;
  std::vector<Way> ways;

  const auto turn = [&](bool calm) {
    if (waiting < 3 && chance(2)) {
      ++waiting;
      async_emit(source, text_of(++emitted), Context{}, [&](std::exception_ptr error) {
        --waiting;
        if (error) std::rethrow_exception(error);
      });
    }
    if (chance(2)) loop.poll();
    if (held && chance(2)) (*std::exchange(held, std::nullopt))();
    if (between.has_one()) {
      Way way{between.accept()};
      try {
        way.far = connected_from(0x7F010000U + static_cast<std::uint32_t>(ways.size()), 0, server.port());
      } catch (const std::runtime_error&) {  // it is stopped
      }
      ways.push_back(std::move(way));
    }
    for (std::size_t i = ways.size() < 3 ? 0 : ways.size() - 3; i < ways.size(); ++i) {
      if (chance(2)) ways[i].step(std::size_t{1} << random() % 20);
    }
    if (calm) return;
    if (!ways.empty() && chance(200)) ways.back().cut(chance(2));
    if (!ways.empty() && chance(200)) ways.back().near.reset();  // what it has is passed on
    if (chance(400)) {
      for (std::size_t i = 0; i < ways.size(); ++i) {
        const std::size_t n = arrived[host_text(i)].size();
        if (ways[i].far || n < ways[i].frames) ways[i].broken = true;
        ways[i].given_up = std::min(ways[i].given_up, n);
      }
      server.stop();
    }
    if (server.stopped() && chance(3)) server.start();
  };
  for (int i = 0; i < 20'000; ++i) turn(false);
  server.start();
  // What is under way may still be lost with a connection that has broken; what comes behind all that may not.
  const auto in_calm = [&](auto condition) {
    return test::comes([&] {
      for (int i = 0; i < 1000 && !condition(); ++i) turn(true);
      return condition();
    });
  };
  REQUIRE(in_calm([&] { return server.connections() == 1 && ways.back().far; }));
  const std::uint64_t enough = emitted + 300;
  REQUIRE(in_calm([&] { return last >= enough; }));

  std::uint64_t before = 0;
  for (std::size_t i = 0; i < ways.size(); ++i) {
    CAPTURE(i);
    const std::vector<std::uint64_t> written = numbers_in(ways[i].text);
    CHECK(follow_each_other(written));
    if (!written.empty()) {
      CHECK(written.front() > before);
      before = written.back();
    }
    const std::vector<std::uint64_t> passed = numbers_in(ways[i].text.substr(0, ways[i].passed));
    const std::vector<std::uint64_t>& got = arrived[host_text(i)];
    REQUIRE(got.size() <= passed.size());
    CHECK(got.size() <= ways[i].given_up);
    CHECK(std::equal(got.begin(), got.end(), passed.begin()));
    if (!ways[i].broken && i + 1 < ways.size()) CHECK(got.size() == passed.size());
  }
  INFO(ways.size() << " connections, " << emitted << " elements, " << sink.resent() << " written anew");
  CHECK(ways.size() > 100);
  CHECK(sink.resent() > 0);
}
