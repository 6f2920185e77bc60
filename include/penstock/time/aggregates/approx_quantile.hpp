// SPDX-License-Identifier: BSL-1.0
#pragma once

// Not an operator: an aggregate.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/core/algorithm.hpp"
#include "penstock/time/aggregates/detail/math.hpp"
#include "penstock/time/aggregates/quantile.hpp"
#include "penstock/time/aggregates/stable_hash.hpp"

namespace penstock {

/// Settings of `approx_quantile`.
struct QuantileSketch {
  std::uint32_t k = 200;  ///< 8 to 65 535: kept are about 3 k values, and the rank is off by 2.296 / k^0.9723
};

namespace aggregates {

/// A KLL sketch: values of level i stand for 2^i values each. All levels but the first are sorted.
template <class V>
struct KllSketch {
  std::uint64_t count = 0;   // values it stands for
  std::uint64_t halved = 0;  // levels that were halved so far, which chooses what stays of the next one
  std::uint32_t room = 0;    // values that may come before a level must be halved
  std::vector<std::vector<V>> levels;
  std::optional<V> least{};
  std::optional<V> greatest{};

  template <class Self>
  static auto fields(Self& self) {
    return std::tie(self.count, self.halved, self.room, self.levels, self.least, self.greatest);
  }
};

}  // namespace aggregates

namespace detail {

class KllOf {
 public:
  explicit KllOf(std::uint32_t k) : k_(k) {
    if (k < 8 || k > 65535) bad_argument("approx_quantile: k must be 8 to 65535");
  }

  template <class V, class Value>
  void add(aggregates::KllSketch<V>& to, Value&& given) const {
    V value(std::forward<Value>(given));
    if (to.room == 0) make_room(to);
    // Copies first, so that a value is in as a whole or not at all.
    std::optional<V> least, greatest;
    if (!to.least || value < *to.least) least = value;
    if (!to.greatest || *to.greatest < value) greatest = value;
    to.levels[0].push_back(std::move(value));
    if (least) to.least = std::move(least);
    if (greatest) to.greatest = std::move(greatest);
    --to.room;
    ++to.count;
  }

  template <class V>
  void merge(aggregates::KllSketch<V>& into, const aggregates::KllSketch<V>& from) const {
    if (from.count == 0) return;
    if (into.levels.size() < from.levels.size()) into.levels.resize(from.levels.size());
    for (std::size_t i = 0; i < from.levels.size(); ++i) {
      if (i == 0) {
        append_values(into.levels[0], from.levels[0]);
      } else {
        merge_sorted(into.levels[i], from.levels[i].begin(), from.levels[i].end());
      }
    }
    if (!into.least || *from.least < *into.least) into.least = from.least;
    if (!into.greatest || *into.greatest < *from.greatest) into.greatest = from.greatest;
    into.count += from.count;
    into.halved += from.halved;
    set_room(into);
    while (into.room == 0) halve(into);
  }

  template <class V, std::size_t N>
  std::array<QuantileResult<V>, N> quantiles(const aggregates::KllSketch<V>& of,
                                             const std::array<double, N>& which) const {
    std::array<QuantileResult<V>, N> results{};
    if (of.levels.size() == 1) {
      std::vector<V> values = of.levels[0];
      for (std::size_t i = 0; i < N; ++i) results[i] = quantile_of(values, which[i]);
      return results;
    }
    std::vector<std::pair<const V*, std::uint64_t>> weighed;
    for (std::size_t level = 0; level < of.levels.size(); ++level) {
      for (const V& value : of.levels[level]) weighed.emplace_back(&value, std::uint64_t{1} << level);
    }
    std::sort(weighed.begin(), weighed.end(),
              [](const auto& a, const auto& b) { return *a.first < *b.first; });
    std::uint64_t below = 0;
    for (auto& [value, weight] : weighed) weight = below += weight;
    for (std::size_t i = 0; i < N; ++i) {
      const double rank = math::ceiling(which[i] * static_cast<double>(of.count));
      const auto at = std::find_if(weighed.begin(), weighed.end(), [&](const auto& each) {
        return static_cast<double>(each.second) >= rank;
      });
      const V& value = which[i] <= 0                           ? *of.least
                       : which[i] >= 1 || at == weighed.end() ? *of.greatest
                                                              : *at->first;
      results[i] = static_cast<QuantileResult<V>>(value);
    }
    return results;
  }

 private:
  /// Two thirds of the level above, k in the highest, and not less than 8.
  std::size_t capacity(std::size_t level, std::size_t levels) const {
    double capacity = k_;
    for (std::size_t i = level + 1; i < levels && capacity > 8; ++i) capacity = capacity * 2 / 3;
    return std::max<std::size_t>(8, static_cast<std::size_t>(math::ceiling(capacity)));
  }

  template <class V>
  void set_room(aggregates::KllSketch<V>& of) const {
    std::size_t capacities = 0;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < of.levels.size(); ++i) {
      capacities += capacity(i, of.levels.size());
      kept += of.levels[i].size();
    }
    of.room = capacities > kept ? static_cast<std::uint32_t>(capacities - kept) : 0;
  }

  template <class V>
  [[gnu::noinline]] void make_room(aggregates::KllSketch<V>& of) const {
    if (of.levels.empty()) {
      of.levels.resize(1);
      of.room = k_;
      return;
    }
    while (of.room == 0) halve(of);
  }

  /// Halves the lowest level that is full: of the values in order every other one goes to the level above,
  /// the odd or the even ones by a coin. When memory ends, all is as before.
  template <class V>
  void halve(aggregates::KllSketch<V>& of) const {
    std::size_t level = 0;
    while (of.levels[level].size() < capacity(level, of.levels.size())) ++level;
    if (level + 1 == of.levels.size()) of.levels.emplace_back();
    std::vector<V>& values = of.levels[level];
    std::vector<V>& above = of.levels[level + 1];
    above.reserve(above.size() + values.size() / 2);
    if (level == 0) std::sort(values.begin(), values.end());
    const std::size_t even = values.size() / 2 * 2;
    const std::size_t coin = Xxh64::of(of.halved) & 1;
    std::vector<V> promoted;
    promoted.reserve(even / 2);
    for (std::size_t i = coin; i < even; i += 2) promoted.push_back(values[i]);
    merge_sorted(above, promoted.begin(), promoted.end());
    values.erase(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(even));
    ++of.halved;
    set_room(of);
  }

  template <class V, class Iterator>
  static void merge_sorted(std::vector<V>& into, Iterator begin, Iterator end) {
    const std::ptrdiff_t middle = static_cast<std::ptrdiff_t>(into.size());
    into.insert(into.end(), begin, end);
    std::inplace_merge(into.begin(), into.begin() + middle, into.end());
  }

  std::uint32_t k_;
};

}  // namespace detail

namespace aggregates {

template <class Fn, std::size_t N, bool Several>
class ApproxQuantiles : public detail::OfValue<ApproxQuantiles<Fn, N, Several>, Fn> {
 public:
  ApproxQuantiles(std::array<double, N> which, Fn fn, QuantileSketch options)
      : detail::OfValue<ApproxQuantiles, Fn>(std::move(fn)), which_(which), sketch_(options.k) {
    for (const double q : which) detail::check_quantile("approx_quantile: q must be 0 to 1", q);
  }

  template <class V>
  static constexpr bool takes = detail::can_be_kept<V> && detail::ordered<detail::Kept<V>>;
  template <class V>
  using over = KllSketch<detail::Kept<V>>;
  template <class T>
  static constexpr void explain() {
    static_assert(
        ApproxQuantiles::template accepts<T>,
        "approx_quantile: takes a function of a const element, a pointer to a member or a key, which "
        "gives a value that can be copied and kept, and compared with <");
  }

  template <class V, class Value>
  void put(KllSketch<V>& state, Value&& value) const {
    if (!detail::is_nan(value)) sketch_.add(state, std::forward<Value>(value));
  }
  template <class V>
  void merge(KllSketch<V>& into, const KllSketch<V>& from) const {
    sketch_.merge(into, from);
  }
  template <class V>
  auto result(const KllSketch<V>& state) const {
    using Result = detail::QuantileResult<V>;
    if constexpr (Several) {
      std::optional<std::array<Result, N>> results;
      if (state.count != 0) results = sketch_.quantiles(state, which_);
      return results;
    } else {
      std::optional<Result> one;
      if (state.count != 0) one = sketch_.quantiles(state, which_)[0];
      return one;
    }
  }

 private:
  std::array<double, N> which_;
  detail::KllOf sketch_;
};

}  // namespace aggregates

/// The value below which about the share `q` of the values lies, in bounded memory: a KLL sketch.
///
/// @param q        0 to 1: 0.5 is the median; 0 and 1 are the least and the greatest value, exactly.
/// @param extract  function of a const element, pointer to a member, key or index; without it the element.
/// @param options  `{.k = n}`, 8 to 65 535; std::invalid_argument here for others, as for `q`.
///
/// Gives a `std::optional`, empty of none: of numbers a double, of others one of the values. Up to k values
/// it is exact, as `quantile` has it. Above, it is one of the values, whose rank among n is off by at most n
/// 2.296 / k^0.9723, with 99 % probability for any one quantile: 1.33 % of n as it is set, 0.7 % with 400,
/// 0.26 % with 1100. The bound is of ranks, whatever the values and their order, and holds for merged states;
/// it is the same at the tails, so that q = 0.999 asks for k = 4000 or `quantile`. What others flip a coin
/// for follows from the number of values, so that the same elements in the same order and the same merges
/// give the same result everywhere. NaN is left out. No `remove`.
///
/// Memory: 80 bytes of double when empty, and then the values up to k, above that at most about 3 k of them
///         and log2(n / k) vectors: some 5 KiB of double for a million.
/// Cost:   amortised O(log k) for add; O(k) to merge, O(k log k) for the result.
/// Source: Z. Karnin, K. Lang, E. Liberty, Optimal Quantile Approximation in Streams, FOCS 2016; bound:
///         Apache DataSketches, KLL sketch accuracy.
template <class Extract = detail::Identity>
auto approx_quantile(double q, Extract extract = {}, QuantileSketch options = {}) {
  return aggregates::ApproxQuantiles<Extract, 1, false>(std::array<double, 1>{q}, std::move(extract),
                                                        options);
}

/// Several quantiles from one sketch: `approx_quantiles({0.5, 0.9}, &Event::latency)`. Gives a
/// `std::optional` of a `std::array` of what `approx_quantile` gives, in the order of `which`. Else as it.
template <std::size_t N, class Extract = detail::Identity>
auto approx_quantiles(const double (&which)[N], Extract extract = {}, QuantileSketch options = {}) {
  std::array<double, N> all{};
  for (std::size_t i = 0; i < N; ++i) all[i] = which[i];
  return aggregates::ApproxQuantiles<Extract, N, true>(all, std::move(extract), options);
}

}  // namespace penstock
