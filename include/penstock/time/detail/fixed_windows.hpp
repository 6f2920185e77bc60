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
#include "penstock/core/error.hpp"
#include "penstock/ops/detail/alarm.hpp"
#include "penstock/time/aggregate.hpp"
#include "penstock/time/detail/dense_map.hpp"
#include "penstock/time/detail/flat_map.hpp"
#include "penstock/time/detail/window_node.hpp"
#include "penstock/time/detail/window_parts.hpp"
#include "penstock/time/windows.hpp"

// Not an operator: tumbling and hopping windows.

namespace penstock::detail {

/// Elements are gathered in *slots*: spans of event time that lie side by side. Of tumbling windows each is one.
/// Overlapping windows are made of slots as long as the greatest common divisor of size and slide, so that an
/// element is gathered once however many windows it is in; where the aggregate cannot be merged, or every window
/// has to forget on its own, a slot is a whole window and an element goes into several.
template <element T, class KeyFn, class Key, class Aggregate>
class FixedWindowNode final
    : public WindowNode<FixedWindowNode<T, KeyFn, Key, Aggregate>, T,
                        WindowResult<ShownKey<Key>, typename Aggregation<Aggregate, T>::result_type>> {
  using Aggregator = Aggregation<Aggregate, T>;
  using State = typename Aggregator::state;
  using Out = WindowResult<ShownKey<Key>, typename Aggregator::result_type>;
  using Base = WindowNode<FixedWindowNode, T, Out>;
  template <class Value>
  using ByKey = FlatMap<Key, Value>;

 public:
  using Result = Out;

  FixedWindowNode(KeyFn key, FixedWindows windows, WindowOptions options, Aggregate aggregate)
      : Base(Info{"window", {}, Shape::time}),
        key_(std::move(key)),
        aggregate_(std::move(aggregate)),
        windows_(windows),
        options_(options),
        lateness_(options.output == Output::complete ? never_over : span_of(options.lateness)),
        early_(span_of(options.early_event_time)),
        several_(windows.size != windows.slide),
        shared_(several_ && Aggregator::can_merge && !options.discarding),
        slot_(shared_ ? common_divisor(windows.size, windows.slide) : windows.size),
        counts_panes_(lateness_ != 0 || has_early_results(options) || options.output == Output::update ||
                      options.output == Output::complete) {
    remembers(this->info(), saved ? this : nullptr);
  }

  const char* needs_loop() const noexcept override {
    return options_.early_period != Duration::zero() ? "window: an early_period" : nullptr;
  }

  template <class V>
  [[gnu::always_inline]] void add(V&& value, EventTime time, const Context& context) {
    // A slot that is there is one that elements still count in.
    if (last_ && static_cast<std::uint64_t>(time) - static_cast<std::uint64_t>(last_->start) <
                     static_cast<std::uint64_t>(slot_) &&
        last_->first_end > this->frontier() && context.size() == 0 && plain_) [[likely]] {
      return add_to(*last_, this->run(key_, std::as_const(value)), std::as_const(value));
    }
    add_with_care(std::forward<V>(value), time, context);
  }

  void advance(EventTime from, EventTime to) {
    const bool end = to == frontier_at_end;
    if (options_.output == Output::complete) {
      if (std::exchange(news_, false)) {
        each_window(slots_, windows_, reach(), no_frontier, frontier_at_end,
                    [&](EventTime start) { fire_window(start, timing(start, from, to)); });
      }
    } else if (options_.output == Output::update) {
      fire_changed(from, to);
    } else {
      each_window(slots_, windows_, reach(), fired_, end ? to : shifted(to),
                  [this](EventTime start) { fire_window(start, Timing::on_time); });
      if (early_ != 0 && !end && passes_multiple(early_, from, to)) fire_early(to);
    }
    clean(end ? to : earlier_by(to, lateness_));
    if (!end) fired_ = std::max(fired_, shifted(to));
  }
  EventTime held_back(EventTime) const noexcept { return fired_; }
  void drop_all(const char* reason) noexcept {
    for (auto& [start, keys] : refs_) {
      for (auto& [key, context] : keys) context.drop(reason);
    }
    this->info().drops(entries_);
    slots_.clear();
    refs_.clear();
    panes_.clear();
    counts_.clear();
    changed_.clear();
    last_ = nullptr;
    entries(0);
    this->gauges_.windows.set(0);
    alarm_.cancel();
  }

  static constexpr bool saved = has_codec<Key> && has_codec<State>;
  void save_windows(StateWriter& to) const {
    if constexpr (saved) {
      for (const EventTime each : {windows_.size, windows_.slide, windows_.offset, slot_}) to.put(each);
      save_size(to, slots_.size());
      for (const auto& [start, slot] : slots_) {
        to.put(start);
        save_size(to, slot.states.size());
        for (const auto* entry : in_order(slot.states)) {
          to.put(entry->first);
          to.put(entry->second);
        }
      }
      to.put(news_);
      save_tables(to, panes_);
      save_tables(to, counts_);
      save_size(to, changed_.size());
      for (const auto& [start, keys] : changed_) {
        to.put(start);
        save_size(to, keys.size());
        for (const Key* key : ordered(keys)) to.put(*key);
      }
      detail::save(to, alarm_, this->loop());
      to.put(fired_);
    }
  }
  void load_windows(StateReader& from) {
    if constexpr (saved) {
      for (const EventTime each : {windows_.size, windows_.slide, windows_.offset, slot_}) {
        if (from.get<EventTime>() == each) continue;
        from.fail("its windows have another size, slide or offset, or are kept in another way");
      }
      load_each(from, [&] {
        Slot& slot = slot_at(from.get<EventTime>());
        load_each(from, [&] {
          auto key = from.get<Key>();
          State state = aggregate_.create();
          from.get(state);
          slot.states.emplace(std::move(key), std::move(state));
        });
        entries(entries_ + slot.states.size());
      });
      news_ = from.get<bool>();
      load_tables(from, panes_);
      load_tables(from, counts_);
      load_each(from, [&] {
        KeySet& keys = changed_[from.get<EventTime>()];
        load_each(from, [&] { keys.insert(from.get<Key>()); });
      });
      detail::load(from, alarm_, this->loop());
      fired_ = from.left() != 0 ? from.get<EventTime>() : shifted(this->frontier());  // older ones have no more
    }
  }

  void rang() {
    this->in_background([this] { fire_early(this->frontier()); });
  }

 private:

  struct Slot {
    EventTime start;
    EventTime first_end;  // of the windows that it is part of
    EventTime last_end;
    DenseMap<Key, State> states;
  };
  using KeySet = FlatSet<Key>;

  // --- where an element belongs

  Slot& slot_at(EventTime start) {
    const auto [at, is_new] = slots_.try_emplace(start);
    Slot& slot = at->second;
    if (is_new) {
      slot.start = start;
      slot.first_end = shared_ ? windows_.first_start(start) + windows_.size : start + windows_.size;
      slot.last_end = shared_ ? windows_.last_start(start) + windows_.size : start + windows_.size;
      this->gauges_.windows.set(slots_.size());
    }
    return slot;
  }
  template <class K>
  [[gnu::always_inline]] void add_to(Slot& slot, K&& key, const T& value) {
    const auto at = slot.states.find(key);
    if (at != slot.states.end()) [[likely]] return this->run_add(aggregate_, at->second, value);
    add_new(slot, Key(std::forward<K>(key)), value);
  }
  /// The first of a key. Nothing of it is left where the aggregate throws.
  [[gnu::noinline]] void add_new(Slot& slot, Key&& key, const T& value) {
    if (options_.max_entries != 0 && entries_ == options_.max_entries) {
      throw Overflow(this->info().label() + ": " + std::to_string(entries_) +
                     " open pairs of a key and a window, which is max_entries");
    }
    State state = aggregate_.create();
    this->run_add(aggregate_, state, value);
    slot.states.emplace(std::move(key), std::move(state));
    entries(entries_ + 1);
  }

  template <class V>
  [[gnu::noinline]] void add_with_care(V&& value, EventTime time, const Context& context) {
    const EventTime newest = windows_.last_start(time);
    // Windows that end here or before are over.
    const EventTime gone = options_.output == Output::append ? fired_ : earlier_by(this->frontier(), lateness_);
    if (newest + windows_.size <= gone) return this->came_too_late(std::forward<V>(value), context);
    if (newest + windows_.size <= this->frontier() || windows_.first_start(time) + windows_.size <= this->frontier()) {
      this->gauges_.late.add();
    }
    const Key key(this->run(key_, std::as_const(value)));
    if (several_ && !shared_) {
      for (EventTime start = windows_.first_start(time); start <= newest; start += windows_.slide) {
        if (start + windows_.size > gone) add_to(slot_at(start), key, value, context);
      }
    } else {
      add_to(slot_at(windows_.start_of(time, slot_)), key, value, context);
    }
    for (EventTime start = windows_.first_start(time); start <= newest; start += windows_.slide) {
      if (start + windows_.size > gone) came(start, key);
    }
  }
  void add_to(Slot& slot, const Key& key, const T& value, const Context& context) {
    add_to(slot, key, value);
    if (context.size() != 0) refs_[slot.start][key].append(context);
    last_ = &slot;
  }
  /// An element has come into a window: that may be a reason for a result.
  void came(EventTime start, const Key& key) {
    news_ = true;
    if (options_.output == Output::update) changed_[start].insert(key);
    if (options_.early_period != Duration::zero() && !alarm_.active()) {
      this->clock().set(alarm_, later(this->clock().now(), options_.early_period));
    }
    if (options_.output != Output::panes) return;
    if (start + windows_.size <= this->frontier()) return fire_one(start, key, Timing::late);
    if (options_.early_every != 0 && ++counts_[start][key] % options_.early_every == 0) {
      if (const auto changed = changed_.find(start); changed != changed_.end()) changed->second.erase(key);
      return fire_one(start, key, Timing::early);
    }
    if (options_.early_period != Duration::zero() || early_ != 0) changed_[start].insert(key);
  }

  // --- results

  auto first_in(EventTime start) { return slots_.lower_bound(start); }

  /// Results of `append` come so much behind the end of their windows.
  EventTime shifted(EventTime frontier) const noexcept {
    return options_.output == Output::append ? earlier_by(frontier, lateness_) : frontier;
  }
  EventTime reach() const noexcept { return shared_ ? windows_.size : 1; }
  Timing timing(EventTime start, EventTime from, EventTime to) const noexcept {
    const EventTime end = start + windows_.size;
    return end <= from ? Timing::late : end <= to ? Timing::on_time : Timing::early;
  }
  void fire_window(EventTime start, Timing timing) {
    DenseMap<Key, State> merged;
    if (shared_) merge_into(merged, start);
    DenseMap<Key, State>& states = shared_ ? merged : first_in(start)->second.states;
    for (auto* item : in_order(states)) emit_result(start, item->first, item->second, timing);
    if (options_.discarding) forget(start);
  }

  void merge_into(DenseMap<Key, State>& merged, EventTime start) {
    if constexpr (Aggregator::can_merge) {
      for (auto at = first_in(start); at != slots_.end() && at->first < start + windows_.size; ++at) {
        for (const auto& [key, state] : at->second.states) {
          const auto [place, is_new] = merged.emplace(key, state);
          if (!is_new) aggregate_.merge(place->second, state);
        }
      }
    }
  }
  void fire_one(EventTime start, const Key& key, Timing timing) {
    if (!shared_) {
      auto& states = slots_.find(start)->second.states;
      const auto at = states.find(key);
      if (at == states.end()) return;
      emit_result(start, at->first, at->second, timing);
      if (!options_.discarding) return;
      forget(start, key);
      states.erase(at);
      return entries(entries_ - 1);
    }
    if constexpr (Aggregator::can_merge) {
      State all = aggregate_.create();
      for (auto at = first_in(start); at != slots_.end() && at->first < start + windows_.size; ++at) {
        const auto found = at->second.states.find(key);
        if (found != at->second.states.end()) aggregate_.merge(all, found->second);
      }
      emit_result(start, key, all, timing);
    }
  }
  void fire_changed(EventTime from, EventTime to) {
    for (auto& [start, keys] : changed_) fire_keys(start, keys, timing(start, from, to));
    changed_.clear();
  }
  /// What has changed of the windows that are open at `frontier`.
  void fire_early(EventTime frontier) {
    for (auto& [start, keys] : changed_) {
      if (start + windows_.size > frontier) fire_keys(start, keys, Timing::early);
    }
    if (options_.output != Output::update) changed_.clear();
  }
  static std::vector<const Key*> ordered(const KeySet& keys) {
    std::vector<const Key*> sorted;
    sorted.reserve(keys.size());
    for (const Key& key : keys) sorted.push_back(&key);
    std::sort(sorted.begin(), sorted.end(), [](const Key* a, const Key* b) { return key_before(*a, *b); });
    return sorted;
  }
  void fire_keys(EventTime start, const KeySet& keys, Timing timing) {
    for (const Key* key : ordered(keys)) fire_one(start, *key, timing);
  }
  void emit_result(EventTime start, const Key& key, const State& state, Timing timing) {
    const Window window{start, start + windows_.size};
    Context context;
    if (!refs_.empty()) gather(context, start, key);
    context.event_time(window.end - 1);
    const Pane pane{counts_panes_ ? panes_[start][key]++ : 0, timing};
    const auto make = [&] {
      if constexpr (std::is_same_v<Key, Keyless>) {
        return Out{window, aggregate_.result(state), pane};
      } else {
        return Out{key, window, aggregate_.result(state), pane};
      }
    };
    this->put(make, std::move(context));
  }
  void gather(Context& context, EventTime start, const Key& key) const {
    for (auto at = refs_.lower_bound(start); at != refs_.end() && at->first < start + reach(); ++at) {
      const auto found = at->second.find(key);
      if (found != at->second.end()) context.append(found->second);
    }
  }

  // --- forgetting

  /// What a discarding window has emitted.
  void forget(EventTime start) {
    Slot& slot = slots_.find(start)->second;
    entries(entries_ - slot.states.size());
    slot.states.clear();
    refs_.erase(start);
  }
  void forget(EventTime start, const Key& key) {
    const auto at = refs_.find(start);
    if (at != refs_.end()) at->second.erase(key);
  }
  /// Windows that end at `over` or before can change no more.
  void clean(EventTime over) {
    while (!slots_.empty() && slots_.begin()->second.last_end <= over) {
      const auto first = slots_.begin();
      entries(entries_ - first->second.states.size());
      if (last_ == &first->second) last_ = nullptr;
      refs_.erase(first->first);
      slots_.erase(first);
    }
    this->gauges_.windows.set(slots_.size());
    const auto ended = [&](EventTime start) { return over == frontier_at_end || start + windows_.size <= over; };
    clean(panes_, ended);
    clean(counts_, ended);
    clean(changed_, ended);
  }
  template <class Map, class Ended>
  static void clean(Map& map, Ended ended) {
    while (!map.empty() && ended(map.begin()->first)) map.erase(map.begin());
  }
  void entries(std::size_t n) noexcept {
    entries_ = n;
    this->gauges_.entries.set(n);
    this->besides(n);
  }

  template <class Number>
  static void save_tables(StateWriter& to, const std::map<EventTime, ByKey<Number>>& tables) {
    save_size(to, tables.size());
    for (const auto& [start, table] : tables) {
      to.put(start);
      save_size(to, table.size());
      for (const auto* entry : in_order(table)) {
        to.put(entry->first);
        to.put(static_cast<std::uint64_t>(entry->second));
      }
    }
  }
  template <class Number>
  static void load_tables(StateReader& from, std::map<EventTime, ByKey<Number>>& tables) {
    load_each(from, [&] {
      ByKey<Number>& table = tables[from.get<EventTime>()];
      load_each(from, [&] {
        auto key = from.get<Key>();
        table.emplace(std::move(key), static_cast<Number>(from.get<std::uint64_t>()));
      });
    });
  }

  KeyOf<KeyFn> key_;
  Aggregator aggregate_;
  FixedWindows windows_;
  WindowOptions options_;
  EventTime lateness_;
  EventTime early_;    // the multiples of it bring early results about
  bool several_;       // an element is in several windows
  bool shared_;        // and gathered once
  EventTime slot_;     // how long one is
  bool counts_panes_;
  bool plain_ = options_.output != Output::update && options_.output != Output::complete && !has_early_results(options_) &&
                (!several_ || shared_);
  bool news_ = false;  // an element since the results before
  EventTime fired_ = no_frontier;  // windows that end here or before were told; the run before may have had another lateness
  Slot* last_ = nullptr;  // where the last element went
  std::map<EventTime, Slot> slots_;  // by their start
  std::size_t entries_ = 0;
  std::map<EventTime, ByKey<Context>> refs_;           // of slots
  std::map<EventTime, ByKey<std::uint32_t>> panes_;    // results so far; these by the start of windows
  std::map<EventTime, ByKey<std::size_t>> counts_;     // elements, for early results
  std::map<EventTime, KeySet> changed_;
  Alarm<FixedWindowNode> alarm_{*this};
};

}  // namespace penstock::detail
