// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "penstock/sources/csv.hpp"

namespace penstock::testing {

/// How ShopEvents makes a shop.
struct ShopEventOptions {
  std::uint64_t seed = 1;
  std::size_t events = 100'000;     ///< rows, those that come twice counted twice
  std::size_t brands = 1'000;
  std::size_t per_day = 100'000;    ///< so many of them a day, in the mean
  std::size_t damaged_one_in = 1'000;  ///< one row in so many cannot be used; 0: none
  bool disorder = true;             ///< rows come late and twice; false: in order and once
};

/// One row. What is damaged is only seen in the texts.
struct ShopEvent {
  std::uint64_t id = 0;
  std::int64_t time = 0;  ///< seconds since 1970
  std::string type{};
  std::uint64_t product = 0;
  std::string category{};
  std::string price{};
  std::uint64_t user = 0;
  std::string session{};
  unsigned damage = 0;  ///< 0: none
};

/// The events of a shop that does not exist: few brands sell much and most sell little (Zipf), people come in the
/// evening rather than at night, and rows come as they do in life. Of 1 000, 900 come in order, 90 up to ten minutes late,
/// 9 up to two hours and one later than that; 10 come again soon after; and now and then a row is damaged. One seed
/// gives the same rows everywhere, because all of it is whole numbers.
///
///     ShopEvents shop{{.seed = 7, .events = 1000}};
///     while (!shop.done()) std::puts(ShopEvents::csv(shop.next()).c_str());
class ShopEvents {
 public:
  static constexpr std::string_view event_header =
      "event_id,event_time,event_type,product_id,category_code,price,user_id,user_session";
  static constexpr std::string_view item_header = "product_id,category_id,category_code,brand";

  explicit ShopEvents(ShopEventOptions options = {}) : options_(options), random_(options.seed) {
    if (options_.brands == 0 || options_.per_day == 0) {
      throw std::invalid_argument("ShopEvents: there must be a brand and an event a day at least");
    }
    for (std::size_t rank = 1; rank <= options_.brands; ++rank) popularity_.push_back(sum_ += 1'000'000'000 / rank);
    for (std::size_t i = 0; i < options_.brands * products_of_a_brand; ++i) {
      // One call a statement: the order of calls within one is the compiler's choice.
      const std::uint64_t factor = 1 + below(40);
      prices_.push_back(49 + factor * below(100));
    }
  }

  bool done() const noexcept { return made_ == options_.events; }
  std::size_t made() const noexcept { return made_; }

  ShopEvent next() {
    ++made_;
    if (options_.disorder && !recent_.empty() && below(100) == 0) return recent_[below(recent_.size())];
    advance();
    ShopEvent event;
    event.id = ++ids_;
    event.time = first_second + static_cast<std::int64_t>(microseconds_ / 1'000'000 - behind());
    const std::uint64_t kind = below(100);
    event.type = kind < 55 ? "view" : kind < 80 ? "cart" : kind < 92 ? "remove_from_cart" : "purchase";
    const auto rank = static_cast<std::size_t>(
        std::upper_bound(popularity_.begin(), popularity_.end(), below(sum_)) - popularity_.begin());
    const std::size_t product = rank * products_of_a_brand + below(products_of_a_brand);
    event.product = product_id(product);
    event.category = category(product);
    event.price = cents(prices_[product]);
    event.user = 400'000'000 + below(20'000);
    event.session = "session-" + std::to_string(below(1'000'000));
    if (options_.damaged_one_in != 0 && below(options_.damaged_one_in) == 0) event.damage = 1 + static_cast<unsigned>(below(6));
    if (recent_.size() < remembered) {
      recent_.push_back(event);
    } else {
      recent_[made_ % remembered] = event;
    }
    return event;
  }

  /// As a record of CSV, without a line end.
  static std::string csv(ShopEvent event) {
    std::string time = time_text(event.time);
    switch (event.damage) {
      case 1: event.price.clear(); break;
      case 2: event.price.insert(0, "-"); break;
      case 3: event.price = "n/a"; break;
      case 4: event.type = "veiw"; break;
      case 5: time.erase(0, 3); break;
      default: break;
    }
    const std::string head = std::to_string(event.id) + "," + time + ",";
    if (event.damage == 6) return head + event.type + "," + event.price;
    return head + event.type + "," + std::to_string(event.product) + "," + event.category + "," + event.price + "," +
           std::to_string(event.user) + "," + event.session;
  }
  /// As a line of JSON, without its end.
  static std::string json(ShopEvent event) {
    std::string time = time_text(event.time);
    switch (event.damage) {
      case 1: event.price.clear(); break;
      case 2: event.price.insert(0, "-"); break;
      case 3: event.price = "n/a"; break;
      case 4: event.type = "veiw"; break;
      case 5: time.erase(0, 3); break;
      default: break;
    }
    const std::string head = R"({"event_id": )" + std::to_string(event.id) + R"(, "event_time": ")" + time;
    if (event.damage == 6) return head;
    return head + R"(", "event_type": ")" + event.type + R"(", "product_id": )" + std::to_string(event.product) +
           R"(, "category_code": ")" + event.category + R"(", "price": ")" + event.price + R"(", "user_id": )" +
           std::to_string(event.user) + R"(, "user_session": ")" + event.session + "\"}";
  }

  /// What the shop sells: a table with the brand of every product, the brand missing in some of its rows, and written
  /// in more than one way. Two products in a hundred have none.
  std::string items() const {
    std::string text{item_header};
    for (std::size_t i = 0; i < prices_.size(); ++i) {
      const std::string id = std::to_string(product_id(i));
      if (i % 3 == 0) text += '\n' + id + ",,,";
      std::string brand = i % 50 == 49 ? "" : brand_name(i / products_of_a_brand);
      if (i % 7 == 1) std::transform(brand.begin(), brand.end(), brand.begin(), upper);
      if (i % 7 == 2) brand += " ";
      text += '\n' + id + ",15," + category(i) + "," + csv_field(brand);
    }
    return text + "\n";
  }

 private:
  static constexpr std::int64_t first_second = 1'709'251'200;  // the 1st of March 2024
  static constexpr std::size_t products_of_a_brand = 4;
  static constexpr std::size_t remembered = 1'000;
  static constexpr std::array<std::uint64_t, 24> busy_by_hour{4,  2,  1,  1,  1,  2,  4,  7,  10, 12, 14, 15,
                                                              16, 15, 14, 14, 16, 19, 24, 29, 32, 28, 18, 9};
  static constexpr std::uint64_t busy_in_a_day = 307;  // the sum of these

  /// A number from 0 to n - 1.
  std::uint64_t below(std::uint64_t n) noexcept {
    std::uint64_t x = random_ += 0x9e3779b97f4a7c15U;  // splitmix64
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return (x ^ (x >> 31)) % n;
  }

  /// To the next event: an hour has its share of those of a day.
  void advance() noexcept {
    const std::size_t hour = static_cast<std::size_t>(microseconds_ / 3'600'000'000 % 24);
    const std::uint64_t gap = 3'600'000'000 * busy_in_a_day / (options_.per_day * busy_by_hour[hour]);
    microseconds_ += below(2 * gap + 1);
  }
  std::uint64_t behind() noexcept {
    if (!options_.disorder) return 0;
    const std::uint64_t kind = below(1'000);
    const std::uint64_t two_hours = 7'200;
    if (kind >= 100) return 0;
    if (kind >= 10) return below(600);
    if (kind >= 1) return 600 + below(two_hours - 600);
    return two_hours + 1 + below(3 * 3'600);
  }

  static char upper(char c) noexcept { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }
  static std::string brand_name(std::size_t rank) {
    static constexpr std::array<std::string_view, 16> first{
        "aurelle", "belvane", "castor & sons", "delphine", "emberly", "fjord", "galanthus", "hallow",
        "isidora", "juniper", "kettle, smith", "lumen",    "marrow",  "nixie", "the \"other\" one", "quill"};
    return rank < first.size() ? std::string(first[rank])
                               : std::string(first[rank % first.size()].substr(0, 4)) + std::to_string(rank);
  }
  static std::string category(std::size_t product) {
    static constexpr std::array<std::string_view, 6> names{"Skin.Care", "hair.care", "make_up.nails", "make_up.eyes",
                                                           "", "tools "};
    return std::string(names[product % names.size()]);
  }
  static std::string time_text(std::int64_t seconds) {
    using namespace std::chrono;
    const sys_seconds time{std::chrono::seconds{seconds}};
    const auto day = floor<days>(time);
    const year_month_day date{day};
    const hh_mm_ss clock{time - day};
    return std::to_string(static_cast<int>(date.year())) + "-" + two(static_cast<unsigned>(date.month())) + "-" +
           two(static_cast<unsigned>(date.day())) + " " + two(static_cast<std::uint64_t>(clock.hours().count())) + ":" +
           two(static_cast<std::uint64_t>(clock.minutes().count())) + ":" +
           two(static_cast<std::uint64_t>(clock.seconds().count())) + " UTC";
  }
  static std::string two(std::uint64_t n) { return n < 10 ? '0' + std::to_string(n) : std::to_string(n); }
  static std::string cents(std::uint64_t n) { return std::to_string(n / 100) + "." + two(n % 100); }
  static std::uint64_t product_id(std::size_t product) { return 5'700'000 + product * 7; }

  ShopEventOptions options_;
  std::uint64_t random_;
  std::uint64_t microseconds_ = 0;
  std::uint64_t ids_ = 0;
  std::uint64_t sum_ = 0;
  std::size_t made_ = 0;
  std::vector<std::uint64_t> popularity_;
  std::vector<std::uint64_t> prices_;
  std::vector<ShopEvent> recent_;
};

}  // namespace penstock::testing
