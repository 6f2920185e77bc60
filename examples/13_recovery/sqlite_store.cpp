// SPDX-License-Identifier: BSL-1.0
// Snapshots in a database of SQLite: the second run goes on where the first one was.
#include <penstock/connect/sqlite.hpp>
#include <penstock/penstock.hpp>
#include <penstock/state/checkpoints.hpp>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <unistd.h>

#include <fmt/core.h>

namespace {

// Reads what the file has by now, and adds up.
void run(const std::string& folder) {
  penstock::EventLoop loop;
  auto lines = penstock::from_textfile(loop, folder + "/amounts.txt").named("amounts");
  auto totals = lines.map([](const std::string& line) { return std::stoi(line); }).accumulate(std::plus{}, 0).named("totals");
  totals.sink([](int total) { fmt::print("{}\n", total); });

  penstock::Checkpoints checkpoints{totals, {}, std::make_unique<penstock::SqliteStore>(folder + "/state.db")};
  fmt::print("from epoch {}\n", checkpoints.stats().restored);
  lines.start();
  checkpoints.wait_over();
}

}  // namespace

int main() {
  const std::string folder = std::filesystem::temp_directory_path() / fmt::format("penstock-sqlite-{}", ::getpid());
  std::filesystem::create_directory(folder);
  std::ofstream{folder + "/amounts.txt"} << "1\n2\n3\n";
  run(folder);
  std::ofstream{folder + "/amounts.txt", std::ios::app} << "10\n20\n";
  run(folder);
  std::filesystem::remove_all(folder);
}
