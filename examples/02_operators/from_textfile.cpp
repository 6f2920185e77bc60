// SPDX-License-Identifier: BSL-1.0
// Reads a file to its end, then follows it as it grows.
#include <fmt/core.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include <penstock/penstock.hpp>
#include <penstock/testing/virtual_loop.hpp>

using namespace std::chrono_literals;

int main() {
  const std::filesystem::path path = std::filesystem::temp_directory_path() / "penstock_from_textfile.txt";
  std::ofstream file{path};
  file << "one\ntwo\nthr" << std::flush;

  const auto once = penstock::from_textfile(path);
  once.sink([](const std::string& line) { fmt::print("once: {}\n", line); });
  once.start();

  penstock::VirtualLoop loop;
  const auto follow = penstock::from_textfile(loop, path, {.follow = true, .poll = 100ms});
  follow.sink([&](const std::string& line) { fmt::print("{} ms: {}\n", loop.now().time_since_epoch() / 1ms, line); });
  follow.start();
  loop.run_for(250ms);
  file << "ee\nfour" << std::flush;
  loop.run_for(250ms);
  fmt::print("byte {}\n", follow.position());
  follow.finish();
  loop.run();
  std::filesystem::remove(path);
}
