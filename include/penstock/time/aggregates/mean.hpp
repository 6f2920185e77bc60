// SPDX-License-Identifier: BSL-1.0
#pragma once

// Not an operator: an aggregate.

#include <cstdint>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "penstock/core/loop.hpp"
#include "penstock/time/aggregates/sum.hpp"

namespace penstock {
namespace detail {

template <class V>
struct MeanAs {
  static constexpr bool exists = false;
};
template <arithmetic V>
struct MeanAs<V> {
  static constexpr bool exists = SumAs<V>::exists;
  using Result = std::common_type_t<V, double>;
};
template <class Rep, class Period>
struct MeanAs<std::chrono::duration<Rep, Period>> {
  static constexpr bool exists = MeanAs<Rep>::exists;
  using Result = std::chrono::duration<std::common_type_t<Rep, double>, Period>;
};

}  // namespace detail

namespace aggregates {

template <class V>
struct MeanState {
  std::uint64_t count = 0;
  typename detail::SumAs<V>::State sum{};

  template <class Self>
  static auto fields(Self& self) {
    return std::tie(self.count, self.sum);
  }
};

template <class Fn>
class Mean : public detail::OfValue<Mean<Fn>, Fn> {
 public:
  using detail::OfValue<Mean, Fn>::OfValue;

  template <class V>
  static constexpr bool takes = detail::MeanAs<V>::exists;
  template <class V>
  using over = MeanState<V>;
  template <class T>
  static constexpr void explain() {
    static_assert(Mean::template accepts<T>,
                  "mean: takes a function of a const element, a pointer to a member or a key, which gives a "
                  "number or a duration");
  }

  template <class V>
  void put(MeanState<V>& state, const V& value) const {
    detail::put_number("mean", state.sum, detail::SumAs<V>::number(value));
    ++state.count;
  }
  template <class V, class T>
    requires(detail::sums_integers<typename detail::SumAs<V>::State>)
  void remove(MeanState<V>& state, const T& element) const {
    detail::subtract_checked("mean", state.sum.total, detail::SumAs<V>::number(this->extract_(element)));
    --state.count;
  }
  template <class V>
  void merge(MeanState<V>& into, const MeanState<V>& from) const {
    detail::merge_numbers("mean", into.sum, from.sum);
    into.count += from.count;
  }
  template <class V>
  auto result(const MeanState<V>& state) const {
    using Result = typename detail::MeanAs<V>::Result;
    if (state.count == 0) return std::optional<Result>{};
    if constexpr (detail::arithmetic<V>) {
      return std::optional<Result>{static_cast<Result>(detail::total_of(state.sum)) /
                                   static_cast<Result>(state.count)};
    } else {
      using Rep = typename Result::rep;
      return std::optional<Result>{
          Result{static_cast<Rep>(detail::total_of(state.sum)) / static_cast<Rep>(state.count)}};
    }
  }
};

}  // namespace aggregates

/// The mean of a value of each element: its sum, as `sum` makes it, by the number of elements.
///
/// @param extract  function of a const element, pointer to a member, key or index; without it the element.
///
/// Gives a `std::optional` of double (`long double` of such, a duration in double of durations); empty of
/// none. Of integers the sum is exact and the mean off by two roundings; a sum that leaves 64 bits is
/// std::overflow_error, and the element is not in it. Of bool it is the share of true. `remove` for integers,
/// where it is exact.
///
/// Memory: 16 bytes of integers, 24 of double.
/// Cost:   O(1) for each of add, remove, merge and result.
template <class Extract = detail::Identity>
auto mean(Extract extract = {}) {
  return aggregates::Mean<Extract>(std::move(extract));
}

}  // namespace penstock
