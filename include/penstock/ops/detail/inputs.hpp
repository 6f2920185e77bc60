// SPDX-License-Identifier: BSL-1.0
#pragma once

// Not an operator: what those with several inputs have in common.

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "penstock/core/box.hpp"
#include "penstock/core/ring.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/state/detail/remembers.hpp"
#include "penstock/state/detail/gate.hpp"

namespace penstock::detail {

/// The stream that an argument stands for; a temporary chain becomes a node here.
template <class S>
Stream<typename std::remove_cvref_t<S>::value_type> input(S&& stream) {
  return operand(std::forward<S>(stream)).stream();
}

template <class S>
inline constexpr bool is_input = stream_like<std::remove_cvref_t<S>>;

/// The one graph of all `streams`.
template <class First, class... Streams>
Graph& joined_graph(const First& first, const Streams&... streams) {
  Graph* graph = &first.graph();
  ((graph = &Graph::merge(*graph, streams.graph())), ...);
  return *graph;
}

/// Connects the inputs of a new node; when that fails the node is gone again.
template <class Connect>
void wire(Node& node, Connect connect) {
  try {
    connect();
  } catch (...) {
    node.graph().destroy(node);
    throw;
  }
}

/// Takes an inlet off whatever leads to it.
inline void detach_all(InletBase& inlet) {
  while (!inlet.upstreams().empty()) static_cast<void>(inlet.upstreams().back()->detach(inlet));
}

/// Changes the inputs of a node now or, while an element is under way, after it.
template <class Fn>
void after_descent(Strand& strand, Fn fn) {
  if (strand.descending()) {
    strand.after(*new FunctionTask<Fn>(std::move(fn)));
  } else {
    strand.descend(fn);
  }
}

/// Does as a descent what nobody waits for: an error is reported.
template <class Fn>
void run_detached(Node& node, Fn fn) noexcept {
  try {
    const Receipt receipt = node.strand().descend(fn);
    if (!receipt.pending()) return receipt.get();
    auto settled = [receipt] { receipt.get(); };
    receipt.state()->then(*new FunctionTask<decltype(settled)>(std::move(settled)));
  } catch (...) {
    node.graph().report(std::current_exception(), node.info());
  }
}

/// An element in memory of its own, which moves without moving the element.
template <element T>
class Boxed {
 public:
  template <class V>
    requires(std::is_same_v<std::remove_cvref_t<V>, T>)
  Boxed(V&& value) : box_(make_box<T>(std::forward<V>(value))) {}  // NOLINT: a queue makes its items like that
  T& operator*() const noexcept { return *box_; }

 private:
  Box<T> box_;
};
/// What a queue has of an element: one that may fail to be moved stays where it is while the queue goes on.
template <element T>
using Parked = std::conditional_t<std::is_nothrow_move_constructible_v<T>, T, Boxed<T>>;

/// What one side has that the others have not: mostly nothing or one element, which stands in a slot of its
/// own. The ring is touched only when a side runs ahead. Of elements over a bound each has a receipt, which
/// settles when so many have left that it is within the bound, or is in excess: nobody waits for it.
template <element T>
class SideQueue {
 public:
  bool empty() const noexcept { return !first_.has_value(); }
  std::size_t size() const noexcept { return first_ ? 1 + more_.size() : 0; }
  /// True when there is nothing but, at most, the slot.
  bool plain() const noexcept { return more_.empty() && waiters_.empty() && context_.empty(); }
  T& front() noexcept { return in(*first_); }
  const Context& context() const noexcept { return context_; }

  /// `push` and `pop` of one that is plain.
  template <class V>
  [[gnu::always_inline]] void put(V&& value) {
    first_.emplace(std::forward<V>(value));
  }
  [[gnu::always_inline]] void take_away() noexcept { first_.reset(); }

  template <class V>
  void push(V&& value, const Context* context) {
    if (first_) {
      more_.push(std::forward<V>(value), Context::of(context));
    } else if (context) {
      Context copy{*context};
      first_.emplace(std::forward<V>(value));
      context_ = std::move(copy);
    } else {
      first_.emplace(std::forward<V>(value));
    }
  }
  Pending* wait(Strand& strand, Info& info) {
    return waiters_.push(Receipt::waiting(strand, &info, Why::partner)).share();
  }
  /// The last one is over the bound, and nobody may wait for it now.
  void exceed() noexcept { ++excess_; }
  /// Nobody waits any longer.
  void release() noexcept {
    for (; !waiters_.empty(); ++excess_) waiters_.pop().settle();
  }

  void pop() noexcept {
    first_.reset();
    if (!context_.empty()) context_.clear();
    if (!more_.empty()) {
      Beside<Parked<T>> next = more_.pop();
      first_.emplace(std::move(next.value));
      context_ = std::move(next.context);
    }
    if (excess_ != 0) {
      --excess_;
    } else if (!waiters_.empty()) {
      waiters_.pop().settle();
    }
  }

  /// Gives up all elements; tells how many that were.
  std::size_t drop(const char* reason) noexcept {
    std::size_t n = 0;
    for (; !empty(); pop()) {
      context_.drop(reason);
      ++n;
    }
    return n;
  }
  /// Whoever waits gets the error.
  void stop(const std::exception_ptr& error) noexcept {
    while (!waiters_.empty()) waiters_.pop().settle(error);
  }

  void write(StateWriter& to) const {
    to.put(std::uint64_t{size()});
    if (empty()) return;
    to.put(std::as_const(in(*first_)));
    to.put(context_);
    for (std::size_t i = 0; i < more_.size(); ++i) {
      to.put(std::as_const(in(more_[i].value)));
      to.put(more_[i].context);
    }
  }
  /// Into one that has nothing.
  void read(StateReader& from, std::size_t bound) {
    for (auto left = from.get<std::uint64_t>(); left > 0; --left) {
      T value = from.get<T>();
      const auto context = from.get<Context>();
      push(std::move(value), context.or_null());
    }
    excess_ = size() > bound ? size() - bound : 0;
  }
  /// Elements that have something beside them.
  std::size_t contexts() const noexcept {
    std::size_t n = !context_.empty();
    for (std::size_t i = 0; i < more_.size(); ++i) n += !more_[i].context.empty();
    return n;
  }

 private:
  template <class K>
  static auto& in(K& kept) noexcept {
    if constexpr (std::is_same_v<std::remove_const_t<K>, T>) {
      return kept;
    } else {
      return *kept;
    }
  }

  std::optional<Parked<T>> first_;
  Context context_;
  Ring<Beside<Parked<T>>> more_;
  Ring<Receipt> waiters_;
  std::size_t excess_ = 0;
};

/// The newest element of a stream, and whether it has been part of anything that was emitted.
template <element T>
class Current {
 public:
  bool empty() const noexcept { return !newest().has_value(); }
  const T& value() const noexcept { return *newest(); }
  const Context& context() const noexcept { return context_; }
  void emitted(bool yes) noexcept { emitted_ = yes; }

  /// `replace` of an element without a Context by another one.
  template <class V>
  [[gnu::always_inline]] bool replace_plain(V&& value) {
    set(std::forward<V>(value));
    return !std::exchange(emitted_, false);
  }
  /// True when an element that was never emitted had to make room.
  template <class V>
  bool replace(V&& value, const Context* context) {
    const bool left_out = newest() && !emitted_;
    if (context || !context_.empty()) {
      Context kept = Context::of(context);
      set(std::forward<V>(value));
      context_ = std::move(kept);
    } else {
      set(std::forward<V>(value));
    }
    emitted_ = false;
    return left_out;
  }

  /// Nothing more will come of the element; true when it was never emitted.
  bool leave_out() noexcept { return newest() && !std::exchange(emitted_, true); }
  /// Lets go of the element; true when it was never emitted, and is dropped.
  bool drop(const char* reason) noexcept {
    const bool lost = newest() && !emitted_;
    if (lost) context_.drop(reason);
    newest().reset();
    context_.clear();
    return lost;
  }

  auto state() noexcept { return std::tie(newest(), context_, emitted_); }

 private:
  template <class V>
  void set(V&& value) {
    if constexpr (std::is_nothrow_constructible_v<T, V>) {
      newest().emplace(std::forward<V>(value));
    } else if constexpr (one_place) {
      T copy(std::forward<V>(value));
      newest().emplace(std::move(copy));
    } else {
      values_[place_ ^ 1].emplace(std::forward<V>(value));
      newest().reset();
      place_ ^= 1;
    }
  }

  // An element that may fail to be moved is made beside the one before it.
  static constexpr bool one_place = std::is_nothrow_move_constructible_v<T>;
  std::optional<T>& newest() noexcept { return values_[one_place ? 0 : place_]; }
  const std::optional<T>& newest() const noexcept { return values_[one_place ? 0 : place_]; }

  std::optional<T> values_[one_place ? 1 : 2];
  Context context_;
  bool emitted_ = false;
  std::uint8_t place_ = 0;
};

}  // namespace penstock::detail
