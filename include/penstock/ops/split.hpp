// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "penstock/core/stream.hpp"
#include "penstock/ops/detail/joined.hpp"

namespace penstock {

/// `Fn` can be called with a `const T&` and answers yes or no: what sends an element to its branch.
template <class Fn, class T>
concept splitter_of = std::is_invocable_r_v<bool, Fn&, const T&>;

namespace detail {

/// std::variant, known by what nothing else has: who splits variants has included <variant>, and others need
/// not pay for it.
template <class T>
concept variant_like = requires(const T& value) {
  value.index();
  value.valueless_by_exception();
};

/// As at one outlet with several branches: every stream gets it, and what is thrown comes after that.
template <class Outlets>
Pending* signal_each(Strand& strand, Outlets& outlets, const Signal& signal) {
  return std::apply([&](auto&... each) { return send_all(strand, [&] { return each.signal(signal); }...); }, outlets);
}

template <element T, class... Predicates>
class SplitNode final : public Node, public Receiver<T, SplitNode<T, Predicates...>> {
 public:
  explicit SplitNode(Predicates... predicates)
      : Node(Info{"split", std::to_string(sizeof...(Predicates) + 1)}),
        predicates_(std::move(predicates)...) {
    this->port(static_cast<InletBase&>(*this));
    for (Outlet<T>& outlet : outlets_) this->port(outlet);
  }

  template <class V>
  Pending* take(V&& value, const Context* context) {
    info().took();
    return outlets_[branch(value)].push(std::forward<V>(value), context);
  }

  auto streams() {
    return std::apply([](auto&... outlets) { return std::tuple{Stream<T>{outlets}...}; }, outlets_);
  }

 protected:
  Pending* take_signal(const Signal& signal) override { return signal_each(strand(), outlets_, signal); }

 private:
  std::size_t branch(const T& value) {
    std::size_t place = 0;
    const auto accepts = [&](auto& predicate) {
      return static_cast<bool>(call(predicate, value)) || (++place, false);
    };
    try {
      static_cast<void>(
          std::apply([&](auto&... predicates) { return (accepts(predicates) || ...); }, predicates_));
    } catch (...) {
      info().fails();
      throw;
    }
    return place;
  }

  std::array<Outlet<T>, sizeof...(Predicates) + 1> outlets_;
  std::tuple<Predicates...> predicates_;
};

template <class T>
class VariantSplitNode;
template <template <class...> class Variant, class... Kinds>
class VariantSplitNode<Variant<Kinds...>> final
    : public Node,
      public Receiver<Variant<Kinds...>, VariantSplitNode<Variant<Kinds...>>> {
  using T = Variant<Kinds...>;

 public:
  VariantSplitNode() : Node(Info{"split", std::to_string(sizeof...(Kinds))}) {
    this->port(static_cast<InletBase&>(*this));
    std::apply([&](auto&... outlets) { (this->port(outlets), ...); }, outlets_);
  }

  template <class V>
  Pending* take(V&& value, const Context* context) {
    info().took();
    return hand_on<0>(std::forward<V>(value), context);
  }

  auto streams() {
    return std::apply(
        [](auto&... outlets) { return std::tuple<Stream<Kinds>...>{Stream<Kinds>{outlets}...}; }, outlets_);
  }

 protected:
  Pending* take_signal(const Signal& signal) override { return signal_each(strand(), outlets_, signal); }

 private:
  template <std::size_t I, class V>
  Pending* hand_on(V&& value, const Context* context) {
    if constexpr (I == sizeof...(Kinds)) {
      info().fails();
      static_cast<void>(get<0>(value));  // throws std::bad_variant_access
      return nullptr;
    } else {
      if (value.index() != I) return hand_on<I + 1>(std::forward<V>(value), context);
      return std::get<I>(outlets_).push(get<I>(std::forward<V>(value)), context);
    }
  }

  std::tuple<Outlet<Kinds>...> outlets_;
};

}  // namespace detail

/// Several streams, each with the elements of its kind.
///
///     in     -1-20-3-40-|
///            split(big)
///     big    ---20---40-|
///     rest   -1----3----|
///
///     auto [big, rest] = numbers.split([](int n) { return n >= 10; });
///
/// Gives a tuple of streams: one for each predicate, with the elements that it is the first to accept, and
/// one with the rest. Elements of type std::variant<A, B, …> are split without predicates, into a Stream<A>,
/// a Stream<B>, and so on.
///
/// @param predicates  called as `predicate(element)` with a const element, in this order, until one returns
///                    true.
///
/// Back-pressure: passes through.
/// Metadata:      follows its element.
/// Errors:        what a predicate throws comes back through emit; the element has failed.
///                std::bad_variant_access for a variant that lost its value.
/// Cost:          the calls of the predicates.
/// Recovery:      no state.
/// Example:       examples/02_operators/split.cpp
/// See also:      filter, merge
template <class... Predicates>
auto split(Predicates... predicates) {
  return [... predicates = std::move(predicates)](auto&& stream) mutable {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    if constexpr (sizeof...(Predicates) == 0) {
      static_assert(detail::variant_like<T>,
                    "split: without predicates the elements must be of type std::variant");
      if constexpr (detail::variant_like<T>) {
        return attach<detail::VariantSplitNode<T>>(std::forward<decltype(stream)>(stream).stream()).streams();
      }
    } else {
      static_assert((splitter_of<Predicates, T> && ...),
                    "split: every predicate must be callable with a const element of the stream and return bool");
      if constexpr ((splitter_of<Predicates, T> && ...)) {
        using N = detail::SplitNode<T, Predicates...>;
        return attach<N>(std::forward<decltype(stream)>(stream).stream(), std::move(predicates)...).streams();
      }
    }
  };
}

}  // namespace penstock
