// SPDX-License-Identifier: BSL-1.0
#include "penstock/state/codec.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "catch.hpp"
#include "penstock/core/context.hpp"
#include "penstock/core/loop.hpp"
#include "penstock/time/aggregates.hpp"

using namespace penstock;
using namespace penstock::test;
using namespace std::string_literals;

namespace {

struct Sale {
  std::string brand;
  double price = 0;
  std::optional<int> count;
  bool operator==(const Sale&) const = default;
};
/// Has no default constructor, and nobody knows how to save it but its codec.
class Account {
 public:
  explicit Account(int cents) : cents_(cents) {}
  int cents() const { return cents_; }
  bool operator==(const Account&) const = default;
  auto operator<=>(const Account&) const = default;

 private:
  int cents_;
};
/// Holds itself, which only a codec of its own can tell.
struct Tree {
  int value = 0;
  std::vector<Tree> children;
};
struct Json {
  std::variant<double, std::vector<Json>> value;
};
struct Pointing {
  int* to;
  int count;
};
struct WithArray {
  int values[3];
};
struct Base {
  int x;
};
struct Derived : Base {
  int y;
};
struct MoreThanItsElements : std::vector<int> {
  int more;
};
struct OnlyItsElements : std::vector<int> {};
enum class Kind : std::uint8_t { view, cart };
struct Empty {};

}  // namespace

template <>
inline constexpr bool penstock::is_state_container<OnlyItsElements> = true;
template <>
struct penstock::Codec<Account> {
  static constexpr std::uint32_t version = 2;
  static void write(StateWriter& to, const Account& account) { to.put(static_cast<std::int64_t>(account.cents())); }
  /// Version 1 had whole euros, in 32 bits.
  static Account read(StateReader& from, std::uint32_t saved_by) {
    if (saved_by == 1) return Account{from.get<std::int32_t>() * 100};
    return Account{static_cast<int>(from.get<std::int64_t>())};
  }
};
template <>
struct penstock::Codec<Tree> {
  static constexpr std::string_view name = "Tree";
  static void write(StateWriter& to, const Tree& tree) {
    to.put(tree.value);
    to.put(tree.children);
  }
  static Tree read(StateReader& from, std::uint32_t) {
    Tree tree;
    from.get(tree.value);
    from.get(tree.children);
    return tree;
  }
};

namespace {

template <class T>
std::string saved(const T& value) {
  StateWriter to;
  to.put(value);
  return to.take();
}
template <class T>
T restored(std::string_view bytes) {
  StateReader from{bytes};
  T value = from.get<T>();
  from.end();
  return value;
}
/// Saved, restored and saved again; and what is left of the bytes when they are damaged is refused, or is a value.
template <class T>
T round_trip(const T& value) {
  const std::string bytes = saved(value);
  T again = restored<T>(bytes);
  REQUIRE(saved(again) == bytes);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    REQUIRE_THROWS_AS(restored<T>(std::string_view(bytes).substr(0, size)), StateError);
  }
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    try {
      const T other = restored<T>(damaged);
      REQUIRE(saved(other).size() > 0);
    } catch (const StateError&) {
    }
  }
  return again;
}
template <class T>
void comes_back(const T& value) {
  REQUIRE(round_trip(value) == value);
}

template <class T>
T number(std::mt19937_64& random) {
  return static_cast<T>(random() >> random() % 60);
}
std::string word(std::mt19937_64& random) {
  std::string text(random() % 6, ' ');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}
Sale sale(std::mt19937_64& random) {
  return {word(random), number<double>(random), random() % 2 ? std::optional{number<int>(random)} : std::nullopt};
}

}  // namespace

TEST_CASE("numbers come back, at both ends of their range") {
  comes_back(true);
  comes_back('x');
  comes_back(std::numeric_limits<std::int8_t>::min());
  comes_back(std::numeric_limits<std::uint16_t>::max());
  comes_back(std::numeric_limits<int>::min());
  comes_back(std::numeric_limits<std::uint64_t>::max());
  comes_back(std::numeric_limits<float>::denorm_min());
  comes_back(-std::numeric_limits<double>::infinity());
  comes_back(1.0L / 3);
  comes_back(Kind::cart);
}

TEST_CASE("integers are little-endian, of their own size") {
  // values, number of types, length and text of the type, bytes of all this
  REQUIRE(saved(std::int32_t{0x01020304}) == "\x04\x03\x02\x01" "\x01\x03" "i32" "\x05\x00\x00\x00"s);
  REQUIRE(saved(std::uint16_t{0xFFFE}) == "\xFE\xFF" "\x01\x03" "u16" "\x05\x00\x00\x00"s);
  REQUIRE(saved("abc"s) == "\x03" "abc" "\x01\x06" "string" "\x08\x00\x00\x00"s);
  REQUIRE(saved(std::vector<std::uint8_t>(200, 7)) ==
          "\xC8\x01" + std::string(200, '\x07') + "\x01\x0A" "vector<u8>" "\x0C\x00\x00\x00"s);
}

TEST_CASE("what holds others comes back: 300 random ones of each kind") {
  std::mt19937_64 random{20};
  for (int round = 0; round < 300; ++round) {
    const std::size_t size = random() % 4;
    std::map<std::string, std::vector<Sale>> by_brand;
    std::unordered_map<int, std::string> names;
    boost::unordered_flat_map<std::string, Sale> sales;
    std::set<std::tuple<int, std::string>> seen;
    std::deque<std::variant<int, std::string, std::monostate>> mixed;
    std::vector<bool> flags;
    for (std::size_t i = 0; i < size; ++i) {
      by_brand[word(random)].assign(random() % 3, sale(random));
      names[number<int>(random)] = word(random);
      sales[word(random)] = sale(random);
      seen.emplace(number<int>(random), word(random));
      mixed.push_back(number<int>(random));
      mixed.push_back(word(random));
      mixed.push_back(std::monostate{});
      flags.push_back(random() % 2);
    }
    const auto all = std::tuple{by_brand, names, seen, mixed, flags, std::pair{sale(random), std::array{1.5, number<double>(random)}}};
    REQUIRE(restored<std::remove_const_t<decltype(all)>>(saved(all)) == all);
    REQUIRE(restored<decltype(sales)>(saved(sales)) == sales);
    if (round < 5) comes_back(all);
  }
}

TEST_CASE("the same entries are the same bytes, however a hash table came by them") {
  std::mt19937_64 random{7};
  for (int round = 0; round < 100; ++round) {
    std::vector<std::pair<std::string, int>> entries;
    for (int i = 0; i < 40; ++i) entries.emplace_back(std::to_string(random() % 1000), i);
    boost::unordered_flat_map<std::string, int> one(entries.begin(), entries.end());
    std::unordered_map<std::string, int> other(1000);
    std::shuffle(entries.begin(), entries.end(), random);
    for (const auto& [key, value] : entries) other[key] = one.at(key);
    REQUIRE(saved(one) == saved(other));
    const std::map<std::string, int> ordered(one.begin(), one.end());
    REQUIRE(saved(one) == saved(ordered));
  }
}

TEST_CASE("times of the calendar and durations come back; those of a clock that starts anew do not") {
  comes_back(std::chrono::system_clock::time_point{std::chrono::nanoseconds{-5}});
  comes_back(std::chrono::hours{7});
  REQUIRE_FALSE(has_codec<std::chrono::steady_clock::time_point>);
  REQUIRE_FALSE(has_codec<TimePoint>);
  REQUIRE(has_codec<Duration>);
}

TEST_CASE("what has no default constructor comes back") {
  comes_back(Account{-7});
  comes_back(std::vector{Account{1}, Account{2}});
  comes_back(std::optional{Account{1}});
  comes_back(std::map<Account, Account>{{Account{1}, Account{2}}});
  comes_back(std::variant<Account, int>{Account{3}});
  comes_back(std::pair{Account{1}, Account{2}});
  const aggregates::OneKeyed<Account, std::string> best{aggregates::Keyed<Account, std::string>{Account{1}, "one"}};
  REQUIRE(round_trip(best).best->value == "one");
}

TEST_CASE("a ring comes back, from wherever it began") {
  detail::Ring<std::optional<Account>> ring;
  for (int i = 0; i < 7; ++i) ring.push(Account{i});
  for (int i = 0; i < 5; ++i) ring.pop();
  ring.push(std::nullopt);
  const auto again = round_trip(ring);
  REQUIRE(again.size() == 3);
  REQUIRE(again[1] == Account{6});
  REQUIRE(again[2] == std::nullopt);
}

TEST_CASE("nothing takes no room, but a count of it cannot lie") {
  REQUIRE(saved(Empty{}) == "\x01\x07" "Empty{}" "\x09\x00\x00\x00"s);
  REQUIRE(restored<std::vector<Empty>>(saved(std::vector<Empty>(3))).size() == 3);
  comes_back(std::vector<std::tuple<>>(3));
  comes_back(std::tuple<>{});
}

TEST_CASE("values are read in the order in which they were put, into what is there") {
  StateWriter to;
  to.put(1);
  to.put(std::string_view{"two"});
  to.put(std::vector{3, 4});
  to.put(5);
  const std::string bytes = to.take();
  StateReader from{bytes};
  std::vector<int> into{9, 9, 9};
  REQUIRE(from.get<int>() == 1);
  REQUIRE(from.get<std::string>() == "two");
  from.get(into);
  REQUIRE(into == std::vector{3, 4});
  REQUIRE_THROWS_WITH(from.end(), "the state cannot be restored: 4 bytes of it were left over");
  REQUIRE(from.get<int>() == 5);
  from.end();
  REQUIRE(to.take().size() == 5);  // as new
}

TEST_CASE("a comparator stays when a set is filled") {
  const auto greater = [](int a, int b) { return b < a; };
  std::set<int, std::function<bool(int, int)>> into{greater};
  const std::string bytes = saved(std::set<int>{1, 2, 3});
  StateReader from{bytes};
  from.get(into);
  REQUIRE(std::vector<int>(into.begin(), into.end()) == std::vector{3, 2, 1});
}

TEST_CASE("a type is called what it holds") {
  REQUIRE(type_signature<std::vector<std::tuple<std::int64_t, std::string>>>() == "vector<tuple<i64,string>>");
  REQUIRE(type_signature<std::unordered_map<std::string, Account>>() == "map<string,Account v2>");
  REQUIRE(type_signature<std::list<Sale>>() == "vector<Sale{string,f64,optional<i32>}>");
  REQUIRE(type_signature<std::variant<bool, char, Kind>>() == "variant<bool,char,enum<u8>>");
  REQUIRE(type_signature<std::array<float, 3>>() == "array<f32,3>");
  REQUIRE(type_signature<std::chrono::milliseconds>() == "duration<i64,1/1000>");
  REQUIRE(type_signature<std::set<long>>() == type_signature<std::unordered_set<long long>>());
  REQUIRE(type_signature<aggregates::CompensatedSum<double>>() == "CompensatedSum{f64,f64}");
  REQUIRE(type_signature<Tree>() == "Tree v1");
}

TEST_CASE("state of another type is refused by name") {
  const std::string bytes = saved(std::vector{1.5});
  REQUIRE_THROWS_WITH(restored<std::vector<int>>(bytes),
                      "the state cannot be restored: it holds a vector<f64>, and the program reads a vector<i32>");
  StateReader from{bytes, "'hourly' (aggregate)"};
  REQUIRE(from.get<std::vector<double>>() == std::vector{1.5});
  REQUIRE_THROWS_WITH(from.get<int>(), "'hourly' (aggregate) cannot be restored: the program reads a i32, and no such thing was saved");
  REQUIRE_THROWS_WITH(restored<double>("abc"), containing("its bytes are damaged"));
}

TEST_CASE("an older version of a type is told to its codec, and a newer one is refused") {
  StateWriter to;
  to.put(std::vector{Account{250}, Account{0}});
  std::string bytes = to.take();
  const std::size_t version = bytes.find(" v2") + 2;

  bytes[version] = '3';
  REQUIRE_THROWS_WITH(restored<std::vector<Account>>(bytes), "the state cannot be restored: it was saved by version 3 of the codec of "
                                                             "Account, and the program has version 2");
  // What a program with version 1 would have written: one account of seven euros.
  const std::string types = "\x02\x12" "vector<Account v1>" "\x03" "i32";
  const std::string old = "\x01\x07\x00\x00\x00"s + types + std::string{static_cast<char>(types.size()), 0, 0, 0};
  REQUIRE(restored<std::vector<Account>>(old) == std::vector{Account{700}});
}

TEST_CASE("a container from elsewhere is known when one says so") {
  OnlyItsElements all;
  all.push_back(3);
  REQUIRE(round_trip(all)[0] == 3);
  REQUIRE(type_signature<OnlyItsElements>() == "vector<i32>");
}

TEST_CASE("what cannot be state is known before it is tried") {
  REQUIRE_FALSE(has_codec<int*>);
  REQUIRE_FALSE(has_codec<Pointing>);
  REQUIRE_FALSE(has_codec<std::string_view>);
  REQUIRE_FALSE(has_codec<std::vector<std::unique_ptr<int>>>);
  REQUIRE_FALSE(has_codec<std::shared_ptr<int>>);
  REQUIRE_FALSE(has_codec<std::function<void()>>);
  REQUIRE_FALSE(has_codec<Context>);
  REQUIRE_FALSE(has_codec<Ref>);
  REQUIRE_FALSE(has_codec<std::optional<Context>>);
  REQUIRE_FALSE(has_codec<WithArray>);
  REQUIRE_FALSE(has_codec<Derived>);
  REQUIRE_FALSE(has_codec<MoreThanItsElements>);
  REQUIRE_FALSE(has_codec<Json>);
  REQUIRE_FALSE(has_codec<const int>);
  REQUIRE_FALSE(has_codec<int&>);
  REQUIRE(has_codec<Tree>);
  REQUIRE(has_codec<std::vector<Tree>>);
}

TEST_CASE("values within values end before the stack does") {
  const auto tree_of = [](int depth) {
    Tree tree;
    for (int i = 1; i < depth; ++i) {
      Tree above;
      above.children.push_back(std::move(tree));
      tree = std::move(above);
    }
    return tree;
  };
  REQUIRE(saved(restored<Tree>(saved(tree_of(1000)))) == saved(tree_of(1000)));
  REQUIRE_THROWS_WITH(saved(tree_of(1001)), containing("within more than 1000 others"));
  // A count of one child again and again, which no writer would write.
  std::string bytes = saved(tree_of(2));
  const std::string node = "\x00\x00\x00\x00\x01"s;
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += node;
  REQUIRE_THROWS_WITH(restored<Tree>(deep + bytes), containing("within more than 1000 others"));
}

TEST_CASE("a count that is too great takes no memory") {
  std::string bytes = saved(std::vector<Account>{});
  REQUIRE(bytes[0] == 0);
  const std::string many = "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F";
  REQUIRE_THROWS_AS(restored<std::vector<Account>>(many + bytes.substr(1)), StateError);
  bytes = saved(std::vector<double>{});
  REQUIRE_THROWS_AS(restored<std::vector<double>>(many + bytes.substr(1)), StateError);
  bytes = saved(""s);
  REQUIRE_THROWS_AS(restored<std::string>(many + bytes.substr(1)), StateError);
}

TEST_CASE("random bytes are refused or are a value") {
  std::mt19937_64 random{3};
  using All = std::tuple<std::vector<std::optional<Tree>>, std::map<std::string, std::variant<int, std::string>>, Sale>;
  const std::string types = saved(All{});
  const std::size_t values = types.find('\x01' + std::string(1, static_cast<char>(type_signature<All>().size())));
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes(random() % 64, ' ');
    for (char& c : bytes) c = static_cast<char>(random() % 4 ? random() % 3 : random());
    try {
      static_cast<void>(restored<All>(bytes + types.substr(values)));
    } catch (const StateError&) {
    }
  }
  SUCCEED();
}
