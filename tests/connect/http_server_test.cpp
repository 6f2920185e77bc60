// SPDX-License-Identifier: BSL-1.0
#include "penstock/connect/http/from_http_server.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/json/src.hpp>  // here for all files of this program
#include <boost/system/system_error.hpp>

#include "catch.hpp"
#include "connect/children.hpp"
#include "connect/http_peer.hpp"
#include "connect/program.hpp"
#include "penstock/connect/http/json.hpp"
#include "penstock/penstock.hpp"
#include "temporary_directory.hpp"

using namespace penstock;
using namespace std::chrono_literals;
using namespace std::string_literals;
using penstock::test::Arrived;
using penstock::test::comes;
using penstock::test::guard;
using penstock::test::http_post;
using penstock::test::HttpPeer;
using penstock::test::installed;
using penstock::test::Peer;
using penstock::test::Program;
using penstock::test::resident_kb;
using Lines = std::vector<std::string>;

namespace {

template <class Handle>
Arrived<std::string> errors_of(const Handle& handle) {
  Arrived<std::string> errors;
  handle.on_background_error([errors](std::exception_ptr error, const Info&) {
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& e) {
      errors(e.what());
    }
  });
  return errors;
}

template <class Source>
std::string url(const Source& source, const std::string& path = "/") {
  return "http://127.0.0.1:" + std::to_string(source.port()) + path;
}

/// Elements that a sink holds until the test lets them go.
class Held {
 public:
  void operator()(std::string value, Completion<> done) const {
    const std::lock_guard lock{state_->mutex};
    state_->done.push_back(std::move(done));
    arrived(std::move(value));
  }
  void let_go(std::exception_ptr error = nullptr) const {
    const std::lock_guard lock{state_->mutex};
    state_->done.front()(std::move(error));
    state_->done.erase(state_->done.begin());
  }
  Arrived<std::string> arrived;

 private:
  struct State {
    std::mutex mutex;
    std::vector<Completion<>> done;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

struct Reading {
  std::string name;
  double value = 0;
  std::optional<int> line;
  friend bool operator==(const Reading&, const Reading&) = default;
};
BOOST_DESCRIBE_STRUCT(Reading, (), (name, value, line))

}  // namespace

TEST_CASE("row 122 from_http_server emits what is posted, and after stop nobody can connect") {
  if (!installed("curl")) PENSTOCK_SKIP("there is no curl");
  EventLoop loop{background};
  const auto source = from_http_server(loop, 0);
  const Arrived<std::string> out;
  source.sink(out);
  CHECK(source.port() == 0);
  source.start();
  Program first{{"curl", "-sS", "-w", " %{http_code}", "-d", "data", url(source)}};
  CHECK(first.output() == "OK 200");
  Program second{{"curl", "-sS", "-w", " %{http_code}", "-d", "data2", url(source, "/other")}};
  CHECK(second.output() == "OK 200");
  CHECK(out.wait(2) == Lines{"data", "data2"});
  source.stop();
  Program third{{"curl", "-sS", "-d", "data3", url(source)}};
  CHECK(third.status() == 7);  // could not connect
  CHECK(out.size() == 2);
}

TEST_CASE("P20 from_http_server answers 200 OK, 500 when the pipeline fails, and 405 to GET") {
  EventLoop loop{background};
  const auto source = from_http_server(loop, 0);
  const Arrived<std::string> errors = errors_of(source);
  source.sink([](const std::string& text) {
    if (text == "bad") throw std::runtime_error("the password is xyzzy");
  });
  source.start();
  HttpPeer peer{source.port()};
  const auto good = peer.send(http_post("/", "good")).answer();
  CHECK(good.status == 200);
  CHECK(good.body == "OK");
  const auto bad = peer.send(http_post("/", "bad")).answer();
  CHECK(bad.status == 500);
  CHECK((bad.head + bad.body).find("xyzzy") == std::string::npos);
  CHECK(errors.wait(1) == Lines{"the password is xyzzy"});
  const auto get = peer.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n").answer();
  CHECK(get.status == 405);
  CHECK(get.head.find("Allow: POST\r\n") != std::string::npos);
  CHECK(peer.send(http_post("/", "good")).answer().status == 200);  // all on one connection
}

TEST_CASE("from_http_server is understood by curl: kept connections, chunks, sizes, 100-continue") {
  if (!installed("curl")) PENSTOCK_SKIP("there is no curl");
  EventLoop loop{background};
  const auto source = from_http_server(loop, 0, {.max_body = 100'000});
  const Arrived<std::size_t> sizes;
  source.sink([sizes](const std::string& body) { sizes(body.size()); });
  source.start();
  const test::TemporaryDirectory directory;
  const std::string fits = directory / "fits";
  const std::string large = directory / "large";
  std::ofstream{fits} << std::string(100'000, 'x');
  std::ofstream{large} << std::string(100'001, 'x');
  const std::string code = "%{http_code} %{num_connects}\n";

  SECTION("two requests on one connection") {
    Program curl{{"curl", "-sS", "-w", code, "-o", "/dev/null", "-d", "one", url(source, "/a"), "-o", "/dev/null",
                  url(source, "/b")}};
    CHECK(curl.output() == "200 1\n200 0\n");
    CHECK(sizes.size() == 2);
  }
  SECTION("chunks") {
    Program curl{{"curl", "-sS", "-w", code, "-o", "/dev/null", "-H", "Transfer-Encoding: chunked", "--data-binary",
                  "@" + fits, url(source)}};
    CHECK(curl.output() == "200 1\n");
    CHECK(sizes.wait(1) == std::vector<std::size_t>{100'000});
  }
  SECTION("too large, told before") {
    Program curl{{"curl", "-sS", "-w", code, "-o", "/dev/null", "--data-binary", "@" + large, url(source)}};
    CHECK(curl.output() == "413 1\n");
    CHECK(sizes.size() == 0);
  }
  SECTION("too large, in chunks") {
    Program curl{{"curl", "-sS", "-w", code, "-o", "/dev/null", "-H", "Transfer-Encoding: chunked", "--data-binary",
                  "@" + large, url(source)}};
    CHECK(curl.output() == "413 1\n");
    CHECK(sizes.size() == 0);
  }
  SECTION("waits for 100 Continue") {
    Program curl{{"curl", "-sSv", "-H", "Expect: 100-continue", "--expect100-timeout", "20", "--data-binary",
                  "@" + fits, url(source)}};
    const std::string& said = curl.output();
    CHECK(said.find("< HTTP/1.1 100 Continue") != std::string::npos);
    CHECK(said.find("< HTTP/1.1 200 OK") != std::string::npos);
    CHECK(sizes.wait(1) == std::vector<std::size_t>{100'000});
  }
  SECTION("not told to continue with what is refused anyway") {
    Program curl{{"curl", "-sSv", "-H", "Expect: 100-continue", "--expect100-timeout", "20", "--data-binary",
                  "@" + large, url(source)}};
    const std::string& said = curl.output();
    CHECK(said.find("100 Continue\r") == std::string::npos);
    CHECK(said.find("< HTTP/1.1 413") != std::string::npos);
  }
  SECTION("slow, but in time") {
    Program curl{{"curl", "-sS", "-w", code, "-o", "/dev/null", "--limit-rate", "200k", "--data-binary", "@" + fits,
                  url(source)}};
    CHECK(curl.output() == "200 1\n");
  }
}

TEST_CASE("from_http_server gives the time that it was told, and no more") {
  EventLoop loop{background};
  const auto source = from_http_server(loop, 0, {.header_time = 50ms, .body_time = 50ms, .idle_time = 100ms});
  const Arrived<std::string> out;
  source.sink(out);
  source.start();
  HttpPeer peer{source.port()};
  SECTION("for the header") { peer.send("POST / HTTP/1.1\r\nHost: t"); }
  SECTION("for the first byte of it on") { peer.send("P"); }
  SECTION("for the body") { peer.send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nab"); }
  SECTION("for chunks") {
    peer.send("POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
  }
  CHECK(peer.answer().status == 408);
  CHECK(peer.ended());
  HttpPeer idle{source.port()};
  CHECK(idle.send(http_post("/", "a")).answer().status == 200);
  CHECK(idle.ended());  // without a word
  CHECK(out.wait(1) == Lines{"a"});
}

TEST_CASE("from_http_server<HttpRequest> emits all of a request") {
  EventLoop loop{background};
  const auto source = from_http_server<HttpRequest>(
      loop, 0, {.paths = {"/events/{device}/{part}", "/other*", "/plain"}, .methods = {"POST", "PUT"},
                .types = {"text/plain"}});
  const Arrived<HttpRequest> out;
  source.sink(out);
  source.start();
  HttpPeer peer{source.port()};
  const std::string type = "Content-Type: text/plain; charset=utf-8\r\n";
  const auto status = [&](const std::string& path, const std::string& fields) {
    return peer.send(http_post(path, "body", fields)).answer().status;
  };
  REQUIRE(status("/events/a%20b/c%2Fd?x=1&y=%20", type + "X-Tag: One\r\nx-tag: Two\r\n") == 200);
  const HttpRequest request = out.wait(1).front();
  CHECK(request.method == "POST");
  CHECK(request.target == "/events/a%20b/c%2Fd?x=1&y=%20");
  CHECK(request.path() == "/events/a%20b/c%2Fd");
  CHECK(request.query() == "x=1&y=%20");
  CHECK(request.parameter("device") == "a b");
  CHECK(request.parameter("part") == "c/d");
  CHECK(request.parameter("none").empty());
  CHECK(request.header("X-TAG") == "One");
  CHECK(request.headers.count("x-Tag") == 2);
  CHECK(request.header("none").empty());
  CHECK(request.body == "body");
  CHECK(request.peer.starts_with("127.0.0.1:"));

  CHECK(status("/other", type) == 200);
  CHECK(status("/others/and/more", type) == 200);
  CHECK(status("/plain", type) == 200);
  CHECK(status("http://somewhere:80/plain?q", type) == 200);  // as to a proxy
  CHECK(out.wait(5).back().query() == "q");
  // A body that is refused by its header is not read: the connection ends.
  const auto once = [&](const std::string& text) { return HttpPeer{source.port()}.send(text).answer(); };
  CHECK(once(http_post("/plain/more", "a", type)).status == 404);
  CHECK(once(http_post("/events//x", "a", type)).status == 404);
  CHECK(once(http_post("/othe", "a", type)).status == 404);
  CHECK(once(http_post("/events/%zz/x", "a", type)).status == 400);
  CHECK(once(http_post("/plain", "a", "Content-Type: text/html\r\n")).status == 415);
  CHECK(once(http_post("/plain", "a")).status == 415);
  CHECK(once(http_post("/plain", "a", type + "Content-Encoding: gzip\r\n")).status == 415);
  CHECK(once(http_post("/plain", "a", type + "Expect: miracles\r\n")).status == 417);
  const auto removed = once("DELETE /plain HTTP/1.1\r\nHost: t\r\n\r\n");
  CHECK(removed.status == 405);
  CHECK(removed.head.find("Allow: POST, PUT\r\n") != std::string::npos);
  CHECK(once("POST /plain HTTP/1.1\r\nHost: t\r\n" + type + "\r\n").status == 411);
  const auto put = once("PUT /plain HTTP/1.0\r\n" + type + "Content-Length: 1\r\n\r\nx");
  CHECK(put.status == 200);
  CHECK(put.head.find("Connection: close") != std::string::npos);
  CHECK(out.wait(6).size() == 6);
}

TEST_CASE("from_http_server refuses patterns that are none") {
  EventLoop loop;
  for (const char* path : {"", "a", "/a*b", "/a{b}", "/{a", "/{a}*", "/*/"}) {
    CHECK_THROWS_AS(from_http_server(loop, 0, {.paths = {path}}), std::invalid_argument);
  }
  CHECK_THROWS_AS(from_http_server(loop, 0, {.paths = {}}), std::invalid_argument);
  CHECK_THROWS_AS(from_http_server(loop, 0, {.max_waiting = 0}), std::invalid_argument);
  CHECK_THROWS_AS(from_http_server(loop, 0, {.connections = 0}), std::invalid_argument);
}

TEST_CASE("from_http_server of rows takes one, an array, or lines, and of a damaged batch nothing") {
  EventLoop loop{background};
  const auto source = from_http_server<Reading>(loop, 0);
  const Arrived<Reading> out;
  source.sink(out);
  source.start();
  HttpPeer peer{source.port()};
  const auto post = [&](const std::string& body, const std::string& fields = {}) {
    return peer.send(http_post("/", body, fields)).answer();
  };
  CHECK(post(R"({"name": "a", "value": 1})").status == 200);
  CHECK(post(R"([{"name": "b", "value": 2, "line": 7}, {"value": 3.5, "name": "c"}])").status == 200);
  CHECK(post("[]").status == 200);
  CHECK(post("{\"name\": \"d\", \"value\": 4}\r\n\n{\"name\": \"e\", \"value\": 5}",
             "Content-Type: application/x-ndjson\r\n")
            .status == 200);
  const std::vector<Reading> expected{{"a", 1, {}}, {"b", 2, 7}, {"c", 3.5, {}}, {"d", 4, {}}, {"e", 5, {}}};
  CHECK(out.wait(5) == expected);

  const auto damaged = post(R"([{"name": "x", "value": 1}, {"name": "y", "value": "ab\"c"}, {"name": "z"}])");
  CHECK(damaged.status == 400);
  CHECK(damaged.head.find("Content-Type: application/json\r\n") != std::string::npos);
  CHECK(damaged.body ==
        R"({"errors":[{"index":1,"name":"value","reason":"\"ab\\\"c\" is not a number"},)"
        R"({"index":2,"name":"value","reason":"is missing"}],"count":2})");
  CHECK(post("{").status == 400);
  CHECK(post("").status == 400);
  CHECK(post(R"([{"name": "x", "value": 1}] x)").status == 400);
  CHECK(post(std::string(100'000, '[')).status == 400);  // as deep as that nothing is read
  CHECK(post(R"({"name": "f", "value": 6})").status == 200);
  CHECK(out.wait(6).back() == Reading{"f", 6, {}});
  CHECK(out.size() == 6);
}

TEST_CASE("from_http_server answers what is no request, however it is cut, and serves on") {
  const std::string host = "Host: t\r\n";
  const std::map<std::string, int> inputs{
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 3\r\nContent-Length: 4\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 3, 4\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 99999999999999999999\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length : 3\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n", 501},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
      {"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n2\r\nabcdef\r\n0\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", 400},
      {"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n100001\r\n", 413},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 1048577\r\n\r\n", 413},
      {"POST / HTTP/1.1\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\n" + host + host + "\r\n", 400},
      {"POST / HTTP/1.1\r\n" + host + "no colon\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\n" + host + "X: \x01\r\n\r\n", 400},
      {"POST / HTTP/2.0\r\n" + host + "\r\n", 505},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a client of TLS\r\n\r\n", 400},
      {"POST /" + std::string(9000, 'a') + " HTTP/1.1\r\n" + host + "\r\n", 414},
      {"POST / HTTP/1.1\r\n" + host + "X: " + std::string(9000, 'a') + "\r\n\r\n", 431},
  };
  EventLoop loop{background};
  const auto source = from_http_server(loop, 0);
  const Arrived<std::string> out;
  source.sink(out);
  source.start();
  for (const auto& [text, status] : inputs) {
    CAPTURE(text.substr(0, 200));
    HttpPeer whole{source.port()};
    CHECK(whole.send(text).answer().status == status);
    CHECK(whole.ended());
    if (text.size() > 200) continue;
    HttpPeer cut{source.port()};
    try {
      for (const char c : text) cut.send({&c, 1});
    } catch (const std::runtime_error&) {  // it was refused before its end
    }
    CHECK(cut.answer().status == status);
  }
  CHECK(HttpPeer{source.port()}.send(http_post("/", "still")).answer().status == 200);
  CHECK(out.wait(1) == Lines{"still"});
}

TEST_CASE("from_http_server throws away what follows a refused request, as much of it as it has said") {
  // More than is read ahead, without an end: in a chunk's extension and in trailers.
  const std::string chunks = "POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string filler(30'000, 'x');
  const Lines inputs{chunks + "5;a=" + filler, chunks + "0\r\nX: " + filler};
  EventLoop loop{background};
  const auto source = from_http_server(loop, 0);
  source.sink([](const std::string&) {});
  source.start();
  for (const std::string& text : inputs) {
    CAPTURE(text.substr(0, 80));
    // The client's side holds little of what the server does not read.
    Peer peer = Peer::connected(source.port(), 64 * 1024);
    CHECK(peer.send(text).receive_all().starts_with("HTTP/1.1 400"));
    std::size_t sent = 0;
    try {
      for (; sent < 64 << 20; sent += filler.size()) peer.send(filler);
    } catch (const std::runtime_error&) {  // the server has read a megabyte and ended the connection
    }
    CHECK(sent > 900 * 1024);
    CHECK(sent < 16 << 20);
  }
}

TEST_CASE("from_http_server answers requests that are sent ahead in their order") {
  EventLoop loop{background};
  const auto source = from_http_server<HttpRequest>(loop, 0);
  const Held held;
  source.map([](const HttpRequest& request) { return request.body; }).sink(held);
  source.start();
  HttpPeer peer{source.port()};
  peer.send(http_post("/", "a") + "GET / HTTP/1.1\r\nHost: t\r\n\r\n" + http_post("/", "b"));
  CHECK(held.arrived.wait(1) == Lines{"a"});
  held.let_go();
  CHECK(peer.answer().status == 200);
  CHECK(peer.answer().status == 405);
  CHECK(held.arrived.wait(2) == Lines{"a", "b"});
  held.let_go(std::make_exception_ptr(std::runtime_error("no")));
  CHECK(peer.answer().status == 500);
  static_cast<void>(loop.take_error());
}

TEST_CASE("from_http_server answers 503 when the pipeline does not take it in time, and says what was emitted") {
  EventLoop loop{background};
  const auto source = from_http_server(loop, 0, {.answer_time = 50ms, .retry_after = 7s});
  const Held held;
  source.sink(held);
  source.start();
  HttpPeer first{source.port()};
  HttpPeer second{source.port()};
  first.send(http_post("/", "a"));
  CHECK(held.arrived.wait(1) == Lines{"a"});
  const auto refused = second.send(http_post("/", "b")).answer();
  CHECK(refused.status == 503);
  CHECK(refused.body == "not taken");
  CHECK(refused.head.find("Retry-After: 7\r\n") != std::string::npos);
  const auto late = first.answer();
  CHECK(late.status == 503);
  CHECK(late.body == "emitted 1 of 1");
  CHECK(first.ended());
  second.send(http_post("/", "c"));  // waits before the pipeline, and is let in
  held.let_go();
  CHECK(held.arrived.wait(2) == Lines{"a", "c"});
  held.let_go();
  CHECK(second.answer().status == 200);
}

TEST_CASE("from_http_server replies that elements are done when nobody holds them any more") {
  EventLoop loop{background};
  const auto source = from_http_server(loop, 0, {.reply = HttpReply::done, .answer_time = 5s});
  const Held held;
  const Arrived<std::string> errors = errors_of(source);
  source.buffer(10).sink(held);
  source.start();
  HttpPeer peer{source.port()};
  peer.send(http_post("/", "a"));
  held.arrived.wait(1);
  held.let_go();
  CHECK(peer.answer().status == 200);
  peer.send(http_post("/", "b"));
  held.arrived.wait(2);
  held.let_go(std::make_exception_ptr(std::runtime_error("disk full")));
  const auto failed = peer.answer();
  CHECK(failed.status == 500);
  CHECK(failed.body.find("disk") == std::string::npos);
  CHECK(errors.wait(1) == Lines{"disk full"});
  CHECK(peer.send(http_post("/", "c")).send(http_post("/", "d")).peer().handle() >= 0);
  held.arrived.wait(3);
  held.let_go();
  CHECK(peer.answer().status == 200);
  held.arrived.wait(4);
  held.let_go();
  CHECK(peer.answer().status == 200);
}

TEST_CASE("D14 from_http_server stops at once, answers who waits, and starts again at its port") {
  EventLoop loop{background};
  const auto source = from_http_server(loop, 0);
  const Held held;
  source.sink(held);
  source.start();
  const std::uint16_t port = source.port();
  HttpPeer idle{port};
  idle.send(http_post("/", "first"));
  held.arrived.wait(1);
  held.let_go();
  CHECK(idle.answer().status == 200);
  HttpPeer inside{port};
  inside.send(http_post("/", "inside"));
  held.arrived.wait(2);
  HttpPeer before{port};
  before.send(http_post("/", "before"));
  HttpPeer half{port};
  half.send("POST / HTTP/1.1\r\n");
  source.stop();
  CHECK(source.stopped());
  CHECK(idle.ended());
  CHECK(Peer::refused(port));
  held.let_go();
  const auto answered = inside.answer();
  CHECK(answered.status == 200);
  CHECK(answered.head.find("Connection: close\r\n") != std::string::npos);
  CHECK(inside.ended());
  // Streamz starts one poller more with every start.
  for (int i = 0; i < 50; ++i) {
    source.start();
    source.start();
    source.stop();
    source.stop();
  }
  source.start();
  CHECK(source.port() == port);
  HttpPeer again{port};
  again.send(http_post("/", "again"));
  CHECK(held.arrived.wait(3).back() == "again");
  held.let_go();
  CHECK(again.answer().status == 200);
  CHECK(held.arrived.size() == 3);
}

TEST_CASE("from_http_server answers 503 to who waits before the pipeline when it stops") {
  EventLoop loop{background};
  const auto source = from_http_server<Reading>(loop, 0);
  const Held held;
  source.map([](const Reading& reading) { return reading.name; }).sink(held);
  source.start();
  HttpPeer batch{source.port()};
  batch.send(http_post("/", R"([{"name": "a", "value": 1}, {"name": "b", "value": 1}])"));
  held.arrived.wait(1);
  HttpPeer before{source.port()};
  before.send(http_post("/", R"({"name": "c", "value": 1})"));
  HttpPeer marker{source.port()};
  CHECK(marker.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n").answer().status == 405);
  REQUIRE(comes([&] {
    source.stop();
    return source.stopped();
  }));
  const auto waited = before.answer();
  if (waited.status != 0) CHECK(waited.body == "not taken");  // 0: it had not been read yet
  held.let_go();
  const auto rest = batch.answer();
  CHECK(rest.status == 503);
  CHECK(rest.body == "emitted 1 of 2");
  CHECK(held.arrived.size() == 1);
}

TEST_CASE("from_http_server serves no more connections at once than it was told, and requests on one") {
  EventLoop loop{background};
  const auto source = from_http_server(loop, 0, {.max_requests = 2, .connections = 2});
  const Arrived<std::string> out;
  source.sink(out);
  source.start();
  std::optional<HttpPeer> first{source.port()};
  HttpPeer second{source.port()};
  CHECK(first->send(http_post("/", "1")).answer().status == 200);
  CHECK(second.send(http_post("/", "2")).answer().status == 200);
  HttpPeer third{source.port()};  // the operating system accepts it
  third.send(http_post("/", "3"));
  const auto last = second.send(http_post("/", "4")).answer();
  CHECK(last.head.find("Connection: close\r\n") != std::string::npos);
  CHECK(out.size() == 3);
  first.reset();
  CHECK(third.answer().status == 200);
  CHECK(second.ended());
  CHECK(out.wait(4) == Lines{"1", "2", "4", "3"});
}

TEST_CASE("from_http_server names the address that it cannot bind") {
  EventLoop loop{background};
  const auto first = from_http_server(loop, 0);
  first.start();
  const auto second = from_http_server(loop, first.port());
  CHECK_THROWS_WITH(second.start(), Catch::Matchers::Contains("from_http_server: cannot bind to 127.0.0.1:" +
                                                               std::to_string(first.port())));
  CHECK(second.stopped());
}

TEST_CASE("from_http_server may end with requests in every state") {
  EventLoop loop{background};
  const Held held;
  std::optional<HttpPeer> peers[4];
  {
    const auto source = from_http_server(loop, 0);
    source.sink(held);
    source.start();
    for (auto& peer : peers) peer.emplace(source.port());
    peers[0]->send(http_post("/", "inside"));
    held.arrived.wait(1);
    peers[1]->send(http_post("/", "before"));
    peers[2]->send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\na");
    peers[3]->send("POS");
  }
  const auto refused = peers[1]->answer();
  if (refused.status != 0) CHECK(refused.body == "not taken");
  for (auto& peer : peers) CHECK(peer->ended());
  held.let_go();
}

TEST_CASE("from_http_server may be destroyed by what stands behind it") {
  EventLoop loop{background};
  std::optional<HttpSource<std::string>> source{from_http_server(loop, 0)};
  source->sink([&](const std::string&) { source.reset(); });
  std::uint16_t port = 0;
  {
    const Hold hold{&loop};  // what the loop's thread destroys is not touched at the same time
    source->start();
    port = source->port();
  }
  HttpPeer peer{port};
  peer.send(http_post("/", "end") + http_post("/", "not any more"));
  CHECK(peer.ended());
  const Hold hold{&loop};
  CHECK(!source);
}

TEST_CASE("back-pressure: from_http_server slows many clients down and loses nothing") {
  std::atomic<std::size_t> arrived{0};
  std::atomic<std::size_t> most{0};
  std::size_t under_way = 0;
  EventLoop loop{background};
  const auto source = from_http_server(loop, 0, {.answer_time = 20ms});
  source.sink([&](std::string) -> asio::awaitable<void> {
    most = std::max<std::size_t>(most, ++under_way);
    co_await async_sleep(loop, 1ms, asio::use_awaitable);
    --under_way;
    ++arrived;
  });
  source.start();
  const std::string request = http_post("/", std::string(10'000, 'x'));
  const auto bombard = [&](std::size_t each) {
    std::array<std::atomic<std::size_t>, 3> counts{};  // taken, refused, emitted but not in time
    std::vector<std::thread> clients;
    for (int client = 0; client < 32; ++client) {
      clients.emplace_back([&] {
        std::optional<HttpPeer> peer;
        for (std::size_t i = 0; i < each; ++i) {
          if (!peer) peer.emplace(source.port());
          const auto answer = peer->send(request).answer();
          ++counts[answer.status == 200 ? 0 : answer.body == "not taken" ? 1 : 2];
          if (answer.head.find("Connection: close") != std::string::npos) peer.reset();
        }
      });
    }
    for (std::thread& client : clients) client.join();
    return std::array<std::size_t, 3>{counts[0], counts[1], counts[2]};
  };
  // An element that is answered too late may still be in the sink when its client has its answer.
  const std::array<std::size_t, 3> warm = bombard(10);
  const std::size_t before = warm[0] + warm[2];
  CHECK(comes([&] { return arrived >= before; }));
  CHECK(arrived == before);
  const long memory = resident_kb();
  const std::array<std::size_t, 3> counts = bombard(60);
  const std::size_t taken = counts[0];
  const std::size_t refused = counts[1];
  const std::size_t late = counts[2];
  CHECK(taken + refused + late == 32 * 60);
  CHECK(taken > 0);
  CHECK(refused > 0);
  CHECK(comes([&] { return arrived - before >= taken + late; }));
  CHECK(arrived - before == taken + late);
  CHECK(most == 1);
  CHECK(resident_kb() - memory < 4096);
}

TEST_CASE("D11 a million elements posted as fast as they are taken need no more memory, and none is lost") {
  constexpr int count = penstock::test::sanitized ? 50'000 : 1'000'000;
  constexpr int each = 500;
  int next = 0;
  int wrong = 0;
  long early = 0;
  std::atomic<long> late{0};
  EventLoop loop{background};
  const auto source = from_http_server<Reading>(loop, 0, {.answer_time = 100s});
  // Now and then an element waits for a turn of the loop.
  source.sink([&](const Reading& reading) -> asio::awaitable<void> {
    if (reading.line != next) ++wrong;
    ++next;
    if (next == count / 10) early = resident_kb();
    if (next == count) late = resident_kb();
    if (next % 16 == 0) co_await asio::post(asio::use_awaitable);
  });
  source.start();
  HttpPeer peer{source.port()};
  int taken = 0;
  for (int sent = 0; sent < count;) {
    std::string batch;
    for (int i = 0; i < each; ++i, ++sent) {
      batch += (i == 0 ? "[" : ",") + (R"({"name": "a", "value": 1, "line": )" + std::to_string(sent)) + "}";
    }
    peer.send(http_post("/", batch + "]"));
    // The next request is on its way while this one is worked on.
    if (sent > each && peer.answer().status == 200) taken += each;
  }
  if (peer.answer().status == 200) taken += each;
  source.stop();
  CHECK(taken == count);
  CHECK(next == count);
  CHECK(wrong == 0);
  INFO("resident at a tenth: " << early << " kB, at the end: " << late << " kB");
  CHECK(late - early < 8 * 1024);
}

TEST_CASE("from_http_server serves wrk without an error") {
  if (!installed("wrk")) PENSTOCK_SKIP("there is no wrk");
  std::atomic<std::size_t> arrived{0};
  EventLoop loop{background};
  const auto source = from_http_server(loop, 0);
  source.sink([&](const std::string&) { ++arrived; });
  source.start();
  const test::TemporaryDirectory directory;
  const std::string script = directory / "post.lua";
  std::ofstream{script} << "wrk.method = 'POST'\nwrk.body = 'element'\n"
                           "function done(summary, latency, requests)\n"
                           "  local e = summary.errors\n"
                           "  io.write(string.format('wrk: answered %d errors %d\\n', summary.requests,\n"
                           "           e.connect + e.read + e.write + e.status + e.timeout))\nend\n";
  Program wrk{{"wrk", "-t1", "-c16", "-d1s", "-s", script, url(source)}};
  const std::string result = wrk.after("wrk: answered ");
  REQUIRE(result.find(" errors 0") != std::string::npos);
  const auto answered = static_cast<std::size_t>(std::stoul(result));
  CHECK(answered > 0);
  CHECK(arrived >= answered);
}
