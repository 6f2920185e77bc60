// SPDX-License-Identifier: BSL-1.0
#pragma once

// Not an operator: an aggregate.

#include <cstdint>
#include <optional>
#include <tuple>
#include <utility>

#include "penstock/time/aggregates/detail/math.hpp"
#include "penstock/time/aggregates/detail/of_value.hpp"

namespace penstock {

/// For `variance` and `standard_deviation`: the elements are all there is, and no sample.
struct Population {};
inline constexpr Population population{};

namespace aggregates {

/// Number, mean, and sum of the squared differences from the mean.
struct Moments {
  std::uint64_t count = 0;
  double mean = 0;
  double squares = 0;

  template <class Self>
  static auto fields(Self& self) {
    return std::tie(self.count, self.mean, self.squares);
  }
};

template <class Fn, bool Whole, bool Root>
class Variance : public detail::OfValue<Variance<Fn, Whole, Root>, Fn> {
 public:
  using detail::OfValue<Variance, Fn>::OfValue;

  template <class V>
  static constexpr bool takes = detail::arithmetic<V>;
  template <class>
  using over = Moments;
  template <class T>
  static constexpr void explain() {
    static_assert(
        Variance::template accepts<T>,
        "variance, standard_deviation: take a function of a const element, a pointer to a member or "
        "a key, which gives a number");
  }

  template <class V>
  void put(Moments& state, V value) const noexcept {
    const double x = static_cast<double>(value);
    ++state.count;
    const double difference = x - state.mean;
    state.mean += difference / static_cast<double>(state.count);
    state.squares += difference * (x - state.mean);
  }
  void merge(Moments& into, const Moments& from) const noexcept {
    if (from.count == 0) return;
    if (into.count == 0) {
      into = from;
      return;
    }
    const double a = static_cast<double>(into.count);
    const double b = static_cast<double>(from.count);
    const double difference = from.mean - into.mean;
    into.mean += difference * (b / (a + b));
    into.squares += from.squares + difference * difference * (a * b / (a + b));
    into.count += from.count;
  }
  std::optional<double> result(const Moments& state) const noexcept {
    if (state.count < (Whole ? 1 : 2)) return std::nullopt;
    const double variance = state.squares / static_cast<double>(state.count - (Whole ? 0 : 1));
    return Root ? detail::math::root(variance) : variance;
  }
};

}  // namespace aggregates

/// The variance of a value of each element, taken as a sample: divided by n - 1.
///
/// @param extract  function of a const element, pointer to a member, key or index, which gives a number, that
///                 is taken as a double; without it the element.
///
/// Gives `std::optional<double>`; empty of fewer than two elements. Welford's method, which stays exact to
/// about n u kappa, kappa being the root of the sum of squares by the sum of squared differences, where the
/// sum of squares alone would lose kappa squared: values of 1e9 plus little are no trouble. Merging is by
/// Chan's formula. NaN and infinities come through as NaN. No `remove`: it would not be exact.
///
/// Memory: 24 bytes.
/// Cost:   O(1) for each of add, merge and result.
/// Source: B. P. Welford, Technometrics 4 (1962); T. F. Chan, G. H. Golub, R. J. LeVeque, Updating Formulae
///         and a Pairwise Algorithm for Computing Sample Variances, Stanford STAN-CS-79-773 (1979).
template <class Extract = detail::Identity>
auto variance(Extract extract = {}) {
  return aggregates::Variance<Extract, false, false>(std::move(extract));
}
/// The variance of all there is: divided by n, and zero of one element. Else as `variance`.
template <class Extract>
auto variance(Extract extract, Population) {
  return aggregates::Variance<Extract, true, false>(std::move(extract));
}
inline auto variance(Population) {
  return variance(detail::Identity{}, population);
}

/// The standard deviation of a value of each element: the root of `variance`, which says the rest.
template <class Extract = detail::Identity>
auto standard_deviation(Extract extract = {}) {
  return aggregates::Variance<Extract, false, true>(std::move(extract));
}
/// The standard deviation of all there is: the root of `variance` of it.
template <class Extract>
auto standard_deviation(Extract extract, Population) {
  return aggregates::Variance<Extract, true, true>(std::move(extract));
}
inline auto standard_deviation(Population) {
  return standard_deviation(detail::Identity{}, population);
}

}  // namespace penstock
