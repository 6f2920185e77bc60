// SPDX-License-Identifier: BSL-1.0
#pragma once

// Not an operator: an aggregate.

#include <array>
#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/core/algorithm.hpp"
#include "penstock/time/aggregates/detail/math.hpp"
#include "penstock/time/aggregates/to_vector.hpp"

namespace penstock {
namespace detail {

inline void check_quantile(const char* sentence, double q) {
  if (!(q >= 0 && q <= 1)) bad_argument(sentence);
}

/// What a quantile of values of type `V` is: of numbers a number between two of them, else one of them.
template <class V>
struct QuantileAs {
  using type = V;
};
template <arithmetic V>
struct QuantileAs<V> {
  using type = std::common_type_t<V, double>;
};
template <class V>
using QuantileResult = typename QuantileAs<V>::type;

/// Of values that are not sorted, and are then a little more so.
template <class V>
QuantileResult<V> quantile_of(std::vector<V>& values, double q) {
  const auto at = [&](std::size_t i) { return values.begin() + static_cast<std::ptrdiff_t>(i); };
  const std::size_t last = values.size() - 1;
  if constexpr (arithmetic<V>) {
    using Result = QuantileResult<V>;
    const double place = static_cast<double>(last) * q;
    const std::size_t below = std::min(static_cast<std::size_t>(place), last);
    std::nth_element(values.begin(), at(below), values.end());
    const Result low = static_cast<Result>(values[below]);
    const Result part = static_cast<Result>(place) - static_cast<Result>(below);
    if (part == 0) return low;
    const Result high = static_cast<Result>(*std::min_element(at(below + 1), values.end()));
    return low == high ? low : low * (1 - part) + high * part;
  } else {
    const double rank = math::ceiling(q * static_cast<double>(values.size()));
    const std::size_t place = std::min(rank < 1 ? 0 : static_cast<std::size_t>(rank) - 1, last);
    std::nth_element(values.begin(), at(place), values.end());
    return values[place];
  }
}

}  // namespace detail

namespace aggregates {

template <class Fn, std::size_t N, bool Several>
class Quantiles : public detail::OfValue<Quantiles<Fn, N, Several>, Fn> {
 public:
  Quantiles(std::array<double, N> which, Fn fn)
      : detail::OfValue<Quantiles, Fn>(std::move(fn)), which_(which) {
    for (const double q : which) detail::check_quantile("quantile: q must be 0 to 1", q);
  }

  template <class V>
  static constexpr bool takes = detail::can_be_kept<V> && detail::ordered<detail::Kept<V>>;
  template <class V>
  using over = Values<detail::Kept<V>>;
  template <class T>
  static constexpr void explain() {
    static_assert(
        Quantiles::template accepts<T>,
        "quantile: takes a function of a const element, a pointer to a member or a key, which gives "
        "a value that can be copied and kept, and compared with <");
  }

  template <class V, class Value>
  void put(Values<V>& state, Value&& value) const {
    if (!detail::is_nan(value)) state.values.emplace_back(std::forward<Value>(value));
  }
  template <class V>
  void merge(Values<V>& into, const Values<V>& from) const {
    detail::append_values(into.values, from.values);
  }
  template <class V>
  void merge(Values<V>& into, Values<V>&& from) const {
    detail::append_values(into.values, std::move(from.values));
  }
  template <class V>
  auto result(const Values<V>& state) const {
    return result(Values<V>{state.values});
  }
  template <class V>
  auto result(Values<V>&& state) const {
    using Result = detail::QuantileResult<V>;
    if constexpr (Several) {
      std::optional<std::array<Result, N>> results;
      if (state.values.empty()) return results;
      results.emplace();
      for (std::size_t i = 0; i < N; ++i) (*results)[i] = detail::quantile_of(state.values, which_[i]);
      return results;
    } else {
      std::optional<Result> one;
      if (!state.values.empty()) one = detail::quantile_of(state.values, which_[0]);
      return one;
    }
  }

 private:
  std::array<double, N> which_;
};

}  // namespace aggregates

/// The value below which the share `q` of the values lies, found exactly by keeping all of them.
///
/// @param q        0 to 1: 0.5 is the median, 0 the least, 1 the greatest; std::invalid_argument here for
///                 others.
/// @param extract  function of a const element, pointer to a member, key or index; without it the element.
///
/// Gives a `std::optional`, empty of none: of numbers a double (`long double` of such), between the two
/// values next to the place (n - 1) q where that is no whole number, as Python's `statistics.quantiles(...,
/// method="inclusive")` and numpy have it; of others, such as durations and texts, the value at the rank
/// ceil(q n), at least 1. NaN is left out. No `remove`.
///
/// Memory: 24 bytes, and all of the values: up to twice their size while they grow. `approx_quantile` has a
///         bound.
/// Cost:   O(1) for add; O(m) to merge m values, O(1) into nothing; O(n) for the result, and a copy of the
///         values where the state stays.
/// Source: R. J. Hyndman, Y. Fan, Sample Quantiles in Statistical Packages, The American Statistician 50
///         (1996), definitions 7 and 1.
template <class Extract = detail::Identity>
auto quantile(double q, Extract extract = {}) {
  return aggregates::Quantiles<Extract, 1, false>(std::array<double, 1>{q}, std::move(extract));
}

/// Several quantiles of the same values, which are kept once: `quantiles({0.5, 0.9, 0.99}, &Event::latency)`.
/// Gives a `std::optional` of a `std::array` of what `quantile` gives, in the order of `which`. Else as it.
template <std::size_t N, class Extract = detail::Identity>
auto quantiles(const double (&which)[N], Extract extract = {}) {
  std::array<double, N> all{};
  for (std::size_t i = 0; i < N; ++i) all[i] = which[i];
  return aggregates::Quantiles<Extract, N, true>(all, std::move(extract));
}

}  // namespace penstock
