// SPDX-License-Identifier: BSL-1.0
#pragma once

// Not an operator: an aggregate.

#include <concepts>
#include <cstdint>
#include <stdexcept>
#include <tuple>
#include <type_traits>
#include <utility>

#include "penstock/core/loop.hpp"
#include "penstock/time/aggregates/detail/math.hpp"
#include "penstock/time/aggregates/detail/of_value.hpp"

namespace penstock {
namespace aggregates {

/// A sum of integers, which does not wrap around.
template <class Integer>
struct IntegerSum {
  Integer total = 0;

  template <class Self>
  static auto fields(Self& self) {
    return std::tie(self.total);
  }
};

/// A sum of floating-point numbers and the sum of what rounding has left out of it.
template <class Float>
struct CompensatedSum {
  Float sum = 0;
  Float compensation = 0;

  template <class Self>
  static auto fields(Self& self) {
    return std::tie(self.sum, self.compensation);
  }
};

/// A sum of anything else that has `+=` and starts as `V{}`.
template <class V>
struct PlainSum {
  V total{};

  template <class Self>
  static auto fields(Self& self) {
    return std::tie(self.total);
  }
};

}  // namespace aggregates

namespace detail {

[[noreturn, gnu::cold, gnu::noinline]] inline void sum_overflow(const char* op) {
  throw std::overflow_error(std::string(op) + ": the sum of the integers does not fit into 64 bits");
}

template <class Integer>
void add_checked(const char* op, Integer& total, Integer value) {
  Integer sum = 0;
  if (__builtin_add_overflow(total, value, &sum)) [[unlikely]] sum_overflow(op);
  total = sum;
}
template <class Integer>
void subtract_checked(const char* op, Integer& total, Integer value) {
  Integer difference = 0;
  if (__builtin_sub_overflow(total, value, &difference)) [[unlikely]] sum_overflow(op);
  total = difference;
}

/// Neumaier's step: of the larger and the smaller operand, the rounding error is what the larger and then the
/// smaller one lack in the sum.
template <class Float>
void add_compensated(aggregates::CompensatedSum<Float>& to, Float value) noexcept {
  const Float sum = to.sum + value;
  if (math::absolute(to.sum) >= math::absolute(value)) {
    to.compensation += (to.sum - sum) + value;
  } else {
    to.compensation += (value - sum) + to.sum;
  }
  to.sum = sum;
}
template <class Float>
void merge_compensated(aggregates::CompensatedSum<Float>& into,
                       const aggregates::CompensatedSum<Float>& from) noexcept {
  add_compensated(into, from.sum);
  into.compensation += from.compensation;
}
/// The compensation of an infinite sum is the difference of infinities, and means nothing.
template <class Float>
Float total_of(const aggregates::CompensatedSum<Float>& of) noexcept {
  return math::is_finite(of.sum) ? of.sum + of.compensation : of.sum;
}

// Which number a value is summed as, what holds the sum, and what is made of it.
template <class V>
struct SumAs {
  static constexpr bool exists = false;
};
template <class V>
  requires(std::integral<V> && sizeof(V) <= 8)
struct SumAs<V> {
  static constexpr bool exists = true;
  using Number = std::conditional_t<std::is_signed_v<V>, std::int64_t, std::uint64_t>;
  using State = aggregates::IntegerSum<Number>;
  using Result = Number;
  static Number number(V value) noexcept { return static_cast<Number>(value); }
  static Result result(Number total) noexcept { return total; }
};
template <std::floating_point V>
struct SumAs<V> {
  static constexpr bool exists = true;
  using Number = std::common_type_t<V, double>;
  using State = aggregates::CompensatedSum<Number>;
  using Result = Number;
  static Number number(V value) noexcept { return static_cast<Number>(value); }
  static Result result(Number total) noexcept { return total; }
};
template <class Rep, class Period>
  requires(SumAs<Rep>::exists && std::is_arithmetic_v<Rep>)
struct SumAs<std::chrono::duration<Rep, Period>> {
  static constexpr bool exists = true;
  using Number = typename SumAs<Rep>::Number;
  using State = typename SumAs<Rep>::State;
  using Result = std::chrono::duration<Number, Period>;
  static Number number(std::chrono::duration<Rep, Period> value) noexcept {
    return static_cast<Number>(value.count());
  }
  static Result result(Number total) noexcept { return Result{total}; }
};
template <class V>
  requires(!std::is_arithmetic_v<V> && std::default_initializable<V> && std::copyable<V> && keepable<V> &&
           requires(V& total, const V& value) { total += value; })
struct SumAs<V> {
  static constexpr bool exists = true;
  using Number = V;
  using State = aggregates::PlainSum<V>;
  using Result = V;
  static const V& number(const V& value) noexcept { return value; }
  static const V& result(const V& total) noexcept { return total; }
};

template <class Integer>
void put_number(const char* op, aggregates::IntegerSum<Integer>& to, Integer value) {
  add_checked(op, to.total, value);
}
template <class Float>
void put_number(const char*, aggregates::CompensatedSum<Float>& to, Float value) noexcept {
  add_compensated(to, value);
}
template <class V>
void put_number(const char*, aggregates::PlainSum<V>& to, const V& value) {
  to.total += value;
}

template <class Integer>
void merge_numbers(const char* op, aggregates::IntegerSum<Integer>& into,
                   const aggregates::IntegerSum<Integer>& from) {
  add_checked(op, into.total, from.total);
}
template <class Float>
void merge_numbers(const char*, aggregates::CompensatedSum<Float>& into,
                   const aggregates::CompensatedSum<Float>& from) noexcept {
  merge_compensated(into, from);
}
template <class V>
void merge_numbers(const char*, aggregates::PlainSum<V>& into, const aggregates::PlainSum<V>& from) {
  into.total += from.total;
}

template <class Integer>
Integer total_of(const aggregates::IntegerSum<Integer>& of) noexcept {
  return of.total;
}
template <class V>
const V& total_of(const aggregates::PlainSum<V>& of) noexcept {
  return of.total;
}

template <class V>
inline constexpr bool sums_integers = false;
template <class Integer>
inline constexpr bool sums_integers<aggregates::IntegerSum<Integer>> = true;

}  // namespace detail

namespace aggregates {

/// What `sum` stores of values of type `V`: of which type they are is what its result goes by.
template <class V>
struct SumState : detail::SumAs<V>::State {};

template <class Fn>
class Sum : public detail::OfValue<Sum<Fn>, Fn> {
 public:
  using detail::OfValue<Sum, Fn>::OfValue;

  template <class V>
  static constexpr bool takes = detail::SumAs<V>::exists;
  template <class V>
  using over = SumState<V>;
  template <class T>
  static constexpr void explain() {
    static_assert(Sum::template accepts<T>,
                  "sum: takes a function of a const element, a pointer to a member or a key, which gives a "
                  "number, a duration, or a value with a start V{} and +=");
  }

  template <class V>
  void put(SumState<V>& state, const V& value) const {
    detail::put_number("sum", state, detail::SumAs<V>::number(value));
  }
  template <class V, class T>
    requires(detail::sums_integers<typename detail::SumAs<V>::State>)
  void remove(SumState<V>& state, const T& element) const {
    detail::subtract_checked("sum", state.total, detail::SumAs<V>::number(this->extract_(element)));
  }
  template <class V>
  void merge(SumState<V>& into, const SumState<V>& from) const {
    detail::merge_numbers("sum", into, from);
  }
  template <class V>
  auto result(const SumState<V>& state) const {
    return typename detail::SumAs<V>::Result(detail::SumAs<V>::result(detail::total_of(state)));
  }
};

}  // namespace aggregates

/// The sum of a value of each element.
///
/// @param extract  function of a const element, pointer to a member, key or index; without it the element.
///
/// Gives, and is zero of none:
/// - of integers and bool `std::int64_t` or, unsigned, `std::uint64_t`. Exact. An element whose value would
///   take the sum out of 64 bits fails with std::overflow_error and is not in the sum; so does a merge.
///   `remove` is exact.
/// - of floating-point numbers `double` (`long double` of such). Neumaier's compensated sum: with n numbers x
///   and the unit round-off u = 2^-53, off by at most u |sum| + n (n - 1) u^2 sum |x| to first order, which
///   is as if added in twice the precision; merging keeps the compensation and the bound. NaN and infinities
///   come through. Not under -ffast-math, which takes the compensation out. No `remove`: it would not be
///   exact.
/// - of durations a duration of the same period in 64 bits or double, by the same two rules.
/// - of other types with `+=`, such as decimals, `V{}` and all values added to it, in their order.
///
/// Memory: 8 bytes of integers, 16 of double.
/// Cost:   O(1) for each of add, remove, merge and result.
/// Source: A. Neumaier, Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen, ZAMM 54
///         (1974).
template <class Extract = detail::Identity>
auto sum(Extract extract = {}) {
  return aggregates::Sum<Extract>(std::move(extract));
}

}  // namespace penstock
