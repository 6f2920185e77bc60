// SPDX-License-Identifier: BSL-1.0
#include "penstock/connect/http/sink_to_http.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <boost/system/system_error.hpp>

#include "catch.hpp"
#include "connect/http_peer.hpp"
#include "connect/program.hpp"
#include "penstock/connect/http/from_http_server.hpp"
#include "penstock/penstock.hpp"

using namespace penstock;
using namespace std::chrono_literals;
using namespace std::string_literals;
using penstock::test::Arrived;
using penstock::test::comes;
using penstock::test::installed;
using penstock::test::Peer;
using penstock::test::PeerServer;
using penstock::test::Program;
using Lines = std::vector<std::string>;

namespace {

struct Reading {
  std::string name;
  double value = 0;
};
BOOST_DESCRIBE_STRUCT(Reading, (), (name, value))

constexpr Retry at_once{.attempts = 5, .backoff = 1ms, .factor = 1, .jitter = 0, .max_backoff = 1ms, .seed = 1};

std::string url(std::uint16_t port, const std::string& path = "/") {
  return "http://127.0.0.1:" + std::to_string(port) + path;
}
std::string words(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  }
}
/// Emits, and tells the words of what it throws.
template <class T>
std::string failure(const Stream<T>& source, T value) {
  try {
    source.emit(std::move(value));
  } catch (const std::exception& e) {
    return e.what();
  }
  return {};
}

/// Reads one request from a socket.
std::string request_from(Peer& peer) {
  std::string text;
  for (;;) {
    const std::size_t head = text.find("\r\n\r\n");
    if (head != std::string::npos) {
      const auto size = static_cast<std::size_t>(std::stoul(text.substr(text.find("Content-Length: ") + 16)));
      if (text.size() >= head + 4 + size) return text;
    }
    const std::string piece = peer.receive();
    if (piece.empty()) return text;
    text += piece;
  }
}
std::string field(const std::string& request, const std::string& name) {
  const std::size_t at = request.find("\r\n" + name + ": ");
  if (at == std::string::npos) return {};
  const std::size_t begin = at + name.size() + 4;
  return request.substr(begin, request.find('\r', begin) - begin);
}
const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// A server that answers the first requests for each key as it was told, and says what it has got.
constexpr const char* python_server = R"python(
import collections, http.server, sys

FAILURES, STATUS, RETRY_AFTER = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
seen = collections.Counter()

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        key = self.headers["Idempotency-Key"]
        seen[key] += 1
        good = seen[key] > FAILURES
        print("got", seen[key], key, self.headers["Content-Type"], self.path, repr(body), flush=True)
        self.send_response(200 if good else STATUS)
        if not good and RETRY_AFTER != "-":
            self.send_header("Retry-After", RETRY_AFTER)
        answer = b"thanks" if good else b"come back\nlater"
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
    def log_message(self, *arguments):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print("port", server.server_address[1], flush=True)
server.serve_forever()
)python";

class PythonServer : public Program {
 public:
  PythonServer(int failures, int status, const std::string& retry_after)
      : Program({"python3", "-c", python_server, std::to_string(failures), std::to_string(status), retry_after}),
        port_(static_cast<std::uint16_t>(std::stoi(after("port ")))) {}
  std::uint16_t port() const noexcept { return port_; }

 private:
  std::uint16_t port_;
};

}  // namespace

TEST_CASE("sink_to_http posts to Python's server: again after 503, with the same key") {
  if (!installed("python3")) PENSTOCK_SKIP("there is no python3");
  PythonServer server{2, 503, "0"};
  EventLoop loop{background};
  Stream<std::string> source{loop};
  const auto sink = source | sink_to_http(url(server.port(), "/in?x=1"), {.retry = at_once, .run = "run"});
  source.emit("a");
  source.emit("b\nc");
  CHECK(server.after("got 1 ") == "run-0 text/plain /in?x=1 'a'");
  CHECK(server.after("got 2 ") == "run-0 text/plain /in?x=1 'a'");
  CHECK(server.after("got 3 ") == "run-0 text/plain /in?x=1 'a'");
  CHECK(server.after("got 3 run-1 ") == "text/plain /in?x=1 'b\\nc'");
  CHECK(sink.requests() == 6);
  CHECK(sink.retries() == 4);
}

TEST_CASE("sink_to_http gives up behind its last attempt, and at once what no attempt helps") {
  if (!installed("python3")) PENSTOCK_SKIP("there is no python3");
  EventLoop loop{background};
  SECTION("5xx") {
    PythonServer server{1000, 500, "-"};
    Stream<std::string> source{loop};
    const auto sink = source | sink_to_http(url(server.port()), {.retry = at_once});
    std::optional<Ending> ending;
    Arrived<int> ended;
    const std::string what = [&] {
      try {
        source.emit("a", Ref{[&](const Ending& e) {
                      ending = e;
                      ended(1);
                    }});
      } catch (const HttpError& error) {
        CHECK(error.status() == 500);
        return std::string(error.what());
      }
      return ""s;
    }();
    CHECK(what == "sink_to_http: " + url(server.port()) + " answered 500: come back later");
    CHECK(sink.requests() == 5);
    REQUIRE(ended.wait(1).size() == 1);
    CHECK(ending->outcome == Outcome::failed);
    CHECK(words(ending->error) == what);
  }
  SECTION("4xx") {
    PythonServer server{1, 422, "-"};
    Stream<std::string> source{loop};
    const auto sink = source | sink_to_http(url(server.port()), {.retry = at_once});
    CHECK(failure(source, "a"s) == "sink_to_http: " + url(server.port()) + " answered 422: come back later");
    CHECK(sink.requests() == 1);
    CHECK(failure(source, "b"s).find("422") != std::string::npos);  // it stays usable
  }
  SECTION("429 that asks for a longer wait than is allowed") {
    PythonServer server{1, 429, "3600"};
    Stream<std::string> source{loop};
    const auto sink = source | sink_to_http(url(server.port()), {.retry = at_once});
    CHECK(failure(source, "a"s).find("429") != std::string::npos);
    CHECK(sink.requests() == 1);
  }
}

TEST_CASE("sink_to_http waits at least as long as Retry-After says") {
  PeerServer server;
  EventLoop loop{background};
  Stream<std::string> source{loop};
  source | sink_to_http(url(server.port()), {.retry = at_once});
  source.async_emit("a"s, [](const std::exception_ptr&) {});
  Peer peer = server.accept();
  request_from(peer);
  const auto before = std::chrono::steady_clock::now();
  peer.send("HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n");
  request_from(peer);
  CHECK(std::chrono::steady_clock::now() - before >= 1s);
  peer.send(ok);
}

TEST_CASE("sink_to_http gives up when a Retry-After is longer than any wait of the loop") {
  // Counted in nanoseconds, of which 64 bits are kept, the first is 0.3 s and the second less than none.
  const auto [asked, allowed] = GENERATE(table<std::string, Duration>({{"18446744074", 2min},
                                                                       {"9223372037", 2min},
                                                                       {"9223372037", Duration::max()},
                                                                       {"9223372036854775807", Duration::max()},
                                                                       {"99999999999999999999999", Duration::max()},
                                                                       {"Fri, 31 Dec 9999 23:59:59 GMT", 2min},
                                                                       {"2", 1999ms}}));
  CAPTURE(asked, allowed.count());
  PeerServer server;
  Arrived<std::string> failed;
  EventLoop loop{background};
  Stream<std::string> source{loop};
  const auto sink = source | sink_to_http(url(server.port()), {.retry = at_once, .max_retry_after = allowed});
  source.async_emit("a", [failed](std::exception_ptr error) { failed(error ? words(error) : "taken"); });
  {
    Peer peer = server.accept();
    server.close();  // another attempt ends otherwise
    request_from(peer);
    peer.send("HTTP/1.1 503 Busy\r\nRetry-After: " + asked + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  }
  const Lines what = failed.wait(1);
  REQUIRE(what.size() == 1);
  CHECK_THAT(what.front(), Catch::Matchers::Contains("answered 503"));
  CHECK(sink.requests() == 1);
}

TEST_CASE("sink_to_http reads a Retry-After in seconds or as a date") {
  const std::time_t now = 784111777;  // Sun, 06 Nov 1994 08:49:37 GMT, RFC 9110 section 5.6.7
  CHECK(detail::retry_after_seconds("120", now) == 120);
  CHECK(detail::retry_after_seconds("Sun, 06 Nov 1994 08:49:37 GMT", now) == 0);
  CHECK(detail::retry_after_seconds("Sun, 06 Nov 1994 08:50:37 GMT", now) == 60);
  CHECK(detail::retry_after_seconds("Sat, 05 Nov 1994 08:49:37 GMT", now) == 0);
  for (const char* text : {"", "-1", "1.5", "soon", "Sun, 06 Nov", "Sun, 06 Xyz 1994 08:49:37 GMT"}) {
    CHECK(!detail::retry_after_seconds(text, now));
  }
}

TEST_CASE("sink_to_http keeps its connection, and takes a new one when the server has ended it") {
  PeerServer server;
  EventLoop loop{background};
  Stream<std::string> source{loop};
  const auto sink = source | sink_to_http(url(server.port()), {.retry = {.attempts = 1}});
  const auto emit = [&](const std::string& text, const std::function<void()>& serve) {
    Arrived<int> taken;
    source.async_emit(text, [taken](std::exception_ptr error) { taken(error ? 0 : 1); });
    serve();
    return taken.wait(1) == std::vector<int>{1};
  };
  std::optional<Peer> peer;
  const auto serve = [&](const std::string& answer) {
    return [&, answer] {
      if (!peer) peer.emplace(server.accept());
      request_from(*peer);
      peer->send(answer);
    };
  };
  CHECK(emit("a", serve(ok)));
  CHECK(emit("b", serve("HTTP/1.1 100 Continue\r\n\r\n" + ok)));
  CHECK(emit("c", serve("HTTP/1.1 204 No Content\r\n\r\n")));
  CHECK(emit("d", serve("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")));
  CHECK(emit("e", serve("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")));
  peer.reset();
  CHECK(emit("f", serve(ok)));
  peer.reset();  // without a word
  CHECK(emit("g", [&] {
    peer.emplace(server.accept());
    request_from(*peer);
    peer->send("HTTP/1.0 200 OK\r\n\r\nto the end");
    peer->end();
  }));
  CHECK(sink.requests() == 7);
  CHECK(sink.retries() == 0);
}

TEST_CASE("sink_to_http names what it cannot reach, and what is no answer") {
  EventLoop loop{background};
  Stream<std::string> source{loop};
  SECTION("nobody listens") {
    PeerServer server;
    const std::uint16_t port = server.port();
    server.close();
    source | sink_to_http(url(port), {.retry = at_once});
    CHECK_THAT(failure(source, "a"s), Catch::Matchers::Contains("sink_to_http: cannot connect to 127.0.0.1:" +
                                                                std::to_string(port)));
  }
  SECTION("no answer in time") {
    PeerServer server;
    source | sink_to_http(url(server.port()), {.retry = {.attempts = 1}, .answer_time = 50ms});
    CHECK_THAT(failure(source, "a"s), Catch::Matchers::Contains("no answer in time"));
  }
  SECTION("something else than HTTP") {
    PeerServer server;
    source | sink_to_http(url(server.port()), {.retry = {.attempts = 1}});
    Arrived<std::string> failed;
    source.async_emit("a", [failed](std::exception_ptr error) { failed(words(error)); });
    Peer peer = server.accept();
    request_from(peer);
    peer.send("220 mail.example.org ESMTP\r\n");
    CHECK_THAT(failed.wait(1).front(), Catch::Matchers::Contains("sink_to_http: " + url(server.port())));
  }
  SECTION("the connection ends in the middle of the answer") {
    PeerServer server;
    source | sink_to_http(url(server.port()), {.retry = {.attempts = 1}});
    Arrived<std::string> failed;
    source.async_emit("a", [failed](std::exception_ptr error) { failed(words(error)); });
    {
      Peer peer = server.accept();
      request_from(peer);
      peer.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
    }
    CHECK_THAT(failed.wait(1).front(), Catch::Matchers::Contains("no answer"));
  }
  SECTION("a server that has heard enough says why") {
    PeerServer server;
    source | sink_to_http(url(server.port()), {.retry = {.attempts = 1}});
    Arrived<std::string> failed;
    source.async_emit(std::string(1 << 22, 'x'), [failed](std::exception_ptr error) { failed(words(error)); });
    {
      Peer peer = server.accept();
      peer.receive(1000);
      peer.send("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig").end();
      peer.receive_all();
    }
    CHECK_THAT(failed.wait(1).front(), Catch::Matchers::Contains("answered 413: big"));
  }
}

TEST_CASE("sink_to_http sends batches: full ones, what is left when the time is over, and the rest at the end") {
  PeerServer server;
  EventLoop loop{background};
  Stream<Reading> source{loop};
  const auto sink = source | sink_to_http(url(server.port()), {.batch = 3, .batch_time = 30ms, .run = "r"});
  std::vector<std::string> requests;
  Arrived<int> taken;
  Peer* peer = nullptr;
  for (int i = 0; i < 4; ++i) {
    source.async_emit({"n" + std::to_string(i), i + 0.5}, [taken](std::exception_ptr) { taken(1); });
  }
  Peer accepted = server.accept();
  peer = &accepted;
  const std::string first = request_from(*peer);
  CHECK(field(first, "Content-Type") == "application/json");
  CHECK(field(first, "Idempotency-Key") == "r-0");
  CHECK(first.substr(first.find("\r\n\r\n") + 4) ==
        R"([{"name":"n0","value":0.5},{"name":"n1","value":1.5},{"name":"n2","value":2.5}])");
  peer->send(ok);
  const std::string second = request_from(*peer);  // nobody fills it
  CHECK(field(second, "Idempotency-Key") == "r-3");
  CHECK(second.substr(second.find("\r\n\r\n") + 4) == R"([{"name":"n3","value":3.5}])");
  peer->send(ok);
  CHECK(taken.wait(4).size() == 4);
  Arrived<int> closed;
  source.async_emit({"last", 9}, [](std::exception_ptr) {});
  source.async_close([closed](std::exception_ptr error) { closed(error ? 0 : 1); });
  const std::string third = request_from(*peer);
  CHECK(third.substr(third.find("\r\n\r\n") + 4) == R"([{"name":"last","value":9}])");
  CHECK(closed.size() == 0);
  peer->send(ok);
  CHECK(closed.wait(1) == std::vector<int>{1});
}

TEST_CASE("sink_to_http writes rows as lines, texts as lines, and what a function makes with its key") {
  PeerServer server;
  EventLoop loop{background};
  const auto posted = [&](auto& source, auto... values) {
    (source.async_emit(values, [](std::exception_ptr) {}), ...);
    Peer peer = server.accept();
    std::string request = request_from(peer);
    peer.send(ok);
    return request;
  };
  const auto body = [](const std::string& request) { return request.substr(request.find("\r\n\r\n") + 4); };
  Stream<Reading> rows{loop};
  rows | sink_to_http(url(server.port()), {.batch = 2, .lines = true});
  const std::string lines = posted(rows, Reading{"a", 1}, Reading{"b", 2});
  CHECK(field(lines, "Content-Type") == "application/x-ndjson");
  CHECK(body(lines) == "{\"name\":\"a\",\"value\":1}\n{\"name\":\"b\",\"value\":2}");
  Stream<Reading> one{loop};
  one | sink_to_http(url(server.port()));
  CHECK(body(posted(one, Reading{"a", 1})) == R"({"name":"a","value":1})");
  Stream<std::string> texts{loop};
  texts | sink_to_http(url(server.port()), {.batch = 2});
  CHECK(body(posted(texts, "x"s, "y"s)) == "x\ny");
  Stream<int> numbers{loop};
  numbers | sink_to_http(url(server.port()), [](int n) { return "n=" + std::to_string(n); },
                         {.type = "application/x-www-form-urlencoded", .headers = {{"X-Who", "test"}}});
  const std::string form = posted(numbers, 7);
  CHECK(field(form, "Content-Type") == "application/x-www-form-urlencoded");
  CHECK(field(form, "X-Who") == "test");
  CHECK(field(form, "Idempotency-Key").size() == 34);  // of 32 hexadecimal digits
  CHECK(body(form) == "n=7");
  Stream<int> keyed{loop};
  keyed | sink_to_http(url(server.port()), [](int n) { return HttpMessage{"order", "order-" + std::to_string(n)}; });
  CHECK(field(posted(keyed, 5), "Idempotency-Key") == "order-5");
  Stream<int> wrong{loop};
  wrong | sink_to_http(url(server.port()), [](int) { return HttpMessage{"a", "b\r\nX: y"}; });
  CHECK_THROWS_AS(wrong.emit(1), std::invalid_argument);
}

TEST_CASE("sink_to_http lets elements wait while all connections are busy") {
  PeerServer server;
  EventLoop loop{background};
  Stream<std::string> source{loop};
  const auto sink = source | sink_to_http(url(server.port()), {.connections = 2});
  Arrived<std::string> taken;
  for (const char* text : {"a", "b", "c"}) {
    source.async_emit(text, [taken, text](std::exception_ptr) { taken(text); });
  }
  Peer first = server.accept();
  Peer second = server.accept();
  const std::string one = request_from(first);
  const std::string two = request_from(second);
  CHECK(taken.wait(1) == Lines{"a"});  // one connection was free
  first.send(ok);
  const std::string three = request_from(first);
  CHECK(taken.wait(1).size() == 1);
  second.send(ok);
  CHECK(taken.wait(2).size() >= 2);
  first.send(ok);
  CHECK(taken.wait(3).size() == 3);
  CHECK(three.ends_with("c"));
}

TEST_CASE("sink_to_http takes more than it can send, and sends and settles all of it in its order") {
  // So many that a walk over all that wait, at every answer, would be seen.
  constexpr int count = penstock::test::sanitized ? 2'000 : 20'000;
  PeerServer server;
  std::vector<int> settled;
  std::vector<int> failed;
  Arrived<int> last;
  EventLoop loop{background};
  Stream<int> source{loop};
  const auto sink = source | sink_to_http(url(server.port()), [](int n) { return std::to_string(n); });
  for (int n = 0; n < count; ++n) {
    source.async_emit(n, [&, n](const std::exception_ptr& error) {
      (error ? failed : settled).push_back(n);
      if (n == count - 1) last(n);
    });
  }
  Peer peer = server.accept();
  int wrong = 0;
  for (int n = 0; n < count; ++n) {
    if (!request_from(peer).ends_with("\r\n\r\n" + std::to_string(n))) ++wrong;
    peer.send(ok);
  }
  REQUIRE(last.wait(1).size() == 1);
  const Hold hold{&loop};
  CHECK(wrong == 0);
  CHECK(failed.empty());
  CHECK(settled.size() == count);
  CHECK(std::is_sorted(settled.begin(), settled.end()));
  CHECK(sink.requests() == count);
}

TEST_CASE("a checkpoint's barrier sends the batch of sink_to_http, and waits for its answer and for no other") {
  PeerServer server;
  EventLoop loop{background};
  const Stream<std::string> source{loop};
  const auto sink = source | sink_to_http(url(server.port()), {.batch = 3, .batch_time = 0ms});
  const auto barrier = [&] {
    const Hold hold{&loop};
    return penstock::detail::offer(source.outlet(), Signal{Signal::barrier, 1});
  };
  const auto through = [&](const Receipt& receipt) {
    const Hold hold{&loop};
    return !receipt.pending() && !receipt.error();
  };
  CHECK(through(barrier()));
  source.emit("a");
  Receipt first = barrier();
  Peer peer = server.accept();
  CHECK(request_from(peer).ends_with("a"));
  source.emit("b");  // behind it
  CHECK_FALSE(through(first));
  peer.send(ok);
  CHECK(comes([&] { return through(first); }));
  CHECK(sink.requests() == 1);
  const Hold hold{&loop};  // receipts belong to the strand
  first = {};
}

TEST_CASE("sink_to_http ends what it holds as dropped when the graph ends") {
  PeerServer server;
  EventLoop loop{background};
  Arrived<std::string> ends;
  std::optional<Peer> peer;
  {
    Stream<std::string> source{loop};
    source | sink_to_http(url(server.port()));
    for (int i = 0; i < 3; ++i) {
      Ref ref{[ends](const Ending& e) { ends(e.outcome == Outcome::dropped ? e.reason : "not dropped"); }};
      source.async_emit("x", std::move(ref), [](std::exception_ptr) {});
    }
    peer.emplace(server.accept());
    request_from(*peer);
  }
  CHECK(ends.wait(3) == Lines(3, "the sink was destroyed before the server had taken the element"));
  CHECK(peer->receive().empty());
}

TEST_CASE("sink_to_http refuses what is no URL, and options that are none") {
  for (const char* text : {"", "host", "ftp://host/", "http://", "http://user@host/", "http://host/#part",
                           "http://host/a b", "http://host:port/"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(sink_to_http(text), std::invalid_argument);
  }
  EventLoop loop;
  Stream<std::string> source{loop};
  CHECK_THROWS_WITH(source | sink_to_http("https://host/"), Catch::Matchers::Contains("https needs .security"));
  CHECK_THROWS_AS(source | sink_to_http("http://host/", {.batch = 0}), std::invalid_argument);
  CHECK_THROWS_AS(source | sink_to_http("http://host/", {.connections = 0}), std::invalid_argument);
  CHECK_THROWS_AS(source | sink_to_http("http://host/", {.headers = {{"X", "a\nb"}}}), std::invalid_argument);
  const detail::HttpUrl url{"https://[::1]:8443?a=b", "test"};
  CHECK(url.endpoint.host == "::1");
  CHECK(url.endpoint.port == 8443);
  CHECK(url.host == "[::1]:8443");
  CHECK(url.target == "/?a=b");
  CHECK(detail::HttpUrl{"http://example.org", "test"}.endpoint == Endpoint{"example.org", 80});
}

TEST_CASE("sink_to_http brings everything to a from_http_server that often has no time") {
  EventLoop loop{background};
  const auto server = from_http_server<HttpRequest>(loop, 0);
  Arrived<std::string> arrived;
  std::map<std::string, int> failures;
  const Arrived<int> errors;
  server.on_background_error([errors](std::exception_ptr, const Info&) { errors(1); });
  server.sink([&](const HttpRequest& request) {
    if (failures[std::string(request.header("Idempotency-Key"))]++ < 2) throw std::runtime_error("not yet");
    arrived(request.body);
  });
  server.start();
  Stream<std::string> source{loop};
  const auto sink = source | sink_to_http(url(server.port()), {.retry = at_once});
  Lines sent;
  for (int i = 0; i < 50; ++i) {
    sent.push_back("element " + std::to_string(i));
    source.emit(sent.back());
  }
  CHECK(arrived.wait(50) == sent);
  CHECK(sink.requests() == 150);
  CHECK(errors.size() == 100);
}
