// SPDX-License-Identifier: BSL-1.0
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "aggregates_model.hpp"
#include "penstock/time/aggregates.hpp"

using namespace penstock;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// The exact answer: the counts of a map, sorted.
template <class Key>
std::vector<KeyCount<Key>> most_frequent_of(const std::vector<Key>& keys, std::size_t k) {
  std::map<Key, std::uint64_t> counts;
  for (const Key& key : keys) ++counts[key];
  std::vector<std::pair<Key, std::uint64_t>> sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::vector<KeyCount<Key>> top;
  for (std::size_t i = 0; i < std::min(k, sorted.size()); ++i)
    top.push_back({sorted[i].first, sorted[i].second});
  return top;
}

}  // namespace

TEST_CASE("first and last go by arrival, first_by and last_by by a key") {
  const std::vector<Sale> sales{{3, "c", 30, 0, false}, {1, "a", 10, 0, false}, {2, "b", 20, 0, false}};
  REQUIRE(of_all(first(&Sale::user), sales) == "c");
  REQUIRE(of_all(last(&Sale::user), sales) == "b");
  REQUIRE(of_all(first_by(&Sale::time, &Sale::user), sales) == "a");
  REQUIRE(of_all(last_by(&Sale::time, &Sale::user), sales) == "c");
  REQUIRE(of_all(max_by(&Sale::price, &Sale::time), sales) == 3);
  REQUIRE(of_all(min_by(&Sale::price, &Sale::time), sales) == 1);
  REQUIRE(of_all(first(), std::vector<int>{}) == std::nullopt);
  REQUIRE(of_all(last_by(detail::Identity{}), std::vector<int>{}) == std::nullopt);
  REQUIRE(of_all(last_by(detail::Identity{}), std::vector<double>{1, not_a_number, 2, not_a_number}) == 2.0);
}

TEST_CASE("of equal keys last_by takes the last and the others the first, also across a merge") {
  using Pair = std::pair<int, char>;
  const std::vector<Pair> pairs{{1, 'a'}, {2, 'b'}, {1, 'c'}, {2, 'd'}, {1, 'e'}};
  std::mt19937_64 random(5);
  for (int run = 0; run < 50; ++run) {
    REQUIRE(of_pieces(first_by(&Pair::first, &Pair::second), pairs, random) == 'a');
    REQUIRE(of_pieces(min_by(&Pair::first, &Pair::second), pairs, random) == 'a');
    REQUIRE(of_pieces(max_by(&Pair::first, &Pair::second), pairs, random) == 'b');
    REQUIRE(of_pieces(last_by(&Pair::first, &Pair::second), pairs, random) == 'd');
  }
}

TEST_CASE("where keys differ, pieces merged in any order give the same first_by and last_by") {
  std::mt19937_64 random(11);
  for (int run = 0; run < 50; ++run) {
    const std::vector<Sale> sales = random_sales(60, random);
    const auto aggregate = all_of(first_by(&Sale::time, &Sale::user), last_by(&Sale::time, &Sale::user));
    const detail::Aggregation<std::remove_cv_t<decltype(aggregate)>, Sale> windows(aggregate);
    std::vector<decltype(windows.create())> panes(6, windows.create());
    for (const Sale& sale : sales) windows.add(panes[random() % panes.size()], sale);
    std::shuffle(panes.begin(), panes.end(), random);
    for (std::size_t i = 1; i < panes.size(); ++i) windows.merge(panes[0], panes[i]);
    const auto by_time = [](const Sale& a, const Sale& b) { return a.time < b.time; };
    const auto [least, greatest] = std::minmax_element(sales.begin(), sales.end(), by_time);
    REQUIRE(windows.result(panes[0]) ==
            std::tuple(std::optional(least->user), std::optional(greatest->user)));
  }
}

TEST_CASE("to_vector keeps all values in their order") {
  const std::vector<int> numbers{3, 1, 2};
  REQUIRE(of_all(to_vector(), numbers) == numbers);
  REQUIRE(of_all(to_vector(), std::vector<int>{}).empty());
  REQUIRE(of_all(to_vector(&Sale::price), std::vector<Sale>{{0, "", 4, 0, false}}) == std::vector<int>{4});
}

TEST_CASE("texts that belong to another are copied to be kept") {
  const auto view = [](const std::string& text) { return std::string_view(text); };
  const detail::Aggregation<decltype(all_of(to_vector(view), max(view), distinct(view))), std::string>
      windows(all_of(to_vector(view), max(view), distinct(view)));
  auto state = windows.create();
  for (const char letter : {'a', 'b', 'a'}) {
    const std::string gone(100, letter);
    windows.add(state, gone);
  }
  const auto [all, greatest, different] = windows.result(state);
  REQUIRE(all ==
          std::vector<std::string>{std::string(100, 'a'), std::string(100, 'b'), std::string(100, 'a')});
  REQUIRE(greatest == std::string(100, 'b'));
  REQUIRE(different == 2);
}

TEST_CASE("distinct counts as std::set does") {
  std::mt19937_64 random(1);
  for (const std::size_t n : {0u, 1u, 5u, 8u, 9u, 10u, 100u, 5000u}) {
    for (const std::uint64_t range : {3u, 9u, 1000u, 1000000u}) {
      std::vector<std::uint64_t> numbers;
      std::vector<std::string> texts;
      for (std::size_t i = 0; i < n; ++i) {
        numbers.push_back(random() % range << 32);  // the low bits all the same
        texts.push_back(std::to_string(numbers.back()));
      }
      const std::size_t expected = std::set<std::uint64_t>(numbers.begin(), numbers.end()).size();
      REQUIRE(of_all(distinct(), numbers) == expected);
      REQUIRE(of_all(distinct(), texts) == expected);
      REQUIRE(of_pieces(distinct(), numbers, random) == expected);
    }
  }
}

TEST_CASE("distinct takes all NaN as one value and 0 and -0 as one") {
  std::vector<double> numbers{not_a_number, 0.0, -not_a_number, -0.0, 1, not_a_number};
  REQUIRE(of_all(distinct(), numbers) == 3);
  for (int i = 0; i < 30; ++i) numbers.push_back(i % 12);
  numbers.insert(numbers.end(), {not_a_number, -0.0, not_a_number});
  REQUIRE(of_all(distinct(), numbers) == 13);
}

TEST_CASE("distinct counts pairs and what std::hash knows") {
  using Pair = std::pair<int, std::string>;
  REQUIRE(of_all(distinct(), std::vector<Pair>{{1, "a"}, {1, "b"}, {1, "a"}}) == 2);
  REQUIRE(of_all(distinct(), std::vector<std::optional<int>>{{}, 1, {}, 1}) == 2);
}

TEST_CASE("a table of keys makes its slots again when only its keys were stored") {
  const detail::Aggregation<decltype(distinct()), int> windows(distinct());
  auto state = windows.create();
  for (int i = 0; i < 100; ++i) windows.add(state, i);
  auto restored = windows.create();
  std::get<0>(restored.fields(restored)) = std::get<0>(state.fields(state));
  REQUIRE(restored.slots.empty());
  for (int i = 50; i < 150; ++i) windows.add(restored, i);
  REQUIRE(windows.result(restored) == 150);
}

TEST_CASE("top_k counts as a map does, equal counts in the order of the keys") {
  const std::vector<char> letters{'b', 'a', 'c', 'b', 'a', 'd'};
  REQUIRE(of_all(top_k(3), letters) == std::vector<KeyCount<char>>{{'a', 2}, {'b', 2}, {'c', 1}});
  REQUIRE(of_all(top_k(9), letters).size() == 4);
  REQUIRE(of_all(top_k(1), std::vector<char>{}).empty());
  REQUIRE_THROWS_AS(top_k(0), std::invalid_argument);
  std::mt19937_64 random(2);
  for (int run = 0; run < 50; ++run) {
    std::vector<int> numbers;
    for (std::size_t i = random() % 2000; i > 0; --i)
      numbers.push_back(static_cast<int>(random() % (1 + random() % 300)));
    const std::size_t k = 1 + random() % 20;
    REQUIRE(of_all(top_k(k), numbers) == most_frequent_of(numbers, k));
    REQUIRE(of_pieces(top_k(k), numbers, random) == most_frequent_of(numbers, k));
  }
}

TEST_CASE("top_k forgets keys that are taken out, and finds the others") {
  std::mt19937_64 random(3);
  for (int run = 0; run < 100; ++run) {
    std::vector<int> stay, go;
    const std::uint64_t range = 1 + random() % 100;
    for (std::size_t i = random() % 300; i > 0; --i) stay.push_back(static_cast<int>(random() % range));
    for (std::size_t i = random() % 300; i > 0; --i) go.push_back(static_cast<int>(random() % range));
    const detail::Aggregation<decltype(top_k(5)), int> windows(top_k(5));
    REQUIRE(of_all_but_removed(top_k(5), stay, go, random) == most_frequent_of(stay, 5));
  }
  const detail::Aggregation<decltype(top_k(5)), int> windows(top_k(5));
  auto state = windows.create();
  for (int i = 0; i < 100000; ++i) {
    windows.add(state, i);
    if (i >= 20) windows.remove(state, i - 20);
  }
  REQUIRE(state.entries.size() == 20);
}

TEST_CASE("quantile is what Python's statistics.quantiles with the method inclusive is") {
  const std::vector<double> seven{2.5, -1.25, 7, 3.5, 3.5, 0.125, 11};
  const auto deciles = of_all(quantiles({0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9}), seven).value();
  const double expected[] = {-0.425, 0.6, 2.025, 2.9, 3.5, 3.5, 4.2, 6.3, 8.6};
  for (std::size_t i = 0; i < 9; ++i) REQUIRE(deciles[i] == Approx(expected[i]).epsilon(1e-14));
  REQUIRE(of_all(quantile(0.5), seven) == 3.5);
  REQUIRE(of_all(quantile(0), seven) == -1.25);
  REQUIRE(of_all(quantile(1), seven) == 11);
  REQUIRE(of_all(quantile(0.5), std::vector<int>{1, 2}) == 1.5);
  REQUIRE(of_all(quantile(0.5), std::vector<double>{}) == std::nullopt);
  REQUIRE(of_all(quantiles({0.5}), std::vector<double>{not_a_number}) == std::nullopt);
  REQUIRE(of_all(quantile(0.5), std::vector<double>{not_a_number, 5, not_a_number, 1, 3}) == 3);
}

TEST_CASE("quantile of what is no number is one of the values") {
  const std::vector<std::string> texts{"d", "a", "c", "b"};
  REQUIRE(of_all(quantile(0), texts) == std::string("a"));
  REQUIRE(of_all(quantile(0.25), texts) == std::string("a"));
  REQUIRE(of_all(quantile(0.26), texts) == std::string("b"));
  REQUIRE(of_all(quantile(0.5), texts) == std::string("b"));
  REQUIRE(of_all(quantile(1), texts) == std::string("d"));
}

TEST_CASE("quantile finds what sorting finds") {
  std::mt19937_64 random(4);
  for (int run = 0; run < 100; ++run) {
    std::vector<int> numbers(1 + random() % 300);
    for (int& number : numbers) number = static_cast<int>(random() % 500);
    std::vector<int> sorted = numbers;
    std::sort(sorted.begin(), sorted.end());
    const std::size_t at = random() % sorted.size();
    if (sorted.size() == 1) continue;
    const double q = static_cast<double>(at) / static_cast<double>(sorted.size() - 1);
    REQUIRE(of_all(quantile(q), numbers).value() == Approx(sorted[at]).margin(1e-9));
    REQUIRE(of_pieces(quantile(q), numbers, random).value() == Approx(sorted[at]).margin(1e-9));
  }
}

TEST_CASE("quantiles outside of 0 to 1 are refused") {
  REQUIRE_THROWS_AS(quantile(1.01), std::invalid_argument);
  REQUIRE_THROWS_AS(quantile(-0.01), std::invalid_argument);
  REQUIRE_THROWS_AS(quantile(not_a_number), std::invalid_argument);
  REQUIRE_THROWS_AS(quantiles({0.5, 2}), std::invalid_argument);
}
