// SPDX-License-Identifier: BSL-1.0
//
// Counts what happens in a shop, by brand and hour, while the shop writes it down: follows CSV files of
// events as they grow, sets damaged rows aside, joins the brand of each product and shows the best rows. At
// the end a plain loop over the same files must have counted the same.
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <map>
#include <unordered_map>
#include <variant>

#include <boost/asio/signal_set.hpp>
#include <fmt/format.h>

#include <penstock/penstock.hpp>
#include <penstock/testing/shop_events.hpp>

using namespace penstock;
using namespace std::chrono_literals;
namespace fs = std::filesystem;
using Bad = std::runtime_error;

struct Line {
  std::string file;
  int number = 0;
  std::string text;
};
enum class Type { view, cart, purchase, remove };
struct Event {
  std::string hour;
  Type type;
  std::string product;
  std::int64_t cents;
  std::string brand;
};
struct Damaged {
  Line line;
  std::string reason;
};
struct Counts {
  std::size_t views = 0, carts = 0, purchases = 0;
  std::int64_t cents = 0;
  bool operator==(const Counts&) const = default;
};
using Table = std::map<std::pair<std::string, std::string>, Counts>;  // by hour and brand
using Brands = std::unordered_map<std::string, std::string>;          // by product

std::string hour_of(std::string_view time) {
  const std::string_view shape = "0000-00-00 00:00:00 UTC";
  const auto fits = [](char c, char s) { return s == '0' ? c >= '0' && c <= '9' : c == s; };
  if (std::equal(time.begin(), time.end(), shape.begin(), shape.end(), fits)) {
    return std::string(time.substr(0, 13));
  }
  throw Bad(fmt::format("\"{}\" is not a time", time));
}

Type type_of(std::string_view text) {
  constexpr std::string_view names[] = {"view", "cart", "purchase", "remove_from_cart"};  // as in Type
  const auto found = std::find(std::begin(names), std::end(names), text);
  if (found == std::end(names)) throw Bad(fmt::format("\"{}\" is not a type of event", text));
  return static_cast<Type>(found - std::begin(names));
}

std::int64_t cents_of(std::string_view text) {
  double price = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), price);
  if (error != std::errc{} || end != text.data() + text.size()) {
    throw Bad(fmt::format("\"{}\" is not a price", text));
  }
  if (!(price > 0)) throw Bad(fmt::format("the price {} is not more than 0", text));
  return std::llround(price * 100);
}

std::variant<Event, Damaged> parse(Line line) {
  try {
    const CsvRecord row{line.text};
    if (row.size() != 6) throw Bad(fmt::format("{} fields where 6 belong", row.size()));
    return Event{hour_of(row[0]), type_of(row[1]), std::string(row[2]), cents_of(row[3]), {}};
  } catch (const Bad& reason) {
    return Damaged{std::move(line), reason.what()};
  }
}

bool counts(const Event& event) { return event.type != Type::remove; }

Event with_brand(Event event, const Brands& brands) {
  const auto found = brands.find(event.product);
  event.brand = found == brands.end() ? "(no brand)" : found->second;
  return event;
}

using SharedTable = std::shared_ptr<Table>;  // one table for all, so that counting an event copies nothing
SharedTable add_event(SharedTable table, const Event& event) {
  Counts& row = (*table)[{event.hour, event.brand}];
  row.views += event.type == Type::view;
  row.carts += event.type == Type::cart;
  row.purchases += event.type == Type::purchase;
  if (event.type == Type::purchase) row.cents += event.cents;
  return table;
}

std::string dead_letter(const Damaged& row) {
  const Line& line = row.line;
  return fmt::format("{},{},{},{}", csv_field(line.file), line.number, csv_field(row.reason),
                     csv_field(line.text));
}

Brands read_brands(const fs::path& file) {  // the first brand that stands beside a product is its brand
  Brands brands;
  const auto rows = from_textfile(file);
  rows.skip(1)
      .map([](std::string line) { return CsvRecord{std::move(line)}; })
      .filter([](const CsvRecord& row) { return row.size() == 4 && !row[3].empty(); })
      .sink([&](const CsvRecord& row) { brands.try_emplace(std::string(row[0]), row[3]); });
  rows.start();
  return brands;
}

bool is_terminal(int fd) {
  const char* term = std::getenv("TERM");
  return isatty(fd) != 0 && term != nullptr && std::string_view(term) != "dumb";
}

void clear_progress() {
  if (is_terminal(STDERR_FILENO)) fmt::print(stderr, "\r\x1b[K");
}

void show(const Table& table, std::size_t best) {
  clear_progress();
  std::vector<std::pair<Table::key_type, Counts>> rows(table.begin(), table.end());
  std::stable_sort(rows.begin(), rows.end(),
                   [](auto& a, auto& b) { return a.second.cents > b.second.cents; });
  rows.resize(std::min(best, rows.size()));
  fmt::print("{} of {} hours and brands, by revenue:\n", rows.size(), table.size());
  fmt::print("{:<16}  {:<20} {:>7} {:>7} {:>9} {:>11}\n", "hour (UTC)", "brand", "views", "carts",
             "purchases", "revenue");
  for (const auto& [key, row] : rows) {
    fmt::print("{}:00  {:<20.20} {:>7} {:>7} {:>9} {:>11.2f}\n", key.first, key.second, row.views, row.carts,
               row.purchases, static_cast<double>(row.cents) / 100);
  }
  fmt::print("\n");
  std::fflush(stdout);
}

/// The same numbers without Penstock.
std::pair<Table, int> count_again(const std::vector<TextFileSource>& files, const Brands& brands) {
  const auto table = std::make_shared<Table>();
  int damaged = 0;
  for (const TextFileSource& file : files) {
    std::ifstream in{file.info().detail};
    std::string text;
    for (std::getline(in, text); std::getline(in, text);) {
      const auto row = parse({{}, 0, text});
      const auto* event = std::get_if<Event>(&row);
      damaged += event == nullptr;
      if (event && counts(*event)) add_event(table, with_brand(*event, brands));
    }
  }
  return {*table, damaged};
}

constexpr const char* usage = R"(usage: shop_counts [options]
Counts views, carts, purchases and revenue by brand and hour.
  --input DIR         events*.csv there: event_time,event_type,product_id,price,user_id,user_session;
                      without it a shop is made up, and its files are followed while they are written
  --brands FILE       product_id,category_id,category_code,brand; without it DIR/items.csv
  --dead-letter FILE  where damaged rows go, with file, line and reason; without it in the temporary folder
  --follow            waits for more, until Ctrl-C
  --seed N            another made-up shop
  --events N          how many events it writes; without it 100000
)";

using Options = std::map<std::string, std::string>;
Options parse_options(int argc, char** argv) {
  Options options{{"--input", ""}, {"--brands", ""}, {"--follow", ""}, {"--seed", "1"}, {"--events", "100000"},
                  {"--dead-letter", fs::temp_directory_path() / "shop_counts_dead_letters.csv"}};
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--help") {
      fmt::print("{}", usage);
      std::exit(0);
    }
    if (!options.contains(name)) throw Bad(fmt::format("no option {}; --help lists them", name));
    if (name != "--follow" && i + 1 == argc) throw Bad(fmt::format("{} needs a value", name));
    options[name] = name == "--follow" ? "yes" : argv[++i];
  }
  return options;
}

std::uint64_t number(const Options& options, const char* name) {
  const std::string& text = options.at(name);
  std::uint64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error == std::errc{} && end == text.data() + text.size() && n > 0) return n;
  throw Bad(fmt::format("{} needs a whole number from 1 on, not \"{}\"", name, text));
}

int run(Options options) {
  std::optional<penstock::testing::ShopFiles> shop;
  if (options["--input"].empty()) {
    shop.emplace(number(options, "--seed"), number(options, "--events"));
    fmt::print("A made-up shop writes {} events, which are counted while it does.\n\n", options["--events"]);
  }
  const fs::path input = shop ? shop->directory() : fs::path{options["--input"]};
  const fs::path items = options["--brands"].empty() ? input / "items.csv" : fs::path{options["--brands"]};
  const Brands brands = options["--brands"].empty() && !fs::exists(items) ? Brands{} : read_brands(items);

  EventLoop loop;
  bool follow = shop || !options["--follow"].empty();
  std::vector<TextFileSource> files;
  const Stream<Line> lines{loop, "lines"};
  const auto names = filenames(loop, input / "events*.csv", {.follow = follow, .poll = 20ms});
  names.sink([&](const fs::path& path) {
    files.push_back(from_textfile(loop, path, {.follow = follow, .poll = 20ms}));
    auto numbered = [file = path.string(), n = 0](std::string text) mutable {
      return Line{file, ++n, std::move(text)};
    };
    files.back().map(numbered).skip(1).stream().connect(lines);
    files.back().start();
  });
  // The lines have not ended as long as names may come.
  names.filter([](const fs::path&) { return false; })
      .map([](const fs::path&) { return Line{}; })
      .stream()
      .connect(lines);
  const auto finish = [&] {
    follow = false;
    names.finish();
    for (const TextFileSource& file : files) file.finish();
  };

  const auto table = std::make_shared<Table>();
  int rows = 0, damaged_rows = 0;
  auto [events, damaged] = lines.tap([&](const Line&) { ++rows; }).map(parse).split();
  const Stream<SharedTable> counted =
      events.filter(counts).map(with_brand, std::cref(brands)).accumulate(add_event, table);
  damaged.tap([&](const Damaged&) { ++damaged_rows; })
      .map(dead_letter)
      .sink_to_textfile(options["--dead-letter"], {.append = false});
  if (is_terminal(STDOUT_FILENO)) counted.sample(1s).sink([](const SharedTable& now) { show(*now, 8); });
  if (is_terminal(STDERR_FILENO)) {
    lines.sample(100ms).sink([&](const Line&) {
      fmt::print(stderr, "\rfiles: {}, rows: {}, damaged: {}\x1b[K", files.size(), rows, damaged_rows);
    });
  }

  std::optional<Source<bool>> writer;
  if (shop) {
    writer = from_periodic(loop, [&] { return shop->write(500); }, 10ms);
    writer->filter(std::logical_not{}).sink([&](bool) { writer->stop(), finish(); });
    writer->start();
  }
  boost::asio::signal_set interrupt{loop.executor()};
  if (!shop && follow) {
    interrupt.add(SIGINT);
    interrupt.async_wait([&](auto error, int) {
      if (!error) finish();
    });
  }
  names.start();
  loop.run();

  if (files.empty()) throw Bad(fmt::format("no events*.csv in {}", input.string()));
  show(*table, 20);
  const bool same = count_again(files, brands) == std::pair{*table, damaged_rows};
  fmt::print("{} rows of {} file{}, {} of them damaged: see {}\n", rows, files.size(),
             files.size() == 1 ? "" : "s", damaged_rows, options["--dead-letter"]);
  fmt::print("A plain loop over the same files counts {}.\n", same ? "the same" : "something else");
  return same ? 0 : 1;
}

int main(int argc, char** argv) try {
  return run(parse_options(argc, argv));
} catch (const std::exception& error) {
  fmt::print(stderr, "shop_counts: {}\n", error.what());
  return 2;
}
