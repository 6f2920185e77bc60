// SPDX-License-Identifier: BSL-1.0
// A pipeline inside a program that has an io_context already.
#include <boost/asio.hpp>
#include <fmt/core.h>

#include <penstock/penstock.hpp>

#include <chrono>
#include <string>

namespace asio = boost::asio;
using namespace std::chrono_literals;

int main() {
  asio::io_context context;  // the application's

  // The loop adopts the context: nothing runs that the application does not run. `one_thread` says that no
  // other thread ever will, so that handlers may emit directly.
  penstock::EventLoop loop{context, penstock::one_thread};
  penstock::Stream<std::string> lines{loop};
  lines.map(&std::string::size).delay(5ms).sink([](std::size_t size) { fmt::print("{} letters\n", size); });

  // Any handler of the application emits.
  asio::post(context, [&lines] {
    lines.emit("from a handler");
    lines.emit("and another one");
  });

  // A coroutine waits for the pipeline without blocking the others.
  auto session = [&lines]() -> asio::awaitable<void> {
    co_await lines.async_emit("from a coroutine", asio::use_awaitable);
    fmt::print("the coroutine goes on\n");
  };
  asio::co_spawn(context, session, asio::detached);

  context.run();
}
