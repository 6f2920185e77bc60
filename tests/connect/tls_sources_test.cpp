// SPDX-License-Identifier: BSL-1.0
#include "catch.hpp"

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <penstock/connect/http.hpp>
#include <penstock/connect/tcp.hpp>
#include <penstock/connect/tls.hpp>
#include <penstock/core.hpp>
#include <penstock/exec/event_loop.hpp>

#include "connect/certificates.hpp"
#include "connect/program.hpp"

#define NEEDS(program) \
  if (!penstock::test::installed(program)) PENSTOCK_SKIP(program ", which Debian has, is not installed")

using namespace penstock;
using namespace std::chrono_literals;
using test::Certificates;
using test::containing;
using test::Program;

namespace {

const Certificates& files() { return Certificates::all(); }
SecurityPtr good_server() { return tls_server(files()["server.pem"], files()["server.key"]); }
SecurityPtr good_client() { return tls_client({.trust = files()["ca.pem"]}); }

/// Runs the loop until it is stopped, which has to happen soon.
void run(EventLoop& loop) {
  loop.run_for(30s);
  REQUIRE(loop.stopped());
  loop.restart();
}

std::string words(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  }
}

/// Collects the lines that come out of `source` and stops the loop at the last one.
template <class Source>
void collect(EventLoop& loop, const Source& source, std::vector<std::string>& lines, std::size_t last) {
  source.sink([&loop, &lines, last](const std::string& line) {
    lines.push_back(line);
    if (lines.size() == last) loop.stop();
  });
}

const char* const python_server = R"(
import http.server, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        print("GOT", self.rfile.read(int(self.headers["Content-Length"])).decode(), flush=True)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *ignored):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
server.socket = context.wrap_socket(server.socket, server_side=True)
print("PORT", server.server_address[1], flush=True)
server.serve_forever()
)";

}  // namespace

TEST_CASE("from_tcp and sink_to_tcp over TLS lose nothing, in order") {
  NEEDS("openssl");
  constexpr std::size_t count = 20'000;
  EventLoop loop;
  const auto server = from_tcp(loop, 0, {.security = good_server()});
  std::vector<std::string> lines;
  collect(loop, server, lines, count);
  server.start();
  Stream<std::string> source{loop};
  const auto sink = source | sink_to_tcp(Endpoint{"localhost", server.port()}, {.security = good_client()});
  for (std::size_t i = 0; i < count; ++i) source.emit(std::to_string(i));
  run(loop);
  source.close();
  server.stop();
  for (std::size_t i = 0; i < count; ++i) {
    if (lines[i] != std::to_string(i)) FAIL("line " << i << " is " << lines[i]);
  }
  CHECK(sink.connects() == 1);
}

TEST_CASE("from_tcp over TLS takes lines from openssl s_client") {
  NEEDS("openssl");
  EventLoop loop;
  const auto server = from_tcp(loop, 0, {.security = good_server()});
  std::vector<std::string> lines;
  collect(loop, server, lines, 3);
  server.start();
  Program client{{"openssl", "s_client", "-connect", "127.0.0.1:" + std::to_string(server.port()), "-CAfile",
                  files()["ca.pem"], "-verify_return_error", "-verify_hostname", "localhost", "-quiet"}};
  client.write("one\ntwo\nthree\n");
  run(loop);
  CHECK(lines == std::vector<std::string>{"one", "two", "three"});
  server.stop();
}

TEST_CASE("sink_to_tcp over TLS writes to openssl s_server") {
  NEEDS("openssl");
  Program server{{"openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", files()["server.pem"], "-key",
                  files()["server.key"], "-naccept", "1"}};
  const std::string where = server.after("ACCEPT ");
  const auto port = static_cast<std::uint16_t>(std::stoi(where.substr(where.rfind(':') + 1)));
  EventLoop loop;
  Stream<std::string> source{loop};
  source | sink_to_tcp(Endpoint{"localhost", port}, {.security = good_client()});
  source.emit("the first line");
  source.emit("the last line");
  source.close();
  const std::string& output = server.output();
  CHECK_THAT(output, containing("the first line\nthe last line\n"));
  CHECK_THAT(output, containing("\nDONE\n"));
}

TEST_CASE("from_tcp_client over TLS reads what openssl s_server sends, and nothing of a server that it cannot verify") {
  NEEDS("openssl");
  const std::string name = GENERATE("server", "stranger");
  Program server{{"openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", files()[name + ".pem"], "-key",
                  files()[name + ".key"]}};
  const std::string where = server.after("ACCEPT ");
  const auto port = static_cast<std::uint16_t>(std::stoi(where.substr(where.rfind(':') + 1)));
  EventLoop loop;
  TcpClient options;
  options.reconnect.attempts = 1;
  options.security = good_client();
  const auto source = from_tcp_client(loop, Endpoint{"localhost", port}, options);
  std::vector<std::string> lines;
  collect(loop, source, lines, 3);
  std::string refused;
  source.on_background_error([&](const std::exception_ptr& error, const Info&) {
    refused = words(error);
    loop.stop();
  });
  source.start();
  server.write("one\ntwo\nthree\n");
  run(loop);
  if (name == "server") {
    CHECK(lines == std::vector<std::string>{"one", "two", "three"});
    CHECK(refused.empty());
  } else {
    CHECK(lines.empty());
    CHECK_THAT(refused, containing("from_tcp_client: cannot connect to localhost:"));
    CHECK_THAT(refused, containing("TLS: "));
  }
  source.stop();
}

TEST_CASE("sink_to_tcp does not write to a server that it cannot verify") {
  NEEDS("openssl");
  EventLoop loop;
  const auto server = from_tcp(loop, 0, {.security = tls_server(files()["expired.pem"], files()["expired.key"])});
  std::vector<std::string> lines;
  std::vector<std::string> server_errors;
  collect(loop, server, lines, 1);
  server.on_background_error(
      [&](const std::exception_ptr& error, const Info&) { server_errors.push_back(words(error)); });
  server.start();
  Stream<std::string> source{loop};
  std::vector<std::string> errors;
  source.on_background_error([&](const std::exception_ptr& error, const Info&) { errors.push_back(words(error)); });
  TcpSink options;
  options.reconnect.attempts = 2;
  options.reconnect.backoff = 1ms;
  options.security = good_client();
  source | sink_to_tcp(Endpoint{"localhost", server.port()}, options);
  source.emit("a secret");
  std::string refused;
  try {
    source.close();
  } catch (const std::exception& e) {
    refused = e.what();
  }
  REQUIRE(!errors.empty());
  CHECK_THAT(errors.front(), containing("sink_to_tcp: cannot connect to localhost:"));
  CHECK_THAT(errors.front(), containing("TLS: its certificate has expired, on "));
  CHECK(lines.empty());
  server.stop();
}

TEST_CASE("from_tcp over TLS gives up a client that says nothing, and serves others") {
  NEEDS("openssl");
  EventLoop loop;
  const auto server = from_tcp(loop, 0, {.connections = 1, .security = good_server(), .handshake = 20ms});
  std::vector<std::string> lines;
  std::vector<std::string> errors;
  collect(loop, server, lines, 1);
  server.on_background_error([&](const std::exception_ptr& error, const Info&) { errors.push_back(words(error)); });
  server.start();
  // Its connection comes first, and is the only one that is allowed.
  Socket silent{loop.executor()};
  silent.connect({asio::ip::address_v4::loopback(), server.port()});
  Stream<std::string> source{loop};
  source | sink_to_tcp(Endpoint{"localhost", server.port()}, {.security = good_client()});
  source.emit("hello");
  run(loop);
  CHECK(lines == std::vector<std::string>{"hello"});
  if (!errors.empty()) CHECK_THAT(errors.front(), containing("no TLS handshake in time"));
  source.close();
  server.stop();
}

TEST_CASE("from_http_server over TLS answers curl, which verifies it") {
  NEEDS("openssl");
  NEEDS("curl");
  EventLoop loop;
  const auto server = from_http_server(loop, 0, {.security = good_server()});
  std::vector<std::string> bodies;
  std::vector<std::string> errors;
  server.sink([&](const std::string& body) { bodies.push_back(body); });
  server.on_background_error([&](const std::exception_ptr& error, const Info&) { errors.push_back(words(error)); });
  server.start();
  const std::string url = "https://localhost:" + std::to_string(server.port()) + "/in";
  loop.start_thread();
  const std::string big(300'000, 'x');
  const std::string file = files()["big"];
  std::vector<std::string> curl{"curl", "--silent", "--show-error", "--max-time", "20", "--write-out", "%{http_code}\n"};
  const auto with = [&](std::vector<std::string> more) {
    std::vector<std::string> all = curl;
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  Program two{with({"--cacert", files()["ca.pem"], "--data", "one", url, "--next", "--silent", "--cacert", files()["ca.pem"],
                    "--write-out", "%{http_code} %{num_connects}\n", "--data", "two", url})};
  CHECK(two.output() == "OK200\nOK200 0\n");  // over one connection
  Program piped{with({"--cacert", files()["ca.pem"], "--data-binary", "@-", url})};
  std::size_t at = 0;
  for (; at < big.size(); at += 30'000) piped.write(big.substr(at, 30'000));
  piped.end_input();
  CHECK(piped.output() == "OK200\n");
  Program wary{with({"--data", "three", url})};
  CHECK_THAT(wary.output(), containing("SSL certificate problem"));
  Program plain{with({"--data", "four", "http://localhost:" + std::to_string(server.port()) + "/in"})};
  CHECK(plain.status() != 0);
  loop.stop();
  loop.join();
  loop.restart();
  CHECK(bodies == std::vector<std::string>{"one", "two", big});
  server.stop();
}

TEST_CASE("sink_to_http over TLS posts to Python's server, which shows its certificate") {
  NEEDS("openssl");
  NEEDS("python3");
  const auto post = [](const std::string& certificate, std::string& output) {
    Program server{{"python3", "-c", python_server, files()[certificate + ".pem"], files()[certificate + ".key"]}};
    const std::string port = server.after("PORT ");
    EventLoop loop;
    Stream<std::string> source{loop};
    std::string refused;
    source.on_background_error([&](const std::exception_ptr& error, const Info&) { refused = words(error); });
    HttpSink options;
    options.retry.attempts = 1;
    options.security = good_client();
    source | sink_to_http("https://localhost:" + port + "/in", options);
    try {
      source.emit("hello");
      source.close();
    } catch (const std::exception& e) {
      refused = e.what();
    }
    if (refused.empty()) output = server.after("GOT ");
    return refused;
  };
  std::string output;
  CHECK(post("server", output) == "");
  CHECK(output == "hello");
  CHECK_THAT(post("other", output), containing("TLS: its certificate is for other.example and not for localhost"));
}
