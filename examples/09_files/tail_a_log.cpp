// SPDX-License-Identifier: BSL-1.0
// Follows a log as `tail -F` does, while it is written, rotated and cut.
#include <fmt/core.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include <penstock/penstock.hpp>
#include <penstock/testing/virtual_loop.hpp>

using namespace std::chrono_literals;
namespace fs = std::filesystem;

int main() {
  const fs::path path = fs::temp_directory_path() / "penstock_tail_a_log.log";
  const auto append = [&](const char* text) { std::ofstream{path, std::ios::app} << text; };
  append("started\nlisten");

  penstock::VirtualLoop loop;
  const auto log = penstock::from_textfile(loop, path, {.follow = true, .poll = 100ms});
  log.sink([&](const std::string& line) {
    fmt::print("{} ms: {}\n", loop.now().time_since_epoch() / 1ms, line);
  });
  log.start();

  loop.run_for(150ms);
  append("ing\n");  // the rest of a line
  loop.run_for(100ms);
  fs::rename(path, path.string() + ".1");  // rotated, and the new file is there at once
  append("a new day\n");
  loop.run_for(100ms);
  std::ofstream{path} << "cut\n";
  loop.run_for(100ms);
  append("last words");
  log.finish();
  loop.run();
  fmt::print("rotations: {}, truncations: {}, byte {}\n", log.rotations(), log.truncations(), log.position());
  fs::remove(path);
  fs::remove(path.string() + ".1");
}
