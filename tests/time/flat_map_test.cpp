// SPDX-License-Identifier: BSL-1.0
#include "penstock/time/detail/flat_map.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/time/detail/dense_map.hpp"

using penstock::detail::DenseMap;
using penstock::detail::FlatMap;
using penstock::detail::FlatSet;
using penstock::detail::key_before;
using penstock::detail::Table;

namespace {

/// A key of which many have the same hash, or hashes that differ in a few bits only.
struct Poor {
  std::uint64_t value;
  friend bool operator==(Poor, Poor) = default;
  friend auto operator<=>(Poor, Poor) = default;
};

/// A key whose hash may throw, and that may throw when it is copied: it has no move.
struct Throws {
  explicit Throws(int of) : value(of) {}
  Throws(const Throws& other) : value(other.value) { count_down(copies); }
  Throws& operator=(const Throws&) = delete;
  ~Throws() = default;
  static void count_down(int& left) {
    if (left > 0 && --left == 0) throw std::runtime_error("as it was told to");
  }
  friend bool operator==(const Throws& a, const Throws& b) { return a.value == b.value; }

  static inline int hashes = 0;
  static inline int copies = 0;
  int value;
};

template <class Map, class Model>
void require_same(const Map& map, const Model& model) {
  REQUIRE(map.size() == model.size());
  REQUIRE(map.empty() == model.empty());
  Model copy;
  for (const auto& [key, value] : map) REQUIRE(copy.emplace(key, value).second);
  REQUIRE(copy == model);
}

}  // namespace

template <>
struct std::hash<Poor> {
  std::size_t operator()(Poor key) const noexcept { return static_cast<std::size_t>(key.value % 5) << 60; }
};
template <>
struct std::hash<Throws> {
  std::size_t operator()(const Throws& key) const {
    Throws::count_down(Throws::hashes);
    return static_cast<std::size_t>(key.value);
  }
};

TEMPLATE_TEST_CASE("flat_map: does at random what a std::map does", "", std::uint64_t, Poor) {
  for (unsigned seed = 1; seed <= 100; ++seed) {
    std::mt19937 random(seed);
    const auto keys = static_cast<unsigned>(1 + random() % 300);
    FlatMap<TestType, std::shared_ptr<unsigned>> map;
    std::map<TestType, std::shared_ptr<unsigned>> model;
    for (unsigned i = 0; i < 1'500; ++i) {
      const TestType key{random() % keys * (std::uint64_t{1} << (seed % 50))};
      const auto value = std::make_shared<unsigned>(i);
      switch (random() % 8) {
        case 0: {
          const auto [at, is_new] = map.try_emplace(key, value);
          REQUIRE(is_new == model.try_emplace(key, value).second);
          REQUIRE(at->second == model[key]);
          break;
        }
        case 1:
          REQUIRE(map.insert_or_assign(key, value).second == model.insert_or_assign(key, value).second);
          break;
        case 2: REQUIRE(map.emplace(key, value).second == model.emplace(key, value).second); break;
        case 3: map[key] = model[key] = value; break;
        case 4:
          map.erase(key);
          model.erase(key);
          break;
        default: {
          const auto at = map.find(key);
          const auto known = model.find(key);
          REQUIRE((at == map.end()) == (known == model.end()));
          if (known == model.end()) break;
          REQUIRE(at->second == known->second);
          if (random() % 2 == 0) break;
          map.erase(at);
          model.erase(known);
        }
      }
      REQUIRE(map.size() == model.size());
      if (random() % 700 == 0) {
        map.clear();
        model.clear();
        require_same(map, model);
      }
    }
    require_same(map, model);
    const FlatMap<TestType, std::shared_ptr<unsigned>> moved = std::move(map);
    require_same(moved, model);
  }
}

TEST_CASE("flat_map: values end with their entries, and moved maps with what they held") {
  const auto value = std::make_shared<int>(1);
  {
    FlatMap<std::string, std::shared_ptr<int>> map;
    for (int key = 0; key < 500; ++key) map.emplace(std::to_string(key) + " and so long that it needs memory", value);
    CHECK(value.use_count() == 501);
    map.erase(std::string{"7 and so long that it needs memory"});
    CHECK(value.use_count() == 500);
    FlatMap<std::string, std::shared_ptr<int>> other;
    other.emplace("one", value);
    other = std::move(map);
    CHECK(other.size() == 499);
  }
  CHECK(value.use_count() == 1);
}

TEST_CASE("flat_map: holds keys that can only be moved and values that can be neither") {
  struct Fixed {
    explicit Fixed(int of) : value(of) {}
    Fixed(Fixed&& other) noexcept : value(other.value) {}
    int value;
  };
  FlatMap<int, Fixed> map;
  for (int key = 0; key < 100; ++key) map.try_emplace(key, -key);
  for (int key = 0; key < 100; ++key) REQUIRE(map.find(key)->second.value == -key);
}

TEST_CASE("flat_map: goes on at its size when as many keys come as go") {
  FlatMap<std::uint64_t, std::uint64_t> map;
  for (std::uint64_t key = 0; key < 200'000; ++key) {
    map.emplace(key, key);
    if (key >= 100) map.erase(key - 100);
  }
  CHECK(map.size() == 100);
  std::set<std::uint64_t> left;
  for (const auto& [key, value] : map) left.insert(value);
  CHECK(left.size() == 100);
  CHECK(*left.begin() == 199'900);
}

TEST_CASE("flat_map: is as it was when a hash or a copy throws while it grows") {
  for (const bool copies : {false, true}) {
    for (int after = 1; after <= 40; ++after) {
      FlatMap<Throws, int> map;
      std::map<int, int> model;
      Throws::hashes = Throws::copies = 0;
      for (int i = 0; i < 15; ++i) {
        map.try_emplace(Throws{i}, i);
        model.emplace(i, i);
      }
      (copies ? Throws::copies : Throws::hashes) = after;
      try {
        map.try_emplace(Throws{15}, 15);
        model.emplace(15, 15);
      } catch (const std::runtime_error&) {
      }
      Throws::hashes = Throws::copies = 0;
      REQUIRE(map.size() == model.size());
      for (const auto& [key, value] : model) REQUIRE(map.find(Throws{key})->second == value);
    }
  }
}

TEST_CASE("flat_set: does at random what a std::set does") {
  std::mt19937 random(1);
  FlatSet<std::string> set;
  std::set<std::string> model;
  for (int i = 0; i < 20'000; ++i) {
    const std::string key = "a key that is too long to be kept in the string itself " + std::to_string(random() % 500);
    if (random() % 3 != 0) {
      set.insert(key);
      model.insert(key);
    } else {
      set.erase(key);
      model.erase(key);
    }
    REQUIRE(set.size() == model.size());
  }
  CHECK(std::set<std::string>(model) == [&] {
    std::set<std::string> copy;
    for (const std::string& key : set) copy.insert(key);
    return copy;
  }());
}

TEST_CASE("flat_map, dense_map: all NaN are one key, and so are 0 and -0, also inside other keys") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double other = std::nan("7");
  const auto one_key = [](const auto& a, const auto& b, const auto& c) {
    using Key = std::remove_cvref_t<decltype(a)>;
    FlatMap<Key, int> flat;
    DenseMap<Key, int> dense;
    FlatSet<Key> set;
    Table<Key> table;
    for (const Key& key : {a, b, c, a}) {
      flat.try_emplace(key, 1);
      dense.try_emplace(key, 1);
      set.insert(key);
      if (table.find(key) == table.nowhere) table.add(key);
    }
    for (const std::size_t size : {flat.size(), dense.size(), set.size(), table.size()}) CHECK(size == 2);
    REQUIRE(flat.find(b) != flat.end());
    REQUIRE(dense.find(b) != dense.end());
    CHECK(flat.find(b) == flat.find(a));
    CHECK(&*dense.find(b) == &*dense.find(a));
    CHECK(table.find(b) == table.find(a));
    CHECK(key_before(c, a));
    CHECK_FALSE(key_before(a, c));
    CHECK_FALSE(key_before(a, b));
  };
  one_key(nan, -other, 5.0);
  one_key(std::numeric_limits<float>::quiet_NaN(), -std::nanf("7"), 5.0F);
  one_key(std::numeric_limits<long double>::quiet_NaN(), -std::nanl("7"), 5.0L);
  one_key(0.0, -0.0, -1.0);
  one_key(std::pair{1, nan}, std::pair{1, other}, std::pair{1, 2.0});
  one_key(std::tuple{std::string{"a"}, nan}, std::tuple{std::string{"a"}, -nan}, std::tuple{std::string{"a"}, 0.0});
  one_key(std::tuple{0.0, nan}, std::tuple{-0.0, -nan}, std::tuple{-0.0, 3.0});
  one_key(std::array<double, 2>{nan, 1}, std::array<double, 2>{other, 1}, std::array<double, 2>{nan, 0});
  one_key(std::vector<double>{1, nan}, std::vector<double>{1, other}, std::vector<double>{1});
  one_key(std::optional<double>{nan}, std::optional<double>{other}, std::optional<double>{});
  one_key(std::pair{std::optional{nan}, 1}, std::pair{std::optional{-nan}, 1}, std::pair{std::optional{nan}, 0});
}
