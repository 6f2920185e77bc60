// SPDX-License-Identifier: BSL-1.0
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "aggregates_model.hpp"
#include "penstock/time/aggregates.hpp"

using namespace penstock;
using namespace std::chrono_literals;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();
const std::vector<double> none;
// What Python's statistics module makes of these is written below.
const std::vector<double> seven{2.5, -1.25, 7, 3.5, 3.5, 0.125, 11};

__extension__ using Wide = __int128;

/// |a - b| in units of the distance between b and the next double.
double ulps(double a, double b) {
  return std::abs(a - b) / (std::nextafter(std::abs(b), infinity) - std::abs(b));
}

/// Numbers of very different size and both signs, all of them whole numbers times 2^-40, so that 128 bits
/// hold their sum exactly.
struct Exactly {
  std::vector<double> numbers;
  Wide sum = 0;       // times 2^-40
  Wide magnitude = 0;  // of the sum of the absolute values
};
Exactly exactly(std::size_t n, std::mt19937_64& random) {
  Exactly made;
  for (std::size_t i = 0; i < n; ++i) {
    const auto digits = static_cast<std::int64_t>(random() % (std::uint64_t{1} << 53));
    const unsigned shift = static_cast<unsigned>(random() % 48);
    Wide scaled = static_cast<Wide>(digits) << shift;
    if (random() % 2 == 0) scaled = -scaled;
    made.numbers.push_back(static_cast<double>(scaled) * 0x1p-40);
    made.sum += scaled;
    made.magnitude += scaled < 0 ? -scaled : scaled;
  }
  return made;
}

}  // namespace

TEST_CASE("count counts, and count_if what a function is true for") {
  const std::vector<Sale> sales{{1, "a", 5, 1, true}, {2, "b", 6, 1, false}, {3, "a", 7, 1, true}};
  REQUIRE(of_all(count(), sales) == 3);
  REQUIRE(of_all(count(), std::vector<Sale>{}) == 0);
  REQUIRE(of_all(count_if(&Sale::paid), sales) == 2);
  REQUIRE(of_all(count_if([](const Sale& sale) { return sale.price > 5; }), sales) == 2);
  REQUIRE(of_all(count().where(&Sale::paid).where([](const Sale& sale) { return sale.price > 5; }), sales) ==
          1);
}

TEST_CASE("sum of integers is exact up to the ends of 64 bits, and over them is an error") {
  using Longs = std::vector<std::int64_t>;
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
  REQUIRE(of_all(sum(), Longs{most - 5, 5}) == most);
  REQUIRE(of_all(sum(), Longs{least + 5, -5}) == least);
  REQUIRE(of_all(sum(), Longs{}) == 0);
  REQUIRE_THROWS_AS(of_all(sum(), Longs{most, 1}), std::overflow_error);
  REQUIRE_THROWS_AS(of_all(sum(), Longs{least, -1}), std::overflow_error);
  REQUIRE_THROWS_WITH(of_all(sum(), std::vector<std::uint64_t>{~std::uint64_t{0}, 1}),
                      "sum: the sum of the integers does not fit into 64 bits");
  static_assert(std::is_same_v<decltype(of_all(sum(), std::vector<std::uint8_t>{})), std::uint64_t>);
  static_assert(std::is_same_v<decltype(of_all(sum(), std::vector<short>{})), std::int64_t>);
  REQUIRE(of_all(sum(), std::vector<std::uint8_t>{255, 255}) == 510);
}

TEST_CASE("an element that would take a sum out of 64 bits is not in it") {
  const detail::Aggregation<decltype(sum()), std::int64_t> windows(sum());
  auto state = windows.create();
  windows.add(state, std::numeric_limits<std::int64_t>::max());
  REQUIRE_THROWS_AS(windows.add(state, 1), std::overflow_error);
  REQUIRE(windows.result(state) == std::numeric_limits<std::int64_t>::max());
  auto other = windows.create();
  windows.add(other, 1);
  REQUIRE_THROWS_AS(windows.merge(state, other), std::overflow_error);
  windows.remove(state, std::numeric_limits<std::int64_t>::max());
  REQUIRE(windows.result(state) == 0);
  windows.add(state, std::numeric_limits<std::int64_t>::min());
  REQUIRE_THROWS_AS(windows.remove(state, 1), std::overflow_error);
  REQUIRE(windows.result(state) == std::numeric_limits<std::int64_t>::min());
}

TEST_CASE("sum of floating-point numbers keeps what a plain sum loses") {
  // Neumaier's own example: a plain sum and Kahan's are 0.
  REQUIRE(of_all(sum(), std::vector<double>{1, 1e100, 1, -1e100}) == 2);
  REQUIRE(of_all(sum(), std::vector<double>(10, 0.1)) == 1.0);
  REQUIRE(of_all(sum(), none) == 0);
  REQUIRE(of_all(sum(), std::vector<float>{16777216.f, 1.f, 1.f}) == 16777218.0);
}

TEST_CASE("sum of floating-point numbers is within the bound, in one piece and in several") {
  std::mt19937_64 random(7);
  constexpr double u = 0x1p-53;
  for (int run = 0; run < 300; ++run) {
    const std::size_t n = 1 + random() % 500;
    const Exactly made = exactly(n, random);
    // The exact sum, rounded once. The difference to it is found in the whole numbers.
    const double bound = u * std::abs(static_cast<double>(made.sum)) +
                         static_cast<double>(n * n) * u * u * static_cast<double>(made.magnitude);
    for (const double got : {of_all(sum(), made.numbers), of_pieces(sum(), made.numbers, random)}) {
      const Wide scaled = static_cast<Wide>(got * 0x1p40);
      const Wide difference = scaled > made.sum ? scaled - made.sum : made.sum - scaled;
      REQUIRE(static_cast<double>(difference) <= bound + 1);
    }
  }
}

TEST_CASE("sum lets NaN and infinities through") {
  REQUIRE(of_all(sum(), std::vector<double>{1, infinity, 2}) == infinity);
  REQUIRE(of_all(sum(), std::vector<double>{1, -infinity, 2, -infinity}) == -infinity);
  const detail::Aggregation<decltype(sum()), double> windows(sum());
  for (const std::vector<double>& numbers :
       {std::vector<double>{1, not_a_number, 2}, std::vector<double>{infinity, -infinity}}) {
    auto state = windows.create();
    for (const double number : numbers) windows.add(state, number);
    REQUIRE(std::isnan(windows.result(state)));
  }
}

TEST_CASE("sum adds durations and whatever has +=") {
  const auto total = of_all(sum(), std::vector<std::chrono::milliseconds>{5ms, 7ms, 1s});
  static_assert(std::is_same_v<decltype(total), const std::chrono::duration<std::int64_t, std::milli>>);
  REQUIRE(total == 1012ms);
  using Seconds = std::chrono::duration<double>;
  REQUIRE(of_all(sum(), std::vector<Seconds>(10, Seconds(0.1))) == Seconds(1));
  REQUIRE(of_all(sum(), std::vector<std::string>{"a", "b", "c"}) == "abc");
}

TEST_CASE("aggregates take functions, members, keys and indexes") {
  using Fields = std::map<std::string, int>;
  REQUIRE(of_all(sum("price"), std::vector<Fields>{{{"price", 3}}, {{"price", 4}}}) == 7);
  REQUIRE_THROWS_AS(of_all(sum("price"), std::vector<Fields>{{}}), std::out_of_range);
  REQUIRE(of_all(sum(1), std::vector<std::vector<int>>{{1, 2}, {3, 4}}) == 6);
  REQUIRE(of_all(sum([](const Sale& sale) { return 2 * sale.price; }),
                 std::vector<Sale>{{0, "", 4, 0, false}}) == 8);
  REQUIRE(of_all(sum(&Sale::price), std::vector<Sale>{{0, "", 4, 0, false}}) == 4);
  struct Priced {
    int cents;
    int price() const { return cents / 100; }
  };
  REQUIRE(of_all(sum(&Priced::price), std::vector<Priced>{{250}, {100}}) == 3);
}

TEST_CASE("mean is what Python's statistics.fmean is") {
  REQUIRE(of_all(mean(), seven).value() == 3.767857142857143);
  REQUIRE(of_all(mean(), std::vector<int>{1, 2, 4}).value() == Approx(7.0 / 3).epsilon(1e-15));
  REQUIRE(of_all(mean(), none) == std::nullopt);
  REQUIRE(of_all(mean(), std::vector<double>{1, 1e100, 1, -1e100}).value() == 0.5);
  REQUIRE(of_all(mean(&Sale::paid), std::vector<Sale>{{0, "", 0, 0, true}, {0, "", 0, 0, false}}).value() ==
          0.5);
  const auto time = of_all(mean(), std::vector<std::chrono::seconds>{1s, 2s});
  REQUIRE(time.value() == std::chrono::duration<double>(1.5));
  REQUIRE_THROWS_WITH(of_all(mean(), std::vector<std::uint64_t>{~std::uint64_t{0}, 1}),
                      "mean: the sum of the integers does not fit into 64 bits");
}

TEST_CASE("min and max leave NaN out, whatever the order") {
  REQUIRE(of_all(min(), seven) == -1.25);
  REQUIRE(of_all(max(), seven) == 11);
  REQUIRE(of_all(min(), none) == std::nullopt);
  REQUIRE(of_all(max(), std::vector<double>{not_a_number, not_a_number}) == std::nullopt);
  REQUIRE(of_all(max(), std::vector<double>{not_a_number, 1, not_a_number, 3, 2}) == 3);
  REQUIRE(of_all(min(), std::vector<double>{3, 1, 2, not_a_number}) == 1);
  REQUIRE(of_all(max(), std::vector<std::string>{"b", "c", "a"}) == std::string("c"));
}

TEST_CASE("variance and standard deviation are what Python's statistics module makes of the numbers") {
  REQUIRE(ulps(of_all(variance(), seven).value(), 17.158482142857142) <= 8);
  REQUIRE(ulps(of_all(variance(population), seven).value(), 14.707270408163266) <= 8);
  REQUIRE(ulps(of_all(standard_deviation(), seven).value(), 4.142279824306555) <= 8);
  REQUIRE(ulps(of_all(standard_deviation(population), seven).value(), 3.8350059202253215) <= 8);
  const std::vector<Sale> sales{{0, "", 2, 0, false}, {0, "", 4, 0, false}};
  REQUIRE(of_all(variance(&Sale::price), sales) == 2);
  REQUIRE(of_all(variance(&Sale::price, population), sales) == 1);
  REQUIRE(of_all(standard_deviation(&Sale::price, population), sales) == 1);
}

TEST_CASE("a sample of fewer than two, and a population of none, have no variance") {
  REQUIRE(of_all(variance(), none) == std::nullopt);
  REQUIRE(of_all(variance(), std::vector<double>{5}) == std::nullopt);
  REQUIRE(of_all(standard_deviation(), std::vector<double>{5}) == std::nullopt);
  REQUIRE(of_all(variance(population), none) == std::nullopt);
  REQUIRE(of_all(variance(population), std::vector<double>{5}) == 0);
}

TEST_CASE("variance stays exact where the numbers are large and differ little") {
  // 4, 7, 13, 16 have the variance 30, and all that is added to them does not matter. The difference of the
  // sum of squares and the square of the sum gives -170.67 for 1e9.
  for (const double offset : {0.0, 1e6, 1e9, 1e12}) {
    const std::vector<double> numbers{offset + 4, offset + 7, offset + 13, offset + 16};
    REQUIRE(of_all(variance(), numbers).value() == Approx(30).epsilon(1e-12));
    std::mt19937_64 random(1);
    for (int run = 0; run < 20; ++run) {
      REQUIRE(of_pieces(variance(), numbers, random).value() == Approx(30).epsilon(1e-12));
    }
  }
  // 10 000 times 1e9 and 1e9 + 1 in turn: 1/4 n / (n - 1).
  std::vector<double> many;
  for (int i = 0; i < 10000; ++i) many.push_back(1e9 + i % 2);
  REQUIRE(of_all(variance(), many).value() == Approx(0.25 * 10000 / 9999).epsilon(1e-9));
  REQUIRE(of_all(variance(population), many).value() == Approx(0.25).epsilon(1e-9));
}

TEST_CASE("variance of random numbers is that of two passes in long double") {
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal(1e6, 1);
  for (int run = 0; run < 50; ++run) {
    std::vector<double> numbers(2 + random() % 2000);
    for (double& number : numbers) number = normal(random);
    long double total = 0;
    for (const double number : numbers) total += number;
    const long double middle = total / static_cast<long double>(numbers.size());
    long double squares = 0;
    for (const double number : numbers) squares += (number - middle) * (number - middle);
    const double expected = static_cast<double>(squares / static_cast<long double>(numbers.size() - 1));
    REQUIRE(of_all(variance(), numbers).value() == Approx(expected).epsilon(1e-8));
    REQUIRE(of_pieces(variance(), numbers, random).value() == Approx(expected).epsilon(1e-8));
  }
}
