// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/core/algorithm.hpp"
#include "penstock/core/error.hpp"
#include "penstock/core/loop.hpp"
#include "penstock/time/detail/flat_map.hpp"
#include "penstock/time/detail/join_node.hpp"
#include "penstock/time/detail/window_parts.hpp"
#include "penstock/time/joined.hpp"

namespace penstock {

/// From `lower` before an element of the left stream to `upper` behind it, both included; negative is the other way.
struct Between {
  EventTime lower;
  EventTime upper;
};
template <class Lower, class Upper>
Between between(Lower lower, Upper upper) {
  const Between bounds{detail::span_of(lower), detail::span_of(upper)};
  if (bounds.lower > bounds.upper) detail::bad_argument("between: the lower bound is above the upper one");
  if (bounds.lower < -detail::farthest_time || bounds.upper > detail::farthest_time) {
    detail::bad_argument("between: the bounds must be less than 73 000 years away");
  }
  return bounds;
}

namespace detail {

template <element Left, element Right, class LeftKey, class RightKey, class Key, Outer outer>
class IntervalJoinNode final
    : public JoinNode<IntervalJoinNode<Left, Right, LeftKey, RightKey, Key, outer>, Left, Right,
                      JoinedOf<Key, Left, Right, outer>> {
  using Out = JoinedOf<Key, Left, Right, outer>;
  using Base = JoinNode<IntervalJoinNode, Left, Right, Out>;

 public:
  using Result = Out;

  IntervalJoinNode(LeftKey left_key, RightKey right_key, Between bounds, std::size_t max_held)
      : Base(Info{"interval_join", {}, Shape::join}),
        left_key_(std::move(left_key)),
        right_key_(std::move(right_key)),
        bounds_(bounds),
        max_held_(max_held) {
    remembers(this->info(), saved ? this : nullptr);
  }

  template <std::size_t I, class V>
  void add(V&& value, EventTime time, const Context& context) {
    const Key key = key_of_side<I>(std::as_const(value));
    // An element of the other side whose time is in [from, to] is a partner.
    const EventTime from = I == 0 ? time + bounds_.lower : time - bounds_.upper;
    const EventTime to = I == 0 ? time + bounds_.upper : time - bounds_.lower;
    this->check_room(held_, max_held_);
    auto& sides = sides_[key];
    const auto mine = side<I>(sides).emplace(time, Item<std::conditional_t<I == 0, Left, Right>>{
                                                       std::forward<V>(value), without_time(context), next_++});
    due_.emplace(over(I, time), Due{key, mine->second.number, time, I == 0});
    this->holds(++held_);
    auto& others = side<1 - I>(sides);
    for (auto at = others.lower_bound(from); at != others.end() && at->first <= to; ++at) {
      if constexpr (I == 0) {
        pair(key, mine, at);
      } else {
        pair(key, at, mine);
      }
    }
  }

  /// Elements that no later one can be a partner of go, and say so where nobody was.
  void advance(EventTime to) {
    while (!due_.empty() && due_.begin()->first <= to) {
      const Due due = std::move(due_.begin()->second);
      due_.erase(due_.begin());
      const auto sides = sides_.find(due.key);
      if (sides == sides_.end()) continue;  // its key is not even equal to itself
      if (due.left) {
        drop_item<0>(sides->second, due);
      } else {
        drop_item<1>(sides->second, due);
      }
      if (sides->second.left.empty() && sides->second.right.empty()) sides_.erase(sides);
      this->holds(--held_);
    }
  }
  /// What comes out for an element without a partner has its time, and comes when the frontier has passed what it could have
  /// been joined with.
  EventTime held_back(EventTime frontier) const noexcept {
    EventTime back = 0;
    if (left_alone(outer)) back = std::max(back, bounds_.upper);
    if (right_alone(outer)) back = std::max(back, -bounds_.lower);
    return earlier_by(frontier, back);
  }
  void drop_all(const char* reason) noexcept {
    for (auto& [key, sides] : sides_) {
      for (auto& [time, item] : sides.left) item.context.drop(reason);
      for (auto& [time, item] : sides.right) item.context.drop(reason);
    }
    this->info().drops(held_);
    sides_.clear();
    due_.clear();
    this->holds(held_ = 0);
  }

  static constexpr bool saved = has_codec<Key> && has_codec<Left> && has_codec<Right>;
  void save_held(StateWriter& to) const {
    if constexpr (saved) {
      to.put(bounds_.lower);
      to.put(bounds_.upper);
      to.put(next_);
      save_size(to, sides_.size());
      for (const auto* entry : in_order(sides_)) {
        to.put(entry->first);
        save_side(to, entry->second.left);
        save_side(to, entry->second.right);
      }
    }
  }
  void load_held(StateReader& from) {
    if constexpr (saved) {
      if (from.get<EventTime>() != bounds_.lower || from.get<EventTime>() != bounds_.upper) from.fail("its bounds were others");
      next_ = from.get<std::uint64_t>();
      std::vector<std::pair<EventTime, Due>> due;
      load_each(from, [&] {
        const auto key = from.get<Key>();
        Sides& sides = sides_[key];
        load_side<0>(from, key, sides.left, due);
        load_side<1>(from, key, sides.right, due);
      });
      // Those of one time go in the order in which they came.
      std::sort(due.begin(), due.end(), [](const auto& a, const auto& b) { return (a.second.number) < b.second.number; });
      held_ = due.size();
      for (auto& [when, one] : due) due_.emplace(when, std::move(one));
      this->holds(held_);
    }
  }

 private:
  template <class T>
  struct Item {
    T value;
    Context context;
    std::uint64_t number;
    bool paired = false;
  };
  struct Sides {
    std::multimap<EventTime, Item<Left>> left;
    std::multimap<EventTime, Item<Right>> right;
  };
  struct Due {
    Key key;
    std::uint64_t number;
    EventTime time;
    bool left;
  };

  template <std::size_t I, class T>
  Key key_of_side(const T& value) {
    if constexpr (I == 0) {
      return Key(this->run(left_key_, value));
    } else {
      return Key(this->run(right_key_, value));
    }
  }
  template <std::size_t I>
  static auto& side(Sides& sides) noexcept {
    if constexpr (I == 0) {
      return sides.left;
    } else {
      return sides.right;
    }
  }
  /// The frontier at which no later element of the other side can be a partner.
  EventTime over(std::size_t i, EventTime time) const noexcept {
    return i == 0 ? time + bounds_.upper + 1 : time - bounds_.lower + 1;
  }
  static Context without_time(const Context& context) {
    Context kept = context;
    kept.event_time(no_event_time);
    return kept;
  }

  template <class L, class R>
  void pair(const Key& key, L l, R r) {
    l->second.paired = r->second.paired = true;
    const auto make = [&] { return Out{key, l->second.value, r->second.value}; };
    this->put(make, joined_context(l->second.context, r->second.context, std::max(l->first, r->first)));
  }
  template <std::size_t I>
  void drop_item(Sides& sides, const Due& due) {
    auto& items = side<I>(sides);
    auto at = items.lower_bound(due.time);
    while (at->second.number != due.number) ++at;
    auto& item = at->second;
    if constexpr (I == 0 ? left_alone(outer) : right_alone(outer)) {
      if (!item.paired) {
        Context context = item.context;
        context.event_time(due.time);
        const auto make = [&] {
          if constexpr (I == 0) {
            return Out{due.key, std::move(item.value), std::nullopt};
          } else {
            return Out{due.key, std::nullopt, std::move(item.value)};
          }
        };
        this->put(make, std::move(context));
      }
    }
    items.erase(at);
  }

  template <class Items>
  static void save_side(StateWriter& to, const Items& items) {
    save_size(to, items.size());
    for (const auto& [time, item] : items) {
      to.put(time);
      to.put(item.value);
      to.put(item.number);
      to.put(item.paired);
    }
  }
  template <std::size_t I, class Items>
  void load_side(StateReader& from, const Key& key, Items& items, std::vector<std::pair<EventTime, Due>>& due) const {
    using T = std::conditional_t<I == 0, Left, Right>;
    load_each(from, [&] {
      const auto time = from.get<EventTime>();
      auto value = from.get<T>();
      const auto number = from.get<std::uint64_t>();
      items.emplace(time, Item<T>{std::move(value), {}, number, from.get<bool>()});
      due.emplace_back(over(I, time), Due{key, number, time, I == 0});
    });
  }

  KeyOf<LeftKey> left_key_;
  KeyOf<RightKey> right_key_;
  Between bounds_;
  std::size_t max_held_;
  FlatMap<Key, Sides> sides_;
  std::multimap<EventTime, Due> due_;  // when elements go
  std::size_t held_ = 0;
  std::uint64_t next_ = 0;
};

}  // namespace detail

/// Joins elements of two streams that have one key and times that are near each other: for every pair with
/// l.time + lower <= r.time <= l.time + upper a Joined{key, left, right}.
///
///     clicks   c10      c50
///     orders       o25         o99
///              interval_join(clicks, orders, between(0s, 30s))
///     out          c10 o25
///
/// @tparam outer    `Outer::left`: an element of the left stream without a partner comes out too, with nothing on the right,
///                  when the frontier has passed all that it could have been joined with. `Outer::right`: one of the right
///                  stream; `Outer::both`: of either.
/// @param left      a stream with a key, see key_by; so is `right`.
/// @param bounds    `between(lower, upper)`.
/// @param max_held  elements that wait for partners; one more throws Overflow. 0: no bound.
///
/// The frontier is the least one of both streams. A pair comes as soon as both are there, with the later of their times; the
/// pairs of one element in the order of their partners' times. An element behind the frontier is too late: counted, and to
/// be had from `late_left()` and `late_right()`.
///
/// Back-pressure: an element waits for all of its pairs.
/// Metadata:      held until no partner can come, joined in pairs; dropped with what comes too late, unless somebody takes
///                that.
/// Errors:        std::logic_error through emit for an element without an event time; Overflow through emit.
/// Cost:          O(log n) an element for n of its key, and its pairs. Memory: elements of the last upper - lower of time, and
///                of as long as the frontier is behind.
/// Recovery:      state: the elements that wait.
/// Example:       examples/11_event_time/interval_join.cpp
/// See also:      asof_join, window_join, enrich, key_by
template <Outer outer = Outer::none, element Left, element Right, class LeftKey, class RightKey>
auto interval_join(const KeyedStream<Left, LeftKey>& left, const KeyedStream<Right, RightKey>& right, Between bounds,
                   std::size_t max_held = 0) {
  using Key = typename KeyedStream<Left, LeftKey>::key_type;
  constexpr bool one_key = detail::same_keys<KeyedStream<Left, LeftKey>, KeyedStream<Right, RightKey>>;
  static_assert(one_key, "interval_join: the keys of both streams must have one type");
  constexpr bool copies = detail::can_copy<Left> && detail::can_copy<Right>;
  static_assert(copies, "interval_join: the elements must be copyable, since each may have several partners");
  if constexpr (one_key && copies) {
    using Joiner = detail::IntervalJoinNode<Left, Right, LeftKey, RightKey, Key, outer>;
    return JoinedStream<typename Joiner::Result, Left, Right>{
        detail::join_streams<Joiner>(left.stream(), right.stream(), left.key(), right.key(), bounds, max_held)};
  }
}

}  // namespace penstock
