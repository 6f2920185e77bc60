// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>

#include "penstock/core/stream.hpp"
#include "penstock/ops/detail/lent.hpp"
#include "penstock/state/detail/remembers.hpp"
#include "penstock/ops/detail/table.hpp"

namespace penstock {

/// Settings of `frequencies`.
struct Frequencies {
  std::size_t maxsize = 0;  ///< different elements to count; 0: all of them
};

namespace detail {

template <class T>
class FrequenciesStep : public StateStep<FrequenciesStep<T>> {
 public:
  template <class>
  using output = std::map<T, std::size_t>;

  explicit FrequenciesStep(const Frequencies& options) : maxsize_(options.maxsize) {}

  template <class V, class Next>
  [[gnu::always_inline]] Pending* operator()(V&& value, const Context* context, Next& next) {
    if constexpr (has_floats<T>) {
      if (!same_as_itself(value)) [[unlikely]] refuse();
    }
    std::map<T, std::size_t>& counts = counts_.own();
    ++counts[std::as_const(value)];
    if (maxsize_ != 0) forget_oldest(counts, std::as_const(value));
    return counts_.lend([&](const std::map<T, std::size_t>& lent) { return next(lent, context); });
  }

  auto state() { return std::tie(counts_.own(), recent_); }
  /// There may have been another maxsize, or none.
  void restored() {
    std::map<T, std::size_t>& counts = counts_.own();
    Table<T> known = std::exchange(recent_, Table<T>{});
    if (maxsize_ == 0) return;
    for (const auto& [key, count] : counts) {
      if (known.find(key) == known.nowhere) recent_.add(key);  // nobody knows since when
    }
    for (; known.size() > 0; known.erase(known.oldest())) recent_.add(known[known.oldest()].key);
    trim(counts);
  }

 private:
  static bool same_as_itself(const T& value) { return value == value; }
  // A map that has NaN for a key would take it for any other one.
  [[gnu::noinline, gnu::cold]] void refuse() {
    this->info().fails();
    throw std::domain_error("frequencies: NaN has no place in the order of a map");
  }
  [[gnu::noinline]] void forget_oldest(std::map<T, std::size_t>& counts, const T& newest) {
    if (const auto place = recent_.find(newest); place != recent_.nowhere) {
      recent_.refresh(place);
      return;
    }
    recent_.add(newest);
    trim(counts);
  }
  void trim(std::map<T, std::size_t>& counts) {
    while (recent_.size() > maxsize_) {
      counts.erase(recent_[recent_.oldest()].key);
      recent_.erase(recent_.oldest());
    }
  }

  Lent<std::map<T, std::size_t>> counts_;
  std::size_t maxsize_;
  Table<T> recent_;  // in use with a maxsize only
};

}  // namespace detail

/// Counts how often each element has come, and emits the counts with every element.
///
///     in   -a-b-a-|
///          frequencies()
///     out  -x-y-z-|        x = {a:1}, y = {a:1, b:1}, z = {a:2, b:1}
///
/// @param options  `Frequencies{.maxsize = n}` counts at most n different elements: when one more comes, the
///                 one that has not come for the longest time is forgotten with its count.
///
/// Emits `std::map<T, std::size_t>`. What follows sees it by reference; whoever keeps it copies it. Without
/// `maxsize` memory grows with the number of different elements.
///
/// Back-pressure: passes through.
/// Metadata:      follows its element.
/// Errors:        std::domain_error comes back through emit for an element that is NaN, or a pair, tuple, vector
///                or optional with NaN in it: it has failed and is not counted. Take NaN out before with filter.
/// Cost:          O(log k) for k different elements; the map is not copied.
/// Recovery:      state: the counts.
/// Example:       examples/02_operators/frequencies.cpp
/// See also:      accumulate, unique
template <class... Options>
auto frequencies(Options... options) {
  static_assert(sizeof...(Options) == 0 || (std::same_as<Options, Frequencies> && ...),
                "frequencies: takes Frequencies{.maxsize = n} at most");
  return [settings = Frequencies{options...}](auto&& stream) {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    constexpr bool ordered =
        detail::can_copy<T> && std::equality_comparable<T> && requires(const T& a, const T& b) {
          { a < b } -> std::convertible_to<bool>;
        };
    static_assert(ordered, "frequencies: the elements must be copyable and comparable with == and <");
    if constexpr (ordered) {
      const std::size_t maxsize = settings.maxsize;
      return std::forward<decltype(stream)>(stream).then(
          detail::FrequenciesStep<T>(settings),
          Info{"frequencies", maxsize ? std::to_string(maxsize) : std::string{}, Shape::state});
    }
  };
}

}  // namespace penstock
