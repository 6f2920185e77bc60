// SPDX-License-Identifier: BSL-1.0
// Writes files that other programs read while they are written: flushed together, one file after the other, and
// a report that is there as a whole or not at all.
#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <penstock/penstock.hpp>
#include <penstock/sinks/sink_to_jsonl.hpp>

namespace fs = std::filesystem;

struct Reading {
  std::string sensor;
  int celsius;
};
BOOST_DESCRIBE_STRUCT(Reading, (), (sensor, celsius))

void show(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    std::ifstream in{file};
    std::string text{std::istreambuf_iterator<char>{in}, {}};
    std::replace(text.begin(), text.end(), '\n', ' ');
    fmt::print("  {}: {}\n", file.filename().string(), text);
  }
}

int main() {
  const fs::path folder = fs::temp_directory_path() / "penstock_write_files";
  fs::remove_all(folder);
  fs::create_directories(folder);

  // Every second line is flushed, and a Ref tells when its line is in the file.
  const penstock::Stream<std::string> lines;
  lines.sink_to_textfile(folder / "log.txt", {.flush = penstock::Flush::every(2)});
  lines.emit("one", penstock::Ref{[] { fmt::print("one is in the file\n"); }});
  fmt::print("one was taken\n");
  lines.emit("two");
  lines.close();

  // No file is longer than 40 bytes, each begins with its header, and the last two finished ones are kept.
  const penstock::Stream<Reading> readings;
  readings.sink_to_csv(folder / "readings.csv", {.rotate = {.bytes = 40, .keep = 2}});
  for (int n = 0; n < 8; ++n) readings.emit({"oven", 180 + n});
  readings.close();

  // Under its name it is complete, and on the disk.
  const penstock::Stream<Reading> report;
  report.sink_to_jsonl(folder / "report.jsonl", {.append = false, .atomic = true});
  report.emit({"oven", 187});
  fmt::print("before the end of the report:\n");
  show(folder);
  report.close();
  fmt::print("behind it:\n");
  show(folder);
  fs::remove_all(folder);
}
