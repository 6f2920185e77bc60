// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "penstock/core/algorithm.hpp"
#include "penstock/core/error.hpp"
#include "penstock/ops/detail/alarm.hpp"
#include "penstock/time/aggregate.hpp"
#include "penstock/time/detail/flat_map.hpp"
#include "penstock/time/detail/window_node.hpp"
#include "penstock/time/detail/window_parts.hpp"
#include "penstock/time/windows.hpp"

// Not an operator: windows for all time.

namespace penstock::detail {

/// Every key has one window and a trigger. What a trigger is due at stands in `due_`; an entry that is not the trigger's any
/// more is passed over when its time has come.
template <element T, class KeyFn, class Key, class Trigger, class Aggregate>
class GlobalWindowNode final
    : public WindowNode<GlobalWindowNode<T, KeyFn, Key, Trigger, Aggregate>, T,
                        WindowResult<ShownKey<Key>, typename Aggregation<Aggregate, T>::result_type>> {
  using Aggregator = Aggregation<Aggregate, T>;
  using State = typename Aggregator::state;
  using Out = WindowResult<ShownKey<Key>, typename Aggregator::result_type>;
  using Base = WindowNode<GlobalWindowNode, T, Out>;
  static constexpr bool has_due = requires(const Trigger& trigger) { trigger.due(); };
  static constexpr bool has_period = requires(const Trigger& trigger) { trigger.period(); };

 public:
  using Result = Out;
  static constexpr bool needs_event_time = has_due;

  GlobalWindowNode(KeyFn key, GlobalWindow<Trigger> window, WindowOptions options, Aggregate aggregate)
      : Base(Info{"window", "global", Shape::time}),
        key_(std::move(key)),
        aggregate_(std::move(aggregate)),
        trigger_(std::move(window.trigger)),
        options_(options) {
    remembers(this->info(), saved ? this : nullptr);
  }

  const char* needs_loop() const noexcept override { return has_period ? "window: a trigger with a period" : nullptr; }

  template <class V>
  void add(V&& value, EventTime time, const Context& context) {
    const Key key(this->run(key_, std::as_const(value)));
    Entry& entry = entry_of(key);
    this->run_add(aggregate_, entry.state, std::as_const(value));
    entry.news = true;
    entry.newest = std::max(entry.newest, time);
    if (context.size() != 0) entry.refs.append(context);
    const bool now = entry.trigger.element(std::as_const(value), time);
    if constexpr (has_period) {
      if (!alarm_.active()) this->clock().set(alarm_, later(this->clock().now(), trigger_.period()));
    }
    if (now) fire(key, entry, Timing::early);
    look_again(key, entry);
    if constexpr (has_due) {
      if (entry.due != no_frontier && entry.due <= this->frontier()) fire(key, entry, Timing::early), look_again(key, entry);
    }
  }

  void advance(EventTime, EventTime to) {
    if (to == frontier_at_end) {
      fire_news(Timing::on_time);
      return clear();
    }
    while (!due_.empty() && due_.begin()->first <= to) {
      const EventTime when = due_.begin()->first;
      std::vector<typename Entries::value_type*> ripe;
      for (; !due_.empty() && due_.begin()->first == when; due_.erase(due_.begin())) {
        const auto at = entries_.find(due_.begin()->second);
        if (at == entries_.end() || at->second.due != when) continue;
        at->second.due = no_frontier;
        ripe.push_back(&*at);
      }
      std::sort(ripe.begin(), ripe.end(), [](const auto* a, const auto* b) { return key_before(a->first, b->first); });
      for (auto* item : ripe) fire(item->first, item->second, Timing::early), look_again(item->first, item->second);
    }
  }
  EventTime held_back(EventTime frontier) const noexcept { return frontier; }
  void drop_all(const char* reason) noexcept {
    for (auto& [key, entry] : entries_) entry.refs.drop(reason);
    this->info().drops(entries_.size());
    clear();
    alarm_.cancel();
  }

  static constexpr bool saved = has_codec<Key> && has_codec<State> && has_codec<Trigger>;
  void save_windows(StateWriter& to) const {
    if constexpr (saved) {
      save_size(to, entries_.size());
      for (const auto* item : in_order(entries_)) {
        const Entry& entry = item->second;
        to.put(item->first);
        to.put(entry.state);
        to.put(entry.trigger);
        to.put(entry.newest);
        to.put(entry.panes);
        to.put(entry.news);
      }
      detail::save(to, alarm_, this->loop());
    }
  }
  void load_windows(StateReader& from) {
    if constexpr (saved) {
      load_each(from, [&] {
        const auto key = from.get<Key>();
        Entry& entry = entry_of(key);
        from.get(entry.state);
        from.get(entry.trigger);
        entry.newest = from.get<EventTime>();
        entry.panes = from.get<std::uint32_t>();
        entry.news = from.get<bool>();
        look_again(key, entry);
      });
      detail::load(from, alarm_, this->loop());
    }
  }

  void rang() {
    this->in_background([this] { fire_news(Timing::early); });
  }

 private:
  struct Entry {
    State state;
    Trigger trigger;
    Context refs;
    EventTime due = no_frontier;  // where it stands in due_
    EventTime newest = no_event_time;
    std::uint32_t panes = 0;
    bool news = false;  // elements since the last result
  };
  using Entries = FlatMap<Key, Entry>;

  Entry& entry_of(const Key& key) {
    const auto known = entries_.find(key);
    if (known != entries_.end()) return known->second;
    if (options_.max_entries != 0 && entries_.size() == options_.max_entries) {
      throw Overflow(this->info().label() + ": " + std::to_string(entries_.size()) + " keys, which is max_entries");
    }
    Entry& entry = entries_.emplace(key, Entry{aggregate_.create(), trigger_, {}}).first->second;
    count();
    return entry;
  }
  void look_again(const Key& key, Entry& entry) {
    if constexpr (has_due) {
      const EventTime due = entry.trigger.due();
      if (due == entry.due) return;
      entry.due = due;
      if (due != no_frontier) due_.emplace(due, key);
    }
  }
  void fire(const Key& key, Entry& entry, Timing timing) {
    entry.news = false;
    if constexpr (requires { entry.trigger.fired(); }) entry.trigger.fired();
    Context context = entry.refs;
    // No result is behind the frontier that was told before it.
    if (entry.newest != no_event_time) context.event_time(std::max(entry.newest, this->frontier()));
    const Pane pane{entry.panes++, timing};
    constexpr Window all{std::numeric_limits<EventTime>::min(), std::numeric_limits<EventTime>::max()};
    const auto make = [&] {
      if constexpr (std::is_same_v<Key, Keyless>) {
        return Out{all, aggregate_.result(entry.state), pane};
      } else {
        return Out{key, all, aggregate_.result(entry.state), pane};
      }
    };
    this->put(make, std::move(context));
    if (!options_.discarding) return;
    entry.state = aggregate_.create();
    entry.refs.clear();
    entry.newest = no_event_time;
  }
  void fire_news(Timing timing) {
    for (auto* item : in_order(entries_)) {
      if (!item->second.news) continue;
      fire(item->first, item->second, timing);
      look_again(item->first, item->second);
    }
  }
  void clear() noexcept {
    entries_.clear();
    due_.clear();
    count();
  }
  void count() noexcept {
    this->gauges_.windows.set(entries_.size());
    this->gauges_.entries.set(entries_.size());
    this->besides(entries_.size());
  }

  KeyOf<KeyFn> key_;
  Aggregator aggregate_;
  Trigger trigger_;
  WindowOptions options_;
  Entries entries_;
  std::multimap<EventTime, Key> due_;
  Alarm<GlobalWindowNode> alarm_{*this};
};

}  // namespace penstock::detail
