// SPDX-License-Identifier: BSL-1.0
#include "catch.hpp"

#include <chrono>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include <penstock/connect/tls.hpp>
#include <penstock/connect/websocket.hpp>
#include <penstock/core.hpp>
#include <penstock/exec/event_loop.hpp>

#include "connect/certificates.hpp"
#include "connect/program.hpp"

#define NEEDS_WEBSOCKETS()                                                                              \
  if (!penstock::test::installed("openssl") || std::system("/usr/bin/python3 -c 'import websockets'") != 0) \
  PENSTOCK_SKIP("openssl and Python's websockets, Debian: python3-websockets, are not installed")

using namespace penstock;
using namespace std::chrono_literals;
using test::Certificates;
using test::containing;
using test::Program;

namespace {

const Certificates& files() { return Certificates::all(); }

// Sends three messages to the URL, verifying the server.
const char* const client = R"(
import asyncio, ssl, sys, websockets
async def main():
    context = ssl.create_default_context(cafile=sys.argv[2])
    async with websockets.connect(sys.argv[1], ssl=context) as socket:
        for text in ("one", "two", "three"):
            await socket.send(text)
asyncio.run(main())
)";
// Prints what comes from the URL, verifying the server, and how it ends.
const char* const reader = R"(
import asyncio, ssl, sys, websockets
async def main():
    context = ssl.create_default_context(cafile=sys.argv[2])
    async with websockets.connect(sys.argv[1], ssl=context) as socket:
        async for text in socket:
            print("GOT", text, flush=True)
        print("CLOSED", socket.close_code, flush=True)
asyncio.run(main())
)";
// Sends three messages to whoever comes, and prints what comes.
const char* const server = R"(
import asyncio, ssl, sys, websockets
async def serve(socket):
    for text in ("one", "two", "three"):
        await socket.send(text)
    async for text in socket:
        print("GOT", text, flush=True)
async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    async with websockets.serve(serve, "127.0.0.1", 0, ssl=context) as listening:
        print("PORT", listening.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()
asyncio.run(main())
)";

template <class Source>
void collect(EventLoop& loop, const Source& source, std::vector<std::string>& lines) {
  source.sink([&loop, &lines](const std::string& line) {
    lines.push_back(line);
    if (lines.size() == 3) loop.stop();
  });
}

const std::vector<std::string> all{"one", "two", "three"};

}  // namespace

TEST_CASE("from_websocket over TLS takes messages from Python's client") {
  NEEDS_WEBSOCKETS();
  EventLoop loop;
  const auto source = from_websocket(loop, 0, {.security = tls_server(files()["server.pem"], files()["server.key"])});
  std::vector<std::string> messages;
  collect(loop, source, messages);
  source.start();
  Program python{{"/usr/bin/python3", "-c", client, "wss://localhost:" + std::to_string(source.port()) + "/", files()["ca.pem"]}};
  loop.run_for(30s);
  CHECK(messages == all);
  loop.restart();
  source.stop();
  loop.run_for(100ms);
  CHECK(python.status() == 0);
}

TEST_CASE("broadcast_websocket over TLS reaches Python's client") {
  NEEDS_WEBSOCKETS();
  EventLoop loop{background};
  const Stream<std::string> source{loop};
  const auto hub =
      source | broadcast_websocket(0, {.replay = 3, .security = tls_server(files()["server.pem"], files()["server.key"])});
  for (const std::string& text : all) source.emit(text);
  Program python{{"/usr/bin/python3", "-c", reader, "wss://localhost:" + std::to_string(hub.port()) + "/", files()["ca.pem"]}};
  for (const std::string& text : all) CHECK(python.after("GOT " + text).empty());
  source.close();
  CHECK(python.after("CLOSED ") == "1000");
  CHECK(python.status() == 0);
}

TEST_CASE("from_websocket and to_websocket over TLS talk to Python's server") {
  NEEDS_WEBSOCKETS();
  Program python{{"/usr/bin/python3", "-c", server, files()["server.pem"], files()["server.key"]}};
  const std::string url = "wss://localhost:" + python.after("PORT ") + "/";
  EventLoop loop;
  const auto source = from_websocket(loop, url, {.security = tls_client({.trust = files()["ca.pem"]})});
  std::vector<std::string> messages;
  collect(loop, source, messages);
  source.start();
  loop.run_for(30s);
  CHECK(messages == all);
  loop.restart();
  source.stop();

  Stream<std::string> sent{loop};
  sent | to_websocket(url, {.security = tls_client({.trust = files()["ca.pem"]})});
  sent.emit("hello");
  sent.close();
  CHECK(python.after("GOT ") == "hello");
}

TEST_CASE("to_websocket over TLS does not send to a server that it cannot verify") {
  NEEDS_WEBSOCKETS();
  Program python{{"/usr/bin/python3", "-c", server, files()["stranger.pem"], files()["stranger.key"]}};
  const std::string url = "wss://localhost:" + python.after("PORT ") + "/";
  EventLoop loop;
  Stream<std::string> sent{loop};
  std::string refused;
  sent.on_background_error([&](const std::exception_ptr& error, const Info&) {
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& e) {
      refused = e.what();
    }
  });
  ToWebSocket options;
  options.reconnect.attempts = 1;
  options.security = tls_client({.trust = files()["ca.pem"]});
  sent | to_websocket(url, options);
  sent.emit("a secret");
  try {
    sent.close();
  } catch (const std::exception& e) {
    refused = e.what();
  }
  CHECK_THAT(refused, containing("TLS: its certificate is by a CA that is not trusted here: CN = A Stranger"));
}
