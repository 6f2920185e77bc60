// SPDX-License-Identifier: BSL-1.0
#pragma once

// Not an operator: an aggregate.

#include <cstdint>
#include <tuple>
#include <utility>

#include "penstock/time/aggregates/detail/modifiers.hpp"

namespace penstock {
namespace aggregates {

struct CountState {
  std::uint64_t count = 0;

  template <class Self>
  static auto fields(Self& self) {
    return std::tie(self.count);
  }
};

class Count : public Modifiers<Count> {
 public:
  using accumulator = CountState;

  template <class T>
  void add(CountState& state, const T&) const noexcept {
    ++state.count;
  }
  template <class T>
  void remove(CountState& state, const T&) const noexcept {
    --state.count;
  }
  void merge(CountState& into, const CountState& from) const noexcept { into.count += from.count; }
  std::uint64_t result(const CountState& state) const noexcept { return state.count; }
};

}  // namespace aggregates

/// How many elements there are.
///
/// Gives `std::uint64_t`; 0 of none. Exact; `remove` is exact.
///
/// Memory: 8 bytes.
/// Cost:   O(1) for each of add, remove, merge and result.
inline auto count() {
  return aggregates::Count{};
}

/// How many elements there are for which `pred(element)` is true: `count().where(pred)`.
///
/// @param pred  called with a const element, returns a bool; may be a pointer to a member.
///
/// Gives `std::uint64_t`; 0 of none. Exact; `remove` is exact.
///
/// Memory: 8 bytes.
/// Cost:   O(1) and the call of `pred` for add and remove; O(1) for merge and result.
template <class Pred>
auto count_if(Pred pred) {
  return aggregates::Count{}.where(std::move(pred));
}

}  // namespace penstock
