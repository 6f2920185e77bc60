// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "penstock/core/stream.hpp"
#include "penstock/time/key_by.hpp"
#include "penstock/time/window_result.hpp"

// Not an operator: what comes out of joins.

namespace penstock {

/// Which elements without a partner come out of a join, with nothing in the partner's place.
enum class Outer : std::uint8_t { none, left, right, both };

/// Elements of two streams that belong together. `L` and `R` are optionals where the partner may be missing.
template <class Key, class L, class R>
struct Joined {
  Key key;
  L left;
  R right;
  friend bool operator==(const Joined&, const Joined&) = default;
};

namespace detail {

inline constexpr bool left_alone(Outer outer) { return outer == Outer::left || outer == Outer::both; }
inline constexpr bool right_alone(Outer outer) { return outer == Outer::right || outer == Outer::both; }

template <class T, bool may_be_missing>
using JoinedPart = std::conditional_t<may_be_missing, std::optional<T>, T>;
template <class Key, class Left, class Right, Outer outer>
using JoinedOf = Joined<Key, JoinedPart<Left, right_alone(outer)>, JoinedPart<Right, left_alone(outer)>>;

/// The Context of a result of two elements.
inline Context joined_context(const Context& left, const Context& right, EventTime time) {
  Context context = left;
  context.append(right);
  context.event_time(time);
  return context;
}

template <class Left, class Right>
concept same_keys = std::same_as<typename Left::key_type, typename Right::key_type>;

}  // namespace detail

/// What a join in event time returns: results, and beside them the elements that came too late.
template <element Out, element Left, element Right>
class JoinedStream : public Stream<Out> {
 public:
  template <class Node>
  explicit JoinedStream(Node& node) : Stream<Out>(node.outlet), left_(&node.late_left), right_(&node.late_right) {}

  Stream<Late<Left>> late_left() const { return Stream<Late<Left>>{*left_}; }
  Stream<Late<Right>> late_right() const { return Stream<Late<Right>>{*right_}; }

  JoinedStream named(std::string name) const {
    this->rename(std::move(name));
    return *this;
  }

 private:
  Outlet<Late<Left>>* left_;
  Outlet<Late<Right>>* right_;
};

}  // namespace penstock
