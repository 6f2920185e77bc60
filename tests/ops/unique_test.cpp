// SPDX-License-Identifier: BSL-1.0
#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "penstock/core.hpp"
#include "penstock/testing/probe.hpp"

using namespace penstock;

namespace {

/// A number that has equality and nothing else.
struct Plain {
  int value;
  friend bool operator==(const Plain&, const Plain&) = default;
};

/// What unique does, written down without any cleverness.
class Model {
 public:
  explicit Model(std::size_t maxsize) : maxsize_(maxsize) {}
  bool passes(int key) {
    const auto found = std::find(seen_.begin(), seen_.end(), key);
    const bool fresh = found == seen_.end();
    if (!fresh) seen_.erase(found);
    seen_.push_back(key);
    if (seen_.size() > maxsize_) seen_.pop_front();
    return fresh;
  }

 private:
  std::deque<int> seen_;
  std::size_t maxsize_;
};

std::uint32_t step(std::uint32_t& state) { return state = state * 1664525u + 1013904223u; }

}  // namespace

TEST_CASE("row 101: unique passes the first of equal elements") {
  Stream<int> source;
  std::vector<int> out;
  source.unique().sink([&](int x) { out.push_back(x); });
  for (const int x : {1, 2, 1}) source.emit(x);
  REQUIRE(out == std::vector{1, 2});
}

TEST_CASE("row 102: unique by a key, the last one only") {
  Stream<int> source;
  std::vector<int> out;
  std::vector<int> swapped;
  const auto parity = [](int x) { return x % 2; };
  source.unique(parity, Unique{.maxsize = 1}).sink([&](int x) { out.push_back(x); });
  source.unique(Unique{.maxsize = 1}, parity).sink([&](int x) { swapped.push_back(x); });
  for (const int x : {1, 2, 4, 6, 3}) source.emit(x);
  REQUIRE(out == std::vector{1, 2, 3});
  REQUIRE(swapped == out);
}

TEST_CASE("row 103: unique passes metadata on") {
  Stream<int> source;
  testing::Probe<int, int> probe{source.unique()};
  for (int i = 0; i < 5; ++i) source.emit(i, Context{Ref::with(i)});
  REQUIRE(probe.metadata() == std::vector<std::vector<int>>{{0}, {1}, {2}, {3}, {4}});
}

TEMPLATE_TEST_CASE("row 104: unique remembers the last keys, hashable or not", "", int, Plain) {
  Stream<TestType> source;
  std::vector<int> out;
  source.unique({.maxsize = 2}).map([](const TestType& x) {
    if constexpr (std::is_same_v<TestType, int>) {
      return x;
    } else {
      return x.value;
    }
  }).sink([&](int x) { out.push_back(x); });
  const auto emit = [&](std::initializer_list<int> numbers) {
    for (const int x : numbers) source.emit(TestType{x});
  };
  emit({1, 2, 1, 2, 1, 2});
  REQUIRE(out == std::vector{1, 2});
  emit({3, 2});
  REQUIRE(out == std::vector{1, 2, 3});
  emit({1});
  REQUIRE(out == std::vector{1, 2, 3, 1});
  emit({2, 3, 2});
  REQUIRE(out == std::vector{1, 2, 3, 1, 3});
}

TEST_CASE("row 105: unique with elements that cannot be hashed") {
  using Dict = std::map<std::string, int>;
  Stream<Dict> source;
  std::vector<Dict> out;
  source.unique({.maxsize = 2}).sink([&](const Dict& x) { out.push_back(x); });
  const Dict a{{"a", 1}};
  const Dict b{{"b", 2}};
  const Dict c{{"c", 3}};
  for (const Dict& x : {a, b, a, b, a, b}) source.emit(x);
  REQUIRE(out == std::vector{a, b});
  for (const Dict& x : {c, b}) source.emit(x);
  REQUIRE(out == std::vector{a, b, c});
  source.emit(a);
  REQUIRE(out == std::vector{a, b, c, a});
}

TEST_CASE("P17: a maxsize of 0 is no bound, keys compare by their own equality, and need no hash") {
  Stream<int> numbers;
  std::vector<int> out;
  numbers.unique({.maxsize = 0}).sink([&](int x) { out.push_back(x); });
  for (int i = 0; i < 2000; ++i) numbers.emit(i % 1000);
  REQUIRE(out.size() == 1000);

  // In one type 1, 1.0 and true are one key.
  Stream<double> reals;
  std::vector<double> kept;
  reals.unique().sink([&](double x) { kept.push_back(x); });
  reals.emit(1);
  reals.emit(1.0);
  reals.emit(static_cast<double>(true));
  REQUIRE(kept == std::vector{1.0});

  Stream<std::vector<int>> lists;
  std::size_t passed = 0;
  lists.unique().sink([&](const std::vector<int>&) { ++passed; });
  lists.emit({1, 2});
  lists.emit({1, 2});
  lists.emit({2, 1});
  REQUIRE(passed == 2);
}

TEMPLATE_TEST_CASE("unique does what a list of the last keys does", "", int, Plain) {
  for (const std::size_t maxsize : std::vector<std::size_t>{1, 2, 7, 64}) {
    Stream<TestType> source;
    Model model{maxsize};
    bool passed = false;
    source.unique({.maxsize = maxsize}).sink([&](const TestType&) { passed = true; });
    std::uint32_t state = 12345;
    int wrong = 0;
    for (int i = 0; i < 4000; ++i) {
      const int key = static_cast<int>((step(state) >> 16) % (3 * maxsize));
      passed = false;
      source.emit(TestType{key * 4096});
      if (passed != model.passes(key * 4096)) ++wrong;
    }
    REQUIRE(wrong == 0);
  }
}

TEST_CASE("D22: unique with a maxsize keeps no more keys than that") {
  // Streamz keeps every key unless it is told otherwise, as unique does here and says in its comment.
  struct Key {
    std::shared_ptr<int> life;
    int value;
    bool operator==(const Key& other) const { return value == other.value; }
  };
  const auto life = std::make_shared<int>(0);
  Stream<int> source;
  source.unique([&](int x) { return Key{life, x}; }, Unique{.maxsize = 3}).sink([](int) {});
  for (int i = 0; i < 300; ++i) source.emit(i);
  REQUIRE(life.use_count() == 1 + 3);
}

TEST_CASE("unique takes members and keys as the key, and pairs can be hashed") {
  using Row = std::map<std::string, int>;
  struct Item {
    int id;
    double price;
  };
  Stream<Item> items;
  std::vector<double> prices;
  items.unique(&Item::id).sink([&](const Item& item) { prices.push_back(item.price); });
  items.emit({1, 0.5});
  items.emit({1, 1.5});
  items.emit({2, 2.5});
  REQUIRE(prices == std::vector{0.5, 2.5});

  Stream<Row> rows;
  std::vector<int> values;
  rows.unique("id").sink([&](const Row& row) { values.push_back(row.at("v")); });
  rows.emit({{"id", 1}, {"v", 10}});
  rows.emit({{"id", 1}, {"v", 20}});
  rows.emit({{"id", 2}, {"v", 30}});
  REQUIRE(values == std::vector{10, 30});
  REQUIRE_THROWS_AS(rows.emit({{"v", 40}}), std::out_of_range);

  REQUIRE(detail::Hash<std::tuple<int, std::string, std::pair<char, bool>>>::exists);
  REQUIRE(!detail::Hash<std::pair<int, Plain>>::exists);
}

TEST_CASE("unique passes on elements that can only be moved") {
  Stream<std::unique_ptr<int>> source;
  std::vector<int> out;
  source.unique([](const std::unique_ptr<int>& p) { return *p; }).sink([&](std::unique_ptr<int> p) {
    out.push_back(*p);
  });
  for (const int x : {1, 2, 1}) source.emit(std::make_unique<int>(x));
  REQUIRE(out == std::vector{1, 2});
}

TEST_CASE("unique ends the Refs of what it leaves out as done, and does not remember an element whose key threw") {
  Stream<int> source;
  std::vector<int> out;
  bool fail = true;
  const auto distinct = source
                            .unique([&](int x) {
                              if (fail) throw std::runtime_error("key");
                              return x;
                            })
                            .stream();
  distinct.sink([&](int x) { out.push_back(x); });
  std::vector<Outcome> ends;
  const auto ref = [&] { return Context{Ref([&](const Ending& end) { ends.push_back(end.outcome); })}; };
  REQUIRE_THROWS_AS(source.emit(1, ref()), std::runtime_error);
  fail = false;
  source.emit(1, ref());
  source.emit(1, ref());
  REQUIRE(out == std::vector{1});
  REQUIRE(ends == std::vector{Outcome::failed, Outcome::done, Outcome::done});
  REQUIRE(distinct.info().left_out.get() == 1);
  REQUIRE(distinct.info().failed.get() == 1);
}
