// SPDX-License-Identifier: BSL-1.0
//
// What people look at, put into their cart and buy, by brand and hour: reads files of a shop's events as they arrive, sets
// damaged rows aside, leaves out what comes twice, joins the brand of each product, and keeps a table that has a row for
// each brand and hour. Killed at any moment and started again it goes on where it was, and the table is the same.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>

#include <boost/asio/signal_set.hpp>
#include <boost/json/src.hpp>
#include <fmt/format.h>

#include <penstock/penstock.hpp>
#include <penstock/sources/from_jsonl.hpp>
#include <penstock/state/checkpoints.hpp>

using namespace penstock;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

// --- What is read ------------------------------------------------------------------------------------------------------

enum class Type { view, cart, purchase, remove_from_cart };
BOOST_DESCRIBE_ENUM(Type, view, cart, purchase, remove_from_cart)

/// An amount of money, exact.
struct Cents {
  std::int64_t value = 0;
};
template <>
struct penstock::field_traits<Cents> {
  static const char* read(std::string_view text, Cents& into) {
    const std::size_t dot = std::min(text.find('.'), text.size());
    const std::string_view fraction = text.substr(std::min(dot + 1, text.size()));
    const char* const end = text.data() + dot;
    const auto [at, error] = std::from_chars(text.data(), end, into.value);
    if (error != std::errc{} || at != end || fraction.size() > 2) return "is not a price";
    for (std::size_t i = 0; i < 2; ++i) {
      const char digit = i < fraction.size() ? fraction[i] : '0';
      if (digit < '0' || digit > '9' || into.value > 1'000'000'000'000) return "is not a price";
      into.value = into.value * 10 + (digit - '0');
    }
    return text[0] == '-' || into.value == 0 ? "is not more than 0" : nullptr;
  }
  static void write(const Cents& cents, std::string& into) {
    into += fmt::format("{}.{:02}", cents.value / 100, cents.value % 100);
  }
};

struct Row {
  std::optional<std::uint64_t> event_id;
  std::chrono::sys_seconds event_time;
  Type event_type{};
  std::uint64_t product_id = 0;
  std::optional<std::string> category_code;
  std::optional<std::string> brand;
  Cents price;
  std::uint64_t user_id = 0;
  std::string user_session;
};
BOOST_DESCRIBE_STRUCT(Row, (),
                      (event_id, event_time, event_type, product_id, category_code, brand, price, user_id, user_session))

struct Item {
  std::uint64_t product_id = 0;
  std::optional<std::string> category_code;
  std::optional<std::string> brand;
};
BOOST_DESCRIBE_STRUCT(Item, (), (product_id, category_code, brand))

// --- What becomes of it ------------------------------------------------------------------------------------------------

struct Event {
  std::uint64_t id = 0;
  std::chrono::sys_seconds time;
  Type type{};
  std::string brand;
  std::string category;
  std::int64_t cents = 0;
  std::uint64_t user = 0;
};

/// Says which events were counted, and not only how many: the sum of their numbers, each well mixed.
struct Fingerprint {
  std::uint64_t sum = 0;

  void add(const Event& event) {
    std::uint64_t x = event.id + 0x9e3779b97f4a7c15U;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    sum += x ^ (x >> 31);
  }
  void merge(const Fingerprint& other) { sum += other.sum; }
  std::uint64_t result() const { return sum; }
};

struct Funnel {
  std::uint64_t views = 0, carts = 0, purchases = 0, users = 0, categories = 0, events = 0;
  std::int64_t cents = 0;
};

struct FunnelRow {
  std::string brand;
  std::chrono::sys_seconds hour;
  std::uint64_t views = 0;
  std::uint64_t carts = 0;
  std::uint64_t purchases = 0;
  Cents revenue;
  std::uint64_t users = 0;
  std::uint64_t categories = 0;
  std::optional<double> view_to_cart;
  std::optional<double> cart_to_purchase;
  std::optional<double> conversion;
  std::uint64_t events = 0;  // a fingerprint of them
};
BOOST_DESCRIBE_STRUCT(FunnelRow, (),
                      (brand, hour, views, carts, purchases, revenue, users, categories, view_to_cart, cart_to_purchase,
                       conversion, events))

struct LateRow {
  std::uint64_t event_id = 0;
  std::chrono::sys_seconds event_time;
  std::string brand;
  std::string event_type;
  std::int64_t seconds_late = 0;
};
BOOST_DESCRIBE_STRUCT(LateRow, (), (event_id, event_time, brand, event_type, seconds_late))

struct BadRecord {
  std::string file;
  std::uint64_t line = 0;
  std::string column;
  std::string reason;
  std::string text;
};
BOOST_DESCRIBE_STRUCT(BadRecord, (), (file, line, column, reason, text))

/// What the job knows of a product.
struct Product {
  std::string brand;
  std::string category;
};
using Products = std::unordered_map<std::uint64_t, Product>;

/// Without blanks around it, and in small letters.
std::string normal(std::string_view text) {
  const std::size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
  std::string made{text.substr(begin, text.find_last_not_of(" \t") + 1 - begin)};
  std::transform(made.begin(), made.end(), made.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return made;
}

/// The first brand and the first category that stand beside a product are its own.
Products read_products(const fs::path& file) {
  Products products;
  const auto items = from_csv<Item>(file.string(), {.unknown_columns = true});
  items.sink([&](const Item& item) {
    Product& product = products[item.product_id];
    if (product.brand.empty()) product.brand = normal(item.brand.value_or(""));
    if (product.category.empty()) product.category = normal(item.category_code.value_or(""));
  });
  items.start();
  return products;
}

/// What two rows have in common when one is the other once more.
auto identity(const Row& row) {
  return std::tuple{row.event_id.value_or(0),  row.event_time.time_since_epoch().count(), static_cast<int>(row.event_type),
                    row.product_id, row.user_id, row.user_session};
}

Event to_event(const Row& row, const Products& products) {
  static const Product unknown;
  const auto found = products.find(row.product_id);
  const Product& product = found == products.end() ? unknown : found->second;
  const auto first = [](std::string one, const std::string& other, const char* none) {
    return !one.empty() ? one : !other.empty() ? other : none;
  };
  return {row.event_id.value_or(0),
          row.event_time,
          row.event_type,
          first(normal(row.brand.value_or("")), product.brand, "(no brand)"),
          first(normal(row.category_code.value_or("")), product.category, "(no category)"),
          row.price.value,
          row.user_id};
}

bool in_funnel(const Row& row) { return row.event_type != Type::remove_from_cart; }

std::optional<double> rate(std::uint64_t of, std::uint64_t among) {
  if (among == 0) return std::nullopt;
  return static_cast<double>(of) / static_cast<double>(among);
}

FunnelRow to_row(const WindowResult<std::string, Funnel>& hour) {
  const Funnel& all = hour.value;
  return {hour.key, std::chrono::sys_seconds{std::chrono::seconds{hour.window.start / 1'000'000}},
          all.views, all.carts, all.purchases, Cents{all.cents}, all.users, all.categories,
          rate(all.carts, all.views), rate(all.purchases, all.carts), rate(all.purchases, all.views), all.events};
}

LateRow to_late_row(const Late<Event>& late) {
  std::string type;
  detail::write_field(late.value.type, type, {});
  return {late.value.id, late.value.time, late.value.brand, type, late.lateness() / 1'000'000};
}

BadRecord to_bad_record(const BadRow& row) {
  return {fs::path{row.file}.filename().string(), row.line, row.column, row.reason, row.text};
}

/// The job itself. The frontier is told behind every row: what is late depends on the order of the rows alone, and not on how
/// many of them the source reads at once, so a run that was interrupted comes to the same answers.
Handle build(const Stream<Row>& rows, const Stream<BadRow>& bad_rows, const Products& products, const fs::path& output,
             Output results) {
  // Each file of dead letters has its name when it is complete: whoever deals with them may take it away.
  bad_rows.map(to_bad_record)
      .sink_to_csv((output / "dead_letters.csv").string(), {.rotate = {.bytes = 1'000'000}, .atomic = true})
      .named("dead letters");

  const auto is = [](Type type) { return [type](const Event& event) { return event.type == type; }; };
  const auto revenue = [](const Event& event) { return event.type == Type::purchase ? event.cents : 0; };

  auto hours = rows.event_time(&Row::event_time, bounded_disorder(2h), {.tell = Tell::element}).named("clock")
                   .filter(in_funnel)
                   .unique(identity, Unique{.maxsize = 5'000}).named("once")
                   .map(to_event, std::cref(products))
                   .key_by(&Event::brand)
                   .window(tumbling(1h), {.output = results})
                   .aggregate(into<Funnel>(&Funnel::views, count_if(is(Type::view)), &Funnel::carts, count_if(is(Type::cart)),
                                           &Funnel::purchases, count_if(is(Type::purchase)), &Funnel::cents, sum(revenue),
                                           &Funnel::users, distinct(&Event::user), &Funnel::categories,
                                           distinct(&Event::category), &Funnel::events, Fingerprint{}))
                   .named("hours");
  hours.map(to_row).upsert_csv((output / "funnel.csv").string(), &FunnelRow::brand, &FunnelRow::hour).named("table");
  hours.late().map(to_late_row).sink_to_csv((output / "late.csv").string(), {.append = false}).named("late");
  return rows;
}

// --- The program -------------------------------------------------------------------------------------------------------

constexpr const char* usage = R"(usage: hourly_funnel --input DIR --output DIR [options]
Reads events*.csv in the order of their names and keeps funnel.csv, late.csv and dead_letters.000001.csv and so on.
  --format NAME          csv or jsonl: reads events*.jsonl
  --items FILE           product_id,category_code,brand; without it items.csv of the input, if there is one
  --follow               waits for more files: Ctrl-C ends the job when it has read those that are there, and SIGTERM
                         stops it at once, to be gone on with later
  --live                 a row is there from the first event of its hour on, and changes with each; without it when no
                         event can change it any more
  --state DIR            where checkpoints are kept: started again, the job goes on from the last one
  --checkpoint-every MS  without it 1000
)";

using Options = std::map<std::string, std::string>;

Options parse_options(int argc, char** argv) {
  Options options{{"--input", ""}, {"--output", ""}, {"--format", "csv"}, {"--items", ""}, {"--follow", ""}, {"--live", ""}, {"--state", ""},
                  {"--checkpoint-every", "1000"}};
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--help") {
      fmt::print("{}", usage);
      std::exit(0);
    }
    if (!options.contains(name)) throw std::invalid_argument(fmt::format("no option {}; --help lists them", name));
    const bool flag = name == "--follow" || name == "--live";
    if (!flag && i + 1 == argc) throw std::invalid_argument(fmt::format("{} needs a value", name));
    options[name] = flag ? "yes" : argv[++i];
  }
  if (options["--input"].empty() || options["--output"].empty()) {
    throw std::invalid_argument("--input DIR and --output DIR are needed; --help says more");
  }
  if (options["--format"] != "csv" && options["--format"] != "jsonl") throw std::invalid_argument("--format is csv or jsonl");
  return options;
}

std::chrono::milliseconds milliseconds(const std::string& text) {
  std::uint32_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error == std::errc{} && end == text.data() + text.size() && n > 0) return std::chrono::milliseconds{n};
  throw std::invalid_argument(fmt::format("--checkpoint-every needs milliseconds, not \"{}\"", text));
}

template <class Source>
void run(EventLoop& loop, const Source& rows, const Options& options) {
  const fs::path input = options.at("--input"), state = options.at("--state");
  const fs::path items = options.at("--items").empty() ? input / "items.csv" : fs::path{options.at("--items")};
  const Products products = options.at("--items").empty() && !fs::exists(items) ? Products{} : read_products(items);
  const Handle graph = build(rows, rows.bad_rows(), products, options.at("--output"),
                             options.at("--live").empty() ? Output::append : Output::update);

  std::optional<Checkpoints> checkpoints;
  if (!state.empty()) {
    checkpoints.emplace(graph, CheckpointOptions{.directory = state,
                                                 .every = milliseconds(options.at("--checkpoint-every")),
                                                 .guarantee = Guarantee::exactly_once});
  }
  boost::asio::signal_set signals{loop.executor(), SIGINT, SIGTERM};
  signals.async_wait([&](auto error, int signal) {
    if (error) return;
    if (signal == SIGINT) return rows.finish();
    if (!checkpoints) std::exit(1);
    static_cast<void>(checkpoints->start_suspend());
  });
  rows.start();
  if (checkpoints) {
    checkpoints->wait_over();
  } else {
    graph.wait_idle();
  }
}

int main(int argc, char** argv) try {
  const Options options = parse_options(argc, argv);
  const fs::path input = options.at("--input");
  fs::create_directories(options.at("--output"));
  EventLoop loop;
  const std::string format = options.at("--format");
  const FileSet files{input / ("events*." + format), {.follow = !options.at("--follow").empty(), .poll = 10ms}};
  if (format == "jsonl") {
    run(loop, from_jsonl<Row>(loop, files, {.unknown_names = true, .poll = 10ms}).named("events"), options);
  } else {
    run(loop, from_csv<Row>(loop, files, {.unknown_columns = true, .poll = 10ms}).named("events"), options);
  }
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "hourly_funnel: {}\n", error.what());
  return 2;
}
