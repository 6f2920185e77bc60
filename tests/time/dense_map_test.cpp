// SPDX-License-Identifier: BSL-1.0
#include "penstock/time/detail/dense_map.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>

#include "catch.hpp"
#include "penstock/time/detail/agenda.hpp"
#include "penstock/time/detail/flat_map.hpp"
#include "sanitized.hpp"

#if __has_include(<malloc.h>)
#include <malloc.h>
#endif

using penstock::detail::DenseMap;

TEST_CASE("dense_map: does at random what a std::map does, and its entries stay where they are") {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    std::mt19937 random(seed);
    const auto keys = static_cast<unsigned>(1 + random() % 400);
    DenseMap<std::string, std::shared_ptr<int>> dense;
    std::map<std::string, std::shared_ptr<int>> model;
    std::map<std::string, const void*> places;
    for (int i = 0; i < 1'000; ++i) {
      const std::string key = "a key that is too long to be kept in the string itself " + std::to_string(random() % keys);
      if (random() % 3 != 0) {
        const auto value = std::make_shared<int>(i);
        const auto [at, is_new] = dense.emplace(key, value);
        REQUIRE(is_new == model.emplace(key, value).second);
        const auto place = places.emplace(key, &*at).first->second;
        REQUIRE(place == &*at);
      } else if (const auto at = dense.find(key); at != dense.end()) {
        REQUIRE(model.contains(key));
        dense.erase(at);
        model.erase(key);
        places.erase(key);
      } else {
        REQUIRE_FALSE(model.contains(key));
      }
      if (random() % 300 == 0) {
        dense.clear();
        model.clear();
        places.clear();
      }
      REQUIRE(dense.size() == model.size());
    }
    std::map<std::string, std::shared_ptr<int>> copy;
    for (const auto& [key, value] : dense) copy.emplace(key, value);
    REQUIRE(copy == model);
  }
}

TEST_CASE("dense_map: values end with their entries") {
  const auto value = std::make_shared<int>(1);
  {
    DenseMap<int, std::shared_ptr<int>> dense;
    for (int key = 0; key < 200; ++key) dense.emplace(key, value);
    CHECK(value.use_count() == 201);
    dense.erase(dense.find(7));
    CHECK(value.use_count() == 200);
    dense.emplace(7, value);
    CHECK(dense.find(7)->second == value);
  }
  CHECK(value.use_count() == 1);
}

#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
TEST_CASE("dense_map, flat_map: the memory of many keys is given back with the last of them, and of a flat one when few are left") {
  if (penstock::test::sanitized) PENSTOCK_SKIP("memory is not counted under sanitizers");
  const auto bytes = [] {
    const auto info = mallinfo2();
    return info.uordblks + info.hblkhd;
  };
  constexpr std::uint64_t n = 200'000;
  const std::size_t before = bytes();
  const auto held = [&] { return bytes() - before; };
  DenseMap<std::uint64_t, std::uint64_t> dense;
  penstock::detail::FlatMap<std::uint64_t, std::uint64_t> flat;
  for (int again = 0; again < 2; ++again) {
    for (std::uint64_t i = 0; i < n; ++i) dense.try_emplace(i, i);
    CHECK(held() > n * 16);
    for (std::uint64_t i = 0; i < n; ++i) dense.erase(dense.find(i));
    CHECK(held() < 10'000);
    for (std::uint64_t i = 0; i < n; ++i) flat.try_emplace(i, i);
    CHECK(held() > n * 16);
    for (std::uint64_t i = 0; i + 1 < n; ++i) flat.erase(i);
    flat.try_emplace(n, n);
    CHECK(held() < 10'000);
    CHECK(flat.size() == 2);
    CHECK(flat.find(n - 1)->second == n - 1);
    CHECK(flat.find(n)->second == n);
    flat.erase(n - 1);
    flat.erase(n);
    CHECK(flat.begin() == flat.end());
  }
}
#endif

TEST_CASE("flat_map: entries stay where they are while others are erased, and all are found when it has become smaller") {
  penstock::detail::FlatMap<std::uint64_t, std::string> flat;
  std::map<std::uint64_t, const void*> places;
  std::mt19937_64 random(1);
  for (int again = 0; again < 20; ++again) {
    flat.clear();
    const std::uint64_t n = 1 + random() % 5'000;
    for (std::uint64_t i = 0; i < n; ++i) flat.try_emplace(i, std::to_string(i));
    places.clear();
    for (auto& entry : flat) places.emplace(entry.first, &entry);
    const std::uint64_t left = random() % 3 == 0 ? 0 : random() % 40;
    for (std::uint64_t i = left; i < n; ++i) flat.erase(i);
    std::size_t found = 0;
    for (auto& entry : flat) {
      REQUIRE(places.at(entry.first) == &entry);
      ++found;
    }
    REQUIRE(found == std::min(left, n));
    for (std::uint64_t i = n; i < n + 30; ++i) {
      flat.try_emplace(i, std::to_string(i));
      for (std::uint64_t j = 0; j < std::min(left, n); ++j) REQUIRE(flat.find(j)->second == std::to_string(j));
    }
    for (std::uint64_t i = n; i < n + 30; ++i) {
      REQUIRE(flat.find(i)->second == std::to_string(i));
      flat.erase(i);
    }
  }
}
