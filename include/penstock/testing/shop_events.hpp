// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <ios>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "penstock/sources/csv.hpp"

namespace penstock::testing {

/// How ShopEvents makes a shop.
struct ShopEventOptions {
  std::uint64_t seed = 1;
  std::size_t events = 100'000;
  std::size_t products = 2'000;
  std::size_t damaged_one_in = 1'000;  ///< one row in so many cannot be read; 0: none
};

/// The events of a shop that does not exist, as rows of CSV: few products sell much and most sell little
/// (Zipf), people come in the evening rather than at night, and now and then a row is damaged. One seed gives
/// the same rows everywhere, because all of it is whole numbers.
///
///     ShopEvents shop{{.seed = 7, .events = 1000}};
///     while (!shop.done()) std::puts(shop.next().c_str());
class ShopEvents {
 public:
  static constexpr std::string_view event_header =
      "event_time,event_type,product_id,price,user_id,user_session";
  static constexpr std::string_view item_header = "product_id,category_id,category_code,brand";

  explicit ShopEvents(ShopEventOptions options = {}) : options_(options), random_(options.seed) {
    if (options_.products == 0) throw std::invalid_argument("ShopEvents: there must be a product at least");
    std::uint64_t sum = 0;
    for (std::size_t rank = 1; rank <= options_.products; ++rank) {
      popularity_.push_back(sum += 1'000'000'000 / rank);
    }
    for (std::size_t i = 0; i < options_.products; ++i) {
      // One call a statement: the order of calls within one is the compiler's choice. Two products in five
      // have no brand; those that sell most do.
      const bool has_brand = below(5) >= 2 || i < 10;
      const std::size_t one = below(brand_names.size());
      const std::size_t other = below(brand_names.size());
      brands_.push_back(has_brand ? std::min(one, other) : no_brand);
      const std::uint64_t factor = 1 + below(40);
      prices_.push_back(49 + factor * below(100));
    }
  }

  bool done() const noexcept { return made_ == options_.events; }
  std::size_t made() const noexcept { return made_; }
  /// The day of the row that `next` makes next, such as "2024_03_01".
  std::string day() const { return date('_'); }

  /// One row, without a line end.
  std::string next() {
    ++made_;
    const std::string when =
        date('-') + " " + two(hour()) + ":" + two(seconds_ / 60 % 60) + ":" + two(seconds_ % 60) + " UTC";
    // 32 seconds between two events in the quietest hour, a second in the busiest.
    seconds_ += below(2 * 32 / busy_by_hour[hour()] + 1);
    const std::uint64_t pick = below(popularity_.back());
    const auto product = static_cast<std::size_t>(
        std::upper_bound(popularity_.begin(), popularity_.end(), pick) - popularity_.begin());
    const std::uint64_t kind = below(100);
    const std::string type = kind < 55   ? "view"
                             : kind < 80 ? "cart"
                             : kind < 92 ? "remove_from_cart"
                                         : "purchase";
    const std::string price = cents(prices_[product]);
    const std::string user = std::to_string(400'000'000 + below(20'000));
    const std::string rest = user + "," + "session-" + std::to_string(below(1'000'000));
    if (options_.damaged_one_in != 0 && below(options_.damaged_one_in) == 0) {
      return damaged(when, type, id(product), price, rest);
    }
    return when + "," + type + "," + id(product) + "," + price + "," + rest;
  }

  /// What the shop sells: a table with the brand of every product, the brand missing in some of its rows.
  std::string items() const {
    std::string text{item_header};
    for (std::size_t i = 0; i < options_.products; ++i) {
      const std::string_view brand = brands_[i] == no_brand ? "" : brand_names[brands_[i]];
      if (i % 3 == 0) text += "\n" + id(i) + ",,,";
      text += "\n" + id(i) + ",15,," + csv_field(brand);
    }
    return text;
  }

 private:
  static constexpr std::size_t no_brand = ~std::size_t{0};
  static constexpr std::array<std::string_view, 16> brand_names{
      "aurelle", "belvane", "castor & sons", "delphine", "emberly", "fjord", "galanthus", "hallow",
      "isidora", "juniper", "kettle, smith", "lumen",    "marrow",  "nixie", "the \"other\" one", "quill"};
  static constexpr std::array<std::uint64_t, 24> busy_by_hour{4,  2,  1,  1,  1,  2,  4,  7,  10, 12, 14, 15,
                                                              16, 15, 14, 14, 16, 19, 24, 29, 32, 28, 18, 9};

  /// A number from 0 to n - 1.
  std::uint64_t below(std::uint64_t n) noexcept {
    std::uint64_t x = random_ += 0x9e3779b97f4a7c15U;  // splitmix64
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return (x ^ (x >> 31)) % n;
  }

  std::string damaged(const std::string& when, const std::string& type, const std::string& product,
                      const std::string& price, const std::string& rest) {
    switch (below(6)) {
      case 0: return when + "," + type + "," + product + ",," + rest;
      case 1: return when + "," + type + "," + product + ",-" + price + "," + rest;
      case 2: return when + "," + type + "," + product + ",n/a," + rest;
      case 3: return when + ",veiw," + product + "," + price + "," + rest;
      case 4: return when.substr(3) + "," + type + "," + product + "," + price + "," + rest;
      default: return when + ",\"" + type + "," + product + "," + price;
    }
  }

  std::size_t hour() const noexcept { return static_cast<std::size_t>(seconds_ / 3600 % 24); }
  std::string date(char separator) const {
    using namespace std::chrono;
    const year_month_day day{sys_days{2024y / March / 1} + days{seconds_ / 86'400}};
    return std::to_string(static_cast<int>(day.year())) + separator +
           two(static_cast<unsigned>(day.month())) + separator + two(static_cast<unsigned>(day.day()));
  }
  static std::string two(std::uint64_t n) { return (n < 10 ? "0" : "") + std::to_string(n); }
  static std::string cents(std::uint64_t n) { return std::to_string(n / 100) + "." + two(n % 100); }
  static std::string id(std::size_t product) { return std::to_string(5'700'000 + product * 7); }

  ShopEventOptions options_;
  std::uint64_t random_;
  std::uint64_t seconds_ = 0;
  std::size_t made_ = 0;
  std::vector<std::uint64_t> popularity_;
  std::vector<std::size_t> brands_;
  std::vector<std::uint64_t> prices_;
};

/// Writes the events of a shop into files of a fresh directory, one for each day, and what it sells into
/// items.csv; a bit at a time, so that a program can be seen following them. Like many such files they have
/// no line end behind their last row. The directory is removed at the end.
class ShopFiles {
 public:
  ShopFiles(std::uint64_t seed, std::size_t events) : shop_({.seed = seed, .events = events}) {
    std::random_device random;
    directory_ = std::filesystem::temp_directory_path() / ("penstock-shop-" + std::to_string(random()));
    std::filesystem::create_directory(directory_);
    append("items.csv", shop_.items());
  }
  ShopFiles(const ShopFiles&) = delete;
  ShopFiles& operator=(const ShopFiles&) = delete;
  ~ShopFiles() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  const std::filesystem::path& directory() const noexcept { return directory_; }

  /// Appends so many more events. False when that was the last of them.
  bool write(std::size_t events) {
    std::string text;
    for (; events > 0 && !shop_.done(); --events) {
      const std::string file = "events_" + shop_.day() + ".csv";
      if (file != file_) {
        if (!text.empty()) append(file_, text);
        file_ = file;
        text = ShopEvents::event_header;
      }
      text += "\n" + shop_.next();
    }
    if (!text.empty()) append(file_, text);
    return !shop_.done();
  }

 private:
  void append(const std::string& name, const std::string& text) const {
    std::ofstream out{directory_ / name, std::ios::binary | std::ios::app};
    out << text;
    if (!out.flush()) throw std::runtime_error("ShopFiles: cannot write " + (directory_ / name).string());
  }

  std::filesystem::path directory_;
  ShopEvents shop_;
  std::string file_;
};

}  // namespace penstock::testing
