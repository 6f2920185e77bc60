// SPDX-License-Identifier: BSL-1.0
// A server that takes readings as JSON and passes them on, two at a time, to another server, which is too busy at
// first.
#include <fmt/core.h>

#include <chrono>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

#include <boost/json/src.hpp>  // in one file of the program, unless it is linked with Boost::json
#include <penstock/connect/http.hpp>
#include <penstock/penstock.hpp>

using namespace std::chrono_literals;

struct Reading {
  std::string device;
  double value;
};
BOOST_DESCRIBE_STRUCT(Reading, (), (device, value))

int main() {
  penstock::EventLoop loop;

  // Who gets the batches. Its first answer is 500, and the sender comes again.
  const auto archive = penstock::from_http_server<penstock::HttpRequest>(loop, 0, {.paths = {"/archive/{day}"}});
  archive.on_background_error([](std::exception_ptr, const penstock::Info&) { fmt::print("not now\n"); });
  archive.sink([busy = true](const penstock::HttpRequest& request) mutable {
    if (std::exchange(busy, false)) throw std::runtime_error("the disk is being changed");
    fmt::print("{} of {}: {}\n", request.header("Idempotency-Key"), request.parameter("day"), request.body);
  });
  archive.start();

  // Who takes single readings or arrays of them, and passes on those that are not too small.
  const auto readings = penstock::from_http_server<Reading>(loop, 0, {.paths = {"/readings"}});
  const std::string to = fmt::format("http://127.0.0.1:{}/archive/monday", archive.port());
  readings.filter([](const Reading& reading) { return reading.value > 0.5; }) |
      penstock::sink_to_http(to, {.batch = 2, .retry = {.attempts = 3, .backoff = 10ms}, .run = "demo"});
  readings.start();

  // A client, which says what it is answered.
  penstock::Stream<std::string> texts{loop};
  const std::string in = fmt::format("http://127.0.0.1:{}/readings", readings.port());
  texts | penstock::sink_to_http(in, {.type = "application/json"});
  for (const char* text : {R"([{"device": "a", "value": 1.5}, {"device": "b", "value": 0.25}])",
                           R"({"device": "c", "value": "hot"})",  //
                           R"([{"device": "d", "value": 2.5}])"}) {
    try {
      texts.emit(text);
      fmt::print("taken\n");
    } catch (const penstock::HttpError& error) {
      const std::string what = error.what();
      fmt::print("{} {}\n", error.status(), what.substr(what.find('{')));
    }
  }
  archive.stop();
  readings.stop();
  loop.run();
}
