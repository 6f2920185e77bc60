// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <type_traits>

#include "penstock/core/stream.hpp"
#include "penstock/core/view.hpp"
#include "penstock/ops/detail/newest.hpp"

namespace penstock {
namespace detail {

template <element T>
class LatestNode final : public NewestNode<LatestNode<T>, T> {
 public:
  LatestNode() : NewestNode<LatestNode, T>(Info{"latest", {}, Shape::time}) {
    PENSTOCK_KEEPS("latest", T);
  }
};

}  // namespace detail

/// Keeps only the newest element while what is behind is busy, and emits it as soon as that is free.
///
///     in   -1-23----4-|
///          latest(), a sink that takes 4 ticks for each
///     out  -1---3---4---|
///
/// The newest element is never lost: 3 comes out although nothing follows it for a while.
///
/// Back-pressure: drops the oldest; emitters never wait.
/// Metadata:      held until emitted; a replaced element's ends as dropped.
/// Errors:        what goes wrong behind is reported and the next element comes through.
/// Cost:          O(1) an element, no allocation.
/// Recovery:      lossy; a checkpoint waits for the element it holds.
/// Example:       examples/02_operators/latest.cpp
/// See also:      buffer, sample, debounce
template <class>
auto latest() {
  return [](auto&& stream) {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    return Stream<T>{attach<detail::LatestNode<T>>(stream.stream()).outlet};
  };
}

}  // namespace penstock
