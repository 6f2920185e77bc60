// SPDX-License-Identifier: BSL-1.0
#include "penstock/connect/tcp/from_tcp.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>

#include "catch.hpp"
#include "connect/children.hpp"
#include "connect/program.hpp"
#include "connect/tcp_peer.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/exec/await.hpp"
#include "penstock/exec/event_loop.hpp"
#include "penstock/ops/filter.hpp"
#include "penstock/ops/flatten.hpp"
#include "penstock/ops/frequencies.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/sinks/sink.hpp"

using namespace penstock;
using namespace std::chrono_literals;
using namespace std::string_literals;
using penstock::test::Arrived;
using penstock::test::comes;
using penstock::test::installed;
using penstock::test::open_files;
using penstock::test::Peer;
using penstock::test::Program;
using penstock::test::resident_kb;
using penstock::test::sanitized;
using Lines = std::vector<std::string>;

namespace {

std::string text_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  }
}

/// Errors that a graph reports, as texts.
template <class Handle>
Arrived<std::string> errors_of(const Handle& handle) {
  Arrived<std::string> errors;
  handle.on_background_error([errors](std::exception_ptr error, const Info&) { errors(text_of(error)); });
  return errors;
}

/// A message that comes over a connection of its own: what was sent before has been seen then.
void send_marker(std::uint16_t port) { Peer::connected(port).send("marker\n"); }

Lines sorted(Lines lines) {
  std::sort(lines.begin(), lines.end());
  return lines;
}

}  // namespace

TEST_CASE("row 119 from_tcp emits what several sockets send, one after the other") {
  EventLoop loop{background};
  const auto source = from_tcp(loop, 0, {.framing = Delimited{.keep = true}});
  const Arrived<std::string> out;
  source.sink(out);
  source.start();
  Peer::connected(source.port()).send("data\n");
  out.wait(1);
  Peer second = Peer::connected(source.port());
  second.send("data\n");
  out.wait(2);
  Peer third = Peer::connected(source.port());
  third.send("data2\n");
  CHECK(out.wait(3) == Lines{"data\n", "data\n", "data2\n"});
}

TEST_CASE(
    "row 120 from_tcp counts words, also when two messages come in one packet or a packet for each byte") {
  using Counts = std::map<std::string, std::size_t>;
  EventLoop loop{background};
  const auto source = from_tcp(loop, 0);
  const Arrived<Counts> out;
  source
      .map([](const std::string& line) {
        Lines words;
        for (std::size_t at = 0; at < line.size();) {
          const std::size_t end = std::min(line.find(' ', at), line.size());
          words.push_back(line.substr(at, end - at));
          at = end + 1;
        }
        return words;
      })
      .flatten()
      .frequencies()
      .sink([out](const auto& counts) { out(Counts(counts.begin(), counts.end())); });
  source.start();
  const std::vector<Counts> expected{
      {{"data", 1}}, {{"data", 2}}, {{"data", 3}}, {{"data", 3}, {"data2", 1}}};

  SECTION("a packet each") {
    Peer first = Peer::connected(source.port());
    first.send("data\n");
    out.wait(1);
    Peer second = Peer::connected(source.port());
    second.send("data\n");
    out.wait(2);
    second.send("data\n");
    out.wait(3);
    second.send("data2\n");
    CHECK(out.wait(4) == expected);
  }
  SECTION("all in one packet") {
    Peer peer = Peer::connected(source.port());
    peer.send("data\ndata data\ndata2\n");
    CHECK(out.wait(4) == expected);
  }
  SECTION("a packet for each byte") {
    Peer peer = Peer::connected(source.port());
    for (const char c : "data\ndata data\ndata2\n"s) peer.send({&c, 1});
    CHECK(out.wait(4) == expected);
  }
}

TEST_CASE("row 121 from_tcp and what sends to it are on one loop") {
  EventLoop loop;
  const auto source = from_tcp(loop, 0, {.framing = Delimited{.keep = true}});
  Lines out;
  source.sink([&](const std::string& line) {
    out.push_back(line);
    if (out.size() == 3) source.stop();
  });
  source.start();
  asio::co_spawn(
      loop.executor(),
      [&]() -> Async<> {
        const asio::ip::tcp::endpoint to{asio::ip::address_v4::loopback(), source.port()};
        for (const std::string text : {"data\n", "data\n", "data2\n"}) {
          Socket socket{loop.executor()};
          co_await socket.async_connect(to, awaited);
          co_await asio::async_write(socket, asio::buffer(text), awaited);
        }
      },
      asio::detached);
  loop.run();
  CHECK(sorted(out) == Lines{"data\n", "data\n", "data2\n"});
}

TEST_CASE("a TcpMessage tells who has sent a frame") {
  EventLoop loop{background};
  const auto source = from_tcp<TcpMessage>(loop, 0);
  const Arrived<TcpMessage> out;
  source.sink(out);
  source.start();
  Peer peer = Peer::connected(source.port());
  sockaddr_in me{};
  socklen_t size = sizeof me;
  REQUIRE(getsockname(peer.handle(), reinterpret_cast<sockaddr*>(&me), &size) == 0);
  peer.send("a\nb\n");
  const std::string name = "127.0.0.1:" + std::to_string(ntohs(me.sin_port));
  CHECK(out.wait(2) == std::vector<TcpMessage>{{"a", name}, {"b", name}});
}

TEST_CASE("frames behind their length come over a socket as they were sent") {
  EventLoop loop{background};
  const auto source = from_tcp(loop, 0, {.framing = LengthPrefixed{.bytes = 2}});
  const Arrived<std::string> out;
  source.sink(out);
  source.start();
  Peer peer = Peer::connected(source.port());
  peer.send("\0\1a\0\0"s).send("\0"s).send("\3b"s).send("cd");
  CHECK(out.wait(3) == Lines{"a", "", "bcd"});
}

TEST_CASE("nc, socat and Python send what arrives") {
  EventLoop loop{background};
  const auto source = from_tcp(loop, 0);
  const Arrived<std::string> out;
  source.sink(out);
  source.start();
  const std::string port = std::to_string(source.port());
  Lines expected;
  std::string text;
  for (int i = 0; i < 5000; ++i) {
    expected.push_back(std::to_string(i));
    text += expected.back() + "\n";
  }
  SECTION("nc") {
    if (!installed("nc")) PENSTOCK_SKIP("there is no nc");
    Program nc{{"nc", "-N", "127.0.0.1", port}};
    nc.write(text);
    nc.end_input();
    CHECK(nc.status() == 0);
  }
  SECTION("socat") {
    if (!installed("socat")) PENSTOCK_SKIP("there is no socat");
    Program socat{{"socat", "-u", "-", "TCP:127.0.0.1:" + port}};
    socat.write(text);
    socat.end_input();
    CHECK(socat.status() == 0);
  }
  SECTION("Python") {
    Program python{{"python3", "-c",
                    "import socket, sys\n"
                    "s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n"
                    "for i in range(5000): s.sendall(b'%d\\n' % i)\n",
                    port}};
    CHECK(python.status() == 0);
  }
  CHECK(out.wait(expected.size()) == expected);
}

TEST_CASE("D11 a connection is not read while its frames wait, so its sender has to wait too") {
  // Streamz reads all that is sent: 50 of 50 messages in half a second, before a sink that takes 0.2 s each.
  std::atomic<bool> go{false};
  std::vector<Completion<>> waiting;
  EventLoop loop{background};
  const auto source = from_tcp(loop, 0);
  const Arrived<std::string> out;
  source.sink([&, out](std::string line, Completion<> done) {
    out(std::move(line));
    if (go) return done();
    waiting.push_back(std::move(done));
  });
  source.start();

  constexpr std::size_t size = 1000;
  constexpr std::size_t count = sanitized ? 10'000 : 40'000;
  std::string text;
  Lines expected;
  for (std::size_t i = 0; i < count; ++i) {
    std::string line = std::to_string(i);
    line.resize(size - 1, '.');
    text += line + "\n";
    expected.push_back(std::move(line));
  }
  Peer peer = Peer::connected(source.port(), 64 * 1024);
  const std::size_t sent = peer.send_some(text, 300ms);
  CHECK(out.wait(1).size() == 1);
  CHECK(sent < 8'000'000);
  CHECK(sent > 0);
  INFO("the operating system took " << sent << " of " << text.size() << " bytes");
  asio::post(loop.executor(), [&] {
    go = true;
    for (Completion<>& done : waiting) done();
    waiting.clear();
  });
  peer.send(std::string_view{text}.substr(sent));
  CHECK(out.wait(count) == expected);
}

TEST_CASE("what a sender does wrong is counted, and nobody from outside ends the loop's run") {
  EventLoop loop{background};
  const auto source = from_tcp(loop, 0, {.max_frame = 4});
  source.sink([](const std::string&) {});
  source.start();
  Peer peer = Peer::connected(source.port());
  peer.send("longer than four\n"s);
  CHECK(peer.receive_all().empty());
  source.stop();
  CHECK_NOTHROW(loop.join());
  CHECK(source.info().failed.get() == 1);
  CHECK(source.info().late_errors.get() == 1);
}

TEST_CASE("D11 a sender that pushes a million elements is slowed, memory stays flat and nothing is lost") {
  std::atomic<long> early{0};
  EventLoop loop{background};
  const auto source = from_tcp(loop, 0);
  constexpr std::uint64_t count = sanitized ? 100'000 : 1'000'000;
  std::uint64_t next = 0;
  std::uint64_t wrong = 0;
  Arrived<long> late;
  // Every element waits for a turn of the loop.
  source.sink([&](const std::string& line) -> asio::awaitable<void> {
    if (line != std::to_string(next)) ++wrong;
    ++next;
    if (next == count / 10) early = resident_kb();
    const bool waits = next % 16 == 0;
    if (next == count) late(resident_kb());  // behind it nothing of the test may be there any more
    if (waits) co_await asio::post(asio::use_awaitable);
  });
  source.start();
  std::thread sender([port = source.port()] {
    Peer peer = Peer::connected(port);
    std::string block;
    for (std::uint64_t i = 0; i < count; ++i) {
      block += std::to_string(i) + "\n";
      if (block.size() > 32'000 || i + 1 == count) {
        peer.send(block);
        block.clear();
      }
    }
  });
  const std::vector<long> end = late.wait(1);
  sender.join();
  REQUIRE(end.size() == 1);
  CHECK(wrong == 0);
  INFO("resident at a tenth: " << early << " kB, at the end: " << end[0] << " kB");
  CHECK(end[0] - early < 8 * 1024);
}

TEST_CASE("D11 in front of a sink of 1 ms an element the operating system takes a bounded number of bytes") {
  EventLoop loop{background};
  const auto source = from_tcp(loop, 0, {.framing = LengthPrefixed{}});
  constexpr std::size_t count = 300;
  const std::string frame = "\0\0\xFF\xFC"s + std::string(65532, 'x');
  const Arrived<std::size_t> out;
  source.sink([&, out](const std::string& element) -> asio::awaitable<void> {
    co_await loop.sleep(1ms);
    out(element.size());
  });
  source.start();
  std::atomic<std::size_t> sent{0};
  std::size_t most_ahead = 0;
  std::thread sender([&] {
    Peer peer = Peer::connected(source.port());
    for (std::size_t i = 0; i < count; ++i) {
      peer.send(frame);
      sent += frame.size();
      most_ahead = std::max(most_ahead, sent - out.size() * frame.size());
    }
  });
  const std::vector<std::size_t> all = out.wait(count);
  sender.join();
  CHECK(all == std::vector<std::size_t>(count, 65532));
  INFO("the sender was never more than " << most_ahead << " bytes ahead, of " << count * frame.size());
  CHECK(most_ahead < 12'000'000);
}

TEST_CASE("connections take turns: one that floods does not starve another") {
  std::atomic<std::uint64_t> before{0};
  std::atomic<std::uint64_t> flood{0};
  EventLoop loop{background};
  const auto source = from_tcp(loop, 0);
  Arrived<std::uint64_t> other;
  source.sink([&](const std::string& line) -> asio::awaitable<void> {
    if (line == "other") {
      other(flood - before);
    } else {
      ++flood;
    }
    if (flood % 16 == 0) co_await loop.sleep(1us);
  });
  source.start();
  std::atomic<bool> over{false};
  std::thread sender([&] {
    Peer peer = Peer::connected(source.port());
    std::string block;
    for (int i = 0; i < 1000; ++i) block += "flood\n";
    try {
      while (!over) peer.send(block);
    } catch (const std::runtime_error&) {
      // The source was stopped.
    }
  });
  REQUIRE(comes([&] { return flood > 10'000; }));
  Peer peer = Peer::connected(source.port());
  std::vector<std::uint64_t> behind;
  for (std::size_t i = 1; i <= 10; ++i) {
    before = flood.load();
    peer.send("other\n");
    behind = other.wait(i);
  }
  over = true;
  source.stop();
  sender.join();
  REQUIRE(behind.size() == 10);
  // At most a batch or two, and what came between the look at the number and the sending.
  INFO("the longest wait was " << *std::max_element(behind.begin(), behind.end()) << " elements");
  CHECK(*std::min_element(behind.begin(), behind.end()) < 1000);
}

TEST_CASE("D13 elements come on the loop that the source was given, and on no other thread") {
  // Streamz starts a thread of its own for a source although it was told not to.
  EventLoop loop;
  const auto source = from_tcp(loop, 0);
  std::vector<std::thread::id> threads;
  source.sink([&](const std::string&) {
    threads.push_back(std::this_thread::get_id());
    source.stop();
  });
  source.start();
  Peer::connected(source.port()).send("a\n");
  loop.run();
  CHECK(threads == std::vector{std::this_thread::get_id()});
}

TEST_CASE("D14 however often it is stopped and started there is one listener, at the same port") {
  EventLoop loop{background};
  const auto source = from_tcp(loop, 0);
  const Arrived<std::string> out;
  source.sink(out);
  const Arrived<std::string> errors = errors_of(source);
  source.start();
  const std::uint16_t port = source.port();
  const std::size_t files = open_files();
  for (int i = 0; i < 50; ++i) {
    source.stop();
    source.start();
    source.start();
  }
  CHECK(source.port() == port);
  CHECK_FALSE(Peer::refused(port));
  Peer::connected(port).send("once\n");
  send_marker(port);
  CHECK(sorted(out.wait(2)) == Lines{"marker", "once"});
  CHECK(comes([&] { return source.connections() == 0; }));
  CHECK(comes([&] { return open_files() <= files; }));
  source.stop();
  source.stop();
  CHECK(Peer::refused(port));
  CHECK(errors.size() == 0);
}

TEST_CASE("D15 stop ends it within one element, counts what it drops, and start goes on at the same port") {
  EventLoop loop;
  const auto source = from_tcp(loop, 0);
  Lines out;
  source.sink([&](const std::string& line) {
    out.push_back(line);
    if (line == "2" || line == "last") source.stop();
  });
  source.start();
  const std::uint16_t port = source.port();
  Peer peer = Peer::connected(port);
  peer.send("1\n2\n3\n4\n5\nhalf of it");
  loop.run();
  CHECK(out == Lines{"1", "2"});
  CHECK(source.info().dropped.get() == 4);
  CHECK(peer.receive().empty());
  CHECK(Peer::refused(port));
  source.start();
  CHECK(source.port() == port);
  Peer::connected(port).send("last\n");
  loop.run();
  CHECK(out == Lines{"1", "2", "last"});
}

TEST_CASE("stop ends connections that are silent, and those that wait for a sink") {
  std::vector<Completion<>> waiting;
  EventLoop loop{background};
  const auto source = from_tcp(loop, 0);
  const Arrived<std::string> out;
  source.sink([&, out](std::string line, Completion<> done) {
    out(std::move(line));
    waiting.push_back(std::move(done));
  });
  source.start();
  Peer silent = Peer::connected(source.port());
  Peer busy = Peer::connected(source.port());
  busy.send("1\n2\n");
  CHECK(out.wait(1) == Lines{"1"});
  REQUIRE(comes([&] { return source.connections() == 2; }));
  source.stop();
  CHECK(source.connections() == 0);
  CHECK(silent.receive().empty());
  CHECK(busy.receive().empty());
  std::atomic<bool> cleared{false};
  asio::post(loop.executor(), [&] {
    waiting.clear();
    cleared = true;
  });
  CHECK(comes([&] { return cleared.load(); }));
}

TEST_CASE("a graph that is destroyed ends its connections and closes its port") {
  EventLoop loop{background};
  std::uint16_t port = 0;
  const Arrived<std::string> out;
  Peer peer{::socket(AF_INET, SOCK_STREAM, 0)};
  {
    const auto source = from_tcp(loop, 0);
    source.sink(out);
    source.start();
    port = source.port();
    peer = Peer::connected(port);
    peer.send("a\nb");
    out.wait(1);
  }
  CHECK(peer.receive().empty());
  CHECK(comes([&] { return Peer::refused(port); }));
}

TEST_CASE("a port that is taken is an error of start that names the address") {
  EventLoop loop;
  const auto first = from_tcp(loop, 0);
  first.start();
  const auto second = from_tcp(loop, first.port());
  try {
    second.start();
    FAIL("it has started");
  } catch (const boost::system::system_error& error) {
    CHECK(std::string(error.what()).find("127.0.0.1:" + std::to_string(first.port())) != std::string::npos);
    CHECK(error.code() == boost::system::errc::address_in_use);
  }
  CHECK(second.stopped());
  first.stop();
  second.start();
  CHECK_FALSE(second.stopped());
  second.stop();
}

TEST_CASE("a frame that is too long ends its connection, is reported with its sender, and hurts no other") {
  EventLoop loop{background};
  const auto source = from_tcp(loop, 0, {.max_frame = 1000});
  const Arrived<std::string> out;
  source.sink(out);
  const Arrived<std::string> errors = errors_of(source);
  source.start();
  Peer good = Peer::connected(source.port());
  good.send("1\n");
  out.wait(1);
  Peer bad = Peer::connected(source.port());
  bad.send("2\n" + std::string(2000, 'x'));
  CHECK(bad.receive().empty());
  good.send("3\n");
  CHECK(out.wait(3) == Lines{"1", "2", "3"});
  const Lines reported = errors.wait(1);
  REQUIRE(reported.size() == 1);
  CHECK(reported[0].starts_with("from_tcp: 127.0.0.1:"));
  CHECK(reported[0].ends_with(": a frame has more than 1000 bytes"));
  CHECK(source.info().failed.get() == 1);
}

TEST_CASE("a frame that is cut off by the end of its connection is reported and not emitted") {
  EventLoop loop{background};
  const auto source = from_tcp(loop, 0);
  const Arrived<std::string> out;
  source.sink(out);
  const Arrived<std::string> errors = errors_of(source);
  source.start();
  Peer::connected(source.port()).send("1\nhalf").end();
  Lines reported = errors.wait(1);
  REQUIRE(reported.size() == 1);
  CHECK(reported[0].ends_with(": a frame was cut off behind 4 bytes"));
  Peer reset = Peer::connected(source.port());
  reset.send("2\nha");
  out.wait(2);
  reset.reset();
  reported = errors.wait(2);
  REQUIRE(reported.size() == 2);
  CHECK(reported[1].find(": a frame was cut off behind 2 bytes: ") != std::string::npos);
  CHECK(out.wait(2) == Lines{"1", "2"});
  CHECK(source.info().failed.get() == 2);
}

TEST_CASE("no more connections are accepted than the limit says, and those over it wait") {
  EventLoop loop{background};
  const auto source = from_tcp(loop, 0, {.connections = 2});
  const Arrived<std::string> out;
  source.sink(out);
  source.start();
  Peer first = Peer::connected(source.port());
  Peer second = Peer::connected(source.port());
  first.send("1\n");
  out.wait(1);
  second.send("2\n");
  out.wait(2);
  Peer third = Peer::connected(source.port());
  third.send("3\n");
  first.send("4\n");
  CHECK(out.wait(3) == Lines{"1", "2", "4"});
  CHECK(source.connections() == 2);
  first.close();
  CHECK(out.wait(4) == Lines{"1", "2", "4", "3"});
  CHECK(source.connections() == 2);
}

TEST_CASE("a connection without a whole frame in time is ended, one that only waits for the sink is not") {
  std::vector<Completion<>> waiting;
  EventLoop loop{background};
  const auto source = from_tcp(loop, 0, {.idle = 300ms});
  const Arrived<std::string> out;
  source.sink([&, out](std::string line, Completion<> done) {
    if (line == "busy") {
      waiting.push_back(std::move(done));
    } else {
      done();
    }
    out(std::move(line));
  });
  const Arrived<std::string> errors = errors_of(source);
  source.start();
  Peer silent = Peer::connected(source.port());
  CHECK(silent.receive().empty());
  // One that sends a byte now and then but never a frame.
  Peer slow = Peer::connected(source.port());
  try {
    for (;;) {
      slow.send("x");
      poll(nullptr, 0, 10);
    }
  } catch (const std::runtime_error&) {
    // It was ended.
  }
  CHECK(errors.wait(1).size() == 1);
  Peer busy = Peer::connected(source.port());
  busy.send("busy\nlater\n");
  out.wait(1);
  poll(nullptr, 0, 700);  // more than twice as long
  CHECK(source.connections() == 1);
  asio::post(loop.executor(), [&] {
    for (Completion<>& done : waiting) done();
    waiting.clear();
  });
  CHECK(out.wait(2) == Lines{"busy", "later"});
}

TEST_CASE("random disconnects lose nothing that was sent in whole frames before an orderly end") {
  EventLoop loop{background};
  const auto source = from_tcp(loop, 0, {.framing = LengthPrefixed{.bytes = 2}, .connections = 8});
  const Arrived<std::string> out;
  source.sink(out);
  const Arrived<std::string> errors = errors_of(source);
  source.start();
  std::mt19937 random{20};
  std::size_t whole = 0;
  std::size_t cut = 0;
  Lines expected;
  const FrameWriter writer{LengthPrefixed{.bytes = 2}};
  for (int i = 0; i < 300; ++i) {
    Peer peer = Peer::connected(source.port());
    std::string bytes;
    for (std::size_t n = random() % 20; n > 0; --n) {
      std::string frame = std::to_string(i) + "-" + std::to_string(n) + std::string(random() % 300, '.');
      writer.append(bytes, frame);
      expected.push_back(std::move(frame));
      ++whole;
    }
    if (random() % 3 == 0) {
      bytes += "\x7F"s + std::string(random() % 100, 'x');  // part of a frame that will never come
      ++cut;
    }
    while (!bytes.empty()) {
      const std::size_t n = std::min<std::size_t>(1 + random() % 1000, bytes.size());
      peer.send(std::string_view{bytes}.substr(0, n));
      bytes.erase(0, n);
    }
    peer.close();
  }
  CHECK(sorted(out.wait(whole)) == sorted(expected));
  CHECK(errors.wait(cut).size() == cut);
  CHECK(comes([&] { return source.connections() == 0; }));
  CHECK(source.info().failed.get() == cut);
}

TEST_CASE("ten thousand connections one after the other leave no descriptor behind") {
  EventLoop loop{background};
  const auto source = from_tcp(loop, 0);
  const Arrived<std::string> out;
  source.filter([](const std::string& line) { return line == "marker"; }).sink(out);
  errors_of(source);
  source.start();
  send_marker(source.port());
  out.wait(1);
  REQUIRE(comes([&] { return source.connections() == 0; }));
  const std::size_t before = open_files();
  const long memory = resident_kb();
  for (int i = 0; i < 10'000; ++i) {
    Peer peer = Peer::connected(source.port());
    peer.send("a\nb");
    peer.reset();  // some while they wait to be accepted, some while they are read
  }
  send_marker(source.port());
  CHECK(out.wait(2).size() == 2);
  CHECK(comes([&] { return source.connections() == 0; }));
  CHECK(comes([&] { return open_files() <= before; }));
  INFO("resident before: " << memory << " kB, behind: " << resident_kb() << " kB");
  if (!sanitized) CHECK(resident_kb() - memory < 16 * 1024);
}

TEST_CASE("random bytes do no harm, whatever the framing") {
  std::mt19937 random{3};
  for (const Framing& framing : {Framing{Delimited{}}, Framing{LengthPrefixed{4}}, Framing{LengthPrefixed{1}},
                                 Framing{VarintPrefixed{}}, Framing{Unframed{}}}) {
    std::atomic<std::size_t> longest{0};
    EventLoop loop{background};
    const auto source = from_tcp(loop, 0, {.framing = framing, .max_frame = 4096});
    const Arrived<std::string> markers;
    source.sink([&, markers](const std::string& frame) {
      longest = std::max(longest.load(), frame.size());
      if (frame.find("marker") != std::string::npos) markers("marker");
    });
    errors_of(source);
    source.start();
    for (int i = 0; i < 20; ++i) {
      Peer peer = Peer::connected(source.port());
      std::string bytes(random() % 20'000, '\0');
      for (char& c : bytes) c = static_cast<char>(random());
      try {
        peer.send(bytes);
      } catch (const std::runtime_error&) {
        // The source has ended it.
      }
    }
    std::string marker;
    FrameWriter{framing}.append(marker, "marker");
    Peer::connected(source.port()).send(marker);
    CHECK(markers.wait(1).size() == 1);
    CHECK(longest <= 4096);
  }
}

TEST_CASE("what is behind it throws is reported, and it goes on or stops") {
  for (const OnFailure on_failure : {OnFailure::go_on, OnFailure::stop}) {
    EventLoop loop{background};
    const auto source = from_tcp(loop, 0, {.on_failure = on_failure});
    const Arrived<std::string> out;
    source.sink([out](std::string line) {
      if (line == "2") throw std::runtime_error("no 2");
      out(std::move(line));
    });
    const Arrived<std::string> errors = errors_of(source);
    source.start();
    Peer peer = Peer::connected(source.port());
    peer.send("1\n2\n3\n");
    CHECK(errors.wait(1) == Lines{"no 2"});
    if (on_failure == OnFailure::go_on) {
      CHECK(out.wait(2) == Lines{"1", "3"});
    } else {
      CHECK(peer.receive().empty());
      CHECK(source.stopped());
      CHECK(out.wait(1) == Lines{"1"});
    }
  }
}

TEST_CASE("what from_tcp cannot do is refused where it is wired") {
  EventLoop loop;
  CHECK_THROWS_AS(from_tcp(loop, 0, {.framing = Delimited{""}}), std::invalid_argument);
  CHECK_THROWS_AS(from_tcp(loop, 0, {.framing = LengthPrefixed{3}}), std::invalid_argument);
  CHECK_THROWS_AS(from_tcp(loop, 0, {.max_frame = 0}), std::invalid_argument);
  CHECK_THROWS_AS(from_tcp(loop, 0, {.connections = 0}), std::invalid_argument);
  CHECK_THROWS_AS(from_tcp(loop, 70'000), std::invalid_argument);
  const auto nowhere = from_tcp(loop, "not.an.address:0");
  CHECK_THROWS_AS(nowhere.start(), boost::system::system_error);
}
