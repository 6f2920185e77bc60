// SPDX-License-Identifier: BSL-1.0
// Other programs as sources and sinks, and signals.
#include <csignal>
#include <exception>
#include <filesystem>
#include <string>

#include <fmt/core.h>

#include <penstock/connect/process.hpp>
#include <penstock/penstock.hpp>

int main() {
  penstock::EventLoop loop;
  const std::string sorted = std::filesystem::temp_directory_path() / "penstock_example_sorted";

  // From one program, through a pipeline, into another one; each is as fast as the slowest of them.
  const auto numbers = penstock::from_process(loop, {"seq", "100000"});
  numbers.map([](const std::string& line) { return std::stol(line); })
          .filter([](long n) { return n % 25'000 == 0; })
          .map([](long n) { return std::to_string(n * n); }) |
      penstock::sink_to_process({"sort", "-rn"}, {.out_file = sorted});
  numbers.start();
  loop.run();

  const auto lines = penstock::from_process(loop, {"cat", sorted});
  lines.sink([](const std::string& line) { fmt::print("{}\n", line); });
  lines.start();
  loop.run();
  std::filesystem::remove(sorted);

  // Through a program and back.
  const penstock::Stream<std::string> words{loop};
  (words | penstock::through_process({"sort", "-u"})).sink([](const std::string& word) {
    fmt::print("{}\n", word);
  });
  for (const char* word : {"pipe", "gate", "pipe"}) words.emit(word);
  words.close();

  // Both outputs, and how it ended.
  std::string out;
  std::string err;
  const auto both = penstock::from_process(loop, {"sh", "-c", "echo fine; echo oh >&2; exit 3"});
  both.sink([&out](const std::string& line) { out += line; });
  both.stderr_lines().sink([&err](const std::string& line) { err += line; });
  both.on_background_error([](const std::exception_ptr& error, const penstock::Info&) {
    try {
      std::rethrow_exception(error);
    } catch (const penstock::ProcessFailed& failed) {
      fmt::print("{}: status {}\n", failed.program(), failed.exit().code);
    }
  });
  both.start();
  loop.run();
  fmt::print("out: {}, err: {}\n", out, err);

  // Until control-C.
  const auto endless = penstock::from_process(loop, {"yes"});
  const auto interrupts = penstock::from_signal(loop, {SIGINT, SIGTERM});
  long answers = 0;
  endless.sink([&answers](const std::string&) {
    if (++answers == 100'000) std::raise(SIGINT);
  });
  interrupts.sink([&](int signal) {
    fmt::print("signal {}\n", signal);
    endless.stop();  // the program is ended
    interrupts.stop();
  });
  endless.start();
  interrupts.start();
  loop.run();
  fmt::print("{}\n", endless.exit_status() ? "ended" : "still there");
}
