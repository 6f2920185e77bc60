// SPDX-License-Identifier: BSL-1.0
// Writes lines to a file; when the stream has ended, the file is complete.
#include <fmt/core.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <penstock/penstock.hpp>

int main() {
  const std::filesystem::path path = std::filesystem::temp_directory_path() / "penstock_sink_to_textfile.txt";
  const penstock::Stream<int> numbers;
  numbers.map([](int n) { return fmt::format("{} squared is {}", n, n * n); })
      .sink_to_textfile(path, {.append = false});
  for (int n = 1; n <= 3; ++n) numbers.emit(n);
  numbers.close();

  std::ifstream file{path};
  fmt::print("{}", std::string{std::istreambuf_iterator<char>{file}, {}});
  std::filesystem::remove(path);
}
