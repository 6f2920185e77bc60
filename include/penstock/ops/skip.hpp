// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>

#include "penstock/core/stream.hpp"
#include "penstock/state/detail/remembers.hpp"

namespace penstock {
namespace detail {

class SkipStep : public StateStep<SkipStep> {
 public:
  template <class In>
  using output = In;

  explicit SkipStep(std::size_t n) : left_(n) {}

  template <class V, class Next>
  [[gnu::always_inline]] Pending* operator()(V&& value, const Context* context, Next& next) {
    if (left_ != 0) [[unlikely]] {
      --left_;
      info().leaves_out();
      return nullptr;
    }
    return next(std::forward<V>(value), context);
  }

  auto state() noexcept { return std::tie(left_); }

 private:
  std::uint64_t left_;
};

}  // namespace detail

/// Leaves out the first `n` elements.
///
///     in   -1-2-3-4-|
///          skip(2)
///     out  -----3-4-|
///
/// @param n  elements to leave out; 0 leaves out nothing.
///
/// Back-pressure: passes through.
/// Metadata:      follows its element; an element that is left out is done.
/// Errors:        none of its own.
/// Cost:          one comparison.
/// Recovery:      state: how many are left.
/// Example:       examples/02_operators/skip.cpp
/// See also:      take, slice
template <class>
auto skip(std::size_t n) {
  return [n](auto&& stream) {
    Info info{"skip", std::to_string(n)};
    info.one_to_one = false;
    info.selects = true;
    return std::forward<decltype(stream)>(stream).then(detail::SkipStep(n), std::move(info));
  };
}

}  // namespace penstock
