// expect: (?s)(?=.*sum: takes a function of a const element)(?=.*mean: takes)(?=.*min, max: take)(?=.*variance, standard_deviation: take)(?=.*first, last: take)(?=.*first_by, last_by, min_by, max_by: take)(?=.*to_vector: takes)(?=.*distinct: takes)(?=.*approx_distinct: takes)(?=.*quantile: takes)(?=.*approx_quantile: takes)(?=.*top_k: takes)(?=.*approx_top_k: takes)(?=.*where: the function)(?=.*value_or: the result)(?=.*into: the result)
// SPDX-License-Identifier: BSL-1.0
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>

#include "penstock/time/aggregates.hpp"

struct Event {
#ifdef BAD
  struct Price {
    std::unique_ptr<int> cents;
  };
#else
  using Price = int;
#endif
  Price price{};
  bool is_paid() const { return true; }
  std::string user() const { return "a"; }
};
struct Row {
#ifdef BAD
  std::string count;
#else
  std::uint64_t count = 0;
#endif
};

template <class A>
void check(const A&) {
  static_cast<void>(penstock::detail::check_aggregate<A, Event>());
}

int main() {
  using namespace penstock;
#ifdef BAD
  const auto test = &Event::user;
#else
  const auto test = &Event::is_paid;
#endif
  check(sum(&Event::price));
  check(mean(&Event::price));
  check(max(&Event::price));
  check(variance(&Event::price));
  check(first(&Event::price));
  check(first_by(&Event::price));
  check(to_vector(&Event::price));
  check(distinct(&Event::price));
  check(approx_distinct(&Event::price));
  check(quantile(0.5, &Event::price));
  check(approx_quantile(0.5, &Event::price));
  check(top_k(3, &Event::price));
  check(approx_top_k(3, &Event::price));
  check(count_if(test));
#ifdef BAD
  check(count().value_or(0));
#else
  check(penstock::max(&Event::user).value_or("nobody"));
#endif
  check(into<Row>(&Row::count, count()));
}
