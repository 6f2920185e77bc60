// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/core/box.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/core/view.hpp"

namespace penstock {
namespace detail {

/// `Where` points to a vector, as its owner or not. One that it owns lives as long as the node.
template <class Where>
class VectorStep : public Step {
 public:
  template <class>
  using output = void;

  explicit VectorStep(Where where) : where_(std::move(where)) {}

  template <class V, class Next>
  [[gnu::always_inline]] Pending* operator()(V&& value, const Context*, Next&) {
    where_->push_back(std::forward<V>(value));
    return nullptr;
  }

 private:
  Where where_;
};

}  // namespace detail

/// What `sink_to_vector()` returns: the vector, and a handle on the graph that fills it, which it keeps
/// alive.
template <class T>
class VectorSink : public Sink {
 public:
  VectorSink(Sink sink, std::vector<T>& values) : Sink(std::move(sink)), values_(&values) {}

  std::vector<T>& operator*() const noexcept { return *values_; }
  std::vector<T>* operator->() const noexcept { return values_; }
  auto begin() const noexcept { return values_->cbegin(); }
  auto end() const noexcept { return values_->cend(); }

  VectorSink named(std::string name) const {
    this->rename(std::move(name));
    return *this;
  }

 private:
  std::vector<T>* values_;  // the node's
};

/// Appends every element to a vector. Streamz: sink_to_list.
///
///     auto out = source.map(twice).sink_to_vector();
///     source.emit(1);
///     out->size();                       // 1
///     for (int x : out) print(x);        // and *out is the std::vector<int>
///
/// @param into  at most one `std::vector` of the elements' type to append to, which must outlive the graph; a
///              `Sink` is returned then. Without it the vector belongs to the handle that is returned, a
///              `VectorSink`.
///
/// The vector belongs to the thread that the graph runs on. `out->clear()` makes room.
///
/// Back-pressure: ends here.
/// Metadata:      ends here.
/// Errors:        none of its own.
/// Cost:          O(1); memory grows with every element.
/// Recovery:      at_least_once, as long as the vector lives: it is in no snapshot, and what comes again is appended again.
/// Example:       examples/02_operators/sink_to_vector.cpp
/// See also:      sink, collect
template <class... Into>
auto sink_to_vector(Into&... into) {
  static_assert(sizeof...(Into) <= 1, "sink_to_vector: takes at most one vector");
  return [... into = &into](auto&& stream) {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    PENSTOCK_KEEPS("sink_to_vector", T);
    const Info info{"sink_to_vector", {}, Shape::sink};
    if constexpr (sizeof...(Into) == 0) {
      auto owned = detail::make_box<std::vector<T>>();
      std::vector<T>& values = *owned;
      using Append = detail::VectorStep<detail::Box<std::vector<T>>>;
      return VectorSink<T>{std::forward<decltype(stream)>(stream).then(Append(std::move(owned)), info), values};
    } else {
      constexpr bool fits = (std::is_same_v<Into, std::vector<T>> && ...);
      static_assert(fits, "sink_to_vector: the vector must be a std::vector of the stream's element type");
      if constexpr (fits) {
        using Append = detail::VectorStep<std::vector<T>*>;
        return std::forward<decltype(stream)>(stream).then(Append(into...), info);
      }
    }
  };
}

}  // namespace penstock
