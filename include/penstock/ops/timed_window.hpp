// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/core/stream.hpp"
#include "penstock/core/view.hpp"
#include "penstock/ops/detail/pick.hpp"
#include "penstock/ops/detail/timed_window.hpp"

namespace penstock {
namespace detail {

/// All elements of a window.
template <element T>
class Gathered {
 public:
  template <class V>
  bool add(V&& value, const Context* context) {
    values_.push_back(std::forward<V>(value));
    context_.append(context);
    ++size_;
    return true;
  }
  std::size_t size() const noexcept { return size_; }
  Context context() { return std::exchange(context_, {}); }
  std::vector<T> take() {
    PENSTOCK_KEEPS("timed_window", T);
    size_ = 0;
    return std::exchange(values_, {});
  }
  template <class Fn>
  void lose(Fn fn) const {
    fn(context_);
  }
  void clear() noexcept {
    values_.clear();
    context_.clear();
    size_ = 0;
  }
  static constexpr bool saved = has_codec<T>;
  void write(StateWriter& to) const {
    to.put(values_);
    to.put(context_);
  }
  void read(StateReader& from) {
    from.get(values_);
    from.get(context_);
    size_ = values_.size();
  }

 private:
  std::vector<T> values_;
  Context context_;
  std::size_t size_ = 0;
};

}  // namespace detail

/// Gathers the elements of each interval into a vector.
///
///     in   -12--3-------4-|
///          timed_window(4 ticks)
///     out  a---b---c---d--e|     a = [], b = [1, 2], c = [3], d = [], e = [4] at the end
///
/// The boundaries lie on a fixed grid, `interval` apart from when the operator was made; a slow sink does not
/// move them. The first window ends where it begins and is empty. While a window is on its way the next one
/// fills, over several intervals if need be.
///
/// @param interval  longer than 0.
/// @param options   TimedWindow: `empty = false` leaves out windows without elements, and no timer runs then.
///
/// Back-pressure: an element that comes while the window before is on its way waits for that; the others do
///                not.
/// Metadata:      joined; held with the window, released after it.
/// Errors:        std::invalid_argument here for a wrong interval, std::logic_error here without an event
///                loop; what goes wrong behind is reported, the window has failed and the next one comes
///                through.
/// Cost:          O(1) an element; one vector a window, grown as elements come; one timer.
/// Recovery:      state: the unfinished window and the time that is left to it.
/// Example:       examples/02_operators/timed_window.cpp
/// See also:      timed_window_unique, partition, sample
template <class... Options>
auto timed_window(Duration interval, Options... options) {
  detail::positive(interval, "timed_window: the interval");
  return [interval, given = detail::pick<TimedWindow>(options...)](auto&& stream) {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    using Gatherer = detail::TimedWindowNode<T, detail::Gathered<T>>;
    auto& node = attach<Gatherer>(stream.stream(), "timed_window", interval, given, detail::Gathered<T>{});
    return Stream<std::vector<T>>{node.outlet};
  };
}

}  // namespace penstock
