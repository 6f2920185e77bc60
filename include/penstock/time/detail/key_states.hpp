// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "penstock/core/error.hpp"
#include "penstock/state/codec.hpp"
#include "penstock/state/keyed_state.hpp"
#include "penstock/time/detail/agenda.hpp"
#include "penstock/time/detail/dense_map.hpp"
#include "penstock/time/detail/saved.hpp"
#include "penstock/time/detail/window_parts.hpp"
#include "penstock/time/gauges.hpp"

// Not an operator: the keys that something is known of, with their states and timers.

namespace penstock::detail {

/// A change of the timers of a key.
struct TimerChange {
  TimeDomain domain;
  bool set;           // or taken back: of processing time all of them
  std::int64_t time;
};

template <class Cells>
inline constexpr bool cells_have_codecs = false;
template <class... Contents>
inline constexpr bool cells_have_codecs<std::tuple<StateCell<Contents>...>> = (has_codec<Contents> && ...);

/// `Cells` is a tuple of StateCell. Items stay where they are.
template <class Key, class Cells>
class KeyStates {
 public:
  struct Entry {
    Cells cells;
    Agenda event{};
    Agenda processing{};
  };
  using Entries = DenseMap<Key, Entry>;
  using Item = typename Entries::value_type;
  static constexpr std::size_t states = std::tuple_size_v<Cells>;
  using Domains = std::array<TimeDomain, states>;

  KeyStates(const Domains& domains, TimeGauges& gauges) : domains_(domains), gauges_(gauges) {}

  Item* find(const Key& key) {
    const auto found = entries_.find(key);
    return found == entries_.end() ? nullptr : &*found;
  }
  Item& add(const Key& key, Cells&& cells) {
    Item& item = *entries_.emplace(key, Entry{std::move(cells)}).first;
    gauges_.entries.set(entries_.size());
    return item;
  }
  static bool empty(const Cells& cells) {
    return std::apply([](const auto&... cell) { return (cell.empty() && ...); }, cells);
  }

  void change(Item& item, const TimerChange& change) {
    Agenda& agenda = change.domain == TimeDomain::event ? item.second.event : item.second.processing;
    const std::size_t before = agenda.size();
    if (change.set) {
      agenda.add(change.time);
    } else if (change.domain == TimeDomain::event) {
      agenda.remove(change.time);
    } else {
      agenda.clear();
    }
    count(change.domain, before, agenda.size());
  }

  /// To be called behind every change of an item: says when it has to be looked at. It goes when nothing is left of it.
  void settle(Item& item) {
    std::int64_t event = item.second.event.first_timer();
    std::int64_t processing = item.second.processing.first_timer();
    for_each_cell(item.second.cells, [&](const auto& cell, TimeDomain domain) {
      std::int64_t& first = domain == TimeDomain::event ? event : processing;
      if (cell.ends < first) first = cell.ends;
    });
    if (event == never && processing == never && empty(item.second.cells)) {
      event_.set(item, never);
      processing_.set(item, never);
      // A key that is not even equal to itself is not found, and stays.
      if (const auto at = entries_.find(item.first); at != entries_.end()) entries_.erase(at);
      return gauges_.entries.set(entries_.size());
    }
    // One that is looked at too early is put in again then: what prolongs a life costs no change here.
    if (event < item.second.event.wake) event_.set(item, event);
    if (processing < item.second.processing.wake) processing_.set(item, processing);
  }

  std::int64_t first_wake(TimeDomain domain) const noexcept {
    return domain == TimeDomain::event ? event_.first_wake() : processing_.first_wake();
  }
  /// Goes through all that comes up to `upto`, in the order of time and key: `call(item, time)` for timers, which ends with
  /// `settle`; behind those of one time and key the states that end then.
  template <TimeDomain domain, class Call>
  void advance(std::int64_t upto, Call call) {
    auto& queue = this->template queue<domain>();
    while (queue.first_wake() <= upto && !queue.empty()) {
      Item& item = queue.front();
      Agenda& agenda = domain == TimeDomain::event ? item.second.event : item.second.processing;
      const std::int64_t at = agenda.wake;
      queue.set(item, never);
      if (agenda.first_timer() <= at) {
        agenda.remove_first();
        count(domain, agenda.size() + 1, agenda.size());
        call(item, at);
      } else {
        for_each_cell(item.second.cells, [&](auto& cell, TimeDomain its) {
          if (its == domain && cell.ends <= at) cell = {};
        });
        settle(item);
      }
    }
  }

  static constexpr bool can_save = has_codec<Key> && cells_have_codecs<Cells>;

  /// In the order of keys, so that the same contents give the same bytes. Of processing time, what is left from `now` on.
  void save(StateWriter& to, const std::vector<std::string>& names, std::int64_t now) const {
    to.put(marked(names));
    save_size(to, entries_.size());
    for (const Item* item : in_order(entries_)) {
      to.put(item->first);
      for_each_cell(item->second.cells, [&](const auto& cell, TimeDomain domain) {
        to.put(cell.content);
        to.put(shifted(cell.ends, domain == TimeDomain::event ? 0 : -now));
      });
      to.put(item->second.event.latest_first());
      to.put(shifted(item->second.processing.latest_first(), -now));
    }
  }
  void load(StateReader& from, const std::vector<std::string>& names, std::int64_t now) {
    const auto saved = from.get<std::vector<std::string>>();
    const auto own = marked(names);
    if (!fit(saved, names)) from.fail("it has the states " + listed(saved) + ", and the function has " + listed(names));
    load_each(from, [&] {
      Item& item = add(from.get<Key>(), {});
      std::size_t i = 0;
      for_each_cell(item.second.cells, [&](auto& cell, TimeDomain domain) {
        from.get(cell.content);
        cell.ends = shifted(from.get<std::int64_t>(), domain == TimeDomain::event ? 0 : now);
        if (cell.ends != never && saved[i] != own[i]) {
          from.fail("the time to live of '" + names[i] + "' was counted in " +
                    (domain == TimeDomain::event ? "processing time, and is in event time now" : "event time, and is in processing time now"));
        }
        ++i;
      });
      item.second.event.latest_first(from.get<std::vector<std::int64_t>>());
      item.second.processing.latest_first(shifted(from.get<std::vector<std::int64_t>>(), now));
      count(TimeDomain::event, 0, item.second.event.size());
      count(TimeDomain::processing, 0, item.second.processing.size());
      settle(item);
    });
  }

  std::size_t processing_timers() const noexcept { return processing_timers_; }
  void clear() noexcept {
    event_.clear();
    processing_.clear();
    entries_.clear();
    processing_timers_ = 0;
    gauges_.entries.set(0);
    gauges_.timers.set(0);
  }

 private:
  struct EventAgenda {
    Agenda& operator()(Item& item) const noexcept { return item.second.event; }
  };
  struct ProcessingAgenda {
    Agenda& operator()(Item& item) const noexcept { return item.second.processing; }
  };
  struct KeyBefore {
    bool operator()(const Key& a, const Key& b) const { return key_before(a, b); }
  };

  template <TimeDomain domain>
  auto& queue() noexcept {
    if constexpr (domain == TimeDomain::event) {
      return event_;
    } else {
      return processing_;
    }
  }
  template <class Some, class Fn>
  void for_each_cell(Some& cells, Fn fn) const {
    [&]<std::size_t... I>(std::index_sequence<I...>) { (fn(std::get<I>(cells), domains_[I]), ...); }(
        std::make_index_sequence<states>{});
  }
  static std::int64_t shifted(std::int64_t time, std::int64_t by) noexcept { return time == never ? never : time + by; }
  static std::vector<std::int64_t> shifted(std::vector<std::int64_t> times, std::int64_t by) {
    for (std::int64_t& time : times) time = shifted(time, by);
    return times;
  }
  /// Of states that live by processing time the name in a snapshot says so.
  std::vector<std::string> marked(std::vector<std::string> names) const {
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (domains_[i] == TimeDomain::processing) names[i] += mark;
    }
    return names;
  }
  static bool fit(const std::vector<std::string>& saved, const std::vector<std::string>& names) {
    bool all = saved.size() == names.size();
    for (std::size_t i = 0; all && i < names.size(); ++i) all = saved[i] == names[i] || saved[i] == names[i] + mark;
    return all;
  }
  static std::string listed(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    return text.empty() ? "none" : text;
  }
  void count(TimeDomain domain, std::size_t before, std::size_t after) noexcept {
    gauges_.timers.add(after - before);
    if (domain == TimeDomain::processing) processing_timers_ += after - before;
  }

  static constexpr const char* mark = " (processing time)";

  Domains domains_;
  TimeGauges& gauges_;
  Entries entries_;
  WakeQueue<Item, EventAgenda, KeyBefore> event_;
  WakeQueue<Item, ProcessingAgenda, KeyBefore> processing_;
  std::size_t processing_timers_ = 0;
};

}  // namespace penstock::detail
