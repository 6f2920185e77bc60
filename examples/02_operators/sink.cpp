// SPDX-License-Identifier: BSL-1.0
// Four functions to end a stream with: a plain one, a coroutine, one that takes a Completion, one that
// returns a Receipt.
#include <chrono>
#include <exception>
#include <stdexcept>
#include <string>

#include <fmt/core.h>

#include <penstock/penstock.hpp>

using namespace std::chrono_literals;
namespace asio = boost::asio;

int main() {
  penstock::EventLoop loop;
  penstock::Stream<int> source{loop};

  // A plain function is through when it returns.
  source.sink([](int x) { fmt::print("plain {}\n", x); });

  // A coroutine is through when it ends; until then who emits waits, and the element's Refs are held.
  source.sink([&](int x) -> asio::awaitable<void> {
    co_await loop.sleep(2ms);
    if (x == 3) throw std::runtime_error("the disk is full");
    fmt::print("written {}\n", x);
  });

  // For libraries with callbacks: call the Completion when the work is done, on any thread.
  source.filter([](int x) { return x == 2; }).sink([&](int x, penstock::Completion<> done) {
    fmt::print("called for {}\n", x);
    done();
  });

  // What another stream answers is a Receipt: wait for it by handing it on.
  penstock::Stream<std::string> log;
  log.sink([](const std::string& line) { fmt::print("log: {}\n", line); });
  source.sink([log](int x) { return log.push("saw " + std::to_string(x)); });

  for (int i = 1; i <= 3; ++i) {
    try {
      source.emit(i);
    } catch (const std::exception& error) {
      fmt::print("{} failed: {}\n", i, error.what());
    }
  }
}
