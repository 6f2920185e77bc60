// SPDX-License-Identifier: BSL-1.0
#include "penstock/connect/tcp.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "connect/program.hpp"
#include "connect/tcp_peer.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/exec/event_loop.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/sources/from_range.hpp"
#include "penstock/testing/ledger.hpp"

using namespace penstock;
using namespace std::chrono_literals;
using namespace std::string_literals;
using penstock::test::Arrived;
using penstock::test::comes;
using penstock::test::installed;
using penstock::test::Peer;
using penstock::test::PeerServer;
using penstock::test::Program;
using penstock::test::sanitized;
using Lines = std::vector<std::string>;

namespace {

constexpr Retry soon{.attempts = 1000, .backoff = 1ms, .factor = 1};

std::string text_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  }
}
template <class Handle>
Arrived<std::string> errors_of(const Handle& handle) {
  Arrived<std::string> errors;
  handle.on_background_error([errors](std::exception_ptr error, const Info&) { errors(text_of(error)); });
  return errors;
}
Endpoint at(std::uint16_t port) { return {"127.0.0.1", port}; }

Lines numbers(std::size_t n) {
  Lines lines;
  for (std::size_t i = 0; i < n; ++i) lines.push_back(std::to_string(i));
  return lines;
}
std::string joined(const Lines& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

}  // namespace

TEST_CASE("from_tcp_client emits what a server sends, and ends with it where it is told to") {
  EventLoop loop{background};
  PeerServer server;
  const auto source = from_tcp_client(loop, at(server.port()), {.end = true});
  const Arrived<std::string> out;
  source.sink(out);
  source.start();
  Peer peer = server.accept();
  CHECK(comes([&] { return source.connected(); }));
  peer.send("1\n2\n3");
  CHECK(out.wait(2) == Lines{"1", "2"});
  peer.send("\n");
  peer.close();
  CHECK(out.wait(3) == Lines{"1", "2", "3"});
  CHECK(comes([&] { return source.stopped(); }));
  CHECK_FALSE(source.connected());
  CHECK(source.connects() == 1);
  // Started again it connects again, and the stream goes on.
  source.start();
  server.accept().send("4\n");
  CHECK(out.wait(4) == Lines{"1", "2", "3", "4"});
}

TEST_CASE("from_tcp_client reads what nc and socat serve") {
  EventLoop loop{background};
  const Lines lines = numbers(3000);
  for (const std::string name : {"nc", "socat"}) {
    if (!installed(name)) PENSTOCK_SKIP("there is no " + name);
    const std::uint16_t port = PeerServer{}.port();  // free again
    const Lines nc{"nc", "-N", "-l", "127.0.0.1", std::to_string(port)};
    const Lines socat{"socat", "-u", "-", "TCP-LISTEN:" + std::to_string(port) + ",bind=127.0.0.1,reuseaddr"};
    Program program{name == "nc" ? nc : socat};
    const auto source = from_tcp_client(loop, at(port), {.end = true, .reconnect = soon});
    const Arrived<std::string> out;
    source.sink(out);
    source.start();
    program.write(joined(lines));
    program.end_input();
    CHECK(out.wait(lines.size()) == lines);
    CHECK(comes([&] { return source.stopped(); }));
  }
}

TEST_CASE("from_tcp_client comes back to a server that went away") {
  EventLoop loop{background};
  std::optional<PeerServer> server;
  server.emplace();
  const std::uint16_t port = server->port();
  const auto source = from_tcp_client(loop, at(port), {.reconnect = soon});
  const Arrived<std::string> out;
  source.sink(out);
  const Arrived<std::string> errors = errors_of(source);
  source.start();
  server->accept().send("1\n");
  out.wait(1);
  server.reset();  // for a while nobody listens
  CHECK(comes([&] { return !source.connected(); }));
  server.emplace(port);
  Peer second = server->accept();
  second.send("2\n");
  out.wait(2);
  second.reset();
  server->accept().send("3\n");
  CHECK(out.wait(3) == Lines{"1", "2", "3"});
  CHECK(source.connects() >= 3);
  CHECK(errors.size() == 0);
  source.stop();
}

TEST_CASE("from_tcp_client gives up behind the last attempt, says why, and can be started again") {
  EventLoop loop;
  const std::uint16_t port = PeerServer{}.port();
  const auto source = from_tcp_client(loop, at(port), {.reconnect = {.attempts = 3, .backoff = 1ms}});
  source.sink([](const std::string&) {});
  for (int i = 0; i < 2; ++i) {
    source.start();
    try {
      loop.run();
      FAIL("there is no error");
    } catch (const std::exception& error) {
      const std::string text = error.what();
      CHECK(text.starts_with("from_tcp_client: cannot connect to 127.0.0.1:" + std::to_string(port) + ": "));
    }
    CHECK(source.stopped());
  }
}

TEST_CASE("from_tcp_client connects anew behind a frame that is cut off or too long, and says so") {
  EventLoop loop{background};
  PeerServer server;
  const auto source = from_tcp_client(loop, at(server.port()), {.max_frame = 100, .reconnect = soon});
  const Arrived<std::string> out;
  source.sink(out);
  const Arrived<std::string> errors = errors_of(source);
  source.start();
  server.accept().send("1\nhalf").end();
  CHECK(errors.wait(1).size() == 1);
  Peer second = server.accept();
  second.send("2\n" + std::string(200, 'x'));
  CHECK(errors.wait(2).size() == 2);
  server.accept().send("3\n");
  CHECK(out.wait(3) == Lines{"1", "2", "3"});
  const Lines reported = errors.wait(2);
  REQUIRE(reported.size() == 2);
  const std::string who = "from_tcp_client: 127.0.0.1:" + std::to_string(server.port()) + ": ";
  CHECK(reported[0] == who + "a frame was cut off behind 4 bytes");
  CHECK(reported[1] == who + "a frame has more than 100 bytes");
  source.stop();
}

TEST_CASE("D11 from_tcp_client does not read while its frames wait") {
  std::vector<Completion<>> waiting;
  EventLoop loop{background};
  PeerServer server;
  const auto source = from_tcp_client(loop, at(server.port()));
  const Arrived<std::string> out;
  source.sink([&, out](std::string line, Completion<> done) {
    out(std::move(line));
    waiting.push_back(std::move(done));
  });
  source.start();
  Peer peer = server.accept();
  std::string text;
  while (text.size() < 40'000'000) text += std::string(999, '.') + "\n";
  const std::size_t sent = peer.send_some(text, 300ms);
  CHECK(out.size() == 1);
  CHECK(sent < 20'000'000);
  source.stop();
  CHECK_THROWS(peer.send(text));
  std::atomic<bool> cleared{false};
  asio::post(loop.executor(), [&] {
    waiting.clear();
    cleared = true;
  });
  CHECK(comes([&] { return cleared.load(); }));
}

TEST_CASE("sink_to_tcp writes every element and says at the end that it was all") {
  EventLoop loop{background};
  PeerServer server;
  Stream<std::string> source{loop};
  const auto sink = source | sink_to_tcp(at(server.port()));
  CHECK_FALSE(sink.connected());
  std::string got;
  std::thread reader([&] { got = server.accept().receive_all(); });
  for (const std::string& line : numbers(1000)) source.emit(line);
  source.close();
  reader.join();
  CHECK(got == joined(numbers(1000)));
  CHECK(sink.connects() == 1);
  CHECK(sink.info().held.get() == 0);
  CHECK(sink.info().in.get() == 1000);
}

TEST_CASE("sink_to_tcp with start connects before the first element comes") {
  EventLoop loop{background};
  PeerServer server;
  Stream<std::string> source{loop};
  const auto sink = source | sink_to_tcp(at(server.port()));
  source.start();
  Peer peer = server.accept();
  CHECK(comes([&] { return sink.connected(); }));
  source.emit("a");
  CHECK(peer.receive() == "a\n");
}

TEST_CASE("nc, socat and Python read what sink_to_tcp writes") {
  EventLoop loop{background};
  Stream<std::string> source{loop};
  const Lines lines = numbers(3000);
  const auto run = [&](std::uint16_t port, TcpSink options) {
    options.reconnect = soon;
    const auto sink = source | sink_to_tcp(at(port), options);
    for (const std::string& line : lines) source.emit(line);
    source.close();
    CHECK(sink.info().failed.get() == 0);
  };
  const std::uint16_t port = PeerServer{}.port();  // free again
  SECTION("nc") {
    if (!installed("nc")) PENSTOCK_SKIP("there is no nc");
    Program nc{{"nc", "-l", "127.0.0.1", std::to_string(port)}};
    run(port, {});
    nc.end_input();
    CHECK(nc.output() == joined(lines));
  }
  SECTION("socat, which ends its own direction at once") {
    if (!installed("socat")) PENSTOCK_SKIP("there is no socat");
    Program socat{{"socat", "-u", "TCP-LISTEN:" + std::to_string(port) + ",bind=127.0.0.1,reuseaddr", "-"}};
    run(port, {.half_closed = true});
    CHECK(socat.output() == joined(lines));
  }
  SECTION("Python, with lengths") {
    Program python{{"python3", "-c",
                    "import socket, struct, sys\n"
                    "s = socket.create_server(('127.0.0.1', 0))\n"
                    "print('port', s.getsockname()[1], flush=True)\n"
                    "f = s.accept()[0].makefile('rb')\n"
                    "while head := f.read(2):\n"
                    "  print('>', f.read(struct.unpack('<H', head)[0]).decode())\n"}};
    run(static_cast<std::uint16_t>(std::stoi(python.after("port "))),
        {.framing = LengthPrefixed{2, ByteOrder::little}});
    std::string expected;
    for (const std::string& line : lines) expected += "> " + line + "\n";
    const std::string& output = python.output();
    CHECK(output.substr(output.find('\n') + 1) == expected);
  }
}

TEST_CASE("what sink_to_tcp writes, from_tcp reads, a million elements through small queues") {
  std::atomic<std::uint64_t> next{0};
  std::atomic<std::uint64_t> wrong{0};
  EventLoop loop{background};
  const auto server = from_tcp(loop, 0, {.framing = VarintPrefixed{}});
  constexpr std::uint64_t count = sanitized ? 100'000 : 1'000'000;
  server.sink([&](const std::string& text) {
    if (text != std::to_string(next)) ++wrong;
    ++next;
  });
  server.start();
  const auto source = from_range(loop, std::vector<std::uint32_t>(count, 0));
  std::uint64_t number = 0;
  const auto sink = source.map([&](std::uint32_t) { return std::to_string(number++); }) |
                    sink_to_tcp(at(server.port()), {.framing = VarintPrefixed{}, .queue = 4096});
  source.start();
  CHECK(comes([&] { return next == count; }));
  CHECK(wrong == 0);
  CHECK(sink.connects() == 1);
}

TEST_CASE("D11 elements wait when the server does not read, and no more than the queue is kept") {
  EventLoop loop{background};
  PeerServer server{0, 16 * 1024};
  Stream<std::string> source{loop};
  const auto sink = source | sink_to_tcp(at(server.port()), {.queue = 10'000});
  constexpr std::uint64_t count = 30'000;
  std::thread emitter([&] {
    for (std::uint64_t i = 0; i < count; ++i) {
      std::string line = std::to_string(i);
      line.resize(999, '.');
      source.emit(std::move(line));
    }
    source.close();
  });
  Peer peer = server.accept();
  // Until nothing more is taken for a while.
  std::uint64_t taken = 0;
  std::uint64_t before = 0;
  do {
    before = taken;
    poll(nullptr, 0, 100);
    taken = sink.info().in.get();
  } while (taken != before);
  INFO(taken << " elements of 1000 bytes were taken, " << sink.info().held.get() << " are held");
  CHECK(taken < 12'000);
  CHECK(sink.info().held.get() <= 25);  // the queue, the element that goes over it, and what is being written
  CHECK(comes([&] { return sink.info().waiting.get() == 1; }));
  const std::string all = peer.receive_all();
  emitter.join();
  CHECK(all.size() == count * 1000);
  bool right = true;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string number = std::to_string(i) + ".";
    right = right && all.compare(i * 1000, number.size(), number) == 0;
  }
  CHECK(right);
}

TEST_CASE("a checkpoint's barrier waits until what came before it is written to the connection") {
  EventLoop loop{background};
  PeerServer server;
  const Stream<std::string> source{loop};
  const auto sink = source | sink_to_tcp(at(server.port()), {.queue = 100'000'000});
  Receipt receipt;
  const auto through = [&] {
    const Hold hold{&loop};
    return !receipt.pending();
  };
  for (int i = 0; i < 500; ++i) source.emit(std::string(100'000, 'x'));  // more than the sockets take
  {
    const Hold hold{&loop};
    receipt = penstock::detail::offer(source.outlet(), Signal{Signal::barrier, 1});
  }
  Peer peer = server.accept();
  CHECK_FALSE(through());
  std::size_t got = 0;
  while (!through()) got += peer.receive().size();
  CHECK(got > 1'000'000);
  const Hold hold{&loop};
  CHECK_FALSE(receipt.error());
  receipt = {};
}

TEST_CASE("sink_to_tcp connects anew behind a server that has ended the connection") {
  EventLoop loop{background};
  PeerServer server;
  Stream<std::string> source{loop};
  const auto sink = source | sink_to_tcp(at(server.port()), {.reconnect = soon});
  const Arrived<std::string> errors = errors_of(source);
  for (const std::string line : {"1", "2", "3"}) {
    source.emit(line);
    Peer peer = server.accept();
    CHECK(peer.receive() == line + "\n");
    peer.close();
    CHECK(comes([&] { return !sink.connected(); }));
  }
  CHECK(sink.connects() == 3);
  CHECK(sink.resent() == 0);
  CHECK(errors.size() == 0);
}

TEST_CASE("a frame that a broken connection cut off is written anew, or has failed") {
  const bool resend = GENERATE(true, false);
  EventLoop loop;
  PeerServer server{0, 16 * 1024};
  Stream<std::string> source{loop};
  const auto sink = source | sink_to_tcp(at(server.port()), {.framing = LengthPrefixed{},
                                                             .max_frame = 64'000'000,
                                                             .queue = 100'000'000,
                                                             .resend = resend,
                                                             .reconnect = soon});
  testing::Ledger ledger;
  source.emit(std::string(30'000'000, 'a'), ledger.issue(1));
  source.emit("b", ledger.issue(2));
  const auto run_until = [&](auto done) {
    const auto limit = std::chrono::steady_clock::now() + test::guard;
    while (!done() && std::chrono::steady_clock::now() < limit) loop.run_for(1ms);
    return done();
  };
  CHECK(run_until([&] { return sink.connected(); }));
  {
    Peer first = server.accept();
    CHECK(first.receive(1000).size() == 1000);
    loop.run_for(10ms);
    first.reset();
  }
  CHECK(run_until([&] { return sink.connects() == 2; }));
  Peer second = server.accept();
  std::string got;
  std::thread reader([&] { got = second.receive_all(); });
  source.close();
  reader.join();
  const std::string b = "\0\0\0\1b"s;
  if (resend) {
    CHECK(got.size() == 4 + 30'000'000 + b.size());
    CHECK(sink.resent() == 1);
    CHECK(ledger.failed().empty());
  } else {
    CHECK(got == b);
    CHECK(sink.resent() == 0);
    CHECK(ledger.failed() == std::vector<testing::Ledger::Id>{1});
    CHECK(sink.info().failed.get() == 1);
  }
  CHECK(got.ends_with(b));
  ledger.check();
}

TEST_CASE("random disconnects of the server lose nothing but what the operating system had taken") {
  EventLoop loop{background};
  PeerServer server;
  Stream<std::string> source{loop};
  const auto sink = source | sink_to_tcp(at(server.port()), {.queue = 1000, .reconnect = soon});
  constexpr int count = 20'000;
  std::thread emitter([&] {
    for (int i = 0; i < count; ++i) source.emit(std::to_string(i));
    source.close();
  });
  std::mt19937 random{11};
  std::vector<int> seen;
  for (bool last = false; !last;) {
    Peer peer = server.accept();
    std::string text;
    for (std::size_t reads = random() % 20;; --reads) {
      const std::string piece = peer.receive(4096);
      text += piece;
      last = piece.empty();
      if (last || (reads == 0 && seen.size() < 8000)) break;
      if (reads == 0) reads = 1000;
    }
    if (!last) peer.reset();
    for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string::npos;
         begin = end + 1) {
      seen.push_back(std::stoi(text.substr(begin, end - begin)));
    }
  }
  emitter.join();
  REQUIRE_FALSE(seen.empty());
  // In order, and none twice but one that was cut off: that was not seen whole before.
  CHECK(std::is_sorted(seen.begin(), seen.end()));
  CHECK(std::adjacent_find(seen.begin(), seen.end()) == seen.end());
  CHECK(seen.back() == count - 1);
  CHECK(sink.connects() > 1);
  INFO(sink.connects() << " connections, " << seen.size() << " elements of " << count);
  CHECK(sink.info().failed.get() == 0);
}

TEST_CASE(
    "sink_to_tcp gives up behind the last attempt: all in the queue has failed, and the next element tries "
    "anew") {
  EventLoop loop;
  const std::uint16_t port = PeerServer{}.port();
  Stream<std::string> source{loop};
  const auto sink =
      source | sink_to_tcp(at(port), {.queue = 4, .reconnect = {.attempts = 2, .backoff = 1ms}});
  std::vector<std::string> errors;
  source.on_background_error(
      [&](std::exception_ptr error, const Info&) { errors.push_back(text_of(error)); });
  testing::Ledger ledger;
  source.emit("a", ledger.issue(1));
  CHECK_THROWS_WITH(
      source.emit("bcdef", ledger.issue(2)),
      penstock::test::containing("sink_to_tcp: cannot connect to 127.0.0.1:" + std::to_string(port)));
  CHECK(errors.size() == 1);
  CHECK(ledger.failed() == std::vector<testing::Ledger::Id>{1, 2});
  CHECK(sink.info().failed.get() == 2);
  PeerServer server{port};
  source.emit("g", ledger.issue(3));
  source.close();
  CHECK(server.accept().receive_all() == "g\n");
  CHECK(ledger.emitted().empty());  // nothing of the test stands behind it
  CHECK(ledger.open().empty());
}

TEST_CASE("sink_to_tcp that is destroyed drops what it holds") {
  EventLoop loop;
  const std::uint16_t port = PeerServer{}.port();
  testing::Ledger ledger;
  {
    Stream<std::string> source{loop};
    source | sink_to_tcp(at(port), {.reconnect = soon});
    source.emit("a", ledger.issue(1));
    loop.run_for(5ms);
  }
  loop.poll();
  CHECK(ledger.dropped() == std::vector<testing::Ledger::Id>{1});
  CHECK(ledger[1].reason == "the sink was destroyed before the element was written");
}

TEST_CASE("an element that cannot be a frame has failed, and the next one is written") {
  EventLoop loop;
  PeerServer server;
  Stream<std::string> source{loop};
  const auto sink = source | sink_to_tcp(at(server.port()), {.max_frame = 3});
  CHECK_THROWS_AS(source.emit("a\nb"), FrameError);
  CHECK_THROWS_AS(source.emit("abcd"), FrameError);
  source.emit("abc");
  source.close();
  CHECK(server.accept().receive_all() == "abc\n");
  CHECK(sink.info().failed.get() == 2);
}

TEST_CASE("what sink_to_tcp and from_tcp_client cannot do is refused where it is wired") {
  EventLoop loop;
  CHECK_THROWS_AS(sink_to_tcp(at(1), {.framing = Delimited{""}}), std::invalid_argument);
  CHECK_THROWS_AS(sink_to_tcp(at(1), {.reconnect = {.attempts = 0}}), std::invalid_argument);
  CHECK_THROWS_AS(from_tcp_client(loop, at(1), {.reconnect = {.jitter = 2}}), std::invalid_argument);
  CHECK_THROWS_AS(from_tcp_client(loop, "no port"), std::invalid_argument);
  Stream<std::string> without_loop;
  CHECK_THROWS_AS(without_loop | sink_to_tcp(at(1)), std::logic_error);
}
