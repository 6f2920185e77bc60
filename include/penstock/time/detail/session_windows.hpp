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
#include "penstock/core/search.hpp"
#include "penstock/ops/detail/alarm.hpp"
#include "penstock/time/aggregate.hpp"
#include "penstock/time/detail/flat_map.hpp"
#include "penstock/time/detail/window_node.hpp"
#include "penstock/time/detail/window_parts.hpp"
#include "penstock/time/windows.hpp"

// Not an operator: session windows.

namespace penstock::detail {

/// Every key has its sessions, which do not touch each other, in the order of their starts. When each of them is to be
/// looked at stands in `due_`; a session that has grown since is put there again when its old time has come, and where one
/// was joined to another that one is found, which has a time of its own. So an element that prolongs a session costs no
/// change there.
template <element T, class KeyFn, class Key, class Gaps, class Aggregate>
class SessionWindowNode final
    : public WindowNode<SessionWindowNode<T, KeyFn, Key, Gaps, Aggregate>, T,
                        WindowResult<ShownKey<Key>, typename Aggregation<Aggregate, T>::result_type>> {
  using Aggregator = Aggregation<Aggregate, T>;
  using State = typename Aggregator::state;
  using Out = WindowResult<ShownKey<Key>, typename Aggregator::result_type>;
  using Base = WindowNode<SessionWindowNode, T, Out>;

 public:
  using Result = Out;

  SessionWindowNode(KeyFn key, Gaps gaps, WindowOptions options, Aggregate aggregate)
      : Base(Info{"window", "session", Shape::time}),
        key_(std::move(key)),
        gaps_(std::move(gaps)),
        aggregate_(std::move(aggregate)),
        options_(options),
        lateness_(options.output == Output::complete ? never_over : span_of(options.lateness)),
        early_(span_of(options.early_event_time)),
        tells_changes_(options.output == Output::update || options.output == Output::complete) {
    remembers(this->info(), saved ? this : nullptr);
  }

  const char* needs_loop() const noexcept override {
    return options_.early_period != Duration::zero() ? "window: an early_period" : nullptr;
  }

  template <class V>
  void add(V&& value, EventTime time, const Context& context) {
    const EventTime gap = this->run(*this, std::as_const(value));
    Window window{time, time + gap};
    const Key key(this->run(key_, std::as_const(value)));
    const auto known = sessions_.find(key);
    std::size_t first = 0;
    std::size_t last = 0;  // behind those that become one with it
    if (known != sessions_.end()) {
      const Sessions& open = known->second;
      auto at = find_sorted(open, [&](const Session& session) { return session.window.end < window.start; });
      first = last = static_cast<std::size_t>(at - open.list.begin());
      for (; at != open.end() && at->window.start <= window.end; ++at, ++last) {
        window.start = std::min(window.start, at->window.start);
        window.end = std::max(window.end, at->window.end);
      }
    }
    if (window.end <= earlier_by(this->frontier(), lateness_)) {
      return this->came_too_late(std::forward<V>(value), context);
    }
    if (window.end <= this->frontier()) this->gauges_.late.add();
    Session& session = first == last ? insert(key, first, window, std::as_const(value))
                                     : join(known->second.list, first, last, window, key);
    if (first != last) this->run_add(aggregate_, session.state, std::as_const(value));
    session.news = news_ = true;
    ++session.count;
    if (context.size() != 0) session.refs.append(context);
    came(session, key);
  }

  void advance(EventTime from, EventTime to) {
    const bool end = to == frontier_at_end;
    const EventTime over = end ? to : earlier_by(to, lateness_);
    const EventTime fires = options_.output == Output::append ? over : to;
    if (tells_changes_) fire_changes(from, to);
    if (options_.output == Output::complete) {
      if (end) clear();
      return;
    }
    std::vector<Ripe> ripe;
    while (!due_.empty() && (end || due_.begin()->first <= to)) {
      const EventTime when = due_.begin()->first;
      const Due due = std::move(due_.begin()->second);
      due_.erase(due_.begin());
      const auto known = sessions_.find(due.key);
      Session* session = known == sessions_.end() ? nullptr : find(known->second, due.start);
      if (!session || session->due != when) continue;  // it was joined to another, or stands here for another time
      session->due = no_frontier;
      const bool ends = session->window.end <= fires && !session->fired;
      // With nothing left to tell, or told already.
      if (ends && (tells_changes_ || (options_.discarding && !session->news))) session->fired = true;
      if (ends && !session->fired) {
        ripe.push_back({session->window, &known->first});
      } else if (session->window.end <= over) {
        goes(*session, *known);
      } else {
        look_again(*session, known->first);
      }
    }
    sort(ripe);
    for (const Ripe& one : ripe) {
      const auto known = sessions_.find(*one.key);
      Session* const session = known == sessions_.end() ? nullptr : find(known->second, one.window.start);
      if (!session) continue;
      session->fired = true;
      const bool is_late = options_.output != Output::append && one.window.end <= from;
      fire(*session, *one.key, is_late ? Timing::late : Timing::on_time);
      if (one.window.end <= over) {
        goes(*session, *known);
      } else {
        look_again(*session, *one.key);
      }
    }
    for (const Key* key : gone_) remove_gone(*key, over);
    gone_.clear();
    if (early_ != 0 && !end && passes_multiple(early_, from, to)) fire_early(to);
    count();
  }
  EventTime held_back(EventTime frontier) const noexcept {
    return options_.output == Output::append ? earlier_by(frontier, lateness_) : frontier;
  }
  void drop_all(const char* reason) noexcept {
    for (auto& [key, list] : sessions_) {
      for (Session& session : list) session.refs.drop(reason);
    }
    this->info().drops(entries_);
    clear();
    alarm_.cancel();
  }

  static constexpr bool saved = has_codec<Key> && has_codec<State>;
  void save_windows(StateWriter& to) const {
    if constexpr (saved) {
      save_size(to, sessions_.size());
      for (const auto* entry : in_order(sessions_)) {
        to.put(entry->first);
        save_size(to, entry->second.size());
        for (const Session& session : entry->second) {
          for (const EventTime each : {session.window.start, session.window.end, session.due}) to.put(each);
          to.put(session.state);
          save_size(to, session.count);
          to.put(session.panes);
          to.put(session.news);
          to.put(session.fired);
        }
      }
      to.put(news_);
      detail::save(to, alarm_, this->loop());
    }
  }
  void load_windows(StateReader& from) {
    if constexpr (saved) {
      load_each(from, [&] {
        const auto key = from.get<Key>();
        std::vector<Session>& list = sessions_[key].list;
        load_each(from, [&] {
          const auto start = from.get<EventTime>();
          const auto end = from.get<EventTime>();
          list.push_back(Session{{start, end}, aggregate_.create(), from.get<EventTime>(), 0, {}});
          Session& session = list.back();
          from.get(session.state);
          session.count = static_cast<std::size_t>(from.get<std::uint64_t>());
          session.panes = from.get<std::uint32_t>();
          session.news = from.get<bool>();
          session.fired = from.get<bool>();
          if (options_.output != Output::complete) due_.emplace(session.due, Due{key, start});
          ++entries_;
        });
      });
      count();
      news_ = from.get<bool>();
      detail::load(from, alarm_, this->loop());
    }
  }

  void rang() {
    this->in_background([this] { fire_early(this->frontier()); });
  }

  /// The gap that an element asks for.
  EventTime operator()(const T& element) {
    const EventTime gap = gaps_.gap_of(element);
    if (gap <= 0 || gap > farthest_time) bad_argument("session: the gap must be at least a microsecond");
    return gap;
  }

 private:
  struct Session {
    Window window;
    State state;
    EventTime due = 0;      // when it is to be looked at
    std::size_t count = 0;  // elements
    Context refs;
    std::uint32_t panes = 0;
    bool news = false;      // elements since the last result
    bool fired = false;     // the frontier has passed its end, and that was told
    bool gone = false;
  };
  /// Of one key. Those that have ended stay at the front until they are half of all, so that each of them moves few others.
  struct Sessions {
    std::vector<Session> list;
    std::size_t ended = 0;
    bool listed = false;  // in gone_

    auto begin() noexcept { return list.begin() + static_cast<std::ptrdiff_t>(ended); }
    auto end() noexcept { return list.end(); }
    auto begin() const noexcept { return list.begin() + static_cast<std::ptrdiff_t>(ended); }
    auto end() const noexcept { return list.end(); }
    std::size_t size() const noexcept { return list.size() - ended; }
  };
  using Entries = FlatMap<Key, Sessions>;
  struct Due {
    Key key;
    EventTime start;  // a session only grows: where it started it is found ever after
  };
  struct Ripe {
    Window window;
    const Key* key;
  };

  /// Nothing of it is left where the aggregate throws.
  Session& insert(const Key& key, std::size_t place, Window window, const T& value) {
    if (options_.max_entries != 0 && entries_ == options_.max_entries) {
      throw Overflow(this->info().label() + ": " + std::to_string(entries_) +
                     " open sessions, which is max_entries");
    }
    State state = aggregate_.create();
    this->run_add(aggregate_, state, value);
    std::vector<Session>& list = sessions_[key].list;
    list.insert(list.begin() + static_cast<std::ptrdiff_t>(place), Session{window, std::move(state), 0, 0, {}});
    ++entries_;
    count();
    look_again(list[place], key);
    return list[place];
  }
  /// Makes one session of those that the new element touches. The time of the first one stays the one to look at it.
  Session& join(std::vector<Session>& list, std::size_t first, std::size_t last, Window window, const Key& key) {
    Session& into = list[first];
    const bool goes_on = into.fired && into.window.end != window.end;
    for (std::size_t i = first + 1; i < last; ++i) {
      Session& other = list[i];
      aggregate_.merge(into.state, std::move(other.state));
      into.refs.append(other.refs);
      into.count += other.count;
      into.panes = std::max(into.panes, other.panes);
      into.news = into.news || other.news;
    }
    entries_ -= last - first - 1;
    list.erase(list.begin() + static_cast<std::ptrdiff_t>(first) + 1, list.begin() + static_cast<std::ptrdiff_t>(last));
    into.window = window;
    if (goes_on) {
      into.fired = false;
      look_again(into, key);
    }
    count();
    return into;
  }
  void goes(Session& session, typename Entries::value_type& of_key) {
    session.gone = true;
    if (!std::exchange(of_key.second.listed, true)) gone_.push_back(&of_key.first);
  }
  /// All of a key that are gone at once. They have ended, as have few others or none.
  void remove_gone(const Key& key, EventTime over) {
    const auto known = sessions_.find(key);
    Sessions& open = known->second;
    open.listed = false;
    const auto upto = find_sorted(open, [&](const Session& session) { return session.window.end <= over; });
    const auto stay = std::remove_if(std::make_reverse_iterator(upto), std::make_reverse_iterator(open.begin()),
                                     [](const Session& session) { return session.gone; })
                          .base();
    entries_ -= static_cast<std::size_t>(stay - open.begin());
    if (static_cast<std::size_t>(stay - open.list.begin()) * 2 < open.list.size()) {
      for (auto at = open.begin(); at != stay; ++at) {
        at->refs.clear();
        static_cast<void>(State(std::move(at->state)));
      }
      open.ended = static_cast<std::size_t>(stay - open.list.begin());
    } else {
      open.list.erase(open.list.begin(), stay);
      open.ended = 0;
    }
    if (open.list.empty()) sessions_.erase(known);
  }
  /// The one that has that time in it.
  static Session* find(Sessions& open, EventTime time) {
    const auto at = find_sorted(open, [&](const Session& session) { return session.window.end <= time; });
    return at == open.end() || at->window.start > time ? nullptr : &*at;
  }
  /// When its end has come; once that was told, when it is over.
  void look_again(Session& session, const Key& key) {
    if (options_.output == Output::complete) return;
    const bool ended = session.fired || options_.output == Output::append;
    session.due = ended ? later_by(session.window.end, lateness_) : session.window.end;
    due_.emplace(session.due, Due{key, session.window.start});
  }

  void came(Session& session, const Key& key) {
    const bool over = session.window.end <= this->frontier();
    if (options_.early_period != Duration::zero() && !alarm_.active()) {
      this->clock().set(alarm_, later(this->clock().now(), options_.early_period));
    }
    if (options_.output != Output::panes) return;
    if (over) {
      session.fired = true;
      return fire(session, key, Timing::late);
    }
    if (options_.early_every != 0 && session.count % options_.early_every == 0) fire(session, key, Timing::early);
  }
  void fire(Session& session, const Key& key, Timing timing) {
    session.news = false;
    Context context = session.refs;
    context.event_time(session.window.end - 1);
    const Pane pane{session.panes++, timing};
    const auto make = [&] {
      if constexpr (std::is_same_v<Key, Keyless>) {
        return Out{session.window, aggregate_.result(session.state), pane};
      } else {
        return Out{key, session.window, aggregate_.result(session.state), pane};
      }
    };
    this->put(make, std::move(context));
    if (!options_.discarding) return;
    session.state = aggregate_.create();
    session.refs.clear();
  }
  static void sort(std::vector<Ripe>& list) {
    std::sort(list.begin(), list.end(), [](const Ripe& a, const Ripe& b) {
      if (a.window != b.window) return std::pair(a.window.end, a.window.start) < std::pair(b.window.end, b.window.start);
      return key_before(*a.key, *b.key);
    });
  }
  /// None where the key is not even equal to itself.
  Session* of(const Ripe& one) {
    const auto known = sessions_.find(*one.key);
    return known == sessions_.end() ? nullptr : find(known->second, one.window.start);
  }
  /// The sessions that `fn` is true of, in order.
  template <class Fn>
  std::vector<Ripe> sessions_that(Fn fn) {
    std::vector<Ripe> found;
    for (auto& [key, list] : sessions_) {
      for (const Session& session : list) {
        if (fn(session)) found.push_back({session.window, &key});
      }
    }
    sort(found);
    return found;
  }
  /// What has changed since the last time, or all when anything has.
  void fire_changes(EventTime from, EventTime to) {
    if (!std::exchange(news_, false)) return;
    const bool all = options_.output == Output::complete;
    for (const Ripe& one : sessions_that([&](const Session& session) { return all || session.news; })) {
      const EventTime end = one.window.end;
      Session* const session = of(one);
      if (session) fire(*session, *one.key, end <= from ? Timing::late : end <= to ? Timing::on_time : Timing::early);
    }
  }
  /// What has changed of the sessions that are open at `frontier`.
  void fire_early(EventTime frontier) {
    const auto news = [&](const Session& session) { return session.news && session.window.end > frontier; };
    for (const Ripe& one : sessions_that(news)) {
      if (Session* const session = of(one)) fire(*session, *one.key, Timing::early);
    }
  }
  void clear() noexcept {
    sessions_.clear();
    due_.clear();
    entries_ = 0;
    count();
  }
  void count() noexcept {
    this->gauges_.windows.set(entries_);
    this->gauges_.entries.set(entries_);
    this->besides(entries_);
  }

  KeyOf<KeyFn> key_;
  Gaps gaps_;
  Aggregator aggregate_;
  WindowOptions options_;
  EventTime lateness_;
  EventTime early_;     // the multiples of it bring early results about
  bool tells_changes_;  // as often as the frontier is told
  bool news_ = false;   // an element since the results before
  Entries sessions_;
  std::multimap<EventTime, Due> due_;
  std::vector<const Key*> gone_;  // the keys of sessions that go
  std::size_t entries_ = 0;
  Alarm<SessionWindowNode> alarm_{*this};
};

}  // namespace penstock::detail
