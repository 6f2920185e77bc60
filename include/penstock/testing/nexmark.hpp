// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <variant>

// Not an operator: the events of an auction site, every one of which is determined by its number.

namespace penstock::testing {

/// NEXMark's events, as its Java generator makes them from one seed an event: for tests whose queries have known answers. Times
/// are microseconds since 1970, prices cents.
namespace nexmark {

struct Person {
  std::int64_t id = 0;
  std::string name;
  std::string email;
  std::string card;
  std::string city;
  std::string state;
  std::int64_t time = 0;
};
struct Auction {
  std::int64_t id = 0;
  std::string name;
  std::string description;
  std::int64_t initial_bid = 0;
  std::int64_t reserve = 0;
  std::int64_t time = 0;
  std::int64_t expires = 0;
  std::int64_t seller = 0;
  std::int64_t category = 0;
};
struct Bid {
  std::int64_t auction = 0;
  std::int64_t bidder = 0;
  std::int64_t price = 0;
  std::int64_t time = 0;
};
using Event = std::variant<Person, Auction, Bid>;

inline std::int64_t time_of(const Event& event) {
  return std::visit([](const auto& kind) { return kind.time; }, event);
}

/// `java.util.Random`: 48 bits of a linear congruential generator, as its documentation gives it.
class JavaRandom {
 public:
  explicit JavaRandom(std::int64_t seed) : state_((static_cast<std::uint64_t>(seed) ^ multiplier) & mask) {}

  std::int32_t below(std::int32_t bound) {
    std::int32_t bits = next(31);
    if ((bound & (bound - 1)) == 0) return static_cast<std::int32_t>((std::int64_t{bound} * bits) >> 31);
    // Those that would make small numbers more frequent than others are drawn again: where the sum leaves 31 bits.
    while (std::int64_t{bits} - bits % bound + (bound - 1) > 0x7FFFFFFF) bits = next(31);
    return bits % bound;
  }
  double fraction() {
    const std::int64_t high = next(26);
    return static_cast<double>((high << 27) + next(27)) / 9007199254740992.0;  // 2 to the power of 53
  }

 private:
  static constexpr std::uint64_t multiplier = 0x5DEECE66D;
  static constexpr std::uint64_t mask = (std::uint64_t{1} << 48) - 1;

  std::int32_t next(int bits) {
    state_ = (state_ * multiplier + 0xB) & mask;
    return static_cast<std::int32_t>(state_ >> (48 - bits));
  }
  std::uint64_t state_;
};

class Generator {
 public:
  /// @param group  events in a group of which the order is mixed up; 1: in order.
  explicit Generator(std::int64_t group = 1) : group_(group) {}

  /// Event `n`, in the order in which they come.
  Event operator()(std::int64_t n) const {
    return group_ == 1 ? event(n) : event(n / group_ * group_ + n * 953 % group_);
  }

  static std::int64_t time(std::int64_t i) noexcept { return (base + i * 100 / 1000) * 1000; }

 private:
  static constexpr std::int64_t base = 1'436'918'400'000;  // milliseconds
  static constexpr std::int64_t first_id = 1000;

  static Event event(std::int64_t i) {
    JavaRandom random{i};
    const std::int64_t kind = i % 50;
    if (kind == 0) return person(i, random);
    if (kind <= 3) return auction(i, random);
    return bid(i, random);
  }
  static std::int64_t last_person(std::int64_t i) noexcept { return i / 50; }
  static std::int64_t last_auction(std::int64_t i) noexcept {
    const std::int64_t kind = i % 50;
    if (kind == 0) return 3 * (i / 50) - 1;
    return 3 * (i / 50) + (kind <= 3 ? kind - 1 : 2);
  }
  static std::int64_t pick_person(std::int64_t i, JavaRandom& random) {
    const std::int64_t n = last_person(i) + 1;
    const std::int64_t active = std::min<std::int64_t>(n, 1000);
    return n - active + random.below(static_cast<std::int32_t>(active + 10));
  }
  static std::int64_t pick_auction(std::int64_t i, JavaRandom& random) {
    const std::int64_t last = last_auction(i);
    const std::int64_t low = std::max<std::int64_t>(last - 100, 0);
    return low + random.below(static_cast<std::int32_t>(last - low + 11));
  }
  static std::int64_t price(JavaRandom& random) {
    // Java's Math.round
    return static_cast<std::int64_t>(std::floor(std::pow(10.0, random.fraction() * 6) * 100.0 + 0.5));
  }
  static std::string text(std::int32_t longest, JavaRandom& random) {
    std::int32_t length = 3 + random.below(longest - 3);
    std::string made;
    while (length-- > 0) made += random.below(13) == 0 ? ' ' : static_cast<char>('a' + random.below(26));
    const std::size_t begin = made.find_first_not_of(' ');
    if (begin == std::string::npos) return {};
    return made.substr(begin, made.find_last_not_of(' ') - begin + 1);
  }

  static Event person(std::int64_t i, JavaRandom& random) {
    static constexpr std::array first_names{"Peter", "Paul", "Luke",  "John",   "Saul",  "Vicky",
                                            "Kate",  "Julie", "Sarah", "Deiter", "Walter"};
    static constexpr std::array last_names{"Shultz", "Abrams", "Spencer", "White", "Bartels",
                                           "Walton", "Smith",  "Jones",   "Noris"};
    static constexpr std::array cities{"Phoenix", "Los Angeles", "San Francisco", "Boise",   "Portland",
                                       "Bend",    "Redmond",     "Seattle",       "Kent",    "Cheyenne"};
    static constexpr std::array states{"AZ", "CA", "ID", "OR", "WA", "WY"};
    const auto one_of = [&](const auto& words) {
      return std::string{words[static_cast<std::size_t>(random.below(static_cast<std::int32_t>(words.size())))]};
    };
    Person made;
    made.id = first_id + last_person(i);
    made.name = one_of(first_names);
    made.name += ' ';
    made.name += one_of(last_names);
    made.email = text(7, random);
    made.email += '@';
    made.email += text(5, random);
    made.email += ".com";
    for (int part = 0; part < 4; ++part) {
      char digits[16];
      std::snprintf(digits, sizeof digits, "%s%04d", part == 0 ? "" : " ", random.below(10000));
      made.card += digits;
    }
    made.city = one_of(cities);
    made.state = one_of(states);
    made.time = time(i);
    return made;
  }
  static Event auction(std::int64_t i, JavaRandom& random) {
    Auction made;
    made.id = first_id + last_auction(i);
    const bool hot = random.below(4) > 0;
    made.seller = first_id + (hot ? last_person(i) / 100 * 100 : pick_person(i, random));
    made.category = 10 + random.below(5);
    made.initial_bid = price(random);
    made.time = time(i);
    const std::int64_t longest = std::max<std::int64_t>(2 * (time(i + 100 * 50 / 3) - made.time) / 1000, 1);
    made.expires = made.time + (1 + random.below(static_cast<std::int32_t>(longest))) * 1000;
    made.name = text(20, random);
    made.description = text(100, random);
    made.reserve = made.initial_bid + price(random);
    return made;
  }
  static Event bid(std::int64_t i, JavaRandom& random) {
    Bid made;
    const bool hot_auction = random.below(2) > 0;
    made.auction = first_id + (hot_auction ? last_auction(i) / 100 * 100 : pick_auction(i, random));
    const bool hot_bidder = random.below(4) > 0;
    made.bidder = first_id + (hot_bidder ? last_person(i) / 100 * 100 + 1 : pick_person(i, random));
    made.price = price(random);
    made.time = time(i);
    return made;
  }

  std::int64_t group_;
};

/// As published hashes of the events are made of it, one line.
inline std::string canonical(const Event& event) {
  const auto line = [](const auto&... fields) {
    std::string text;
    const auto put = [&](const auto& field) {
      if (!text.empty()) text += ',';
      if constexpr (requires { std::to_string(field); }) {
        text += std::to_string(field);
      } else {
        text += field;
      }
    };
    (put(fields), ...);
    return text + "\n";
  };
  if (const auto* p = std::get_if<Person>(&event)) {
    return line("P", p->id, p->name, p->email, p->card, p->city, p->state, p->time / 1000);
  }
  if (const auto* a = std::get_if<Auction>(&event)) {
    return line("A", a->id, a->name, a->description, a->initial_bid, a->reserve, a->time / 1000,
                a->expires / 1000, a->seller, a->category);
  }
  const auto& b = std::get<Bid>(event);
  return line("B", b.auction, b.bidder, b.price, b.time / 1000);
}

}  // namespace nexmark
}  // namespace penstock::testing
