// SPDX-License-Identifier: BSL-1.0
//
// A shop that does not exist writes down what happens in it: a directory fills with files of events, some of which come
// late, twice or damaged. What hourly_funnel reads.
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>

#include <fmt/core.h>

#include <penstock/testing/shop_events.hpp>

namespace fs = std::filesystem;
using penstock::testing::ShopEvents;

constexpr const char* usage = R"(usage: shop_writer --output DIR [options]
Writes items.csv, what the shop sells, and events_000001.csv and so on, what happens there.
  --events N      rows of all files; without it 100000
  --files N       so many files; without it 20
  --pace MS       so many milliseconds between one file and the next; without it 0
  --format NAME   csv or jsonl
  --seed N        another shop
  --per-day N     so many events a day; without it 100000
  --damaged N     one row in N is damaged; without it 1000, and 0 is none
)";

/// A file is there when it is complete, and not before.
void write(const fs::path& file, const std::string& text) {
  const fs::path unfinished = file.parent_path() / ('.' + file.filename().string() + ".part");
  std::ofstream out{unfinished, std::ios::binary | std::ios::trunc};
  out << text;
  out.close();
  if (!out) throw std::runtime_error("cannot write " + unfinished.string());
  fs::rename(unfinished, file);
}

using Options = std::map<std::string, std::string>;

std::uint64_t number(const Options& options, const char* name, std::uint64_t least = 1) {
  const std::string& text = options.at(name);
  std::uint64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error == std::errc{} && end == text.data() + text.size() && n >= least) return n;
  throw std::invalid_argument(fmt::format("{} needs a whole number from {} on, not \"{}\"", name, least, text));
}

int main(int argc, char** argv) try {
  Options options{{"--output", ""}, {"--events", "100000"}, {"--files", "20"},       {"--pace", "0"},
                  {"--format", "csv"}, {"--seed", "1"},     {"--per-day", "100000"}, {"--damaged", "1000"}};
  for (int i = 1; i < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--help") {
      fmt::print("{}", usage);
      return 0;
    }
    if (!options.contains(name)) throw std::invalid_argument(fmt::format("no option {}; --help lists them", name));
    if (i + 1 == argc) throw std::invalid_argument(fmt::format("{} needs a value", name));
    options[name] = argv[i + 1];
  }
  if (options["--output"].empty()) throw std::invalid_argument("--output DIR says where the files go");
  const bool csv = options["--format"] == "csv";
  if (!csv && options["--format"] != "jsonl") throw std::invalid_argument("--format is csv or jsonl");

  const fs::path directory{options["--output"]};
  const std::uint64_t events = number(options, "--events"), files = number(options, "--files");
  const std::chrono::milliseconds pace{number(options, "--pace", 0)};
  ShopEvents shop{{.seed = number(options, "--seed"),
                   .events = events,
                   .per_day = number(options, "--per-day"),
                   .damaged_one_in = number(options, "--damaged", 0)}};
  fs::create_directories(directory);
  write(directory / "items.csv", shop.items());
  for (std::uint64_t file = 1; !shop.done(); ++file) {
    std::string text = csv ? std::string(ShopEvents::event_header) + "\n" : "";
    // Files differ in length by a row at most.
    while (!shop.done() && shop.made() < file * events / files) {
      text += (csv ? ShopEvents::csv(shop.next()) : ShopEvents::json(shop.next())) + "\n";
    }
    write(directory / fmt::format("events_{:06}.{}", file, options["--format"]), text);
    if (!shop.done()) std::this_thread::sleep_for(pace);
  }
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "shop_writer: {}\n", error.what());
  return 2;
}
