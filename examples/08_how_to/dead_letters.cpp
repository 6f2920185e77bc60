// SPDX-License-Identifier: BSL-1.0
// Errors: what comes back, what is skipped, what is tried again, and what goes to a stream of dead letters.
#include <fmt/core.h>

#include <penstock/penstock.hpp>

#include <stdexcept>
#include <string>

std::string message_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& what) {
    return what.what();
  }
}

double parse(const std::string& text) {
  if (text.empty() || text.find_first_not_of("0123456789.") != std::string::npos) {
    throw std::invalid_argument('"' + text + "\" is no number");
  }
  return std::stod(text);
}

void by_default() {
  penstock::Stream<std::string> lines;
  lines.map(parse).sink([](double x) { fmt::print("got {}\n", x); });
  for (const char* line : {"1.5", "two", "3"}) {
    try {
      lines.emit(line);
    } catch (const std::invalid_argument& error) {
      fmt::print("caught: {}\n", error.what());
    }
  }
}

void skipping() {
  penstock::Stream<std::string> lines;
  lines.map(parse).on_error(penstock::OnError::skip).sink([](double x) { fmt::print("got {}\n", x); });
  for (const char* line : {"1.5", "two", "3"}) lines.emit(line);
}

void dead_letters() {
  penstock::Stream<std::string> lines;
  penstock::Stream<penstock::DeadLetter<std::string>> letters{"letters"};
  lines.map(parse)
      .named("parse")
      .on_error(penstock::divert_to(letters))
      .sink([](double x) { fmt::print("got {}\n", x); });
  letters.sink([](const penstock::DeadLetter<std::string>& letter) {
    fmt::print("{} gave up \"{}\": {}\n", letter.where, letter.element, message_of(letter.error));
  });
  for (const char* line : {"1.5", "two", "3"}) lines.emit(line);
}

void retrying() {
  int calls = 0;
  const auto ask = [&calls](int x) {
    if (++calls % 3 != 0) throw std::runtime_error("no answer");
    return x * 10;
  };
  penstock::Stream<int> questions;
  questions.map(ask).on_error(penstock::Retry{.attempts = 3}, penstock::OnError::skip).sink([&](int x) {
    fmt::print("answer {} after {} calls\n", x, calls);
  });
  questions.emit(1);
  questions.emit(2);
}

void background() {
  penstock::EventLoop loop;
  penstock::Stream<std::string> lines{loop};
  lines.on_background_error([](std::exception_ptr error, const penstock::Info& where) {
    fmt::print("behind {}: {}\n", where.label(), message_of(error));
  });
  // The buffer's drain emits, and no caller is there to see what goes wrong.
  lines.buffer(10).map(parse).sink([](double x) { fmt::print("got {}\n", x); });
  for (const char* line : {"1.5", "two", "3"}) lines.emit(line);
  lines.wait_idle();
}

int main() {
  fmt::print("by default\n");
  by_default();
  fmt::print("\nskip\n");
  skipping();
  fmt::print("\ndead letters\n");
  dead_letters();
  fmt::print("\nretry\n");
  retrying();
  fmt::print("\nin the background\n");
  background();
}
