// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <map>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/core/error.hpp"
#include "penstock/core/ring.hpp"
#include "penstock/time/aggregate.hpp"
#include "penstock/time/detail/flat_map.hpp"
#include "penstock/time/detail/window_node.hpp"
#include "penstock/time/detail/window_parts.hpp"
#include "penstock/time/windows.hpp"

// Not an operator: windows that slide with every element.

namespace penstock::detail {

/// The foremost of the times in a window that slides: of those in it, the ones that no later one comes before.
template <class Before>
class Foremost {
 public:
  EventTime get() const noexcept { return times_[begin_]; }
  void slide_in(EventTime time) {
    while (times_.size() > begin_ && Before{}(time, times_.back())) times_.pop_back();
    times_.push_back(time);
  }
  void slide_out(EventTime time) noexcept {
    if (begin_ == times_.size() || times_[begin_] != time) return;
    if (++begin_ * 2 < times_.size()) return;
    times_.erase(times_.begin(), times_.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = 0;
  }

 private:
  std::vector<EventTime> times_;
  std::size_t begin_ = 0;  // those before it have slid out
};

/// From the first to the last event time of the elements in a window.
class Extent {
 public:
  Window get() const noexcept { return {first_.get(), last_.get() + 1}; }
  void slide_in(EventTime time) {
    if (time == no_event_time) return;
    first_.slide_in(time);
    last_.slide_in(time);
  }
  void slide_out(EventTime time) noexcept {
    first_.slide_out(time);
    last_.slide_out(time);
  }

 private:
  Foremost<std::less<>> first_;
  Foremost<std::greater<>> last_;
};

/// Every key has the elements of its window and their aggregate. What slides out is removed from that, or, by an aggregate
/// that cannot do so, all others are added again.
template <element T, class KeyFn, class Key, class Windows, class Aggregate>
class SlidingWindowNode final
    : public WindowNode<SlidingWindowNode<T, KeyFn, Key, Windows, Aggregate>, T,
                        WindowResult<ShownKey<Key>, typename Aggregation<Aggregate, T>::result_type>> {
  using Aggregator = Aggregation<Aggregate, T>;
  using State = typename Aggregator::state;
  using Out = WindowResult<ShownKey<Key>, typename Aggregator::result_type>;
  using Base = WindowNode<SlidingWindowNode, T, Out>;
  static constexpr bool by_count = std::is_same_v<Windows, SlidingCount>;

 public:
  using Result = Out;
  static constexpr bool needs_event_time = !by_count;

  SlidingWindowNode(KeyFn key, Windows windows, WindowOptions options, Aggregate aggregate)
      : Base(Info{"window", "sliding", Shape::time}),
        key_(std::move(key)),
        windows_(windows),
        aggregate_(std::move(aggregate)),
        options_(options) {
    remembers(this->info(), saved ? this : nullptr);
  }

  template <class V>
  void add(V&& value, EventTime time, const Context& context) {
    if constexpr (by_count) {
      const Key key(this->run(key_, std::as_const(value)));
      Entry& entry = entry_of(key);
      slide_in(key, entry, Item{T(std::forward<V>(value)), context, time});
    } else {
      if (time < this->frontier()) return this->came_too_late(std::forward<V>(value), context);
      Key key(this->run(key_, std::as_const(value)));
      waiting_.emplace(time, Waiting{std::move(key), T(std::forward<V>(value)), context});
      hold(held_ + 1);
    }
  }

  /// Elements whose time is over have their turn; then those go that no later one has in its window.
  void advance(EventTime, EventTime to) {
    if constexpr (!by_count) {
      while (!waiting_.empty() && (to == frontier_at_end || waiting_.begin()->first < to)) {
        const EventTime time = waiting_.begin()->first;
        Waiting next = std::move(waiting_.begin()->second);
        waiting_.erase(waiting_.begin());
        hold(held_ - 1);
        Entry& entry = entry_of(next.key);
        slide_out(entry, time);
        Item item{std::move(next.value), std::move(next.context), time};
        try {
          slide_in(next.key, entry, std::move(item));
        } catch (...) {
          item.context.fail(std::current_exception());
          this->failed(std::current_exception());
          if (!std::exchange(entry.listed, true)) due_.emplace(no_frontier, next.key);  // of which nothing came in
        }
      }
      while (!due_.empty() && due_.begin()->first <= to) {
        auto due = due_.extract(due_.begin());
        const auto at = entries_.find(due.mapped());
        if (at == entries_.end()) continue;  // its key is not even equal to itself
        slide_out(at->second, to);
        if (at->second.items.empty()) {
          entries_.erase(at);
        } else {
          due.key() = over(at->second);
          due_.insert(std::move(due));
        }
      }
    }
    if (to == frontier_at_end) clear();
    count();
  }
  EventTime held_back(EventTime frontier) const noexcept { return frontier; }
  void drop_all(const char* reason) noexcept {
    for (auto& [time, waiting] : waiting_) waiting.context.drop(reason);
    for (auto& [key, entry] : entries_) {
      for (std::size_t i = 0; i < entry.items.size(); ++i) entry.items[i].context.drop(reason);
    }
    this->info().drops(held_);
    clear();
    count();
  }

  static constexpr bool saved = has_codec<Key> && has_codec<State> && has_codec<T>;
  void save_windows(StateWriter& to) const {
    if constexpr (saved) {
      save_size(to, waiting_.size());
      for (const auto& [time, waiting] : waiting_) {
        to.put(time);
        to.put(waiting.key);
        to.put(waiting.value);
      }
      save_size(to, entries_.size());
      for (const auto* item : in_order(entries_)) {
        const Entry& entry = item->second;
        to.put(item->first);
        to.put(entry.state);
        to.put(entry.panes);
        save_size(to, entry.items.size());
        for (std::size_t i = 0; i < entry.items.size(); ++i) {
          to.put(entry.items[i].time);
          to.put(entry.items[i].value);
        }
      }
    }
  }
  void load_windows(StateReader& from) {
    if constexpr (saved) {
      load_each(from, [&] {
        const auto time = from.get<EventTime>();
        auto key = from.get<Key>();
        waiting_.emplace(time, Waiting{std::move(key), from.get<T>(), {}});
        ++held_;
      });
      load_each(from, [&] {
        const auto key = from.get<Key>();
        Entry& entry = entry_of(key);
        from.get(entry.state);
        entry.panes = from.get<std::uint32_t>();
        load_each(from, [&] {
          const auto time = from.get<EventTime>();
          entry.items.push(from.get<T>(), Context{}, time);
          if constexpr (by_count) entry.extent.slide_in(time);
          ++held_;
        });
        if constexpr (!by_count) {
          entry.listed = true;
          due_.emplace(over(entry), key);
        }
      });
      hold(held_);
      count();
    }
  }

 private:
  struct Item {
    T value;
    Context context;
    EventTime time;
  };
  struct Waiting {
    Key key;
    T value;
    Context context;
  };
  struct Entry {
    State state;
    Ring<Item> items;
    std::size_t with_refs = 0;  // items
    std::uint32_t panes = 0;
    bool listed = false;  // in due_
    [[no_unique_address]] std::conditional_t<by_count, Extent, Nothing> extent{};
  };

  Entry& entry_of(const Key& key) {
    const auto known = entries_.find(key);
    if (known != entries_.end()) return known->second;
    if (options_.max_entries != 0 && entries_.size() == options_.max_entries) {
      throw Overflow(this->info().label() + ": " + std::to_string(entries_.size()) + " keys, which is max_entries");
    }
    Entry& entry = entries_.emplace(key, Entry{aggregate_.create(), {}}).first->second;
    count();
    return entry;
  }
  void slide_in(const Key& key, Entry& entry, Item&& item) {
    this->run_add(aggregate_, entry.state, std::as_const(item.value));
    const EventTime time = item.time;
    const bool has_refs = item.context.size() != 0;
    entry.items.push(std::move(item.value), std::move(item.context), time);
    if (has_refs) ++entry.with_refs;
    if constexpr (by_count) entry.extent.slide_in(time);
    hold(held_ + 1);
    if constexpr (by_count) {
      // The run before may have had more of them.
      while (entry.items.size() > windows_.n) slide_out_one(entry);
    } else if (!std::exchange(entry.listed, true)) {
      due_.emplace(over(entry), key);
    }
    Window window;
    if constexpr (by_count) {
      if (time != no_event_time) window = entry.extent.get();
    } else {
      window = {time - windows_.span + 1, time + 1};
    }
    Context context;
    for (std::size_t i = 0, left = entry.with_refs; left != 0; ++i) {
      if (entry.items[i].context.size() == 0) continue;
      context.append(entry.items[i].context);
      --left;
    }
    // No result is behind the frontier that was told before it.
    context.event_time(by_count && time != no_event_time ? std::max(time, this->frontier()) : time);
    const Pane pane{entry.panes++, Timing::on_time};
    const auto make = [&] {
      if constexpr (std::is_same_v<Key, Keyless>) {
        return Out{window, aggregate_.result(entry.state), pane};
      } else {
        return Out{key, window, aggregate_.result(entry.state), pane};
      }
    };
    this->put(make, std::move(context));
  }
  void slide_out_one(Entry& entry) {
    if constexpr (Aggregator::can_remove) {
      aggregate_.remove(entry.state, entry.items.front().value);
      pop(entry);
    } else {
      pop(entry);
      add_again(entry);
    }
    hold(held_ - 1);
  }
  static void pop(Entry& entry) {
    const Item item = entry.items.pop();
    if (item.context.size() != 0) --entry.with_refs;
    if constexpr (by_count) entry.extent.slide_out(item.time);
  }
  void slide_out(Entry& entry, EventTime time) {
    const std::size_t before = entry.items.size();
    while (!entry.items.empty() && later_by(entry.items.front().time, span()) <= time) {
      if constexpr (Aggregator::can_remove) aggregate_.remove(entry.state, entry.items.front().value);
      pop(entry);
    }
    if (entry.items.size() == before) return;
    hold(held_ - (before - entry.items.size()));
    if (!Aggregator::can_remove || entry.items.empty()) add_again(entry);
  }
  void add_again(Entry& entry) {
    State state = aggregate_.create();
    for (std::size_t i = 0; i < entry.items.size(); ++i) aggregate_.add(state, entry.items[i].value);
    entry.state = std::move(state);
  }
  EventTime span() const noexcept {
    if constexpr (by_count) {
      return 0;
    } else {
      return windows_.span;
    }
  }
  /// The frontier at which the oldest element is in no later one's window.
  EventTime over(const Entry& entry) const noexcept {
    return entry.items.empty() ? no_frontier : later_by(entry.items[0].time, span());
  }
  void hold(std::size_t n) noexcept {
    held_ = n;
    this->besides(n);
  }
  void count() noexcept {
    this->gauges_.windows.set(entries_.size());
    this->gauges_.entries.set(entries_.size());
  }
  void clear() noexcept {
    waiting_.clear();
    entries_.clear();
    due_.clear();
    hold(0);
  }

  KeyOf<KeyFn> key_;
  Windows windows_;
  Aggregator aggregate_;
  WindowOptions options_;
  FlatMap<Key, Entry> entries_;
  std::multimap<EventTime, Waiting> waiting_;  // by time and arrival
  std::multimap<EventTime, Key> due_;          // when a key is to be looked at; once for each
  std::size_t held_ = 0;
};

}  // namespace penstock::detail
