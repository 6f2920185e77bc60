// SPDX-License-Identifier: BSL-1.0
#include "penstock/connect/websocket.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>

#include "catch.hpp"
#include "connect/children.hpp"
#include "connect/program.hpp"
#include "connect/tcp_peer.hpp"
#include "connect/websocket_peer.hpp"
#include "penstock/exec/async_emit.hpp"
#include "penstock/exec/await.hpp"
#include "penstock/exec/event_loop.hpp"
#include "penstock/ops/map.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/sources/from_range.hpp"

using namespace penstock;
using namespace std::chrono_literals;
using namespace std::string_literals;
using penstock::test::Arrived;
using penstock::test::comes;
using penstock::test::containing;
using penstock::test::open_files;
using penstock::test::Peer;
using penstock::test::PeerServer;
using penstock::test::Program;
using penstock::test::resident_kb;
using Texts = std::vector<std::string>;

namespace {

constexpr Retry quick{1000, 1ms, 2, 0.5, 20ms, 1};

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

std::string url_of(std::uint16_t port, const std::string& path = "/") {
  return "ws://127.0.0.1:" + std::to_string(port) + path;
}

/// A port that was free a moment ago.
std::uint16_t free_port() { return PeerServer{}.port(); }

/// Python's `websockets`, see websocket_peer.hpp.
class Python {
 public:
  /// A client.
  explicit Python(std::uint16_t port, const std::string& more = {}, const std::string& path = "/")
      : program_(penstock::test::websocket_peer_command("{\"where\": \"" + url_of(port, path) + "\"" + more +
                                                        "}")) {}
  /// A server.
  struct Server {};
  explicit Python(Server, std::uint16_t port = 0, const std::string& more = {})
      : program_(penstock::test::websocket_peer_command("{\"where\": " + std::to_string(port) + more + "}")) {
  }
  static Python server(std::uint16_t port = 0, const std::string& more = {}) {
    return Python(Server{}, port, more);
  }

  std::uint16_t port() { return static_cast<std::uint16_t>(std::stoi(program_.after("port "))); }
  Python& tell(const std::string& line) {
    program_.write(line + "\n");
    return *this;
  }
  /// The rest of the first line with `text`, from wherever it begins. Waits for it.
  std::string hear(const std::string& text) { return program_.after(text); }
  /// All of its output, when it has no more to do.
  const std::string& output() {
    program_.end_input();
    return program_.output();
  }

 private:
  Program program_;
};

/// The lines of a text that begin with `start`, without that.
Texts lines_of(const std::string& text, const std::string& start) {
  Texts found;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (text.compare(at, start.size(), start) == 0) {
      found.push_back(text.substr(at + start.size(), end - at - start.size()));
    }
    at = end + 1;
  }
  return found;
}

Texts numbers(int n) {
  Texts texts;
  for (int i = 0; i < n; ++i) texts.push_back(std::to_string(i));
  return texts;
}
Texts quoted(Texts texts) {
  for (std::string& text : texts) text = "\"" + text + "\"";
  return texts;
}

/// What a raw socket is answered.
std::string answer(std::uint16_t port, const std::string& request) {
  Peer peer = Peer::connected(port);
  peer.send(request);
  return peer.receive_all();
}
std::string upgrade_request(const std::string& more = {}, const std::string& path = "/") {
  return "GET " + path +
         " HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
         more + "\r\n";
}

}  // namespace

#define REQUIRE_PEER() \
  if (!penstock::test::has_websocket_peer()) PENSTOCK_SKIP("there is no python3-websockets")

TEST_CASE("row 133 four times 0123 go through to_websocket and from_websocket") {
  // Streamz: passes only when the server happens to be up before the first element.
  EventLoop loop{background};
  const auto server = from_websocket<WebSocketMessage>(loop, 0);
  const Arrived<WebSocketMessage> out;
  server.sink(out);
  server.start();
  const auto source = from_range(loop, Texts(4, "0123"));
  source | to_websocket(url_of(server.port()), {.binary = true});
  source.start();
  std::vector<WebSocketMessage> got = out.wait(4);
  for (WebSocketMessage& message : got) {
    CHECK(message.peer.substr(0, 10) == "127.0.0.1:");
    message.peer.clear();
  }
  CHECK(got == std::vector<WebSocketMessage>(4, WebSocketMessage::bytes("0123")));
}

TEST_CASE("D32 to_websocket waits for a server that is not up yet, and connects again when it has gone") {
  // Streamz connects once, with the first element, and after a failure every later element fails.
  EventLoop loop{background};
  const std::uint16_t port = free_port();
  const Stream<std::string> source{loop};
  const auto sink = source | to_websocket(url_of(port), {.reconnect = quick});
  const Arrived<std::string> sink_errors = errors_of(source);
  source.emit("1");
  source.emit("2");
  const auto server = from_websocket(loop, port);
  const Arrived<std::string> out;
  server.sink(out);
  server.start();
  CHECK(out.wait(2) == Texts{"1", "2"});
  CHECK(comes([&] { return sink.info().held.get() == 0; }));
  server.stop();
  CHECK(comes([&] { return !sink.connected(); }));
  source.emit("3");
  source.emit("4");
  server.start();
  CHECK(out.wait(4) == Texts{"1", "2", "3", "4"});
  source.close();
  CHECK(out.size() == 4);
  CHECK(sink.connects() == 2);
  CHECK(sink_errors.size() == 0);
}

TEST_CASE("from_websocket takes text, bytes, fragments and pings of Python's websockets") {
  REQUIRE_PEER();
  EventLoop loop{background};
  const auto server = from_websocket<WebSocketMessage>(
      loop, 0, {.path = "/in", .subprotocols = {"b", "a"}, .headers = {{"X-Shop", "north"}}});
  const Arrived<WebSocketMessage> out;
  server.sink(out);
  const Arrived<std::string> errors = errors_of(server);
  server.start();
  Python peer{server.port(), R"(, "subprotocols": ["x", "a", "b"])", "/in?who=me"};
  CHECK(peer.hear("open ") == "a");
  CHECK(comes([&] { return server.connections() == 1; }));  // the client may hear of it first
  peer.tell(R"(text "h\u00e9llo")")
      .tell("bytes 00ff")
      .tell(R"(fragments ["frag", "men", "ted"])")
      .tell(R"(text "")");
  peer.tell("ping");
  peer.hear("pong");
  const std::vector<WebSocketMessage> got = out.wait(4);
  REQUIRE(got.size() == 4);
  CHECK(got[0].payload == "h\xc3\xa9llo");
  CHECK_FALSE(got[0].binary);
  CHECK(got[1].payload == "\0\xff"s);
  CHECK(got[1].binary);
  CHECK(got[2].payload == "fragmented");
  CHECK(got[3].payload.empty());
  CHECK(got[0].peer == got[3].peer);
  peer.tell("close 1000");
  CHECK(peer.hear("closed ") == "1000 ");
  CHECK(comes([&] { return server.connections() == 0; }));
  CHECK(errors.size() == 0);
}

TEST_CASE("from_websocket reports connections that break or end with a failure, and names the client") {
  REQUIRE_PEER();
  EventLoop loop{background};
  const auto server = from_websocket(loop, 0, {.limits = {.close_timeout = 100ms}});
  const Arrived<std::string> out;
  server.sink(out);
  const Arrived<std::string> errors = errors_of(server);
  server.start();

  SECTION("an abrupt end") {
    Python peer{server.port()};
    peer.tell(R"(text "last words")");
    CHECK(out.wait(1) == Texts{"last words"});
    peer.tell("abort");
    CHECK_THAT(errors.wait(1).at(0),
               containing("from_websocket: 127.0.0.1:") && containing("the connection was lost"));
  }
  SECTION("a code of failure") {
    Python peer{server.port()};
    peer.hear("open");
    peer.tell("close 1011");
    CHECK_THAT(errors.wait(1).at(0),
               containing("from_websocket: 127.0.0.1:") && containing("closed with code 1011"));
  }
  SECTION("text that is no UTF-8") {
    Peer peer = Peer::connected(server.port());
    peer.send(upgrade_request());
    CHECK_THAT(peer.receive(), containing("101 Switching Protocols"));
    peer.send("\x81\x82\0\0\0\0\xff\xff"s);
    CHECK(peer.receive_all() == "\x88\x02\x03\xef"s);  // closed with 1007
    CHECK(errors.wait(1).size() == 1);
  }
  SECTION("a frame that is not masked") {
    Peer peer = Peer::connected(server.port());
    peer.send(upgrade_request());
    peer.receive();
    peer.send("\x81\x01x"s);
    CHECK(peer.receive_all() == "\x88\x02\x03\xea"s);  // closed with 1002
    CHECK(errors.wait(1).size() == 1);
  }
  Python next{server.port()};
  next.tell(R"(text "next")");
  CHECK(comes([&] { return out.size() != 0 && out.wait(1).back() == "next"; }));
}

TEST_CASE("from_websocket closes a connection with 1009 when a message is over the limit") {
  REQUIRE_PEER();
  EventLoop loop{background};
  const auto server = from_websocket(loop, 0, {.limits = {.message_size = 1000}});
  const Arrived<std::string> out;
  server.sink(out);
  const Arrived<std::string> errors = errors_of(server);
  server.start();
  Python peer{server.port()};
  peer.tell("many 1 1000");
  CHECK(out.wait(1).size() == 1);
  SECTION("in one frame") { peer.tell("many 1 1001"); }
  SECTION("in many frames") {
    std::string fragments = "[";
    for (int i = 0; i < 101; ++i) fragments += (i == 0 ? "" : ", ") + "\"0123456789\""s;
    peer.tell("fragments " + fragments + "]");
  }
  CHECK_THAT(peer.hear("closed "), containing("1009"));
  CHECK_THAT(errors.wait(1).at(0), containing("127.0.0.1:"));
  CHECK(out.size() == 1);
}

TEST_CASE("from_websocket answers what is no WebSocket like a web server") {
  EventLoop loop{background};
  const auto server = from_websocket(loop, 0, {.path = "/in", .origins = {"https://shop.example"}});
  const Arrived<std::string> errors = errors_of(server);
  server.sink([](const std::string&) {});
  server.start();
  const std::uint16_t port = server.port();
  CHECK_THAT(answer(port, "GET /in HTTP/1.1\r\nHost: x\r\n\r\n"),
             containing("HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\n"));
  CHECK_THAT(answer(port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"), containing("HTTP/1.1 404 "));
  CHECK_THAT(answer(port, upgrade_request({}, "/in/deeper")), containing("HTTP/1.1 404 "));
  CHECK_THAT(answer(port, "POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"),
             containing("HTTP/1.1 405 ") && containing("Allow: GET\r\n"));
  CHECK_THAT(answer(port, "what is this\r\n\r\n"), containing("HTTP/1.1 400 "));
  CHECK_THAT(answer(port, "GET /in HTTP/1.1\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n"),
             containing("HTTP/1.1 431 "));
  CHECK_THAT(answer(port, upgrade_request("Origin: https://evil.example\r\n", "/in")),
             containing("HTTP/1.1 403 "));
  Peer shop = Peer::connected(port);
  shop.send(upgrade_request("Origin: https://shop.example\r\n", "/in"));
  CHECK_THAT(shop.receive(), containing("HTTP/1.1 101 ") && containing("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
  CHECK(errors.size() == 0);
}

TEST_CASE("from_websocket gives up who does not finish the handshake, or does not answer pings") {
  REQUIRE_PEER();
  EventLoop loop{background};
  const auto server = from_websocket(loop, 0, {.limits = {.handshake_timeout = 500ms, .idle_timeout = 1s}});
  const Arrived<std::string> out;
  server.sink(out);
  const Arrived<std::string> errors = errors_of(server);
  server.start();
  CHECK(Peer::connected(server.port()).receive_all().empty());
  CHECK(errors.size() == 0);

  Python lively{server.port()};
  lively.hear("open");
  Peer dead = Peer::connected(server.port());
  dead.send(upgrade_request());
  const std::string heard = dead.receive_all();
  CHECK(heard.substr(heard.find("\r\n\r\n") + 4) == "\x89\0"s);  // one ping
  CHECK_THAT(errors.wait(1).at(0), containing("no sign of life"));
  CHECK(server.connections() == 1);  // who answers them stays
  lively.tell(R"(text "here")");
  CHECK(out.wait(1) == Texts{"here"});
}

TEST_CASE("from_websocket has as many connections as it may, and others wait") {
  REQUIRE_PEER();
  EventLoop loop{background};
  const auto server = from_websocket(loop, 0, {.connections = 1});
  const Arrived<std::string> out;
  server.sink(out);
  server.start();
  Python first{server.port()};
  first.tell(R"(text "first")");
  out.wait(1);
  Python second{server.port()};
  second.tell(R"(text "second")");
  first.tell(R"(text "first again")");
  CHECK(out.wait(2) == Texts{"first", "first again"});
  CHECK(server.connections() == 1);
  first.tell("close 1000");
  CHECK(out.wait(3) == Texts{"first", "first again", "second"});
}

TEST_CASE("D14 however often from_websocket is stopped and started it listens once, at the same port") {
  REQUIRE_PEER();
  EventLoop loop{background};
  const auto server = from_websocket(loop, 0);
  const Arrived<std::string> out;
  server.sink(out);
  const Arrived<std::string> errors = errors_of(server);
  server.start();
  const std::uint16_t port = server.port();
  Python before{port};
  before.hear("open");
  for (int i = 0; i < 20; ++i) {
    server.stop();
    server.start();
    server.start();
  }
  CHECK(server.port() == port);
  CHECK_THAT(before.hear("closed "), containing("1001"));
  Python behind{port};
  behind.tell(R"(text "once")").tell(R"(text "twice")");
  CHECK(out.wait(2) == Texts{"once", "twice"});
  server.stop();
  server.stop();
  CHECK(Peer::refused(port));
  CHECK_THAT(behind.hear("closed "), containing("1001"));
  CHECK(errors.size() == 0);
}

TEST_CASE("from_websocket stopped at any step of a handshake says goodbye to whoever has got its answer") {
  int turned_away = 0;
  int greeted = 0;
  bool was_open = false;
  for (int steps = 0; !was_open; ++steps) {
    asio::io_context context;
    EventLoop loop{context, one_thread};
    const auto server = from_websocket(loop, 0);
    server.sink([](const std::string&) { FAIL("nothing was sent"); });
    const Arrived<std::string> errors = errors_of(server);
    server.start();
    Peer peer = Peer::connected(server.port());
    peer.send(upgrade_request());
    for (int step = 0; step < steps; ++step) context.run_one();
    was_open = server.connections() != 0;
    server.stop();
    peer.end();
    context.restart();
    context.run();
    CAPTURE(steps);
    const std::string heard = peer.receive_all();
    if (heard.empty()) {
      ++turned_away;
      CHECK_FALSE(was_open);
    } else {
      ++greeted;
      CHECK(heard.substr(heard.find("\r\n\r\n") + 4) == "\x88\x02\x03\xe9"s);  // closed with 1001
    }
    CHECK(errors.size() == 0);
  }
  CHECK(turned_away > 0);
  CHECK(greeted > 1);
}

TEST_CASE("D15 from_websocket stops within one element, and goes on with new connections") {
  REQUIRE_PEER();
  EventLoop loop{background};
  const auto server = from_websocket(loop, 0);
  const Arrived<std::string> out;
  server.sink([&, out](const std::string& text) {
    out(text);
    if (out.size() == 3) server.stop();
  });
  server.start();
  Python peer{server.port()};
  peer.tell("many 1000 1");
  CHECK_THAT(peer.hear("closed "), containing("1001"));
  CHECK(out.wait(3) == numbers(3));
  server.start();
  Python again{server.port()};
  again.tell(R"(text "again")");
  CHECK(out.wait(4).at(3) == "again");
}

TEST_CASE("D11 a client that sends as fast as it can is slowed, memory stays flat and nothing is lost") {
  REQUIRE_PEER();
  std::atomic<int> next{0};
  std::atomic<int> wrong{0};
  std::atomic<long> early{0};
  EventLoop loop{background};
  const auto server = from_websocket(loop, 0);
  constexpr int count = penstock::test::sanitized ? 2'000 : 30'000;  // of 1 KiB
  const Arrived<long> late;
  server.sink([&, late](const std::string& text) -> asio::awaitable<void> {
    if (text.size() != 1024 || std::stoi(text) != next) ++wrong;
    const int seen = ++next;
    if (seen == count / 10) early = resident_kb();
    if (seen % 4 == 0) co_await asio::post(asio::use_awaitable);
    if (seen == count) late(resident_kb());  // what is outside may be gone behind it
  });
  server.start();
  Python peer{server.port()};
  peer.tell("many " + std::to_string(count) + " 1024");
  std::vector<long> end;
  for (int before = -1; end.empty() && std::exchange(before, next.load()) != next;) end = late.wait(1);
  REQUIRE(end.size() == 1);
  CHECK(wrong == 0);
  INFO("resident at a tenth: " << early << " kB, at the end: " << end[0] << " kB");
  CHECK(end[0] - early < 8 * 1024);
}

TEST_CASE("D11 a million messages that come as fast as TCP lets them need no more memory, and none is lost") {
  constexpr std::uint64_t count = penstock::test::sanitized ? 50'000 : 1'000'000;
  std::uint64_t next = 0;
  std::uint64_t wrong = 0;
  std::atomic<long> early{0};
  const Arrived<long> late;
  EventLoop loop{background};
  const auto server = from_websocket(loop, 0);
  // Now and then an element waits for a turn of the loop.
  server.sink([&, late](const std::string& text) -> asio::awaitable<void> {
    if (text != std::to_string(next)) ++wrong;
    ++next;
    if (next == count / 10) early = resident_kb();
    const bool waits = next % 16 == 0;
    if (next == count) late(resident_kb());  // what is outside may be gone behind it
    if (waits) co_await asio::post(asio::use_awaitable);
  });
  server.start();
  std::thread sender([port = server.port()] {
    try {
      Peer peer = Peer::connected(port);
      peer.send(upgrade_request());
      peer.receive();
      std::string frames;
      for (std::uint64_t i = 0; i < count; ++i) {
        const std::string payload = std::to_string(i);
        frames += "\x81"s + static_cast<char>(0x80 | payload.size()) + "\0\0\0\0"s + payload;
        if (frames.size() > 32'000 || i + 1 == count) {
          peer.send(frames);
          frames.clear();
        }
      }
      peer.receive();  // until the server ends it
    } catch (const std::runtime_error&) {
      // The server has ended it before: then elements are missing.
    }
  });
  std::vector<long> end;
  for (std::uint64_t before = 1; end.empty() && std::exchange(before, server.info().out.get()) != before;) {
    end = late.wait(1);
  }
  server.stop();
  sender.join();
  REQUIRE(end.size() == 1);
  CHECK(next == count);
  CHECK(wrong == 0);
  INFO("resident at a tenth: " << early << " kB, at the end: " << end[0] << " kB");
  CHECK(end[0] - early < 8 * 1024);
}

TEST_CASE(
    "from_websocket reads the next message when the one before was taken, and the client's socket is full") {
  EventLoop loop{background};
  const auto server = from_websocket(loop, 0);
  const Arrived<std::string> out;
  std::optional<Completion<>> held;
  server.sink([&, out](const std::string& text, Completion<> done) {
    out(text);
    if (out.size() == 1) {
      held = std::move(done);
    } else {
      done();
    }
  });
  server.start();
  Peer peer = Peer::connected(server.port(), 16'384);
  peer.send(upgrade_request());
  peer.receive();
  std::string frames;
  constexpr int count = 3000;
  for (int i = 0; i < count; ++i) {
    const std::string payload = std::string(1000, 'x') + std::to_string(i);
    const auto size = static_cast<std::uint16_t>(payload.size());
    frames +=
        "\x81\xfe"s + static_cast<char>(size >> 8) + static_cast<char>(size & 0xff) + "\0\0\0\0"s + payload;
  }
  const std::size_t sent = peer.send_some(frames, 200ms);
  CHECK(sent < frames.size());
  CHECK(out.size() == 1);
  asio::post(loop.executor(), [&] { (*std::exchange(held, std::nullopt))(); });
  peer.send(std::string_view(frames).substr(sent));
  const Texts got = out.wait(count);
  REQUIRE(got.size() == count);
  CHECK(got.back() == std::string(1000, 'x') + std::to_string(count - 1));
}

TEST_CASE("from_websocket as a client says what it wants, and connects again when the server has gone") {
  REQUIRE_PEER();
  EventLoop loop{background};
  Python first = Python::server();
  const std::uint16_t port = first.port();
  const auto client = from_websocket<WebSocketMessage>(
      loop, url_of(port, "/feed?all"),
      {.reconnect = quick, .on_connect = [] { return std::vector{WebSocketMessage::text("subscribe")}; }});
  const Arrived<WebSocketMessage> out;
  client.sink(out);
  const Arrived<std::string> errors = errors_of(client);
  CHECK_FALSE(client.connected());
  client.start();
  CHECK(first.hear("text ") == "\"subscribe\"");
  first.tell(R"(text "a")").tell("bytes 01").tell("ping").tell(R"(fragments ["b", "c"])");
  const std::vector<WebSocketMessage> got = out.wait(3);
  REQUIRE(got.size() == 3);
  CHECK(got[0] == WebSocketMessage{"a", false, "127.0.0.1:" + std::to_string(port)});
  CHECK(got[1].binary);
  CHECK(got[2].payload == "bc");
  first.hear("pong");
  SECTION("which has closed the connection") { first.tell("close 1001"); }
  SECTION("which has crashed") { first.tell("abort"); }
  first.hear("closed");
  first.output();
  Python second = Python::server(port);
  CHECK(second.hear("text ") == "\"subscribe\"");
  second.tell(R"(text "d")");
  CHECK(out.wait(4).back().payload == "d");
  CHECK(client.connects() >= 2);
  CHECK(client.connected());
  client.stop();
  CHECK_THAT(second.hear("closed "), containing("1001"));
  client.start();
  second.tell(R"(text "e")");
  CHECK(out.wait(5).back().payload == "e");
  CHECK(errors.size() == 0);
}

TEST_CASE("from_websocket as a client that is to end ends when the connection does") {
  REQUIRE_PEER();
  EventLoop loop{background};
  Python server = Python::server();
  const auto client = from_websocket(loop, url_of(server.port()), {.end = true});
  const Arrived<std::string> out;
  client.sink(out);
  const Arrived<std::string> errors = errors_of(client);
  client.start();
  server.tell(R"(text "only")");
  CHECK(out.wait(1) == Texts{"only"});
  SECTION("in good order") {
    server.tell("close 1000");
    CHECK(comes([&] { return client.stopped(); }));
    CHECK(errors.size() == 0);
  }
  SECTION("with a failure") {
    server.tell("close 1011");
    CHECK(comes([&] { return client.stopped(); }));
    CHECK_THAT(errors.wait(1).at(0),
               containing("from_websocket: ws://127.0.0.1:") && containing("code 1011"));
  }
  SECTION("abruptly") {
    server.tell("abort");
    CHECK(comes([&] { return client.stopped(); }));
    CHECK_THAT(errors.wait(1).at(0), containing("from_websocket: ws://127.0.0.1:") && containing("was lost"));
  }
}

TEST_CASE("from_websocket as a client gives up after its attempts, says why, and can be started again") {
  EventLoop loop{background};
  const std::uint16_t port = free_port();
  Retry twice = quick;
  twice.attempts = 2;
  const auto client = from_websocket(loop, url_of(port, "/in"), {.reconnect = twice});
  const Arrived<std::string> out;
  client.sink(out);
  const Arrived<std::string> errors = errors_of(client);
  client.start();
  CHECK_THAT(errors.wait(1).at(0),
             containing("from_websocket: cannot connect to 127.0.0.1:" + std::to_string(port)));
  CHECK(client.stopped());
  const auto wrong_path = from_websocket(loop, port);
  wrong_path.sink([](const std::string&) {});
  wrong_path.start();
  client.start();
  CHECK_THAT(errors.wait(2).at(1),
             containing(url_of(port, "/in")) && containing("the server answered 404 Not Found"));
  CHECK(client.stopped());
}

TEST_CASE("to_websocket sends text and bytes to Python's websockets and closes with 1000 when all was sent") {
  REQUIRE_PEER();
  EventLoop loop{background};
  Python server = Python::server(0, R"(, "subprotocols": ["v1"])");
  const Stream<WebSocketMessage> source{loop};
  const auto sink = source | to_websocket(url_of(server.port()), {.subprotocols = {"v2", "v1"}});
  source.emit(WebSocketMessage::text("h\xc3\xa9llo"));
  source.emit(WebSocketMessage::bytes("\0\xff"s));
  source.emit(WebSocketMessage::text(""));
  source.emit(WebSocketMessage::text(std::string(10'000, 'x')));
  CHECK(server.hear("open ") == "v1");
  source.close();
  CHECK_FALSE(sink.connected());
  CHECK(server.hear("closed ") == "1000 ");
  const std::string output = server.output();
  CHECK(lines_of(output, "text ") ==
        Texts{R"("h\u00e9llo")", R"("")", "\"" + std::string(10'000, 'x') + "\""});
  CHECK(lines_of(output, "bytes ") == Texts{"00ff"});
}

TEST_CASE(
    "to_websocket sends again what a server did not confirm before it went, in order and without a gap") {
  REQUIRE_PEER();
  EventLoop loop{background};
  auto server = std::make_unique<Python>(Python::Server{});
  const std::uint16_t port = server->port();
  const Stream<std::string> source{loop};
  const auto sink = source | to_websocket(url_of(port), {.queue = 16, .reconnect = quick});
  constexpr int count = 2000;
  std::thread emitter([&] {
    for (int i = 0; i < count; ++i) source.emit(std::to_string(i));
    source.close();
  });
  std::vector<Texts> heard;
  for (const int until : {500, 1500}) {
    server->hear("text \"" + std::to_string(until) + "\"");
    server->tell("abort");
    heard.push_back(lines_of(server->output(), "text "));
    server.reset();
    server = std::make_unique<Python>(Python::Server{}, port);
  }
  emitter.join();
  server->hear("closed 1000");
  heard.push_back(lines_of(server->output(), "text "));
  std::size_t next = 0;
  for (const Texts& texts : heard) {
    REQUIRE_FALSE(texts.empty());
    const auto first = static_cast<std::size_t>(std::stoi(texts.front().substr(1)));
    CHECK(first <= next);  // some come twice
    Texts expected = quoted(numbers(static_cast<int>(first + texts.size())));
    expected.erase(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(first));
    CHECK(texts == expected);
    next = first + texts.size();
  }
  CHECK(next == count);
  CHECK(sink.connects() == 3);
  CHECK(sink.info().dropped.get() == 0);
}

TEST_CASE("to_websocket makes elements wait when its queue is full because the server does not read") {
  REQUIRE_PEER();
  std::atomic<int> emitted{0};
  EventLoop loop{background};
  Python server = Python::server(0, R"(, "read": false, "quiet": true, "max_queue": 1)");
  const Stream<std::string> source{loop};
  const bool at_least_once = GENERATE(true, false);
  const auto sink =
      source | to_websocket(url_of(server.port()), {.queue = 8, .at_least_once = at_least_once});
  constexpr int count = 300;
  std::thread emitter([&] {
    for (int i = 0; i < count; ++i, ++emitted) source.emit(std::string(100'000, 'x'));
    source.close();
  });
  // Nine are in the queue, the last of which waits, and more than that come only when the server reads.
  CHECK(comes([&] { return sink.info().held.get() == 9; }));
  CHECK(comes([&, last = -1]() mutable { return std::exchange(last, emitted.load()) == emitted; }));
  CHECK(emitted < count);
  server.tell("read");
  emitter.join();
  CHECK(server.hear("closed ") == "1000 ");
  server.tell("count");
  CHECK(server.hear("count ") == std::to_string(count));
  CHECK(sink.info().held.get() == 0);
}

TEST_CASE("to_websocket keeps Refs until the server has confirmed the elements") {
  REQUIRE_PEER();
  EventLoop loop;
  Python server = Python::server(0, R"(, "read": false, "quiet": true, "max_queue": 1)");
  const std::uint16_t port = server.port();
  std::vector<Outcome> ends;
  std::vector<std::string> reasons;
  {
    const Stream<std::string> source{loop};
    const auto sink = source | to_websocket(url_of(port), {.queue = 1000});
    const auto ref = [&] {
      return Ref([&](const Ending& ending) {
        ends.push_back(ending.outcome);
        reasons.emplace_back(ending.reason ? ending.reason : "");
      });
    };
    source.emit("seen", ref());
    while (ends.empty()) loop.run_for(1ms);
    CHECK(ends == std::vector{Outcome::done});
    for (int i = 0; i < 200; ++i)
      source.emit(std::string(100'000, 'x'), ref());  // more than the sockets take
    loop.run_for(20ms);
    CHECK(ends.size() < 100);
    CHECK(sink.info().held.get() == 201 - ends.size());
  }
  loop.poll();
  CHECK(ends.size() == 201);
  CHECK(ends.back() == Outcome::dropped);
  CHECK(reasons.back() == "to_websocket: destroyed before it was sent");
}

TEST_CASE("to_websocket fails what is in its queue when there are no more attempts, and then tries anew") {
  EventLoop loop;
  const std::uint16_t port = free_port();
  Retry twice = quick;
  twice.attempts = 2;
  const Stream<std::string> source{loop};
  const auto sink = source | to_websocket(url_of(port), {.queue = 2, .reconnect = twice});
  const Arrived<std::string> errors = errors_of(source);
  std::vector<Outcome> ends;
  const auto ref = [&] { return Ref([&](const Ending& ending) { ends.push_back(ending.outcome); }); };
  source.emit("1", ref());
  source.emit("2", ref());
  CHECK_THROWS_WITH(source.emit("3", ref()), containing("to_websocket: cannot connect to 127.0.0.1:"));
  loop.poll();
  CHECK(ends == std::vector(3, Outcome::failed));
  CHECK(errors.size() == 1);
  CHECK(sink.info().failed.get() == 3);
  CHECK(sink.info().held.get() == 0);

  const auto server = from_websocket(loop, port);
  const Arrived<std::string> out;
  server.sink(out);
  server.start();
  source.emit("4");
  source.close();
  CHECK(out.wait(1) == Texts{"4"});
}

TEST_CASE("a checkpoint's barrier waits until the server of to_websocket has confirmed what came before it") {
  REQUIRE_PEER();
  EventLoop loop;
  Python server = Python::server(0, R"(, "quiet": true)");
  const Stream<std::string> source{loop};
  const auto sink = source | to_websocket(url_of(server.port()), {.queue = 1000});
  const auto barrier = [&] { return penstock::detail::offer(source.outlet(), Signal{Signal::barrier, 1}); };
  CHECK_FALSE(barrier().pending());
  int confirmed = 0;
  for (int i = 0; i < 20; ++i) source.emit("x", Ref([&](const Ending& e) { confirmed += e.outcome == Outcome::done; }));
  const Receipt receipt = barrier();
  CHECK(receipt.pending());
  for (int i = 0; i < 20; ++i) source.emit("y");
  while (receipt.pending()) loop.run_for(1ms);
  CHECK_FALSE(receipt.error());
  loop.poll();
  CHECK(confirmed == 20);
  CHECK(sink.info().guarantee == Guarantee::at_least_once);
}

TEST_CASE("to_websocket counts what is lost when it is to send everything at most once") {
  REQUIRE_PEER();
  std::atomic<int> dropped{0};
  std::atomic<int> emitted{0};
  EventLoop loop{background};
  auto server =
      std::make_unique<Python>(Python::Server{}, 0, R"(, "read": false, "quiet": true, "max_queue": 1)");
  const std::uint16_t port = server->port();
  const Stream<std::string> source{loop};
  const auto sink =
      source |
      to_websocket(url_of(port), {.queue = 4, .at_least_once = false, .binary = true, .reconnect = quick});
  std::thread emitter([&] {
    for (int i = 0; i < 300; ++i, ++emitted) {
      source.emit(std::string(100'000, 'x'),
                  Ref([&](const Ending& ending) { dropped += ending.outcome == Outcome::dropped; }));
    }
    source.close();
  });
  server->hear("open");
  CHECK(comes([&] { return sink.info().held.get() == 5; }));
  CHECK(comes([&, last = -1]() mutable { return std::exchange(last, emitted.load()) == emitted; }));
  server.reset();
  server = std::make_unique<Python>(Python::Server{}, port, R"(, "quiet": true)");
  emitter.join();
  CHECK(sink.info().dropped.get() == 1);  // the one that was being written
  CHECK(dropped == 1);
  CHECK(sink.connects() == 2);
}

TEST_CASE("broadcast_websocket sends every element to all clients, and to a new one the last ones first") {
  REQUIRE_PEER();
  EventLoop loop{background};
  const Stream<std::string> source{loop};
  const auto hub = source | broadcast_websocket(0, {.replay = 2});
  source.emit("before 1");
  source.emit("before 2");
  source.emit("before 3");
  Python first{hub.port()};
  Python second{hub.port()};
  CHECK(comes([&] { return hub.clients() == 2; }));
  source.emit("both 1");
  source.emit("both 2");
  first.hear("text \"both 2\"");
  first.tell(R"(text "left out")").tell("ping");
  first.hear("pong");
  first.tell("close 1000");
  CHECK(first.hear("closed ") == "1000 ");
  CHECK(comes([&] { return hub.clients() == 1; }));
  Python third{hub.port()};
  CHECK(comes([&] { return hub.clients() == 2; }));
  source.emit("two");
  source.close();
  CHECK(hub.clients() == 0);
  CHECK(Peer::refused(hub.port()));
  CHECK(second.hear("closed ") == "1000 ");
  CHECK(third.hear("closed ") == "1000 ");
  CHECK(lines_of(first.output(), "text ") == quoted({"before 2", "before 3", "both 1", "both 2"}));
  CHECK(lines_of(second.output(), "text ") == quoted({"before 2", "before 3", "both 1", "both 2", "two"}));
  CHECK(lines_of(third.output(), "text ") == quoted({"both 1", "both 2", "two"}));
}

TEST_CASE("broadcast_websocket sends away who is still in the handshake when the stream ends") {
  EventLoop loop{background};
  const Stream<std::string> source{loop};
  const auto hub = source | broadcast_websocket(0);
  const std::string request = upgrade_request();
  Peer peer = Peer::connected(hub.port());
  peer.send(request.substr(0, 20));
  Peer other = Peer::connected(hub.port());  // which is accepted behind the first
  other.send(request);
  CHECK(comes([&] { return hub.clients() == 1; }));
  std::thread closing([&] { source.close(); });  // waits for the answer of the other one
  std::string farewell;
  while (farewell.find("\x88\x02\x03\xe8"s) == std::string::npos) farewell += other.receive();
  other.send("\x88\x82\0\0\0\0\x03\xe8"s);
  closing.join();
  peer.send(request.substr(20));
  std::string answer;
  for (std::string piece = peer.receive(); !piece.empty(); piece = peer.receive()) {
    answer += piece;
    if (answer.ends_with("\x88\x02\x03\xe9"s)) peer.send("\x88\x82\0\0\0\0\x03\xe9"s);
  }
  CHECK(answer.find(" 101 ") != std::string::npos);
  CHECK(answer.ends_with("\x88\x02\x03\xe9"s));  // 1001, going away
  CHECK(hub.clients() == 0);
}

TEST_CASE("broadcast_websocket drops a client that is too slow, and the others get everything") {
  REQUIRE_PEER();
  EventLoop loop{background};
  const Stream<WebSocketMessage> source{loop};
  const auto hub = source | broadcast_websocket(0, {.queue = 8, .limits = {.close_timeout = 20s}});
  Python quick_one{hub.port(), R"(, "quiet": true)"};
  Python slow{hub.port(), R"(, "read": false, "quiet": true, "max_queue": 1)"};
  CHECK(comes([&] { return hub.clients() == 2; }));
  int emitted = 0;
  const std::string payload(100'000, 'x');
  // As fast as the quick one can: at most four are on their way to it.
  for (; hub.dropped_clients() == 0 && emitted < 10'000; ++emitted) {
    source.emit(WebSocketMessage::bytes(payload));
    if (emitted % 4 == 3) {
      CHECK(comes([&] { return hub.info().held.get() <= 8 || hub.dropped_clients() != 0; }));
    }
  }
  CHECK(hub.dropped_clients() == 1);
  CHECK(hub.clients() == 1);
  slow.tell("read");
  CHECK_THAT(slow.hear("closed "), containing("1013 too slow"));
  source.emit(WebSocketMessage::text("last"));
  source.close();
  CHECK(quick_one.hear("closed ") == "1000 ");
  quick_one.tell("count");
  CHECK(quick_one.hear("count ") == std::to_string(emitted + 1));
}

TEST_CASE("broadcast_websocket waits for a slow client when it is to, and nothing is lost") {
  REQUIRE_PEER();
  std::atomic<int> emitted{0};
  std::atomic<int> done{0};
  EventLoop loop{background};
  const Stream<std::string> source{loop};
  const auto hub = source | broadcast_websocket(0, {.slow_client = SlowClient::wait, .queue = 8});
  Python quick_one{hub.port(), R"(, "quiet": true)"};
  Python slow{hub.port(), R"(, "read": false, "quiet": true, "max_queue": 1)"};
  CHECK(comes([&] { return hub.clients() == 2; }));
  constexpr int count = 300;
  std::thread emitter([&] {
    for (int i = 0; i < count; ++i, ++emitted) {
      source.emit(std::string(100'000, 'x'),
                  Ref([&](const Ending& ending) { done += ending.outcome == Outcome::done; }));
    }
    source.close();
  });
  CHECK(comes([&] { return hub.info().held.get() == 9; }));
  CHECK(comes([&, last = -1]() mutable { return std::exchange(last, emitted.load()) == emitted; }));
  CHECK(emitted < count);
  slow.tell("read");
  emitter.join();
  CHECK(slow.hear("closed ") == "1000 ");
  CHECK(quick_one.hear("closed ") == "1000 ");
  for (Python* client : {&slow, &quick_one}) {
    client->tell("count");
    CHECK(client->hear("count ") == std::to_string(count));
  }
  CHECK(comes([&] { return done == count; }));
  CHECK(hub.dropped_clients() == 0);
}

TEST_CASE("broadcast_websocket lets elements pass when there is no client, and survives those that vanish") {
  REQUIRE_PEER();
  EventLoop loop{background};
  const Stream<std::string> source{loop};
  const auto hub = source | broadcast_websocket(0, {.slow_client = SlowClient::wait, .queue = 1});
  const Arrived<std::string> errors = errors_of(source);
  for (int i = 0; i < 100; ++i) source.emit("nobody hears");
  {
    Python vanishes{hub.port()};
    CHECK(comes([&] { return hub.clients() == 1; }));
    source.emit("heard");
    vanishes.hear("text \"heard\"");
    vanishes.tell("abort");
  }
  for (int i = 0; i < 100; ++i) source.emit(std::string(10'000, 'x'));
  CHECK(comes([&] { return hub.clients() == 0; }));
  source.close();
  CHECK(errors.size() == 0);
  CHECK(hub.info().held.get() == 0);
}

TEST_CASE("messages are compressed when both sides like to") {
  REQUIRE_PEER();
  EventLoop loop{background};
  const bool both = GENERATE(true, false);
  const auto server = from_websocket(loop, 0, {.limits = {.message_size = 1000, .compress = both}});
  const Arrived<std::string> out;
  server.sink(out);
  const Arrived<std::string> errors = errors_of(server);
  server.start();
  Python peer{server.port(), R"(, "compression": "deflate")"};
  peer.tell("many 2 1000");
  CHECK(out.wait(2) == Texts{"0" + std::string(999, '.'), "1" + std::string(999, '.')});
  peer.tell("many 1 1001");  // what it is when it was inflated counts
  CHECK_THAT(peer.hear("closed "), containing("1009"));
}

TEST_CASE("graphs of WebSockets that are destroyed under way leave nothing behind") {
  EventLoop loop{background};
  const std::size_t files = open_files();
  int ended = 0;
  std::atomic<int> refs{0};
  for (int i = 0; i < 20; ++i) {
    const auto server = from_websocket(loop, 0);
    const Arrived<std::string> out;
    server.sink(out);
    server.start();
    const Stream<std::string> source{loop};
    source | to_websocket(url_of(server.port()), {.queue = 1000});
    const auto hub = source | broadcast_websocket(0);
    const auto client = from_websocket(loop, url_of(hub.port()));
    client.sink([](const std::string&) {});
    client.start();
    for (int k = 0; k < i * 5; ++k) {
      source.emit("x", Ref([&] { ++refs; }));
      ++ended;
    }
    if (i % 2 == 0) out.wait(static_cast<std::size_t>(i));
  }
  CHECK(comes([&] { return refs == ended; }));
  CHECK(comes([&] { return open_files() <= files; }));
}

TEST_CASE("wiring mistakes of WebSockets throw") {
  EventLoop loop;
  for (const std::string url : {"http://x", "x:80", "ws://", "ws://:80", "ws://x:", "ws://x:0",
                                "ws://x:70000", "ws://a@x", "ws://x/a#b", "ws://x/ a", "ws://x/\r\nY: z"}) {
    CHECK_THROWS_AS(from_websocket(loop, url), std::invalid_argument);
    CHECK_THROWS_WITH(to_websocket(url),
                      containing("to_websocket: \"" + url + "\" is no URL of a WebSocket"));
  }
  CHECK_THROWS_WITH(to_websocket("wss://x"), containing("to_websocket: wss:// needs `.security`"));
  CHECK_THROWS_WITH(to_websocket("ws://x", {.queue = 0}), containing("to_websocket: the queue"));
  CHECK_THROWS_WITH(broadcast_websocket(0, {.queue = 0}), containing("broadcast_websocket: a queue"));
  CHECK_THROWS_WITH(broadcast_websocket(0, {.queue = 1, .replay = 2}),
                    containing("broadcast_websocket: what is replayed"));
  const Stream<std::string> inline_source;
  CHECK_THROWS_WITH(inline_source | to_websocket("ws://x"), containing("needs an event loop"));
  const Stream<std::string> source{loop};
  const PeerServer taken;
  CHECK_THROWS_WITH(
      source | broadcast_websocket(taken.port()),
      containing("broadcast_websocket: cannot bind to 127.0.0.1:" + std::to_string(taken.port())));
  source.emit("nobody is there");
  const auto server = from_websocket(loop, taken.port());
  CHECK_THROWS_WITH(server.start(), containing("from_websocket: cannot bind to"));
  CHECK_THROWS_WITH(from_websocket(loop, Endpoint("localhost", 0)).start(),
                    containing("binds to an address"));
}

TEST_CASE("the parts of a WebSocket's URL") {
  using Url = penstock::detail::WebSocketUrl;
  const Url plain{"x", "ws://shop.example"};
  CHECK(plain.endpoint == Endpoint("shop.example", 80));
  CHECK(plain.host == "shop.example");
  CHECK(plain.target == "/");
  const Url full{"x", "wss://[::1]:8443/a/b?c=d/e"};
  CHECK(full.secure);
  CHECK(full.endpoint == Endpoint("::1", 8443));
  CHECK(full.host == "[::1]:8443");
  CHECK(full.target == "/a/b?c=d/e");
  const Url query{"x", "wss://shop.example:443?a"};
  CHECK(query.endpoint.port == 443);
  CHECK(query.host == "shop.example");
  CHECK(query.target == "/?a");
}
