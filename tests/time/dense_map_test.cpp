// SPDX-License-Identifier: BSL-1.0
#include "penstock/time/detail/dense_map.hpp"

#include <map>
#include <memory>
#include <random>
#include <string>

#include "catch.hpp"

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
