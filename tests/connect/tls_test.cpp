// SPDX-License-Identifier: BSL-1.0
#include "catch.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <penstock/connect/tls.hpp>
#include <penstock/exec/event_loop.hpp>

#include "connect/certificates.hpp"
#include "connect/program.hpp"

#define NEEDS_OPENSSL() \
  if (!penstock::test::installed("openssl")) PENSTOCK_SKIP("openssl, Debian: openssl")

using namespace penstock;
using namespace std::chrono_literals;
using test::Certificates;
using test::Program;

namespace {

const Certificates& files() { return Certificates::all(); }

TlsClient trusting(TlsClient options = {}) {
  options.trust = files()["ca.pem"];
  return options;
}
SecurityPtr good_server(TlsServer options = {}) {
  return tls_server(files()["server.pem"], files()["server.key"], std::move(options));
}

std::string what(const std::exception_ptr& error) {
  if (!error) return {};
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  }
}

/// A loop, and a door at which connections come in.
struct Net {
  EventLoop loop;
  asio::basic_socket_acceptor<asio::ip::tcp, LoopExecutor> acceptor{
      loop.executor(), asio::ip::tcp::endpoint{asio::ip::address_v4::loopback(), 0}};
  int open = 0;

  Endpoint here(const std::string& host = "127.0.0.1") { return {host, acceptor.local_endpoint().port()}; }

  Async<ByteStream> accept(SecurityPtr security) {
    Socket socket = co_await acceptor.async_accept(awaited);
    ByteStream plain{std::make_shared<detail::PlainStream>(std::move(socket)), "the client"};
    if (!security) co_return plain;
    co_return co_await security->accepted(std::move(plain));
  }

  /// Runs the loop until all that was begun has come to its end.
  void run() {
    loop.run_for(30s);
    REQUIRE(open == 0);
  }
  void begin(Async<> work, std::exception_ptr& error) {
    ++open;
    asio::co_spawn(loop.executor(), std::move(work), [this, &error](std::exception_ptr e) {
      error = e;
      if (--open == 0) loop.stop();
    });
  }
};

Async<std::string> read_all(ByteStream& stream) {
  std::string all;
  std::string block(5000, '\0');
  for (;;) {
    boost::system::error_code error;
    const std::size_t n = co_await stream.async_read_some(asio::buffer(block), asio::redirect_error(awaited, error));
    all.append(block, 0, n);
    if (error == asio::error::eof) co_return all;
    if (error) throw boost::system::system_error(error);
  }
}

Async<> send_and_receive(ByteStream& stream, const std::string& text, std::string& got) {
  co_await asio::async_write(stream, asio::buffer(text), awaited);
  co_await stream.async_shutdown(awaited);
  got = co_await read_all(stream);
}

Async<> be_client(Net& net, TlsClient options, std::string host, std::string text, std::string& got) {
  auto security = tls_client(std::move(options));
  Endpoint to = net.here(host);
  ByteStream stream = co_await detail::connect(net.loop, "test", to, security, 10s);
  co_await send_and_receive(stream, text, got);
}
Async<> be_server(Net& net, SecurityPtr security, std::string text, std::string& got) {
  ByteStream stream = co_await net.accept(security);
  got = co_await read_all(stream);
  co_await asio::async_write(stream, asio::buffer(text), awaited);
  co_await stream.async_shutdown(awaited);
}

std::string numbers(int n) {
  std::string text;
  for (int i = 0; i < n; ++i) text += std::to_string(i) + "\n";
  return text;
}

/// `openssl s_server` on a free port.
struct OpenSslServer {
  explicit OpenSslServer(const std::string& certificate, std::vector<std::string> more = {})
      : program(arguments(certificate, std::move(more))) {
    const std::string where = program.after("ACCEPT ");
    port = static_cast<std::uint16_t>(std::stoi(where.substr(where.rfind(':') + 1)));
  }
  static std::vector<std::string> arguments(const std::string& certificate, std::vector<std::string> more) {
    std::vector<std::string> all{"openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", files()[certificate + ".pem"],
                                 "-key", files()[certificate + ".key"]};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  Program program;
  std::uint16_t port = 0;
};

/// What connecting to `port` fails with.
std::string refused(std::uint16_t port, TlsClient options, const std::string& host = "127.0.0.1",
                    Duration time = std::chrono::seconds{10}) {
  Net net;
  std::exception_ptr error;
  const auto connect = [&]() -> Async<> {
    Endpoint to{host, port};
    auto security = tls_client(options);
    ByteStream stream = co_await detail::connect(net.loop, "test", to, security, time);
  };
  net.begin(connect(), error);
  net.run();
  return what(error);
}

std::vector<std::string> s_client(Net& net, std::vector<std::string> more = {}) {
  std::vector<std::string> all{"openssl", "s_client", "-connect", net.here().text(), "-CAfile", files()["ca.pem"],
                               "-verify_return_error", "-verify_hostname", "localhost", "-quiet", "-no_ign_eof"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

/// What a server says of a client, which `program` is.
std::string refused_by_server(const SecurityPtr& security, const std::function<void(Net&)>& begin) {
  Net net;
  std::exception_ptr error;
  std::string got;
  net.begin(be_server(net, security, "never", got), error);
  begin(net);
  net.run();
  return what(error);
}

}  // namespace

TEST_CASE("tls_client and tls_server understand each other, in both directions at once") {
  NEEDS_OPENSSL();
  Net net;
  const std::string question = numbers(200'000);
  const std::string answer = numbers(100'000);
  std::string at_server;
  std::string at_client;
  std::exception_ptr server_error;
  std::exception_ptr client_error;
  std::exception_ptr sender_error;
  std::exception_ptr reader_error;
  std::optional<ByteStream> stream;
  const auto send = [&]() -> Async<> {
    co_await asio::async_write(*stream, asio::buffer(answer), awaited);
    co_await stream->async_shutdown(awaited);
  };
  const auto receive = [&]() -> Async<> { at_server = co_await read_all(*stream); };
  const auto serve = [&]() -> Async<> {
    auto security = good_server();
    stream.emplace(co_await net.accept(security));
    net.begin(send(), sender_error);
    net.begin(receive(), reader_error);
  };
  net.begin(serve(), server_error);
  net.begin(be_client(net, trusting(), "localhost", question, at_client), client_error);
  net.run();
  CHECK(what(server_error) == "");
  CHECK(what(sender_error) == "");
  CHECK(what(reader_error) == "");
  CHECK(what(client_error) == "");
  CHECK(at_server == question);
  CHECK(at_client == answer);
}

TEST_CASE("tls_server talks to openssl s_client") {
  NEEDS_OPENSSL();
  const std::string version = GENERATE("-tls1_2", "-tls1_3");
  Net net;
  std::string got;
  std::exception_ptr error;
  const auto serve = [&]() -> Async<> {
    auto security = good_server();
    ByteStream stream = co_await net.accept(security);
    std::string line(12, '\0');
    co_await asio::async_read(stream, asio::buffer(line), awaited);
    got = line;
    const std::string answer = numbers(10'000);
    co_await asio::async_write(stream, asio::buffer(answer), awaited);
    co_await stream.async_shutdown(awaited);
  };
  net.begin(serve(), error);
  Program client{s_client(net, {version, "-servername", "localhost"})};
  client.write("hello there\n");
  net.run();
  CHECK(what(error) == "");
  CHECK(got == "hello there\n");
  CHECK_THAT(client.output(), test::containing(numbers(10'000)));
}

TEST_CASE("tls_client talks to openssl s_server") {
  NEEDS_OPENSSL();
  const std::string version = GENERATE("-tls1_2", "-tls1_3");
  OpenSslServer server{"server", {version, "-rev"}};
  Net net;
  std::string got;
  std::exception_ptr error;
  const auto connect = [&]() -> Async<> {
    Endpoint to{"localhost", server.port};
    auto security = tls_client(trusting());
    ByteStream stream = co_await detail::connect(net.loop, "test", to, security, 10s);
    const std::string line = "penstock\n";
    co_await asio::async_write(stream, asio::buffer(line), awaited);
    got.resize(line.size());
    co_await asio::async_read(stream, asio::buffer(got), awaited);
  };
  net.begin(connect(), error);
  net.run();
  CHECK(what(error) == "");
  CHECK(got == "kcotsnep\n");
}

TEST_CASE("tls_client refuses a certificate that is not what was asked for, and says why") {
  NEEDS_OPENSSL();
  using test::containing;
  struct Case {
    const char* certificate;
    const char* host;
    const char* words;
  };
  const Case with = GENERATE(Case{"expired", "localhost", "TLS: its certificate has expired, on "},
                             Case{"other", "localhost", "TLS: its certificate is for other.example and not for localhost"},
                             Case{"other", "127.0.0.1", "TLS: its certificate is for other.example and not for 127.0.0.1"},
                             Case{"self_signed", "localhost", "TLS: its certificate is self-signed"},
                             Case{"stranger", "localhost",
                                  "TLS: its certificate is by a CA that is not trusted here: CN = A Stranger"});
  OpenSslServer server{with.certificate};
  const std::string said = refused(server.port, trusting(), with.host);
  CHECK_THAT(said, containing(with.words));
  CHECK_THAT(said, containing("test: cannot connect to " + std::string{with.host} + ":" + std::to_string(server.port)));
}

TEST_CASE("tls_client trusts by default what the system trusts, and that is not our CA") {
  NEEDS_OPENSSL();
  OpenSslServer server{"server"};
  CHECK_THAT(refused(server.port, {}, "localhost"), test::containing("not trusted here"));
}

TEST_CASE("tls_client looks at the certificate for the name that it was told") {
  NEEDS_OPENSSL();
  OpenSslServer server{"server"};
  CHECK(refused(server.port, trusting({.host = "www.example.org"})) == "");
  CHECK_THAT(refused(server.port, trusting({.host = "www.example.com"})), test::containing("and not for www.example.com"));
  CHECK_THAT(refused(server.port, trusting({.host = "a.b.example.org"})), test::containing("and not for a.b.example.org"));
}

TEST_CASE("tls_client takes anything only where it is told so in so many words") {
  NEEDS_OPENSSL();
  OpenSslServer server{"self_signed"};
  CHECK(refused(server.port, {.insecure_without_any_verification = true}) == "");
  CHECK(refused(server.port, {.insecure_without_any_verification = true}, "localhost") == "");
  CHECK(refused(server.port, {.trust = files()["self_signed.pem"]}, "localhost") == "");
}

TEST_CASE("tls_client and tls_server do not speak TLS 1.1") {
  NEEDS_OPENSSL();
  OpenSslServer server{"server", {"-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"}};
  CHECK_THAT(refused(server.port, trusting(), "localhost"), test::containing("TLS: it speaks no version of TLS that is allowed"));

  const std::string said = refused_by_server(good_server(), [&](Net& net) {
    static std::optional<Program> client;
    client.emplace(s_client(net, {"-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"}));
  });
  CHECK_THAT(said, test::containing("no version of TLS that is allowed"));
}

TEST_CASE("tls_client and tls_server may insist on TLS 1.3") {
  NEEDS_OPENSSL();
  OpenSslServer server{"server", {"-tls1_2"}};
  CHECK(refused(server.port, trusting(), "localhost") == "");
  CHECK_THAT(refused(server.port, trusting({.minimum = TlsVersion::tls_1_3}), "localhost"),
             test::containing("no version of TLS that is allowed"));
}

TEST_CASE("tls_server says what speaks no TLS") {
  NEEDS_OPENSSL();
  const auto says = [](const std::string& text) {
    return refused_by_server(good_server(), [text](Net& net) {
      const auto speak = [&net, text]() -> Async<> {
        Endpoint to = net.here();
        ByteStream stream = co_await detail::connect(net.loop, "test", to, SecurityPtr{}, 10s);
        co_await asio::async_write(stream, asio::buffer(text), awaited);
        std::string ignored;
        ignored = co_await read_all(stream);
      };
      asio::co_spawn(net.loop.executor(), speak, asio::detached);
    });
  };
  CHECK_THAT(says("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
             test::containing("TLS: no agreement with the client: it speaks HTTP without TLS"));
  CHECK_THAT(says("a line that is no TLS\n"), test::containing("it does not speak TLS"));
  CHECK_THAT(says(std::string(100, '\x16')), test::containing("TLS: no agreement with the client: "));
}

TEST_CASE("tls_client says that the other side speaks no TLS, or goes away") {
  NEEDS_OPENSSL();
  const bool speaks = GENERATE(true, false);
  Net net;
  std::exception_ptr client_error;
  std::exception_ptr server_error;
  const auto serve = [&]() -> Async<> {
    ByteStream stream = co_await net.accept(nullptr);
    std::string hello(5, '\0');
    co_await asio::async_read(stream, asio::buffer(hello), awaited);
    const std::string text = "220 mail.example.org ESMTP\r\n";
    if (speaks) co_await asio::async_write(stream, asio::buffer(text), awaited);
  };
  std::string ignored;
  net.begin(serve(), server_error);
  net.begin(be_client(net, trusting(), "localhost", "x", ignored), client_error);
  net.run();
  CHECK(what(server_error) == "");
  CHECK_THAT(what(client_error), test::containing(speaks ? "TLS: it does not speak TLS" : "closed before TLS had agreed"));
}

TEST_CASE("tls_client does not wait for ever for a handshake") {
  NEEDS_OPENSSL();
  Net net;  // whose door nobody opens: the system accepts, and nobody answers
  std::exception_ptr error;
  const auto connect = [&]() -> Async<> {
    Endpoint to = net.here();
    auto security = tls_client(trusting());
    ByteStream stream = co_await detail::connect(net.loop, "test", to, security, 50ms);
  };
  net.begin(connect(), error);
  net.run();
  CHECK_THAT(what(error), test::containing("no connection in time"));
}

TEST_CASE("tls_server asks for a certificate of the client where it is told to") {
  NEEDS_OPENSSL();
  const SecurityPtr strict = good_server({.clients = files()["ca.pem"]});
  const std::string version = GENERATE("-tls1_2", "-tls1_3");
  CHECK_THAT(refused_by_server(strict,
                               [&](Net& net) {
                                 static std::optional<Program> client;
                                 client.emplace(s_client(net, {version}));
                               }),
             test::containing("it showed no certificate, and must"));
  CHECK_THAT(refused_by_server(strict,
                               [&](Net& net) {
                                 static std::optional<Program> client;
                                 client.emplace(s_client(net, {version, "-cert", files()["stranger_client.pem"], "-key",
                                                               files()["stranger_client.key"]}));
                               }),
             test::containing("not trusted here: CN = A Stranger"));

  Net net;
  std::string at_server;
  std::string at_client;
  std::exception_ptr server_error;
  std::exception_ptr client_error;
  const TlsClient known{.certificate = files()["client.pem"], .key = files()["client.key"]};
  net.begin(be_server(net, strict, "answer", at_server), server_error);
  net.begin(be_client(net, trusting(known), "localhost", "question", at_client), client_error);
  net.run();
  CHECK(what(server_error) == "");
  CHECK(what(client_error) == "");
  CHECK(at_server == "question");
  CHECK(at_client == "answer");
}

TEST_CASE("tls_client hears that it has to show a certificate") {
  NEEDS_OPENSSL();
  Net net;
  std::string at_server;
  std::string at_client;
  std::exception_ptr server_error;
  std::exception_ptr client_error;
  net.begin(be_server(net, good_server({.clients = files()["ca.pem"]}), "answer", at_server), server_error);
  net.begin(be_client(net, trusting(), "localhost", "question", at_client), client_error);
  net.run();
  CHECK_THAT(what(server_error), test::containing("it showed no certificate, and must"));
  // In TLS 1.3 the client has agreed before the server looks at its certificate.
  CHECK_THAT(what(client_error), test::containing("certificate required"));
}

TEST_CASE("tls_server and its client agree on a protocol, or not at all") {
  NEEDS_OPENSSL();
  const SecurityPtr security = good_server({.alpn = {"penstock/1", "http/1.1"}});
  CHECK_THAT(refused_by_server(security,
                               [&](Net& net) {
                                 static std::optional<Program> client;
                                 client.emplace(s_client(net, {"-alpn", "h2"}));
                               }),
             test::containing("no protocol that both sides speak"));
  Net net;
  std::string at_server;
  std::string at_client;
  std::exception_ptr server_error;
  std::exception_ptr client_error;
  net.begin(be_server(net, security, "answer", at_server), server_error);
  net.begin(be_client(net, trusting({.alpn = {"h2", "http/1.1"}}), "localhost", "question", at_client), client_error);
  net.run();
  CHECK(what(server_error) == "");
  CHECK(what(client_error) == "");
  CHECK(at_server == "question");
}

TEST_CASE("tls_server gives no session tickets where it is told not to") {
  NEEDS_OPENSSL();
  for (const bool tickets : {true, false}) {
    Net net;
    std::exception_ptr error;
    const auto serve = [&]() -> Async<> {
      auto security = good_server({.session_tickets = tickets});
      ByteStream stream = co_await net.accept(security);
      co_await stream.async_shutdown(awaited);
      std::string ignored;
      ignored = co_await read_all(stream);
    };
    net.begin(serve(), error);
    std::vector<std::string> arguments = s_client(net, {"-tls1_3"});
    std::erase(arguments, "-quiet");
    Program client{arguments};
    net.run();
    CHECK(what(error) == "");
    CHECK((client.output().find("Post-Handshake New Session Ticket") != std::string::npos) == tickets);
  }
}

TEST_CASE("TLS: what is read after a reading was cancelled is complete") {
  NEEDS_OPENSSL();
  Net net;
  std::string got;
  std::exception_ptr server_error;
  std::exception_ptr client_error;
  const auto serve = [&]() -> Async<> {
    auto security = good_server();
    ByteStream stream = co_await net.accept(security);
    std::string block(100, '\0');
    // Cancelled while it waits; the question comes only afterwards.
    asio::cancellation_signal signal;
    boost::system::error_code error;
    asio::post(net.loop.executor(), [&signal] { signal.emit(asio::cancellation_type::terminal); });
    auto token = asio::bind_cancellation_slot(signal.slot(), asio::redirect_error(awaited, error));
    co_await stream.async_read_some(asio::buffer(block), std::move(token));
    CHECK(error == asio::error::operation_aborted);
    const std::string go = "go";
    co_await asio::async_write(stream, asio::buffer(go), awaited);
    got = co_await read_all(stream);
  };
  const auto ask = [&]() -> Async<> {
    Endpoint to = net.here("localhost");
    auto security = tls_client(trusting());
    ByteStream stream = co_await detail::connect(net.loop, "test", to, security, 10s);
    std::string go(2, '\0');
    co_await asio::async_read(stream, asio::buffer(go), awaited);
    std::string ignored;
    co_await send_and_receive(stream, numbers(1000), ignored);
  };
  net.begin(serve(), server_error);
  net.begin(ask(), client_error);
  net.run();
  CHECK(what(server_error) == "");
  CHECK(what(client_error) == "");
  CHECK(got == numbers(1000));
}

TEST_CASE("TLS: a connection that ends without saying so has ended") {
  NEEDS_OPENSSL();
  Net net;
  std::string got;
  std::exception_ptr server_error;
  std::exception_ptr client_error;
  const auto serve = [&]() -> Async<> {
    auto security = good_server();
    ByteStream stream = co_await net.accept(security);
    got = co_await read_all(stream);
  };
  const auto ask = [&]() -> Async<> {
    Endpoint to = net.here("localhost");
    auto security = tls_client(trusting());
    ByteStream stream = co_await detail::connect(net.loop, "test", to, security, 10s);
    const std::string text = "the last words";
    co_await asio::async_write(stream, asio::buffer(text), awaited);
    std::string one(1, '\0');
  };
  net.begin(serve(), server_error);
  net.begin(ask(), client_error);
  net.run();
  // The client had tickets that it had not read: the system may say that by a reset.
  if (server_error) {
    CHECK_THAT(what(server_error), test::containing("reset"));
  } else {
    CHECK(got == "the last words");
  }
  CHECK(what(client_error) == "");
}

TEST_CASE("TLS: several small buffers are one record") {
  NEEDS_OPENSSL();
  Net net;
  std::string got;
  std::exception_ptr server_error;
  std::exception_ptr client_error;
  std::size_t first = 0;
  const auto serve = [&]() -> Async<> {
    auto security = good_server();
    ByteStream stream = co_await net.accept(security);
    std::string block(100, '\0');
    first = co_await stream.async_read_some(asio::buffer(block), awaited);
  };
  const auto ask = [&]() -> Async<> {
    Endpoint to = net.here("localhost");
    auto security = tls_client(trusting());
    ByteStream stream = co_await detail::connect(net.loop, "test", to, security, 10s);
    const std::string a = "one ";
    const std::string b = "two ";
    const std::string c = "three";
    const std::array<asio::const_buffer, 3> all{asio::buffer(a), asio::buffer(b), asio::buffer(c)};
    co_await asio::async_write(stream, all, awaited);
    std::string ignored;
    ignored = co_await read_all(stream);
  };
  net.begin(serve(), server_error);
  net.begin(ask(), client_error);
  net.run();
  CHECK(what(server_error) == "");
  CHECK(first == 13);
}

TEST_CASE("TLS: who is not read from cannot write on, and nothing is lost") {
  NEEDS_OPENSSL();
  Net net;
  constexpr std::size_t most = std::size_t{64} << 20;
  const std::string block = numbers(10'000);
  std::optional<ByteStream> server;
  std::size_t written = 0;
  std::size_t got = 0;
  std::exception_ptr server_error;
  std::exception_ptr client_error;
  const auto serve = [&]() -> Async<> {
    auto security = good_server();
    server.emplace(co_await net.accept(security));
  };
  const auto ask = [&]() -> Async<> {
    Endpoint to = net.here("localhost");
    auto security = tls_client(trusting());
    ByteStream stream = co_await detail::connect(net.loop, "test", to, security, 10s);
    while (written < most) written += co_await stream.async_write_some(asio::buffer(block), awaited);
    co_await stream.async_shutdown(awaited);
    std::string ignored;
    ignored = co_await read_all(stream);
  };
  const auto receive = [&]() -> Async<> {
    std::string room(100'000, '\0');
    boost::system::error_code error;
    while (!error) got += co_await server->async_read_some(asio::buffer(room), asio::redirect_error(awaited, error));
    CHECK(error == asio::error::eof);
    server.reset();
  };
  net.begin(serve(), server_error);
  net.begin(ask(), client_error);
  // Until the buffers of the system are full and nothing happens any more.
  std::size_t before = 0;
  for (int still = 0; (still < 1000 || written == 0) && net.open > 0; ++still) {
    net.loop.poll();
    if (std::exchange(before, written) != written) still = 0;
  }
  CHECK(written < most);
  std::exception_ptr reader_error;
  net.begin(receive(), reader_error);
  net.run();
  CHECK(what(server_error) == "");
  CHECK(what(client_error) == "");
  CHECK(what(reader_error) == "");
  CHECK(got == written);
  CHECK(got >= most);
}

TEST_CASE("TLS: a loop that ends takes its connections with it") {
  NEEDS_OPENSSL();
  std::optional<ByteStream> left;
  {
    Net net;
    std::exception_ptr ignored;
    std::string got;
    net.begin(be_server(net, good_server(), "never", got), ignored);
    bool agreed = false;
    const auto connect = [&]() -> Async<> {
      Endpoint to = net.here("localhost");
      auto security = tls_client(trusting());
      ByteStream stream = co_await detail::connect(net.loop, "test", to, security, 10s);
      agreed = true;
      net.loop.stop();
      std::string more(1, '\0');
      co_await asio::async_read(stream, asio::buffer(more), awaited);
    };
    asio::co_spawn(net.loop.executor(), connect, asio::detached);
    net.loop.run_for(30s);
    CHECK(agreed);
  }
  CHECK(!left);
}

TEST_CASE("tls_client and tls_server name the file that does not do") {
  NEEDS_OPENSSL();
  using test::containing;
  const std::string certificate = files()["server.pem"];
  const std::string key = files()["server.key"];
  CHECK_THROWS_WITH(tls_server("/no/such.pem", key), containing("tls_server: cannot read the certificate in /no/such.pem"));
  CHECK_THROWS_WITH(tls_server(certificate, "/no/such.key"), containing("tls_server: cannot read the key in /no/such.key"));
  CHECK_THROWS_WITH(tls_server(key, key), containing("tls_server: there is no certificate in " + key));
  CHECK_THROWS_WITH(tls_server(certificate, certificate), containing("tls_server: there is no key that can be read in "));
  CHECK_THROWS_WITH(tls_server(certificate, files()["client.key"]), containing("does not belong to the certificate"));
  CHECK_THROWS_WITH(tls_client({.trust = "/no/such.pem"}), containing("cannot read the CA certificates in /no/such.pem"));
  CHECK_THROWS_WITH(tls_client({.trust = key}), containing("tls_client: there is no certificate in "));
  CHECK_THROWS_WITH(tls_client({.certificate = certificate}), containing("a certificate needs its key"));
  CHECK_THROWS_WITH(tls_client({.alpn = {""}}), containing("an ALPN name has 1 to 255 characters"));
}

TEST_CASE("tls_client and tls_server take texts in place of files") {
  NEEDS_OPENSSL();
  Net net;
  std::string at_server;
  std::string at_client;
  std::exception_ptr server_error;
  std::exception_ptr client_error;
  net.begin(be_server(net, tls_server(files().text("server.pem"), files().text("server.key")), "answer", at_server),
            server_error);
  net.begin(be_client(net, {.trust = files().text("ca.pem")}, "localhost", "question", at_client), client_error);
  net.run();
  CHECK(what(server_error) == "");
  CHECK(at_client == "answer");
}
