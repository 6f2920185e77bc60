// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/core/algorithm.hpp"
#include "penstock/time/detail/flat_map.hpp"
#include "penstock/time/detail/join_node.hpp"
#include "penstock/time/detail/window_parts.hpp"
#include "penstock/time/joined.hpp"
#include "penstock/time/windows.hpp"

namespace penstock {

/// Elements of two streams with one key in one window. `L` and `R` are optionals where the partner may be missing.
template <class Key, class L, class R>
struct WindowJoined {
  Key key;
  Window window;
  L left;
  R right;
  friend bool operator==(const WindowJoined&, const WindowJoined&) = default;
};

namespace detail {

template <class Key, class Left, class Right, Outer outer>
using WindowJoinedOf = WindowJoined<Key, JoinedPart<Left, right_alone(outer)>, JoinedPart<Right, left_alone(outer)>>;

/// Elements stand in slots, as those of FixedWindowNode do: once, however many windows they are in.
template <element Left, element Right, class LeftKey, class RightKey, class Key, Outer outer>
class WindowJoinNode final
    : public JoinNode<WindowJoinNode<Left, Right, LeftKey, RightKey, Key, outer>, Left, Right,
                      WindowJoinedOf<Key, Left, Right, outer>> {
  using Out = WindowJoinedOf<Key, Left, Right, outer>;
  using Base = JoinNode<WindowJoinNode, Left, Right, Out>;

 public:
  using Result = Out;

  WindowJoinNode(LeftKey left_key, RightKey right_key, FixedWindows windows, std::size_t max_held)
      : Base(Info{"window_join", {}, Shape::join}),
        left_key_(std::move(left_key)),
        right_key_(std::move(right_key)),
        windows_(windows),
        slot_(common_divisor(windows.size, windows.slide)),
        max_held_(max_held) {
    remembers(this->info(), saved ? this : nullptr);
  }

  /// Only what has no window left is.
  template <std::size_t I>
  bool too_late(EventTime time) const noexcept {
    return windows_.last_start(time) + windows_.size <= this->frontier();
  }

  template <std::size_t I, class V>
  void add(V&& value, EventTime time, const Context& context) {
    this->check_room(held_, max_held_);
    const Key key = [&] {
      if constexpr (I == 0) {
        return Key(this->run(left_key_, std::as_const(value)));
      } else {
        return Key(this->run(right_key_, std::as_const(value)));
      }
    }();
    Cell& cell = slots_[windows_.start_of(time, slot_)][key];
    if constexpr (I == 0) {
      cell.left.push_back({Left(std::forward<V>(value)), context, time, next_++});
    } else {
      cell.right.push_back({Right(std::forward<V>(value)), context, time, next_++});
    }
    hold(held_ + 1);
  }

  void advance(EventTime to) {
    const EventTime from = std::exchange(fired_, to);
    each_window(slots_, windows_, windows_.size, from, to, [this](EventTime start) { fire(start); });
    while (!slots_.empty() && windows_.last_start(slots_.begin()->first) + windows_.size <= to) {
      for (const auto& [key, cell] : slots_.begin()->second) held_ -= cell.left.size() + cell.right.size();
      slots_.erase(slots_.begin());
    }
    hold(held_);
    if (to == frontier_at_end) fired_ = this->frontier();
  }
  EventTime held_back(EventTime frontier) const noexcept { return frontier; }
  void drop_all(const char* reason) noexcept {
    const auto drop = [reason](auto& items) {
      for (auto& item : items) item.context.drop(reason);
    };
    for (auto& [start, cells] : slots_) {
      for (auto& [key, cell] : cells) {
        drop(cell.left);
        drop(cell.right);
      }
    }
    this->info().drops(held_);
    slots_.clear();
    hold(0);
  }

  static constexpr bool saved = has_codec<Key> && has_codec<Left> && has_codec<Right>;
  void save_held(StateWriter& to) const {
    if constexpr (saved) {
      for (const EventTime each : {windows_.size, windows_.slide, windows_.offset, fired_}) to.put(each);
      to.put(next_);
      save_size(to, slots_.size());
      for (const auto& [start, cells] : slots_) {
        to.put(start);
        save_size(to, cells.size());
        for (const auto* entry : in_order(cells)) {
          to.put(entry->first);
          save_items(to, entry->second.left);
          save_items(to, entry->second.right);
        }
      }
    }
  }
  void load_held(StateReader& from) {
    if constexpr (saved) {
      for (const EventTime each : {windows_.size, windows_.slide, windows_.offset}) {
        if (from.get<EventTime>() != each) from.fail("its windows have another size, slide or offset");
      }
      fired_ = from.get<EventTime>();
      next_ = from.get<std::uint64_t>();
      load_each(from, [&] {
        Cells& cells = slots_[from.get<EventTime>()];
        load_each(from, [&] {
          Cell& cell = cells[from.get<Key>()];
          load_items(from, cell.left);
          load_items(from, cell.right);
          held_ += cell.left.size() + cell.right.size();
        });
      });
      hold(held_);
    }
  }

 private:
  template <class T>
  struct Item {
    T value;
    Context context;
    EventTime time;
    std::uint64_t number;  // in the order of arrival
  };
  struct Cell {
    std::vector<Item<Left>> left;
    std::vector<Item<Right>> right;
  };
  using Cells = FlatMap<Key, Cell>;
  struct Row {
    const Key* key;
    std::vector<const Item<Left>*> left;
    std::vector<const Item<Right>*> right;
  };

  void fire(EventTime start) {
    FlatMap<Key, std::size_t> places;
    std::vector<Row> rows;
    for (auto at = slots_.lower_bound(start); at != slots_.end() && at->first < start + windows_.size; ++at) {
      for (const auto& [key, cell] : at->second) {
        const auto [place, is_new] = places.try_emplace(key, rows.size());
        if (is_new) rows.push_back({&key, {}, {}});
        Row& row = rows[place->second];
        for (const auto& item : cell.left) row.left.push_back(&item);
        for (const auto& item : cell.right) row.right.push_back(&item);
      }
    }
    std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return key_before(*a.key, *b.key); });
    const auto by_time = [](const auto* a, const auto* b) {
      return std::pair(a->time, a->number) < std::pair(b->time, b->number);
    };
    for (Row& row : rows) {
      std::sort(row.left.begin(), row.left.end(), by_time);
      std::sort(row.right.begin(), row.right.end(), by_time);
      join(row, {start, start + windows_.size});
    }
  }
  void join(const Row& row, Window window) {
    for (const auto* one : row.left) {
      for (const auto* other : row.right) {
        const auto make = [&] { return Out{*row.key, window, one->value, other->value}; };
        this->put(make, joined_context(one->context, other->context, window.end - 1));
      }
    }
    if constexpr (left_alone(outer)) {
      const auto make = [&](const Left& value) { return Out{*row.key, window, value, std::nullopt}; };
      if (row.right.empty()) alone(row.left, window, make);
    }
    if constexpr (right_alone(outer)) {
      const auto make = [&](const Right& value) { return Out{*row.key, window, std::nullopt, value}; };
      if (row.left.empty()) alone(row.right, window, make);
    }
  }
  template <class Items, class Make>
  void alone(const Items& items, Window window, Make make) {
    for (const auto* item : items) {
      this->put([&] { return make(item->value); }, joined_context(item->context, {}, window.end - 1));
    }
  }
  template <class Items>
  static void save_items(StateWriter& to, const Items& items) {
    save_size(to, items.size());
    for (const auto& item : items) {
      to.put(item.value);
      to.put(item.time);
      to.put(item.number);
    }
  }
  template <class T>
  static void load_items(StateReader& from, std::vector<Item<T>>& items) {
    load_each(from, [&] {
      auto value = from.get<T>();
      const auto time = from.get<EventTime>();
      items.push_back({std::move(value), {}, time, from.get<std::uint64_t>()});
    });
  }
  void hold(std::size_t n) noexcept { this->holds(held_ = n); }

  KeyOf<LeftKey> left_key_;
  KeyOf<RightKey> right_key_;
  FixedWindows windows_;
  EventTime slot_;  // how long one is
  std::size_t max_held_;
  std::map<EventTime, Cells> slots_;  // by their start
  EventTime fired_ = no_frontier;     // windows that end here or before are over
  std::size_t held_ = 0;
  std::uint64_t next_ = 0;
};

}  // namespace detail

/// Joins elements of two streams that have one key and are in one window: for each pair, and in each window that both are
/// in, a WindowJoined{key, window, left, right}.
///
///     clicks   a3  a12 b15     c33
///     orders     a7     b12      d31
///              window_join(clicks, orders, tumbling(10s))
///     out      behind c33 and d31: [0,10) a3 a7 | [10,20) b15 b12
///
/// @tparam outer    `Outer::left`: an element of the left stream that is alone with its key in a window comes out too, with
///                  nothing on the right. `Outer::right`: one of the right stream; `Outer::both`: of either.
/// @param left      a stream with a key and event time, see key_by and event_time; so is `right`.
/// @param windows   tumbling(size, offset) or hopping(size, slide, offset).
/// @param max_held  elements in open windows; one more throws Overflow. 0: no bound.
///
/// The frontier is the least one of both streams. The results of a window come when that passes its end, in the order of
/// window end, start, key, and of the times of the left and then the right elements; they have the last microsecond of the
/// window as event time. An element that comes when all of its windows are over is too late: counted, and to be had from
/// `late_left()` and `late_right()`.
///
/// Back-pressure: the element that moves the frontier waits for all results of it.
/// Metadata:      held until the last of its windows is over, joined in pairs; dropped with what comes too late, unless
///                somebody takes that.
/// Errors:        std::logic_error through emit for an element without an event time; Overflow through emit above max_held.
/// Cost:          one look-up an element, which is stored once; the pairs of each window. Memory: elements of open windows.
/// Recovery:      state: the elements of open windows.
/// Example:       examples/11_event_time/window_join.cpp
/// See also:      interval_join, asof_join, enrich, window
template <Outer outer = Outer::none, element Left, element Right, class LeftKey, class RightKey>
auto window_join(const KeyedStream<Left, LeftKey>& left, const KeyedStream<Right, RightKey>& right, FixedWindows windows,
                 std::size_t max_held = 0) {
  constexpr bool one_key = detail::same_keys<KeyedStream<Left, LeftKey>, KeyedStream<Right, RightKey>>;
  static_assert(one_key, "window_join: the keys of both streams must have one type");
  constexpr bool copies = detail::can_copy<Left> && detail::can_copy<Right>;
  static_assert(copies, "window_join: the elements must be copyable, since each may have several partners");
  if constexpr (one_key && copies) {
    using Key = typename KeyedStream<Left, LeftKey>::key_type;
    using Joiner = detail::WindowJoinNode<Left, Right, LeftKey, RightKey, Key, outer>;
    return JoinedStream<typename Joiner::Result, Left, Right>{
        detail::join_streams<Joiner>(left.stream(), right.stream(), left.key(), right.key(), windows, max_held)};
  }
}

}  // namespace penstock
