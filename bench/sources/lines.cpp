// SPDX-License-Identifier: BSL-1.0
#include "sources/lines.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include <boost/json/src.hpp>

namespace bench {
namespace {

constexpr std::size_t bytes = 4277810;

std::string make_lines() {
  std::uint32_t x = 12345;
  const auto step = [&x] { return x = 1664525 * x + 1013904223; };
  std::string all;
  for (std::int64_t i = 0; i < lines; ++i) {
    const auto value = static_cast<unsigned>((step() >> 16) % 1000);
    const auto name = static_cast<unsigned>((step() >> 16) % 100);
    char line[80];
    std::snprintf(line, sizeof line, R"({"id": %lld, "name": "n%02u", "value": %u})", static_cast<long long>(i), name, value);
    all += line;
    all += '\n';
  }
  if (all.size() != bytes) throw std::logic_error("the lines have " + std::to_string(all.size()) + " bytes");
  return all;
}

}  // namespace

const std::string& lines_file() {
  static const std::string path = [] {
    const std::string file = (std::filesystem::temp_directory_path() / "penstock_bench_lines.jsonl").string();
    std::ofstream{file, std::ios::binary} << make_lines();
    if (std::filesystem::file_size(file) != bytes) throw std::runtime_error("cannot write " + file);
    return file;
  }();
  return path;
}

const std::vector<std::string>& lines_in_memory() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> made;
    std::ifstream file{lines_file()};
    for (std::string line; std::getline(file, line);) made.push_back(line);
    return made;
  }();
  return all;
}

Value Reading::value() const { return json.as_object().at("value").as_int64(); }
Reading parse(const std::string& line) { return {boost::json::parse(line)}; }

void sum_lines(const penstock::Stream<std::string>& source, Value* last) {
  source.map(parse)
      .pluck(&Reading::value)
      .accumulate([](Value sum, Value x) { return sum + x; }, Value{0})
      .sink([last](Value sum) {
        *last = sum;
        consume(sum);
      });
}

}  // namespace bench
