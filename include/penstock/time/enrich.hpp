// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <type_traits>
#include <utility>

#include "penstock/core/loop.hpp"
#include "penstock/time/detail/flat_map.hpp"
#include "penstock/time/detail/late.hpp"
#include "penstock/time/detail/saved.hpp"
#include "penstock/time/detail/two_sides.hpp"
#include "penstock/time/detail/window_parts.hpp"
#include "penstock/time/joined.hpp"

namespace penstock {

/// How long a row of a table stands: made by `rows_expire_after` and `rows_stay`.
struct RowLife {
  EventTime span;  ///< 0: for ever
};
/// A row stands for so much event time after its own time.
template <class Rep, class Period>
RowLife rows_expire_after(std::chrono::duration<Rep, Period> time) {
  if (detail::span_of(time) <= 0) detail::bad_argument("rows_expire_after: the time must be at least a microsecond");
  return {detail::span_of(time)};
}
/// A row stands until another one with its key comes. The table grows with its keys.
inline RowLife rows_stay() noexcept { return {0}; }

namespace detail {

/// An outlet beside what a node has anyway.
template <element Out>
class OutletNode : public Node {
 public:
  Outlet<Out> outlet;

 protected:
  using Node::Node;
};

/// Only the left stream's signals go on; of the table's the barriers are waited for, and nothing else.
template <element Left, element Row, class LeftKey, class RowKey, class Key, Outer outer>
class EnrichNode final
    : public TwoSides<EnrichNode<Left, Row, LeftKey, RowKey, Key, outer>, Left, Row,
                      OutletNode<JoinedOf<Key, Left, Row, outer>>>,
      public Managed {
  using Out = JoinedOf<Key, Left, Row, outer>;
  using Base = TwoSides<EnrichNode, Left, Row, OutletNode<Out>>;

 public:
  using Result = Out;

  EnrichNode(LeftKey left_key, RowKey row_key, RowLife life)
      : Base(Info{"enrich", {}, Shape::join}), left_key_(std::move(left_key)), row_key_(std::move(row_key)), life_(life.span) {
    this->info().one_to_one = false;
    this->port(this->outlet);
    leave_out_table();
    remembers(this->info(), saved ? this : nullptr);
  }
  const TimeGauges* time_gauges() const noexcept override { return &gauges_; }

  template <std::size_t I, class V>
  Pending* take(V&& value, const Context* context) {
    this->info().took();
    if (life_ != 0 && !has_event_time(context)) [[unlikely]] no_event_time_in(this->info());
    if constexpr (I == 0) {
      return look_up(std::forward<V>(value), context);
    } else {
      put(std::forward<V>(value), context);
      return nullptr;
    }
  }
  Pending* signal(std::size_t i, const Signal& signal) {
    Join join{this->strand()};
    const bool of_time = signal.kind == Signal::watermark || signal.kind == Signal::idle || signal.kind == Signal::active;
    if (i == 1 && of_time) return nullptr;
    this->signals_.take(i, signal, [&](const Signal& merged) {
      if (merged.kind == Signal::watermark) advance(merged.value);
      join.add(this->at_barrier(merged));
      join.add(this->outlet.signal(merged));
    });
    if (signal.kind == Signal::end || signal.kind == Signal::reopen) {
      if (i == 0) join.add(this->outlet.signal(signal));
      if (i == 1 && signal.kind == Signal::reopen) leave_out_table();
    }
    return join.finish();
  }

  static constexpr bool saved = has_codec<Key> && has_codec<Row>;
  void save(StateWriter& to) const override {
    if constexpr (saved) {
      to.put(frontier_);
      std::size_t n = 0;
      for (const auto& [key, stored] : table_) n += stands(stored);
      save_size(to, n);
      for (const auto* entry : in_order(table_)) {
        if (!stands(entry->second)) continue;
        to.put(entry->first);
        to.put(entry->second.row);
        to.put(entry->second.time);
      }
    }
  }
  void load(StateReader& from) override {
    if constexpr (saved) {
      frontier_ = from.get<EventTime>();
      gauges_.frontier.set(frontier_);
      load_each(from, [&] {
        auto key = from.get<Key>();
        auto row = from.get<Row>();
        const Stored stored{std::move(row), from.get<EventTime>()};
        if (life_ != 0 && stored.time == no_event_time) from.fail("its rows have no times, and now they expire");
        if (life_ != 0) due_.emplace(over(stored), key);
        table_.emplace(std::move(key), stored);
      });
      count();
    }
  }
  void loaded() override { tell_again(this->outlet, frontier_); }

 private:
  struct Stored {
    Row row;
    EventTime time;
  };

  /// Nobody waits for the frontier of the table.
  void leave_out_table() {
    this->signals_.take(1, {Signal::idle}, [](const Signal&) {});
  }

  template <class V>
  Pending* look_up(V&& value, const Context* context) {
    Key key(run(left_key_, std::as_const(value)));
    const auto found = table_.find(key);
    const auto now = [&] { return std::max(context->event_time(), frontier_); };
    const bool known = found != table_.end() && (life_ == 0 || now() < over(found->second));
    if constexpr (outer == Outer::none) {
      if (!known) return this->info().leaves_out(), nullptr;
      Out out{std::move(key), Left(std::forward<V>(value)), found->second.row};
      this->info().passed();
      return this->outlet.push(std::move(out), context);
    } else {
      std::optional<Row> row;
      if (known) row = found->second.row;
      Out out{std::move(key), Left(std::forward<V>(value)), std::move(row)};
      this->info().passed();
      return this->outlet.push(std::move(out), context);
    }
  }
  template <class V>
  void put(V&& value, const Context* context) {
    Key key(run(row_key_, std::as_const(value)));
    const EventTime time = context ? context->event_time() : no_event_time;
    const auto [at, is_new] = table_.insert_or_assign(key, Stored{Row(std::forward<V>(value)), time});
    if (!is_new) return this->info().leaves_out();  // in place of the one before it
    if (life_ != 0) due_.emplace(over(at->second), std::move(key));
    count();
  }
  EventTime over(const Stored& stored) const noexcept { return later_by(stored.time, life_); }
  bool stands(const Stored& stored) const noexcept { return life_ == 0 || over(stored) > frontier_; }
  /// Looks at each row once in its life; what has been replaced since stands on.
  void advance(EventTime to) {
    frontier_ = to;
    gauges_.frontier.set(to);
    while (!due_.empty() && due_.begin()->first <= to) {
      auto due = due_.extract(due_.begin());
      const auto at = table_.find(due.mapped());
      if (at == table_.end()) continue;  // its key is not even equal to itself
      due.key() = over(at->second);
      if (due.key() > to) {
        due_.insert(std::move(due));
      } else {
        table_.erase(at);
        this->info().leaves_out();
      }
    }
    count();
  }
  void count() noexcept {
    gauges_.entries.set(table_.size());
    this->info().holds(table_.size());
  }
  template <class Fn, class T>
  decltype(auto) run(Fn& fn, const T& value) {
    try {
      return fn(value);
    } catch (...) {
      this->info().fails();
      throw;
    }
  }

  KeyOf<LeftKey> left_key_;
  KeyOf<RowKey> row_key_;
  EventTime life_;
  EventTime frontier_ = no_frontier;
  FlatMap<Key, Stored> table_;
  std::multimap<EventTime, Key> due_;  // when a row is to be looked at; one for each key
  TimeGauges gauges_;
};

}  // namespace detail

/// Puts beside each element of the left stream the row that a table has for its key at that moment. The table is itself a
/// stream: of elements with one key the newest is the row. The result is a Joined{key, left, right}.
///
///     orders   a1    b2      a3
///     prices      a10    a11
///              enrich<Outer::left>(orders, prices, rows_stay())
///     out      a1 -  b2 -    a3 a11
///
/// @tparam outer  `Outer::left`: an element without a row comes out too, with nothing on the right; otherwise it is left
///                out.
/// @param left    a stream with a key, see key_by; so is `table`.
/// @param life    `rows_stay()`, for a table whose keys are bounded, or `rows_expire_after(time)`: a row is gone for elements
///                that are so much later than it, and forgotten when the left stream's frontier is. Then both streams need
///                an event time.
///
/// Elements are answered in the order in which they come, so what an element finds depends on what came first: `asof_join`
/// answers by time. Results have what their left element has beside it. The frontier, idleness and end are those of the
/// left stream; of the table only the barriers of checkpoints are waited for.
///
/// Back-pressure: passes through; a row is taken at once.
/// Metadata:      follows its left element; a row's is done when the table has it, an element's that is left out too.
/// Errors:        std::invalid_argument here for a wrong time; what the key functions throw comes back through emit;
///                std::logic_error through emit for an element without an event time where rows expire.
/// Cost:          one look-up and a copy of the row an element. Memory: a row for each key, and O(log n) a row where rows
///                expire.
/// Recovery:      state: the table.
/// Example:       examples/11_event_time/enrich.cpp
/// See also:      asof_join, interval_join, zip_latest
template <Outer outer = Outer::none, element Left, element Row, class LeftKey, class RowKey>
auto enrich(const KeyedStream<Left, LeftKey>& left, const KeyedStream<Row, RowKey>& table, RowLife life) {
  constexpr bool one_key = detail::same_keys<KeyedStream<Left, LeftKey>, KeyedStream<Row, RowKey>>;
  static_assert(one_key, "enrich: the keys of both streams must have one type");
  constexpr bool copies = detail::can_copy<Row>;
  static_assert(copies, "enrich: the rows of the table must be copyable");
  constexpr bool of_left = outer == Outer::none || outer == Outer::left;
  static_assert(of_left, "enrich: the rows of the table do not come out alone; outer is none or left");
  if constexpr (one_key && copies && of_left) {
    using Key = typename KeyedStream<Left, LeftKey>::key_type;
    using Joiner = detail::EnrichNode<Left, Row, LeftKey, RowKey, Key, outer>;
    return Stream<typename Joiner::Result>{
        detail::join_streams<Joiner>(left.stream(), table.stream(), left.key(), table.key(), life).outlet};
  }
}

}  // namespace penstock
