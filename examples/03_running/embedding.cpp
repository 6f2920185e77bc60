// SPDX-License-Identifier: BSL-1.0
// An application that has an io_context already: Penstock moves in, and there is no second thread.
#include <chrono>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/core.h>

#include <penstock/penstock.hpp>

using namespace std::chrono_literals;
namespace asio = boost::asio;

int main() {
  asio::io_context context;  // the application's, which it runs itself

  // `one_thread` says that only this thread runs it, so that every handler of the application may emit. With
  // several threads leave it out, and make what emits on loop.executor().
  penstock::EventLoop loop{context, penstock::one_thread};
  penstock::Stream<int> readings{loop};
  readings.partition(2).sink(
      [](const std::vector<int>& two) { fmt::print("together {} and {}\n", two[0], two[1]); });
  readings.delay(50ms).sink([](int x) { fmt::print("later {}\n", x); });

  readings.emit(1);  // before the context runs

  asio::post(context, [&] {
    fmt::print("a handler of the application\n");
    readings.emit(2);
  });
  asio::steady_timer timer{context, 1ms};
  timer.async_wait([&](auto) {
    fmt::print("a timer of the application\n");
    readings.emit(3);
    readings.emit(4);
  });

  context.run();
}
