// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <type_traits>
#include <utility>

#include "penstock/core/loop.hpp"
#include "penstock/time/detail/flat_map.hpp"
#include "penstock/time/detail/join_node.hpp"
#include "penstock/time/detail/window_parts.hpp"
#include "penstock/time/joined.hpp"

namespace penstock {

/// Of asof_join.
struct AsOf {
  std::optional<Duration> tolerance = {};  ///< by which the partner may be older than the element; nothing: any time
  std::optional<Duration> grace = {};      ///< an element waits no longer than until its own stream's frontier is that far on
  std::size_t max_held = 0;                ///< elements that are kept; one more throws Overflow. 0: no bound
};

namespace detail {

/// Elements of the left stream wait in the order of their times until nothing can come before them on the right. Of the
/// right stream each key keeps the newest element at the frontier and all behind it: `due_` says when an element is
/// passed by the frontier, which ends those before it, and when it is too old itself.
template <element Left, element Right, class LeftKey, class RightKey, class Key, Outer outer>
class AsOfJoinNode final
    : public JoinNode<AsOfJoinNode<Left, Right, LeftKey, RightKey, Key, outer>, Left, Right,
                      JoinedOf<Key, Left, Right, outer>> {
  using Out = JoinedOf<Key, Left, Right, outer>;
  using Base = JoinNode<AsOfJoinNode, Left, Right, Out>;

 public:
  using Result = Out;

  AsOfJoinNode(LeftKey left_key, RightKey right_key, AsOf options)
      : Base(Info{"asof_join", {}, Shape::join}),
        left_key_(std::move(left_key)),
        right_key_(std::move(right_key)),
        max_held_(options.max_held) {
    if (options.tolerance) tolerance_ = span_of(*options.tolerance);
    if (options.grace) grace_ = span_of(*options.grace);
    remembers(this->info(), saved ? this : nullptr);
  }

  /// What the right stream has promised is over was told to the left one.
  template <std::size_t I>
  EventTime judged_by() const noexcept {
    return I == 0 ? this->frontier() : this->frontier_of(1);
  }

  template <std::size_t I, class V>
  void add(V&& value, EventTime time, const Context& context) {
    this->check_room(held_, max_held_);
    if constexpr (I == 0) {
      Key key(this->run(left_key_, std::as_const(value)));
      const auto at = waiting_.emplace(time, Waiting{std::move(key), Left(std::forward<V>(value)), context});
      hold(held_ + 1);
      if (is_due(time)) answer(at);
    } else {
      Key key(this->run(right_key_, std::as_const(value)));
      const bool is_new = rights_[key].insert_or_assign(time, Kept{Right(std::forward<V>(value)), context}).second;
      if (!is_new) return;
      due_.emplace(time, Due{std::move(key), time});
      hold(held_ + 1);
    }
  }
  void advance(EventTime to) {
    answer_ready(to);
    while (!due_.empty() && due_.begin()->first <= to) {
      const EventTime when = due_.begin()->first;
      const Due due = std::move(due_.begin()->second);
      due_.erase(due_.begin());
      const auto known = rights_.find(due.key);
      if (known == rights_.end()) continue;
      auto& list = known->second;
      const auto it = list.find(due.time);
      const auto last = when == due.time ? it : it == list.end() ? it : std::next(it);
      const std::size_t before = list.size();
      if (it != list.end()) list.erase(list.begin(), last);
      hold(held_ - (before - list.size()));
      if (list.empty()) {
        rights_.erase(known);
      } else if (when == due.time && tolerance_) {
        due_.emplace(later_by(due.time, *tolerance_ + 1), due);
      }
    }
    if (to == frontier_at_end) clear();
  }
  void side_advanced() { answer_ready(this->frontier()); }

  EventTime held_back(EventTime frontier) const noexcept { return frontier; }
  void drop_all(const char* reason) noexcept {
    for (auto& [time, left] : waiting_) left.context.drop(reason);
    for (auto& [key, list] : rights_) {
      for (auto& [time, right] : list) right.context.drop(reason);
    }
    this->info().drops(held_);
    clear();
  }

  static constexpr bool saved = has_codec<Key> && has_codec<Left> && has_codec<Right>;
  void save_held(StateWriter& to) const {
    if constexpr (saved) {
      save_size(to, waiting_.size());
      for (const auto& [time, left] : waiting_) {
        to.put(time);
        to.put(left.key);
        to.put(left.value);
      }
      save_size(to, rights_.size());
      for (const auto* entry : in_order(rights_)) {
        to.put(entry->first);
        save_size(to, entry->second.size());
        for (const auto& [time, right] : entry->second) {
          to.put(time);
          to.put(right.value);
        }
      }
    }
  }
  void load_held(StateReader& from) {
    if constexpr (saved) {
      std::size_t n = 0;
      load_each(from, [&] {
        const auto time = from.get<EventTime>();
        auto key = from.get<Key>();
        waiting_.emplace(time, Waiting{std::move(key), from.get<Left>(), {}});
        ++n;
      });
      load_each(from, [&] {
        const auto key = from.get<Key>();
        auto& list = rights_[key];
        load_each(from, [&] {
          const auto time = from.get<EventTime>();
          list.emplace(time, Kept{from.get<Right>(), {}});
          // What the frontier has passed waits to become too old.
          if (time >= this->frontier()) {
            due_.emplace(time, Due{key, time});
          } else if (tolerance_) {
            due_.emplace(later_by(time, *tolerance_ + 1), Due{key, time});
          }
          ++n;
        });
      });
      hold(n);
    }
  }

 private:
  struct Waiting {
    Key key;
    Left value;
    Context context;
  };
  struct Kept {
    Right value;
    Context context;
  };
  struct Due {
    Key key;
    EventTime time;
  };
  using Waits = std::multimap<EventTime, Waiting>;

  bool is_due(EventTime time, EventTime frontier) const noexcept {
    if (time < std::max(this->frontier_of(1), frontier)) return true;
    return grace_ && time < earlier_by(std::max(this->frontier_of(0), frontier), *grace_);
  }
  bool is_due(EventTime time) const noexcept { return is_due(time, this->frontier()); }
  void answer_ready(EventTime frontier) {
    while (!waiting_.empty() && is_due(waiting_.begin()->first, frontier)) answer(waiting_.begin());
  }
  /// The newest of the right stream that is not behind it in time.
  const Kept* partner(const Waiting& left, EventTime time) const {
    const auto known = rights_.find(left.key);
    if (known == rights_.end()) return nullptr;
    const auto behind = known->second.upper_bound(time);
    if (behind == known->second.begin()) return nullptr;
    const auto found = std::prev(behind);
    return tolerance_ && found->first < earlier_by(time, *tolerance_) ? nullptr : &found->second;
  }
  void answer(typename Waits::iterator at) {
    const EventTime time = at->first;
    Waiting left = std::move(at->second);
    waiting_.erase(at);
    hold(held_ - 1);
    const Kept* right = partner(left, time);
    if constexpr (outer == Outer::none) {
      if (!right) return this->info().leaves_out();
    }
    Context context = std::move(left.context);
    if (right) context.append(right->context);
    context.event_time(time);
    const auto make = [&] {
      if constexpr (outer == Outer::none) {
        return Out{std::move(left.key), std::move(left.value), right->value};
      } else {
        std::optional<Right> found;
        if (right) found = right->value;
        return Out{std::move(left.key), std::move(left.value), std::move(found)};
      }
    };
    this->put(make, std::move(context));
  }
  void hold(std::size_t n) noexcept { this->holds(held_ = n); }
  void clear() noexcept {
    waiting_.clear();
    rights_.clear();
    due_.clear();
    hold(0);
  }

  KeyOf<LeftKey> left_key_;
  KeyOf<RightKey> right_key_;
  std::size_t max_held_;
  std::optional<EventTime> tolerance_;
  std::optional<EventTime> grace_;
  Waits waiting_;
  FlatMap<Key, std::map<EventTime, Kept>> rights_;
  std::multimap<EventTime, Due> due_;
  std::size_t held_ = 0;
};

inline void check(const AsOf& options) {
  const auto bad = [](const std::optional<Duration>& span) { return span && *span < Duration::zero(); };
  if (bad(options.tolerance) || bad(options.grace)) bad_argument("asof_join: tolerance and grace must not be negative");
}

}  // namespace detail

/// Joins each element of the left stream with the newest element of the right one that has its key and is not behind it in
/// time: what was known then. The result is a Joined{key, left, right}.
///
///     trades   t10        t20      t30
///     quotes       q9 q15     q20      q31
///              asof_join(trades, quotes)
///     out          t10 q9     ...      t20 q20, t30 q20
///
/// @tparam outer   `Outer::left`: an element without a partner comes out too, with nothing on the right; otherwise it is
///                 left out.
/// @param left     a stream with a key and event time, see key_by and event_time; so is `right`.
/// @param options  see AsOf.
///
/// An element of the left stream waits until the right stream's frontier is behind its time, so that no better partner can
/// come; with `grace` no longer than until the frontier of its own stream has gone on by that much. Results come in the
/// order of time, as far as they come together, and have the time of their left element. Of several on the right with one
/// time the last that came counts. Elements of the right stream behind its own frontier are too late, those of the left
/// one behind that of both streams: counted, and to be had from `late_left()` and `late_right()`.
///
/// Back-pressure: an element passes through when its partner is known, else it does not wait; who moves the frontier waits
///                for all results of it.
/// Metadata:      held until it is answered, or replaced as a partner; joined in results; dropped with what comes too late,
///                unless somebody takes that.
/// Errors:        std::invalid_argument here for negative settings; std::logic_error through emit for an element without an
///                event time; Overflow through emit above max_held.
/// Cost:          O(log n) an element for n that wait. Memory: what waits, the elements on the right since the frontier, and
///                one for each key that has not been replaced; with a `tolerance` only for so long.
/// Recovery:      state: what waits, and what it may be joined with.
/// Example:       examples/11_event_time/asof_join.cpp
/// See also:      interval_join, enrich, window_join
template <Outer outer = Outer::none, element Left, element Right, class LeftKey, class RightKey>
auto asof_join(const KeyedStream<Left, LeftKey>& left, const KeyedStream<Right, RightKey>& right, AsOf options = {}) {
  constexpr bool one_key = detail::same_keys<KeyedStream<Left, LeftKey>, KeyedStream<Right, RightKey>>;
  static_assert(one_key, "asof_join: the keys of both streams must have one type");
  constexpr bool copies = detail::can_copy<Right>;
  static_assert(copies, "asof_join: the elements of the right stream must be copyable, since each may have several partners");
  constexpr bool of_left = outer == Outer::none || outer == Outer::left;
  static_assert(of_left, "asof_join: the elements of the right stream do not come out alone; outer is none or left");
  if constexpr (one_key && copies && of_left) {
    detail::check(options);
    using Key = typename KeyedStream<Left, LeftKey>::key_type;
    using Joiner = detail::AsOfJoinNode<Left, Right, LeftKey, RightKey, Key, outer>;
    return JoinedStream<typename Joiner::Result, Left, Right>{
        detail::join_streams<Joiner>(left.stream(), right.stream(), left.key(), right.key(), options)};
  }
}

}  // namespace penstock
