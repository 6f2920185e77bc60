// SPDX-License-Identifier: BSL-1.0
// The files that a pattern names, and those that appear later.
#include <fmt/core.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include <penstock/penstock.hpp>
#include <penstock/testing/virtual_loop.hpp>

using namespace std::chrono_literals;
namespace fs = std::filesystem;

int main() {
  const fs::path directory = fs::temp_directory_path() / "penstock_filenames";
  fs::create_directories(directory);
  for (const char* name : {"march.csv", "april.csv", "notes.txt"}) std::ofstream{directory / name};

  penstock::VirtualLoop loop;
  const auto names = penstock::filenames(loop, directory / "*.csv", {.follow = true, .poll = 100ms});
  names.sink([&](const fs::path& path) {
    fmt::print("{} ms: {}\n", loop.now().time_since_epoch() / 1ms, path.filename().string());
  });
  names.start();
  loop.run_for(150ms);
  std::ofstream{directory / "may.csv"};
  loop.run_for(150ms);
  names.stop();
  fs::remove_all(directory);
}
