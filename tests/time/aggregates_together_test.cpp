// SPDX-License-Identifier: BSL-1.0
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "aggregates_model.hpp"
#include "penstock/time/aggregates.hpp"

using namespace penstock;

namespace {

/// The user's own: the widest of the prices.
struct Spread {
  std::optional<std::pair<int, int>> ends;

  void add(const Sale& sale) {
    if (!ends) ends = {sale.price, sale.price};
    ends->first = std::min(ends->first, sale.price);
    ends->second = std::max(ends->second, sale.price);
  }
  void merge(const Spread& other) {
    if (!other.ends) return;
    if (!ends) ends = other.ends;
    ends->first = std::min(ends->first, other.ends->first);
    ends->second = std::max(ends->second, other.ends->second);
  }
  int result() const { return ends ? ends->second - ends->first : 0; }
};

/// The user's own with a start, without merge, with remove.
struct Running {
  int total = 100;
  void add(const int& value) { total += value; }
  void remove(const int& value) { total -= value; }
  int result() const { return total; }
};

/// The user's own in the library's form, with one accumulator for all elements.
struct Product {
  double start;
  using accumulator = double;
  accumulator create() const { return start; }
  void add(double& product, const int& value) const { product *= value; }
  double result(const double& product) const { return product; }
};

struct Row {
  std::uint64_t sales = 0;
  int paid = -1;
  double revenue = 0;
  double mean = -1;
  std::optional<int> highest;
  std::string latest = "nobody";
  int spread = 0;
  friend bool operator==(const Row&, const Row&) = default;
};

auto row() {
  return into<Row>(&Row::sales, count(), &Row::paid, count_if(&Sale::paid), &Row::revenue, sum(&Sale::weight),
                   &Row::mean, mean(&Sale::weight).where(&Sale::paid), &Row::highest, max(&Sale::price),
                   &Row::latest, last_by(&Sale::time, &Sale::user), &Row::spread, Spread{});
}

/// All that `row()` computes, in one straight line. Weights are sixteenths, whose sums are exact.
Row row_of(const std::vector<Sale>& sales) {
  Row row;
  row.paid = 0;
  double paid_weight = 0;
  int lowest = 0;
  const Sale* latest = nullptr;
  for (const Sale& sale : sales) {
    ++row.sales;
    row.revenue += sale.weight;
    if (sale.paid) paid_weight += sale.weight;
    row.paid += sale.paid;
    lowest = row.sales == 1 ? sale.price : std::min(lowest, sale.price);
    row.highest = row.highest ? std::max(*row.highest, sale.price) : sale.price;
    if (!latest || latest->time <= sale.time) latest = &sale;
  }
  if (row.paid > 0) row.mean = paid_weight / row.paid;
  if (latest) row.latest = latest->user;
  if (row.highest) row.spread = *row.highest - lowest;
  return row;
}

template <class A, class T>
constexpr bool merges = detail::Aggregation<A, T>::can_merge;
template <class A, class T>
constexpr bool removes = detail::Aggregation<A, T>::can_remove;
template <class A, class T>
using State = typename detail::Aggregation<A, T>::state;

}  // namespace

TEST_CASE("the user's own aggregate is a type with add and result") {
  static_assert(aggregate_of<Spread, Sale> && merges<Spread, Sale> && !removes<Spread, Sale>);
  static_assert(aggregate_of<Running, int> && !merges<Running, int> && removes<Running, int>);
  static_assert(!aggregate_of<Spread, int> && !aggregate_of<int, int> && !aggregate_of<std::string, Sale>);
  std::mt19937_64 random(1);
  REQUIRE(of_all_but_removed(Running{}, std::vector<int>{1, 2, 3}, std::vector<int>{9, 9}, random) == 106);
  REQUIRE(of_all_but_removed(Running{7}, std::vector<int>{1, 2, 3}, std::vector<int>{4}, random) == 13);
}

TEST_CASE("an aggregate with an accumulator says how it starts") {
  static_assert(aggregate_of<Product, int> && !merges<Product, int>);
  REQUIRE(of_all(Product{0.5}, std::vector<int>{4, 5}) == 10);
  REQUIRE(of_all(all_of(Product{1}, Product{2}, Running{}), std::vector<int>{3}) ==
          std::tuple(3.0, 6.0, 103));
  REQUIRE(of_all(Product{2}, std::vector<int>{}) == 2);
}

TEST_CASE("several aggregates merge when all of them do, and remove when all of them do") {
  const auto one = [](int value) { return value == 1; };
  REQUIRE(merges<decltype(all_of(count(), sum())), int>);
  REQUIRE(removes<decltype(all_of(count(), sum())), int>);
  REQUIRE_FALSE(removes<decltype(all_of(count(), max())), int>);
  REQUIRE_FALSE(merges<decltype(all_of(count(), Running{})), int>);
  REQUIRE(removes<decltype(all_of(count(), Running{})), int>);
  REQUIRE(merges<decltype(row()), Sale>);
  REQUIRE_FALSE(removes<decltype(row()), Sale>);
  REQUIRE_FALSE(removes<decltype(sum()), double>);
  REQUIRE(removes<decltype(mean().where(one)), int>);
  REQUIRE_FALSE(removes<decltype(max().where(one)), int>);
}

TEST_CASE("into fills a struct as a straight line of code does, in one piece and in several") {
  REQUIRE(of_all(row(), std::vector<Sale>{}) == Row{0, 0, 0, -1, std::nullopt, "nobody", 0});
  std::mt19937_64 random(2);
  for (int run = 0; run < 200; ++run) {
    const std::vector<Sale> sales = random_sales(random() % 40, random);
    REQUIRE(of_all(row(), sales) == row_of(sales));
    REQUIRE(of_pieces(row(), sales, random) == row_of(sales));
  }
}

TEST_CASE("value_or takes the place of an empty result") {
  const std::vector<Sale> sales{{1, "a", 5, 2, true}};
  const auto free = [](const Sale& sale) { return sale.price == 0; };
  REQUIRE(of_all(mean(&Sale::weight).value_or(7), sales) == 2.0);
  REQUIRE(of_all(mean(&Sale::weight).where(free).value_or(7), sales) == 7.0);
  REQUIRE(of_all(max(&Sale::user).where(free).value_or("nobody"), sales) == "nobody");
  static_assert(std::is_same_v<decltype(of_all(mean(&Sale::price).value_or(0), sales)), double>);
}

TEST_CASE("an element that one of several aggregates refuses is in none of them") {
  constexpr int most = std::numeric_limits<int>::max();
  struct Item {
    std::int64_t big;
    int bad;
  };
  const auto extract = [](const Item& item) {
    if (item.bad == 1) throw std::runtime_error("bad");
    return item.bad;
  };
  const auto aggregate = all_of(count(), to_vector(&Item::bad), sum(&Item::big), distinct(&Item::bad),
                                max(&Item::bad).where([](const Item& item) { return item.bad != 3; }),
                                to_vector(extract), mean(extract));
  const detail::Aggregation<std::remove_cv_t<decltype(aggregate)>, Item> windows(aggregate);
  auto state = windows.create();
  windows.add(state, {std::numeric_limits<std::int64_t>::max(), 0});
  const auto before = windows.result(state);
  REQUIRE_THROWS_AS(windows.add(state, {0, 1}), std::runtime_error);
  REQUIRE(windows.result(state) == before);
  REQUIRE_THROWS_AS(windows.add(state, {1, most}), std::overflow_error);
  REQUIRE(windows.result(state) == before);
  windows.add(state, {-1, 3});
  REQUIRE(windows.result(state) == std::tuple(2u, std::vector{0, 3},
                                              std::numeric_limits<std::int64_t>::max() - 1, 2u,
                                              std::optional(0), std::vector{0, 3}, std::optional(1.5)));
}

TEST_CASE("what can be removed leaves no trace") {
  std::mt19937_64 random(3);
  const auto aggregate = all_of(count(), count_if(&Sale::paid), sum(&Sale::price), mean(&Sale::price),
                                top_k(3, &Sale::user), sum(&Sale::price).where(&Sale::paid));
  for (int run = 0; run < 200; ++run) {
    const std::vector<Sale> stay = random_sales(random() % 30, random);
    const std::vector<Sale> go = random_sales(random() % 30, random);
    REQUIRE(of_all_but_removed(aggregate, stay, go, random) == of_all(aggregate, stay));
  }
}

TEST_CASE("pieces of random splits, merged in random order, give what all elements give") {
  std::mt19937_64 random(4);
  const auto exact =
      all_of(count(), sum(&Sale::price), mean(&Sale::price), min(&Sale::weight), max(&Sale::user),
             first(&Sale::user), last(&Sale::time), first_by(&Sale::time, &Sale::user));
  const auto kept =
      all_of(to_vector(&Sale::price), distinct(&Sale::user), top_k(4, &Sale::user),
             quantiles({0, 0.3, 0.5, 1}, &Sale::weight), approx_distinct(&Sale::time),
             approx_quantile(0.5, &Sale::price), approx_top_k(4, &Sale::user, {.capacity = 60}));
  for (int run = 0; run < 300; ++run) {
    const std::vector<Sale> sales = random_sales(random() % 150, random);
    REQUIRE((of_pieces(exact, sales, random) == of_all(exact, sales)));
    REQUIRE((of_pieces(kept, sales, random) == of_all(kept, sales)));
    const double variance_of_all = of_all(variance(&Sale::weight).value_or(0.0), sales);
    REQUIRE(of_pieces(variance(&Sale::weight).value_or(0.0), sales, random) ==
            Approx(variance_of_all).epsilon(1e-12));
  }
}

TEST_CASE("states take the memory that is written at each aggregate") {
  static_assert(sizeof(State<decltype(count()), Sale>) == 8);
  static_assert(sizeof(State<decltype(count_if(&Sale::paid)), Sale>) == 8);
  static_assert(sizeof(State<decltype(sum()), int>) == 8 && sizeof(State<decltype(sum()), double>) == 16);
  static_assert(sizeof(State<decltype(mean()), int>) == 16 && sizeof(State<decltype(mean()), double>) == 24);
  static_assert(sizeof(State<decltype(min()), double>) == 16 && sizeof(State<decltype(max()), double>) == 16);
  static_assert(sizeof(State<decltype(variance()), int>) == 24);
  static_assert(sizeof(State<decltype(standard_deviation(population)), int>) == 24);
  static_assert(sizeof(State<decltype(first()), double>) == sizeof(std::optional<double>));
  static_assert(sizeof(State<decltype(last_by(&Sale::time, &Sale::weight)), Sale>) == 24);
  static_assert(sizeof(State<decltype(distinct()), int>) == 48 &&
                sizeof(State<decltype(top_k(1)), int>) == 48);
  static_assert(sizeof(State<decltype(approx_distinct()), int>) == 24);
  static_assert(sizeof(State<decltype(quantile(0.5)), int>) == 24);
  static_assert(sizeof(State<decltype(approx_quantile(0.5)), double>) == 80);
  static_assert(sizeof(State<decltype(approx_top_k(1)), int>) == 56);
  static_assert(sizeof(State<decltype(to_vector()), int>) == 24);
  static_assert(sizeof(State<decltype(all_of(count(), sum())), double>) == 24);
  static_assert(sizeof(State<Spread, Sale>) == sizeof(Spread));
  static_assert(std::is_trivially_copyable_v<State<decltype(sum()), double>> &&
                std::is_trivially_copyable_v<State<decltype(mean()), int>> &&
                std::is_trivially_copyable_v<State<decltype(variance()), int>> &&
                std::is_trivially_copyable_v<State<decltype(min()), double>> &&
                std::is_trivially_copyable_v<State<decltype(last_by(&Sale::time, &Sale::weight)), Sale>>);
  const detail::Aggregation<decltype(count()), int> windows(count());
  REQUIRE(windows.result(windows.create()) == 0);
}

TEST_CASE("a state is rebuilt from its fields") {
  const auto rebuilt = [](const auto& aggregate, const auto& elements) {
    using T = typename std::remove_cvref_t<decltype(elements)>::value_type;
    const detail::Aggregation<std::remove_cvref_t<decltype(aggregate)>, T> windows(aggregate);
    auto state = windows.create();
    for (const T& element : elements) windows.add(state, element);
    auto other = windows.create();
    other.fields(other) = std::as_const(state).fields(std::as_const(state));
    for (const T& element : elements) windows.add(state, element), windows.add(other, element);
    return windows.result(state) == windows.result(other);
  };
  const std::vector<double> numbers{1, 5, 2, 2, 8, 1, 0.1, 7, 11, 12, 13};
  REQUIRE(rebuilt(count(), numbers));
  REQUIRE(rebuilt(sum(), numbers));
  REQUIRE(rebuilt(mean(), numbers));
  REQUIRE(rebuilt(variance(), numbers));
  REQUIRE(rebuilt(max(), numbers));
  REQUIRE(rebuilt(last(), numbers));
  REQUIRE(rebuilt(last_by(detail::Identity{}), numbers));
  REQUIRE(rebuilt(to_vector(), numbers));
  REQUIRE(rebuilt(distinct(), numbers));
  REQUIRE(rebuilt(approx_distinct(), numbers));
  REQUIRE(rebuilt(quantile(0.3), numbers));
  REQUIRE(rebuilt(approx_quantile(0.3, detail::Identity{}, {.k = 8}), numbers));
  REQUIRE(rebuilt(top_k(3), numbers));
  REQUIRE(rebuilt(approx_top_k(3, detail::Identity{}, {.capacity = 6}), numbers));
}
