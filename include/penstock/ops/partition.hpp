// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <new>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/core/box.hpp"
#include "penstock/core/line.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/core/view.hpp"
#include "penstock/ops/detail/alarm.hpp"
#include "penstock/ops/detail/block.hpp"
#include "penstock/ops/detail/joined.hpp"
#include "penstock/ops/detail/key.hpp"
#include "penstock/state/detail/remembers.hpp"
#include "penstock/ops/detail/table.hpp"

namespace penstock {
namespace detail {

inline constexpr std::size_t largest_reserve = 4096;

/// Elements on their way into one vector, whose memory is there before them. Written through a place of its
/// own, because reading the size of a vector right behind a push_back waits for the store.
template <class T, bool Fills = false>
class OwnedItems {
 public:
  using value_type = T;
  using Out = std::vector<T>;
  static constexpr bool leaves_memory = false;

  OwnedItems() = default;
  OwnedItems(OwnedItems&& other) noexcept
      : items_(std::move(other.items_)),
        at_(std::exchange(other.at_, {})),
        limit_(std::exchange(other.limit_, {})) {}
  OwnedItems& operator=(OwnedItems&& other) noexcept {
    items_ = std::move(other.items_);
    at_ = std::exchange(other.at_, {});
    limit_ = std::exchange(other.limit_, {});
    return *this;
  }

  bool full() const noexcept { return at_ == limit_; }
  std::size_t size() const noexcept {
    if constexpr (plain) {
      return at_ ? static_cast<std::size_t>(at_ - items_.data()) : 0;
    } else {
      return at_;
    }
  }
  /// Of one that is not full.
  template <class V>
  [[gnu::always_inline]] void put(V&& value) {
    if constexpr (plain) {
      ::new (static_cast<void*>(at_)) T(std::forward<V>(value));
    } else {
      items_.emplace_back(std::forward<V>(value));
    }
    ++at_;
  }
  void grow(std::size_t capacity) {
    if constexpr (plain) {
      const std::size_t n = size();
      items_.resize(capacity);
      at_ = items_.data() + n;
      limit_ = items_.data() + capacity;
    } else {
      items_.reserve(capacity);
      limit_ = capacity;
    }
  }
  /// Calls `fn` with the items. There are none from then on.
  template <class Fn>
  decltype(auto) give(Fn fn) {
    return fn(take());
  }
  template <class Fn>
  void each(Fn fn) const {
    for (std::size_t i = 0; i < size(); ++i) fn(static_cast<const T&>(items_[i]));
  }
  Out take() noexcept {
    if constexpr (plain) items_.resize(size());
    at_ = limit_ = {};
    return std::exchange(items_, {});
  }

 private:
  // Where every vector gets full its items are all there from the start and only written.
  static constexpr bool plain = Fills && std::is_trivial_v<T> && !std::same_as<T, bool>;

  Out items_;
  std::conditional_t<plain, T*, std::size_t> at_{};
  std::conditional_t<plain, T*, std::size_t> limit_{};
};

/// Elements that will be lent together, in memory that is used again.
template <class T>
class LentItems {
 public:
  using value_type = T;
  using Out = View<T>;
  static constexpr bool leaves_memory = true;

  bool full() const noexcept { return block_.full(); }
  std::size_t size() const noexcept { return block_.size(); }
  template <class V>
  [[gnu::always_inline]] void put(V&& value) {
    block_.add(std::forward<V>(value));
  }
  void grow(std::size_t capacity) { block_.grow(capacity); }
  template <class Fn>
  decltype(auto) give(Fn fn) {
    struct Back {
      Block<T>& to;
      Block<T> items;
      ~Back() {
        items.clear();
        if (to.capacity() == 0) to = std::move(items);
      }
    } const back{block_, std::move(block_)};
    return fn(View<T>{back.items.begin(), back.items.size()});
  }
  template <class Fn>
  void each(Fn fn) const {
    for (const T& item : block_) fn(item);
  }

 private:
  Block<T> block_;
};

/// Items and what came beside them.
template <class Items>
class Group {
 public:
  /// True when there are `n` now.
  template <class V>
  [[gnu::always_inline]] bool add(V&& value, const Context* beside, std::size_t n) {
    if (items.full()) [[unlikely]] make_room(n);
    items.put(std::forward<V>(value));
    if (beside) [[unlikely]] context.append(*beside);
    return items.size() == n;
  }
  [[gnu::noinline]] void make_room(std::size_t n) {
    const std::size_t doubled = items.size() * 2;
    const std::size_t enough = doubled < largest_reserve ? largest_reserve : doubled;
    items.grow(n < enough ? n : enough);
  }

  void write(StateWriter& to) const {
    to.put(std::uint64_t{items.size()});
    items.each([&](const auto& item) { to.put(item); });
    to.put(context);
  }
  template <class T>
  void read(StateReader& from, std::size_t n) {
    const auto saved = from.get<std::uint64_t>();
    if (saved >= n) from.fail("it holds " + std::to_string(saved) + " elements of a vector that has " + std::to_string(n) + " now");
    for (auto left = saved; left > 0; --left) static_cast<void>(add(from.get<T>(), nullptr, n));
    from.get(context);
  }

  Items items;
  Context context;
};

/// Group::add, to a group that may have been made for this element: calls `undo` when that stays empty.
template <class Items, class V, class Undo>
[[gnu::always_inline]] inline bool add_to_new(Group<Items>& group, V&& value, const Context* beside, std::size_t n, Undo undo) {
  if constexpr (std::is_nothrow_constructible_v<typename Items::value_type, V>) {
    return group.add(std::forward<V>(value), beside, n);
  } else {
    try {
      return group.add(std::forward<V>(value), beside, n);
    } catch (...) {
      if (group.items.size() == 0) undo();
      throw;
    }
  }
}

inline constexpr const char* stopped_partition = "partition was stopped before its vector was full";

/// Watermarks while elements are held, whose vectors come after them: they may only say what those vectors do
/// not belie.
class Watermarks {
 public:
  /// Calls `forward(signal)` unless it would say nothing new. `for_each` calls its argument with every held
  /// Context.
  template <class ForEach, class Forward>
  Pending* pass(Signal signal, ForEach for_each, Forward forward) {
    if (signal.kind != Signal::watermark) return forward(signal);
    for_each([&](const Context& context) {
      const EventTime time = context.event_time();
      if (time != no_event_time && time < signal.value) signal.value = time;
    });
    if (signal.value <= last_) return nullptr;
    last_ = signal.value;
    return forward(signal);
  }

 private:
  std::int64_t last_ = no_event_time;
};

template <class T, class Items>
class PartitionStep : public StateStep<PartitionStep<T, Items>> {
 public:
  template <class>
  using output = typename Items::Out;

  explicit PartitionStep(std::size_t n) : n_(n) {}

  template <class V, class Next>
  [[gnu::always_inline]] Pending* operator()(V&& value, const Context* context, Next& next) {
    if (group_.items.full() || context) [[unlikely]] {
      return take<V>(std::forward<V>(value), context, next);
    }
    group_.items.put(std::forward<V>(value));
    if (group_.items.full()) return flush_full(next);
    this->info().holds(group_.items.size());
    return nullptr;
  }

  template <class Next>
  Pending* signal(const Signal& signal, Next& next) {
    if (signal.kind == Signal::end && group_.items.size() != 0) {
      return send_all(this->node().strand(), [&] { return flush(next); }, [&] { return next.signal(signal); });
    }
    return watermarks_.pass(
        signal, [&](auto look) { look(group_.context); },
        [&](const Signal& passed) { return next.signal(passed); });
  }
  void shut_down() noexcept {
    group_.context.drop(stopped_partition);
    this->info().drops(group_.items.size());
    this->info().holds(0);
    group_ = {};
  }

  static constexpr bool saved = has_codec<T>;
  void write(StateWriter& to) const { group_.write(to); }
  void read(StateReader& from) {
    group_ = {};
    group_.template read<T>(from, n_);
    this->info().holds(group_.items.size());
  }

 private:
  template <class V, class Next>
  [[gnu::noinline]] Pending* take(Aside<V> value, const Context* context, Next& next) {
    if (group_.add(std::forward<V>(value), context, n_)) return flush(next);
    this->info().holds(group_.items.size());
    return nullptr;
  }
  template <class Next>
  [[gnu::noinline]] Pending* flush_full(Next& next) {
    if (group_.items.size() == n_) return flush(next);
    this->info().holds(group_.items.size());
    return nullptr;
  }
  template <class Next>
  Pending* flush(Next& next) {
    this->info().holds(0);
    this->info().passed();
    if (group_.context.empty()) [[likely]] {
      return group_.items.give([&](auto&& items) { return next(std::move(items), nullptr); });
    }
    const Context joined = std::exchange(group_.context, {});
    return group_.items.give([&](auto&& items) { return emit_joined(next, std::move(items), joined); });
  }

  std::size_t n_;
  Group<Items> group_;
  Watermarks watermarks_;
};

template <class T, class Fn, class Items>
class PartitionByStep : public StateStep<PartitionByStep<T, Fn, Items>> {
 public:
  template <class>
  using output = typename Items::Out;

  PartitionByStep(std::size_t n, Fn key) : n_(n), key_(std::move(key)) { spares_.reserve(most_spares); }

  template <class V, class Next>
  Pending* operator()(V&& value, const Context* context, Next& next) {
    auto&& key = this->run(key_, std::as_const(value));
    auto place = groups_.find(key);
    if (place == groups_.nowhere) {
      place = groups_.add(KeyType<Fn, T>(std::forward<decltype(key)>(key)));
      if (!spares_.empty()) {
        groups_[place].value.items = std::move(spares_.back());
        spares_.pop_back();
      }
    }
    const bool filled = add_to_new(groups_[place].value, std::forward<V>(value), context, n_, [&] { groups_.erase(place); });
    this->info().holds(++held_);
    if (!filled) return nullptr;
    Group<Items> full = std::move(groups_[place].value);
    groups_.erase(place);
    return flush(std::move(full), next);
  }

  template <class Next>
  Pending* signal(const Signal& signal, Next& next) {
    if (signal.kind != Signal::end || groups_.empty()) {
      const auto held = [&](auto look) {
        groups_.for_each([&](const auto& item) { look(item.value.context); });
      };
      return watermarks_.pass(signal, held, [&](const Signal& passed) { return next.signal(passed); });
    }
    auto flush_all = [&] {
      Join join{this->node().strand()};
      std::exception_ptr error;
      while (!groups_.empty()) {
        Group<Items> group = std::move(groups_[groups_.oldest()].value);
        groups_.erase(groups_.oldest());
        try {
          join.add(flush(std::move(group), next));
        } catch (...) {
          if (!error) error = std::current_exception();
        }
      }
      if (error) std::rethrow_exception(error);
      return join.finish();
    };
    return send_all(this->node().strand(), flush_all, [&] { return next.signal(signal); });
  }
  void shut_down() noexcept {
    groups_.for_each([](const auto& item) { item.value.context.drop(stopped_partition); });
    this->info().drops(held_);
    held_ = 0;
    this->info().holds(0);
    groups_.clear();
  }

  static constexpr bool saved = has_codec<T> && has_codec<KeyType<Fn, T>>;
  void write(StateWriter& to) const {
    to.put(std::uint64_t{groups_.size()});
    groups_.for_each([&](const auto& item) {
      to.put(item.key);
      item.value.write(to);
    });
  }
  void read(StateReader& from) {
    groups_.clear();
    held_ = 0;
    for (auto left = from.get<std::uint64_t>(); left > 0; --left) {
      Group<Items>& group = groups_[groups_.add(from.get<KeyType<Fn, T>>())].value;
      group.template read<T>(from, n_);
      held_ += group.items.size();
    }
    this->info().holds(held_);
  }

 private:
  template <class Next>
  Pending* flush(Group<Items> group, Next& next) {
    held_ -= group.items.size();
    this->info().holds(held_);
    this->info().passed();
    // What was lent leaves its memory behind, for a key that comes.
    struct Spare {
      std::vector<Items>& to;
      Items& from;
      ~Spare() {
        if (Items::leaves_memory && to.size() < most_spares) to.push_back(std::move(from));
      }
    } const spare{spares_, group.items};
    return group.items.give([&](auto&& items) { return emit_joined(next, std::move(items), group.context); });
  }

  static constexpr std::size_t most_spares = Items::leaves_memory ? 64 : 0;

  std::size_t n_;
  [[no_unique_address]] KeyOf<Fn> key_;
  Table<KeyType<Fn, T>, Group<Items>> groups_;
  std::vector<Items> spares_;
  Watermarks watermarks_;
  std::size_t held_ = 0;
};

struct OneGroup {
  template <class T>
  constexpr char operator()(const T&) const noexcept {
    return 0;
  }
};

/// With a timeout. What the timer flushes stands in the line, and as long as something stands there, full
/// vectors join it and elements wait for it.
template <class T, class Fn>
class PartitionNode final : public LineNode<PartitionNode<T, Fn>, std::vector<T>>,
                            public Receiver<T, PartitionNode<T, Fn>>,
                            public Remembers<PartitionNode<T, Fn>> {
  using Line = LineNode<PartitionNode, std::vector<T>>;
  using Key = KeyType<Fn, T>;

 public:
  PartitionNode(std::size_t n, Duration timeout, Fn key, std::string detail)
      : Line(Info{"partition", std::move(detail), Shape::collect}),
        n_(n),
        timeout_(timeout),
        key_(std::move(key)) {
    this->port(static_cast<InletBase&>(*this));
    this->port(this->outlet);
    this->remember(this->info());
  }

  const char* needs_loop() const noexcept override { return "partition with a timeout"; }
  bool busy() const noexcept override { return Line::busy() || !groups_.empty(); }
  void shut_down() noexcept override {
    Line::shut_down();
    groups_.for_each([](const auto& item) { item.value->group.context.drop(stopped_partition); });
    groups_.clear();
    this->info().drops(held_);
    hold(0);
    this->stopped(std::exchange(behind_, {}));
  }

  template <class V>
  Pending* take(V&& value, const Context* context) {
    this->info().took();
    auto&& key = this->run(key_, std::as_const(value));
    auto place = groups_.find(key);
    if (place == groups_.nowhere) place = open(Key(std::forward<decltype(key)>(key)));
    Timed& timed = *groups_[place].value;
    const bool filled = add_to_new(timed.group, std::forward<V>(value), context, n_, [&] { groups_.erase(place); });
    hold(held_ + 1);
    if (filled) return full(place);
    if (!timed.active()) this->clock().set(timed, later(this->clock().now(), timeout_));
    return wait_behind();
  }

  void pumped(std::exception_ptr error) noexcept {
    Line::pumped(std::move(error));
    std::exchange(behind_, {}).settle();
  }

  // With each vector the time that is left to it.
  static constexpr bool saved = has_codec<T> && has_codec<Key>;
  void write(StateWriter& to) const {
    const TimePoint now = this->clock().now();
    to.put(std::uint64_t{groups_.size()});
    groups_.for_each([&](const auto& item) {
      to.put(item.key);
      to.put(Duration{item.value->active() ? item.value->deadline() - now : Duration::zero()});
      item.value->group.write(to);
    });
  }
  void read(StateReader& from) {
    const TimePoint now = this->clock().now();
    groups_.clear();
    std::size_t held = 0;
    for (auto left = from.get<std::uint64_t>(); left > 0; --left) {
      Timed& timed = *groups_[open(from.get<Key>())].value;
      const auto time = from.get<Duration>();
      timed.group.template read<T>(from, n_);
      held += timed.group.items.size();
      this->clock().set(timed, later(now, time));
    }
    hold(held);
  }

 protected:
  Pending* take_signal(const Signal& signal) override {
    if (signal.kind == Signal::end) {
      while (!groups_.empty()) flush(groups_.oldest());
    }
    static_cast<void>(this->at_barrier(signal));  // there is no other outlet
    const auto held = [&](auto look) {
      groups_.for_each([&](const auto& item) { look(item.value->group.context); });
    };
    return watermarks_.pass(signal, held, [&](const Signal& passed) { return Line::add(passed); });
  }

 private:
  struct Timed final : Timer {
    Timed(PartitionNode& owner, Key of) : node(owner), key(std::move(of)) {}
    void run() override { node.expired(*this); }
    PartitionNode& node;
    Key key;
    Group<OwnedItems<T>> group;
  };

  auto open(Key key) {
    auto timed = make_box<Timed>(*this, key);
    return groups_.add(std::move(key), std::move(timed));
  }
  Group<OwnedItems<T>> close(std::uint32_t place) {
    Group<OwnedItems<T>> group = std::move(groups_[place].value->group);
    groups_.erase(place);
    hold(held_ - group.items.size());
    return group;
  }

  Pending* full(std::uint32_t place) {
    Group<OwnedItems<T>> group = close(place);
    if (Line::busy()) {
      const Receipt receipt = Receipt::waiting(this->strand(), &this->info(), Why::order);
      Line::add(group.items.take(), std::move(group.context), {}, receipt);
      return receipt.share();
    }
    this->info().passed();
    auto push = [this](std::vector<T>&& items, const Context* context) {
      return this->outlet.push(std::move(items), context);
    };
    Pending* pending = emit_joined(push, group.items.take(), group.context);
    if (groups_.empty()) this->graph().rested();
    return pending;
  }

  // The group goes, and its timer with it.
  void expired(Timed& timed) {
    // A key that is not even equal to itself is not found: its elements come at the end of the stream.
    if (const auto place = groups_.find(timed.key); place != groups_.nowhere) flush(place);
    this->pump_.go();
  }
  void flush(std::uint32_t place) {
    Group<OwnedItems<T>> group = close(place);
    Line::add(group.items.take(), std::move(group.context));
  }

  Pending* wait_behind() {
    if (!Line::busy()) return nullptr;
    if (!behind_.state()) behind_ = Receipt::waiting(this->strand(), &this->info(), Why::full);
    return behind_.share();
  }
  void hold(std::size_t n) noexcept {
    held_ = n;
    this->besides(n);
  }

  std::size_t n_;
  Duration timeout_;
  [[no_unique_address]] KeyOf<Fn> key_;
  Table<Key, Box<Timed>> groups_;
  Watermarks watermarks_;
  std::size_t held_ = 0;
  Receipt behind_;  // of the elements that wait for the line
};

template <class>
inline constexpr bool is_duration = false;
template <class Rep, class Period>
inline constexpr bool is_duration<std::chrono::duration<Rep, Period>> = true;

struct NoKey {};

/// Of the options of partition the one that is the key.
inline NoKey key_among() { return {}; }
template <class First, class... Rest>
auto key_among(First first, Rest... rest) {
  if constexpr (is_duration<First> || std::same_as<First, AsView>) {
    return key_among(std::move(rest)...);
  } else {
    return owned(std::move(first));
  }
}
/// And the one that is the timeout.
inline NoKey timeout_among() { return {}; }
template <class First, class... Rest>
auto timeout_among(const First& first, const Rest&... rest) {
  if constexpr (is_duration<First>) {
    return first;
  } else {
    return timeout_among(rest...);
  }
}

template <bool viewed, class Fn, class Timeout>
auto make_partition(std::size_t n, Fn key, Timeout timeout) {
  constexpr bool timed = is_duration<Timeout>;
  constexpr bool keyed = !std::is_same_v<Fn, NoKey>;
  std::string detail = std::to_string(n);
  Duration limit{};
  if constexpr (timed) {
    limit = std::chrono::duration_cast<Duration>(timeout);
    if (limit < Duration::zero()) bad_argument("partition: the timeout must not be negative");
    detail += ", " + to_text(limit);
  }
  return [n, limit, key = std::move(key), detail = std::move(detail)](auto&& stream) {
    static_cast<void>(limit);
    static_cast<void>(key);
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    using Items = std::conditional_t<viewed, LentItems<T>, OwnedItems<T, !keyed>>;
    using Key = std::conditional_t<keyed, Fn, OneGroup>;
    PENSTOCK_KEEPS("partition", T);
    constexpr bool is_key = key_of<Key, T>;
    static_assert(is_key || !keepable<T>,
                  "partition: the key must be callable with a const element of the stream and return a "
                  "value, or be a member, key or index of the elements");
    if constexpr (is_key && keepable<T>) {
      constexpr bool comparable = std::equality_comparable<KeyType<Key, T>> && std::copyable<KeyType<Key, T>>;
      static_assert(comparable, "partition: the keys must be comparable with == and copyable");
      if constexpr (comparable && timed) {
        Key by = [&] {
          if constexpr (keyed) {
            return key;
          } else {
            return OneGroup{};
          }
        }();
        auto& node = attach<PartitionNode<T, Key>>(stream.stream(), n, limit, std::move(by), detail);
        return Stream<std::vector<T>>{node.outlet};
      } else if constexpr (comparable) {
        Info info{"partition", detail, Shape::collect};
        info.one_to_one = false;
        if constexpr (keyed) {
          return std::forward<decltype(stream)>(stream).then(PartitionByStep<T, Fn, Items>(n, key),
                                                             std::move(info));
        } else {
          return std::forward<decltype(stream)>(stream).then(PartitionStep<T, Items>(n), std::move(info));
        }
      }
    }
  };
}

}  // namespace detail

/// Gathers elements into vectors of `n` and emits each vector when it is full; the rest at the end of the
/// stream.
///
///     in   -1-2-3-4-5-|
///          partition(2)
///     out  ---a---b---(c|)        a = [1,2], b = [3,4], c = [5]
///
/// @param n        elements in a vector, at least 1.
/// @param options  in any order, told apart by their types
///                 - a duration: so long after its first element a vector is emitted also when it is not
///                   full. 0 means as soon as the loop gets round to it. This needs an event loop;
///                 - `as_view`: emits a `View<T>` of memory that is used again, valid during the push only;
///                   what would keep one does not compile, and a timeout does not go with it;
///                 - a key: a function of a const element, a pointer to a member, or an index or key as
///                   `pluck` takes them. Each key then has a vector of its own, which is forgotten when it
///                   has been emitted.
///
/// Emits `std::vector<T>`, or with `as_view` a `View<T>`. A watermark that comes while elements with an event
/// time are held waits for the next one.
///
/// Back-pressure: the element that fills a vector waits for it; the others do not, unless a vector that the
///                timer has emitted waits.
/// Metadata:      joined in the order of arrival; held until emitted.
/// Errors:        std::invalid_argument here when n is 0 or the timeout is negative, std::logic_error when
///                there is a timeout and no event loop; what the key function throws comes back through emit;
///                what goes wrong behind a vector that the timer has emitted is reported.
/// Cost:          one look-up with a key, otherwise a move; one allocation a vector; none with `as_view`, up
///                to 64 keys at a time.
/// Recovery:      state: the elements of the unfinished vectors.
/// Example:       examples/02_operators/partition.cpp
/// See also:      partition_unique, timed_window, sliding_window, buffer
template <class... Options>
auto partition(std::size_t n, Options... options) {
  constexpr std::size_t timeouts = (std::size_t{detail::is_duration<Options>} + ... + 0);
  constexpr std::size_t views = (std::size_t{std::same_as<Options, AsView>} + ... + 0);
  static_assert(sizeof...(Options) <= 3,
                "partition: takes n, at most one timeout, at most one key, and as_view");
  static_assert(timeouts <= 1, "partition: takes one timeout, not two");
  static_assert(sizeof...(Options) <= timeouts + views + 1, "partition: takes one key, not two");
  static_assert(timeouts == 0 || views == 0,
                "partition: as_view does not go with a timeout, since what the timer emits may have to wait");
  detail::at_least_one("partition", n);
  auto timeout = detail::timeout_among(options...);
  return detail::make_partition<views != 0>(n, detail::key_among(std::move(options)...), timeout);
}

}  // namespace penstock
