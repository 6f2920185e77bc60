// SPDX-License-Identifier: BSL-1.0
// A line that is no number goes to a stream of dead letters; a store that is down is tried again, later and
// later.
#include <fmt/core.h>

#include <chrono>
#include <stdexcept>
#include <string>

#include "penstock/ops/map.hpp"
#include "penstock/ops/on_error.hpp"
#include "penstock/sinks/sink.hpp"
#include "penstock/testing/virtual_loop.hpp"

using namespace std::chrono_literals;
using Letter = penstock::DeadLetter<std::string>;

int main() {
  penstock::VirtualLoop loop;
  const auto now = [&] { return loop.now().time_since_epoch() / 1ms; };

  penstock::Stream<Letter> letters;
  letters.sink([&](const Letter& letter) {
    fmt::print("{:3} ms  {}: cannot use \"{}\"\n", now(), letter.where, letter.element);
  });

  int calls = 0;
  const auto store = [&](int x) {
    if (++calls <= 3) {
      fmt::print("{:3} ms  the store is down\n", now());
      throw std::runtime_error("down");
    }
    fmt::print("{:3} ms  stored {}\n", now(), x);
  };

  penstock::Stream<std::string> lines{loop};
  lines.map([](const std::string& line) { return std::stoi(line); })
      .named("parse")
      .on_error(penstock::divert_to(letters))
      .sink(store, penstock::on_error(penstock::Retry{.attempts = 5, .backoff = 10ms}));

  for (const char* line : {"1", "two", "3"}) lines.emit(line);
}
