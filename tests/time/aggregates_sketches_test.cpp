// SPDX-License-Identifier: BSL-1.0
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "aggregates_model.hpp"
#include "penstock/time/aggregates.hpp"

using namespace penstock;

namespace shop {

struct Brand {
  std::string name;
};
std::uint64_t stable_hash(const Brand& brand) {
  return stable_hash_of(brand.name);
}

/// What has any hash that a test wants.
struct Raw {
  std::uint64_t hash;
};
std::uint64_t stable_hash(const Raw& raw) {
  return raw.hash;
}

}  // namespace shop

namespace {

enum class Colour : std::int8_t { none = -1, red = 42 };

/// Where a value lies among the sorted numbers: the lowest and the highest rank it can have.
std::pair<double, double> ranks_of(const std::vector<double>& sorted, double value) {
  const auto [low, high] = std::equal_range(sorted.begin(), sorted.end(), value);
  return {static_cast<double>(low - sorted.begin()), static_cast<double>(high - sorted.begin())};
}

/// By how much of all a result misses the rank it should have.
double rank_error(const std::vector<double>& sorted, double q, double value) {
  const auto [low, high] = ranks_of(sorted, value);
  const double n = static_cast<double>(sorted.size());
  const double wanted = q * n;
  return std::max({0.0, low - wanted, wanted - high}) / n;
}

/// The orders that sketches of quantiles fear.
std::vector<std::pair<const char*, std::vector<double>>> orders_of(std::vector<double> sorted,
                                                                   std::mt19937_64& random) {
  std::sort(sorted.begin(), sorted.end());
  const std::size_t n = sorted.size();
  std::vector<std::pair<const char*, std::vector<double>>> orders{{"sorted", sorted}};
  orders.emplace_back("reversed", std::vector<double>(sorted.rbegin(), sorted.rend()));
  std::vector<double> zigzag, organ_pipe, inside_out, blocks;
  for (std::size_t i = 0; i < n; ++i) zigzag.push_back(i % 2 == 0 ? sorted[i / 2] : sorted[n - 1 - i / 2]);
  for (std::size_t i = 0; i < n; i += 2) organ_pipe.push_back(sorted[i]);
  for (std::size_t i = n / 2 * 2; i > 0; i -= 2) organ_pipe.push_back(sorted[i - 1]);
  inside_out.assign(zigzag.rbegin(), zigzag.rend());
  const std::size_t width = 257;
  for (std::size_t start = 0; start < width; ++start) {
    for (std::size_t i = start; i < n; i += width) blocks.push_back(sorted[i]);
  }
  orders.emplace_back("zigzag", zigzag);
  orders.emplace_back("organ pipe", organ_pipe);
  orders.emplace_back("inside out", inside_out);
  orders.emplace_back("strides", blocks);
  std::shuffle(sorted.begin(), sorted.end(), random);
  orders.emplace_back("shuffled", sorted);
  return orders;
}

constexpr std::array<double, 19> twentieths{0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5,
                                            0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95};
auto approx_twentieths(std::uint32_t k) {
  return approx_quantiles({0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5,
                           0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95},
                          detail::Identity{}, {.k = k});
}

}  // namespace

TEST_CASE("the stable hash is XXH64") {
  // From libxxhash 0.8.1.
  const auto hash = [](std::string_view text) { return stable_hash_of(text); };
  REQUIRE(hash("") == 0xef46db3751d8e999);
  REQUIRE(hash("a") == 0xd24ec4f1a98c6e5b);
  REQUIRE(hash("abc") == 0x44bc2cf5ad770999);
  REQUIRE(hash("abcd") == 0xde0327b0d25d92cc);
  REQUIRE(hash("penstock") == 0xa1e33edc8a9c5673);
  REQUIRE(hash("Nobody inspects the spammish repetition") == 0xfbcea83c8a378bf1);
  std::string bytes;
  for (int i = 0; i < 32; ++i) bytes.push_back(static_cast<char>(i));
  REQUIRE(hash(bytes) == 0xcbf59c5116ff32b4);
  bytes.clear();
  for (int i = 0; i < 101; ++i) bytes.push_back(static_cast<char>(i * 7 % 256));
  REQUIRE(detail::Xxh64::of(bytes, 2654435761) == 0x48395cd114743493);
  REQUIRE(detail::Xxh64::of(std::string_view{}, 2654435761) == 0xac75fda2929b17ef);
}

TEST_CASE("the stable hash of values is what is written") {
  // From libxxhash 0.8.1, of the bytes that stable_hash_of describes.
  REQUIRE(stable_hash_of(0) == 0x34c96acdcadb1bbb);
  REQUIRE(stable_hash_of(std::uint8_t{1}) == 0x9f29cb17a2a49995);
  REQUIRE(stable_hash_of(-1) == 0x85d136adb773c6c9);
  REQUIRE(stable_hash_of(std::int64_t{-1}) == stable_hash_of(std::int8_t{-1}));
  REQUIRE(stable_hash_of(42ull) == 0xb556806fb6d14353);
  REQUIRE(stable_hash_of(Colour::red) == 0xb556806fb6d14353);
  REQUIRE(stable_hash_of(Colour::none) == 0x85d136adb773c6c9);
  REQUIRE(stable_hash_of(std::numeric_limits<std::int64_t>::min()) == 0x3f425eacf01544e0);
  REQUIRE(stable_hash_of(true) == 0x9f29cb17a2a49995);
  REQUIRE(stable_hash_of(1.5) == 0x49f7b96b6b5ccaf9);
  REQUIRE(stable_hash_of(1.5f) == 0x49f7b96b6b5ccaf9);
  REQUIRE(stable_hash_of(-0.0) == 0x34c96acdcadb1bbb);
  REQUIRE(stable_hash_of(-std::numeric_limits<double>::quiet_NaN()) == 0xe9adb09fee122aac);
  REQUIRE(stable_hash_of(std::pair(7, std::string("x"))) == 0x6d274610a16d6a2d);
  REQUIRE(stable_hash_of(std::tuple(7, "x")) == 0x6d274610a16d6a2d);
  REQUIRE(stable_hash_of(std::optional(7)) == 0x07ec087c30b9701e);
  REQUIRE(stable_hash_of(std::optional<int>()) == 0xef46db3751d8e999);
  REQUIRE(stable_hash_of(std::chrono::seconds(42)) == 0xb556806fb6d14353);
  REQUIRE(stable_hash_of(shop::Brand{"abc"}) == 0x44bc2cf5ad770999);
  REQUIRE(stable_hash_of(std::vector<shop::Brand>{{"abc"}}) ==
          stable_hash_of(std::tuple(std::string("abc"))));
  static_assert(!stably_hashable<Sale> && !stably_hashable<long double> && stably_hashable<shop::Brand>);
}

TEST_CASE("approx_distinct is within the standard error that theory gives, and without bias") {
  // 300 sketches of 1024 registers, each of other values: 1.04 / sqrt(1024) = 3.25 %. The root mean square
  // error of 300 draws is within 15 % of the standard error (3.7 times its own), the mean within 4 times 1 /
  // sqrt(300).
  constexpr unsigned precision = 10;
  const double standard_error = 1.04 / std::sqrt(1024.0);
  const std::vector<std::uint64_t> checkpoints{200, 500, 1000, 2000, 2560, 3500, 5000, 10000, 20000};
  std::map<std::uint64_t, std::pair<double, double>> errors;
  const auto aggregate = approx_distinct(detail::Identity{}, {.precision = precision});
  const detail::Aggregation<std::remove_cv_t<decltype(aggregate)>, std::uint64_t> windows(aggregate);
  constexpr int seeds = 300;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    auto state = windows.create();
    std::uint64_t i = 0;
    for (const std::uint64_t checkpoint : checkpoints) {
      for (; i < checkpoint; ++i) windows.add(state, seed << 32 | i);
      const double n = static_cast<double>(checkpoint);
      const double error = (static_cast<double>(windows.result(state)) - n) / n;
      errors[checkpoint].first += error / seeds;
      errors[checkpoint].second += error * error / seeds;
    }
  }
  for (const auto& [checkpoint, moments] : errors) {
    CAPTURE(checkpoint, moments.first, moments.second);
    REQUIRE(std::abs(moments.first) <= 4 * standard_error / std::sqrt(double{seeds}));
    REQUIRE(std::sqrt(moments.second) <= 1.15 * standard_error);
    if (checkpoint >= 5000) REQUIRE(std::sqrt(moments.second) >= 0.85 * standard_error);
  }
}

TEST_CASE("approx_distinct of few values is all but exact, and of one everywhere") {
  for (std::size_t n = 0; n <= 2048; n += n < 10 ? 1 : 97) {
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < n; ++i) texts.push_back("text " + std::to_string(i));
    texts.insert(texts.end(), texts.begin(), texts.end());
    const double got = static_cast<double>(of_all(approx_distinct(), texts));
    REQUIRE(std::abs(got - static_cast<double>(n)) <= 1);
  }
  for (unsigned precision = 4; precision <= 18; ++precision) {
    REQUIRE(of_all(approx_distinct(detail::Identity{}, {.precision = precision}), std::vector<int>(3, 5)) ==
            1);
  }
  REQUIRE_THROWS_AS(approx_distinct(detail::Identity{}, {.precision = 3}), std::invalid_argument);
  REQUIRE_THROWS_AS(approx_distinct(detail::Identity{}, {.precision = 19}), std::invalid_argument);
}

TEST_CASE("states of approx_distinct depend on the set of values alone") {
  std::mt19937_64 random(6);
  for (const unsigned precision : {4u, 8u, 12u}) {
    const auto aggregate = approx_distinct(detail::Identity{}, {.precision = precision});
    for (int run = 0; run < 60; ++run) {
      std::vector<std::uint64_t> numbers(random() % 2000);
      for (std::uint64_t& number : numbers) number = random() % 3000;
      const auto expected = of_all(aggregate, numbers);
      REQUIRE(of_pieces(aggregate, numbers, random) == expected);
      std::shuffle(numbers.begin(), numbers.end(), random);
      numbers.insert(numbers.end(), numbers.begin(), numbers.end());
      REQUIRE(of_all(aggregate, numbers) == expected);
    }
  }
}

TEST_CASE("the registers of approx_distinct are those of the paper, also after a sparse start") {
  std::mt19937_64 random(12);
  for (const unsigned precision : {4u, 6u, 10u, 14u, 18u}) {
    const std::size_t m = std::size_t{1} << precision;
    const auto aggregate = approx_distinct(detail::Identity{}, {.precision = precision});
    const detail::Aggregation<std::remove_cv_t<decltype(aggregate)>, shop::Raw> windows(aggregate);
    auto state = windows.create();
    std::vector<unsigned> registers(m);
    for (std::size_t i = 0; i < m / 4; ++i) {
      // Any register, and all lengths of zeros after it.
      const std::uint64_t rest = random() >> (precision + random() % (64 - precision));
      const std::uint64_t hash = (random() % m) << (64 - precision) | (i % 97 == 0 ? 0 : rest);
      windows.add(state, {hash});
      unsigned place = 1;
      while (place <= 64 - precision && (hash >> (64 - precision - place) & 1) == 0) ++place;
      unsigned& kept = registers[hash >> (64 - precision)];
      kept = std::max(kept, place);
    }
    if (precision > 4) REQUIRE(state.words.size() == m / 4);
    if (state.words.size() != m / 4) continue;
    std::size_t different = 0;
    for (std::size_t i = 0; i < m; ++i) {
      different += (state.words[i / 4] >> (8 * (i % 4)) & 0xFF) != registers[i];
    }
    REQUIRE(different == 0);
  }
}

TEST_CASE("approx_distinct holds at millions of values") {
  const detail::Aggregation<decltype(approx_distinct()), std::uint64_t> windows(approx_distinct());
  auto state = windows.create();
  for (std::uint64_t i = 0; i < 3000000; ++i) windows.add(state, i);
  REQUIRE(static_cast<double>(windows.result(state)) == Approx(3000000).epsilon(3 * 1.04 / 128));
  REQUIRE(state.words.size() * 4 == 16384);
}

TEST_CASE("approx_quantile is exact up to k values, and has the least and the greatest always") {
  std::mt19937_64 random(7);
  std::vector<double> numbers;
  for (int i = 0; i < 200; ++i) numbers.push_back(static_cast<double>(random() % 1000));
  for (const double q : {0.0, 0.123, 0.5, 0.99, 1.0}) {
    REQUIRE(of_all(approx_quantile(q), numbers) == of_all(quantile(q), numbers));
  }
  for (int i = 0; i < 50000; ++i) numbers.push_back(static_cast<double>(random() % 1000000) - 500);
  REQUIRE(of_all(approx_quantile(0), numbers) == *std::min_element(numbers.begin(), numbers.end()));
  REQUIRE(of_all(approx_quantile(1), numbers) == *std::max_element(numbers.begin(), numbers.end()));
  REQUIRE(of_all(approx_quantile(0.5), std::vector<double>{}) == std::nullopt);
  REQUIRE_THROWS_AS(approx_quantile(1.5), std::invalid_argument);
  REQUIRE_THROWS_AS(approx_quantile(0.5, detail::Identity{}, {.k = 7}), std::invalid_argument);
}

TEST_CASE("approx_quantile keeps its bound in every order, in one piece and in several") {
  // The bound is missed by 1 % of results. Of the 19 quantiles of one sketch many are missed together or
  // none.
  std::mt19937_64 random(8);
  for (const std::uint32_t k : {50u, 200u}) {
    const double bound = 2.296 / std::pow(k, 0.9723);
    int results = 0, missed = 0;
    double worst = 0;
    for (int run = 0; run < 12; ++run) {
      const std::size_t n = 2000 + random() % 20000;
      std::vector<double> numbers(n);
      const bool ties = run % 3 == 0;
      for (double& number : numbers) {
        number = ties ? static_cast<double>(random() % 100) : static_cast<double>(random() % (1u << 30));
      }
      std::vector<double> sorted = numbers;
      std::sort(sorted.begin(), sorted.end());
      for (const auto& [order, ordered] : orders_of(numbers, random)) {
        CAPTURE(k, run, order);
        for (const auto& got :
             {*of_all(approx_twentieths(k), ordered), *of_pieces(approx_twentieths(k), ordered, random)}) {
          for (std::size_t i = 0; i < twentieths.size(); ++i) {
            const double error = rank_error(sorted, twentieths[i], got[i]);
            ++results;
            missed += error > bound;
            worst = std::max(worst, error);
            REQUIRE(error <= 2 * bound);
          }
        }
      }
    }
    CAPTURE(k, results, missed, worst, bound);
    REQUIRE(missed <= results / 100);
  }
}

TEST_CASE("approx_quantile does the same every time, and keeps no more than it says") {
  std::mt19937_64 random(9);
  std::vector<double> numbers(300000);
  for (double& number : numbers) number = static_cast<double>(random());
  REQUIRE(of_all(approx_twentieths(200), numbers) == of_all(approx_twentieths(200), numbers));
  const detail::Aggregation<decltype(approx_quantile(0.5)), double> windows(approx_quantile(0.5));
  auto state = windows.create();
  std::size_t most = 0;
  for (const double number : numbers) {
    windows.add(state, number);
    std::size_t kept = 0;
    for (const auto& level : state.levels) kept += level.size();
    most = std::max(most, kept);
  }
  REQUIRE(most <= 3 * 200 + 8 * 12);
  std::uint64_t weight = 0;
  for (std::size_t level = 0; level < state.levels.size(); ++level)
    weight += state.levels[level].size() << level;
  REQUIRE(weight == numbers.size());
}

TEST_CASE("approx_quantile goes by order alone: texts, and NaN left out") {
  std::vector<std::string> texts;
  for (int i = 1000; i < 9000; ++i) texts.push_back(std::to_string(i));
  const std::string middle = of_all(approx_quantile(0.5), texts).value();
  REQUIRE(std::abs(std::stoi(middle) - 5000) <= 8000 * 0.0133);
  REQUIRE(of_all(approx_quantile(0.5), std::vector<double>{std::nan(""), 4, std::nan("")}) == 4);
}

TEST_CASE("approx_top_k never says more or less than it knows") {
  std::mt19937_64 random(10);
  for (int run = 0; run < 60; ++run) {
    const std::size_t n = random() % 5000;
    const std::size_t k = 1 + random() % 5;
    const std::size_t capacity = 2 * k + random() % 40;
    std::vector<int> keys;
    for (std::size_t i = 0; i < n; ++i) {
      // Key j about as often as 1 / j.
      const double share = static_cast<double>(random() >> 11) * 0x1p-53;
      keys.push_back(static_cast<int>(std::pow(2000.0, share)));
    }
    if (run % 3 == 1) std::sort(keys.begin(), keys.end());
    if (run % 3 == 2) std::sort(keys.rbegin(), keys.rend());
    std::map<int, std::uint64_t> counts;
    for (const int key : keys) ++counts[key];
    const auto aggregate = approx_top_k(k, detail::Identity{}, {.capacity = capacity});
    for (const auto& top : {of_all(aggregate, keys), of_pieces(aggregate, keys, random)}) {
      REQUIRE(top.size() <= k);
      std::uint64_t error = 0;
      for (const auto& entry : top) {
        REQUIRE(counts[entry.key] <= entry.count);
        REQUIRE(counts[entry.key] >= entry.count - entry.error);
        REQUIRE(entry.error <= n / (capacity / 2));
        error = entry.error;
      }
      if (counts.size() <= capacity / 2) REQUIRE(error == 0);
      // Whoever came more often than the last of the top and the error together is in it.
      for (const auto& [key, count] : counts) {
        if (top.size() < k || count <= top.back().count) continue;
        const bool in = std::any_of(top.begin(), top.end(),
                                    [&, wanted = key](const auto& entry) { return entry.key == wanted; });
        REQUIRE(in);
      }
    }
  }
}

TEST_CASE("approx_top_k is exact while all keys fit, and finds the frequent ones among very many") {
  const std::vector<char> letters{'b', 'a', 'c', 'b', 'a', 'd'};
  REQUIRE(of_all(approx_top_k(2), letters) == std::vector<ApproxKeyCount<char>>{{'a', 2, 0}, {'b', 2, 0}});
  REQUIRE(of_all(approx_top_k(2), std::vector<char>{}).empty());
  std::vector<int> keys;
  for (int i = 0; i < 100000; ++i) keys.push_back(i % 10 == 0 ? 1 : i % 10 == 1 ? 2 + i % 20 / 10 : 1000 + i);
  const auto top = of_all(approx_top_k(3), keys);
  REQUIRE(top.size() == 3);
  REQUIRE(top[0].key == 1);
  REQUIRE(std::pair(std::min(top[1].key, top[2].key), std::max(top[1].key, top[2].key)) == std::pair(2, 3));
  REQUIRE_THROWS_AS(approx_top_k(0), std::invalid_argument);
  REQUIRE_THROWS_AS(approx_top_k(10, detail::Identity{}, {.capacity = 19}), std::invalid_argument);
}
