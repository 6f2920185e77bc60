// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "penstock/core/box.hpp"
#include "penstock/core/view.hpp"
#include "penstock/ops/detail/inputs.hpp"

namespace penstock {

/// Of `zip` and `zip_all`.
struct ZipOptions {
  std::size_t maxsize = 10;  ///< elements that a stream may be ahead before its elements have to wait
};

namespace detail {

inline constexpr const char* zip_over = "zip: another stream has ended, so its partners cannot come any more";

template <class T>
struct ZipLiteral {
  using value_type = T;
  T value;
};

template <class Owner, std::size_t I, class T>
class ZipSide final : public AlignedReceiver<T, ZipSide<Owner, I, T>> {
 public:
  explicit ZipSide(Owner* owner) : owner_(*owner) {}
  template <class V>
  Pending* take(V&& value, const Context* context) {
    return owner_.template take<I>(std::forward<V>(value), context);
  }

  SideQueue<T> queue;

 protected:
  Pending* take_signal(const Signal& signal) override { return owner_.signal(I, signal); }

 private:
  Owner& owner_;
};

template <class Owner, std::size_t I, class Arg>
struct ZipPart {
  using type = Arg;
};
template <class Owner, std::size_t I, class T>
struct ZipPart<Owner, I, Stream<T>> {
  using type = ZipSide<Owner, I, T>;
};

/// `Args` are streams and literals in the order of the tuple. At any time at least one side has nothing, so
/// an element completes at most one tuple, and the one that completes it goes into it without being kept.
template <class... Args>
class ZipNode final : public Node, public Remembers<ZipNode<Args...>> {
 public:
  using Out = std::tuple<typename Args::value_type...>;

  ZipNode(ZipOptions options, Args&... args)
      : Node(Info{"zip", {}, Shape::join}), maxsize_(options.maxsize), parts_(start(args)...) {
    info().one_to_one = false;
    const bool is_side[] = {is_input<Args>...};
    for (std::size_t i = 0; i < sizeof...(Args); ++i) {
      if (!is_side[i]) signals_.leave_out(i);
    }
    each_side([&](auto, auto& side) { port(static_cast<InletBase&>(side)); });
    PENSTOCK_KEEPS("zip", std::tuple<typename Args::value_type...>);
    port(outlet);
    review();
    this->remember(info());
  }

  void connect(Graph& graph, Args&... args) {
    const auto one = [&](auto& part, auto& arg) {
      if constexpr (requires { part.queue; }) graph.connect(arg.outlet(), part);
    };
    std::apply([&](auto&... parts) { (one(parts, args), ...); }, parts_);
  }

  /// As long as nothing is special an element goes into the slot of its side, or with those in the slots of
  /// the others into a tuple, and `filled_` is all that is looked at.
  template <std::size_t I, class V>
  [[gnu::always_inline]] Pending* take(V&& value, const Context* context) {
    constexpr Sides mine = Sides{1} << I;
    if (!context && filled_ == (all_sides ^ mine)) {
      Out out = gather<I>(std::forward<V>(value));
      each_side([&](auto place, auto& side) {
        if (place != I) side.queue.take_away();
      });
      filled_ = 0;
      count(1, 1, 0);
      return outlet.push(std::move(out), nullptr);
    }
    if (!context && (filled_ & (mine | special)) == 0) {
      std::get<I>(parts_).queue.put(std::forward<V>(value));
      // Of two sides the other one is empty: nothing to be read first.
      const Sides filled = sides == 2 ? mine : filled_ | mine;
      filled_ = filled;
      count(1, 0, slots(filled));
      return nullptr;
    }
    return take_with_care<I, V>(std::forward<V>(value), context);
  }

  Pending* signal(std::size_t i, const Signal& signal) {
    Join join{strand()};
    signals_.take(i, signal, [&](const Signal& merged) {
      join.add(this->at_barrier(merged));
      join.add(outlet.signal(merged));
    });
    ended_ = any_side([&](auto place, auto&) { return signals_.ended(place); });
    review();
    if (over_ && !over()) {
      over_ = false;
      review();
      join.add(outlet.signal({Signal::reopen}));
    }
    if (!over_ && over()) join.add(end());
    return join.finish();
  }

  void disconnected(InletBase& inlet) override {
    each_side([&](auto place, auto& side) {
      const bool gone = &static_cast<InletBase&>(side) == &inlet && inlet.upstreams().empty();
      if (!gone || signals_.ended(place)) return;
      run_detached(*this, [&] { return Receipt{signal(place, {Signal::end})}; });
    });
  }

  void shut_down() noexcept override {
    const auto stopped = std::make_exception_ptr(Stopped(info().label() + ": stopped with elements in it"));
    each_side([&](auto, auto& side) { side.queue.stop(stopped); });
    drop_all("the operator that held it was stopped");
  }

  // Partners may be behind a barrier that is on its way.
  void aligning(bool yes) override {
    aligning_ = yes;
    if (yes) each_side([](auto, auto& side) { side.queue.release(); });
    review();
  }
  static constexpr bool saved = ((!is_input<Args> || has_codec<typename Args::value_type>) && ...);
  void write(StateWriter& to) {
    each_side([&](auto, auto& side) { side.queue.write(to); });
  }
  void read(StateReader& from) {
    contexts_ = 0;
    each_side([&](auto, auto& side) {
      side.queue.read(from, maxsize_);
      contexts_ += side.queue.contexts();
    });
    review();
    count(0, 0, all_held());
  }

  Outlet<Out> outlet;

 private:
  using Sides = std::uint64_t;
  static constexpr std::size_t sides = (std::size_t{is_input<Args>} + ...);
  static constexpr Sides special = Sides{1} << 63;
  static constexpr Sides all_sides = [] {
    Sides bits = 0;
    std::size_t place = 0;
    ((bits |= Sides{is_input<Args>} << place++), ...);
    return bits;
  }();
  template <std::size_t J>
  static constexpr bool from_stream = (all_sides >> J & 1) != 0;
  static_assert(sizeof...(Args) < 63, "zip: takes at most 62 streams and literals");

  template <std::size_t... Is>
  static auto parts_type(std::index_sequence<Is...>)
      -> std::type_identity<std::tuple<typename ZipPart<ZipNode, Is, Args>::type...>>;
  using Parts = typename decltype(parts_type(std::index_sequence_for<Args...>{}))::type;

  template <class T>
  ZipNode* start(Stream<T>&) noexcept {
    return this;
  }
  template <class T>
  ZipLiteral<T>&& start(ZipLiteral<T>& literal) noexcept {
    return std::move(literal);
  }

  /// `fn(number of the side, side)` for every side.
  template <class Fn>
  void each_side(Fn fn) {
    std::size_t place = 0;
    const auto one = [&](auto& part) {
      if constexpr (requires { part.queue; }) fn(place, part);
      ++place;
    };
    std::apply([&](auto&... parts) { (one(parts), ...); }, parts_);
  }
  template <class Fn>
  bool any_side(Fn fn) {
    bool any = false;
    each_side([&](auto place, auto& side) { any = any || fn(place, side); });
    return any;
  }

  /// Partners leave their queues when nothing can fail any more: what is to be copied is copied first.
  template <std::size_t I, class V>
  Out gather(V&& value) {
    return [&]<std::size_t... Js>(std::index_sequence<Js...>) {
      if constexpr ((goes_in<Js, I, V> && ...)) {
        return Out(part<Js, I>(std::forward<V>(value))...);
      } else if constexpr ((std::is_nothrow_move_constructible_v<typename Args::value_type> && ...)) {
        std::tuple<Ready<Js, I, V>...> ready(part<Js, I>(std::forward<V>(value))...);
        return Out(std::get<Js>(std::move(ready))...);
      } else {
        return Out(copied_part<Js, I>(std::forward<V>(value))...);
      }
    }(std::index_sequence_for<Args...>{});
  }
  template <std::size_t J, std::size_t I, class V>
  [[gnu::always_inline]] decltype(auto) part(V&& value) {
    if constexpr (J == I) {
      return std::forward<V>(value);
    } else if constexpr (from_stream<J>) {
      return std::move(std::get<J>(parts_).queue.front());
    } else {
      return std::as_const(std::get<J>(parts_).value);
    }
  }
  template <std::size_t J, std::size_t I, class V>
  using Part = std::conditional_t<
      J == I, V&&,
      std::conditional_t<from_stream<J>, std::tuple_element_t<J, Out>&&, const std::tuple_element_t<J, Out>&>>;
  template <std::size_t J, std::size_t I, class V>
  static constexpr bool goes_in = std::is_nothrow_constructible_v<std::tuple_element_t<J, Out>, Part<J, I, V>>;
  /// A part; of one that may fail to be copied a copy.
  template <std::size_t J, std::size_t I, class V>
  using Ready = std::conditional_t<goes_in<J, I, V>, Part<J, I, V>, std::tuple_element_t<J, Out>>;
  /// A part that is still in its queue when the tuple cannot be made, where it can be copied at all.
  template <std::size_t J, std::size_t I, class V>
  decltype(auto) copied_part(V&& value) {
    if constexpr (J != I && from_stream<J> && can_copy<std::tuple_element_t<J, Out>>) {
      return std::as_const(std::get<J>(parts_).queue.front());
    } else {
      return part<J, I>(std::forward<V>(value));
    }
  }
  template <std::size_t I, class V>
  [[gnu::noinline]] Pending* take_with_care(Aside<V> value, const Context* context) {
    if ((filled_ & all_sides) != (all_sides ^ Sides{1} << I)) return keep<I>(std::forward<V>(value), context);
    if (context || contexts_ != 0) return complete_with_contexts<I>(std::forward<V>(value), context);
    Out out = gather<I>(std::forward<V>(value));
    advance<I>();
    if (ended_) return emit_before_end(std::move(out), nullptr);
    return outlet.push(std::move(out), nullptr);
  }
  /// Takes off what has gone into a tuple with an element of side `I`, which had nothing.
  template <std::size_t I>
  void advance() {
    each_side([&](auto place, auto& side) {
      if (place != I) side.queue.pop();
    });
    review();
    count(1, 1, all_held());
  }

  template <std::size_t I, class V>
  Pending* keep(V&& value, const Context* context) {
    if (over_) {
      if (context) context->drop(zip_over);
      info().took();
      info().drops();
      return nullptr;
    }
    auto& queue = std::get<I>(parts_).queue;
    queue.push(std::forward<V>(value), context);
    contexts_ += context != nullptr;
    Pending* pending = nullptr;
    if (queue.size() > maxsize_) {
      if (aligning_) {
        queue.exceed();
      } else {
        pending = queue.wait(strand(), info());
      }
    }
    review();
    count(1, 0, all_held());
    return pending;
  }

  template <std::size_t I, class V>
  [[gnu::noinline]] Pending* complete_with_contexts(V&& value, const Context* context) {
    Out out = gather<I>(std::forward<V>(value));
    Context all;
    each_side([&](auto place, auto& side) {
      if (place == I) return all.append(context);
      contexts_ -= !side.queue.context().empty();
      all.append(side.queue.context());
    });
    advance<I>();
    try {
      return ended_ ? emit_before_end(std::move(out), all.or_null())
                    : outlet.push(std::move(out), all.or_null());
    } catch (...) {
      all.fail(std::current_exception());
      throw;
    }
  }
  [[gnu::noinline]] Pending* emit_before_end(Out&& out, const Context* context) {
    Join join{strand()};
    try {
      join.add(outlet.push(std::move(out), context));
    } catch (...) {
      if (!over_ && over()) static_cast<void>(Receipt{end()});
      throw;
    }
    if (!over_ && over()) join.add(end());
    return join.finish();
  }

  /// True when no further tuple can come.
  bool over() {
    return any_side([&](auto place, auto& side) { return side.queue.empty() && signals_.ended(place); });
  }
  Pending* end() {
    over_ = true;
    drop_all(zip_over);
    return outlet.signal({Signal::end});
  }
  void drop_all(const char* reason) noexcept {
    each_side([&](auto, auto& side) { info().drops(side.queue.drop(reason)); });
    contexts_ = 0;
    review();
    count(0, 0, all_held());
  }
  /// Brings `filled_` in line with the rest.
  void review() noexcept {
    filled_ = ended_ || over_ || contexts_ != 0 || maxsize_ == 0 ? special : 0;
    each_side([&](auto place, auto& side) {
      if (!side.queue.empty()) filled_ |= Sides{1} << place;
      if (!side.queue.plain()) filled_ |= special;
    });
  }
  /// All of it inline: a call would cost the fast path its registers.
  [[gnu::always_inline]] void count(std::uint64_t taken, std::uint64_t passed, std::uint64_t held) noexcept {
    Info& info = this->info();
    if (!info.counting) return;
    info.in.add(taken);
    if (passed != 0) info.out.add(passed);
    info.held.set(held);
  }
  [[gnu::always_inline]] static constexpr std::uint64_t slots(Sides filled) noexcept {
    std::uint64_t n = 0;
    for (std::size_t i = 0; i < sizeof...(Args); ++i) n += filled >> i & 1;
    return n;
  }
  [[gnu::noinline]] std::size_t all_held() noexcept {
    std::size_t n = 0;
    each_side([&](auto, auto& side) { n += side.queue.size(); });
    return n;
  }

  Sides filled_ = 0;          // a bit for each side that has something, and `special`
  std::size_t maxsize_;
  std::size_t contexts_ = 0;  // elements held that have something beside them
  bool ended_ = false;  // at least one side has
  bool over_ = false;
  bool aligning_ = false;
  InputSignals signals_{sizeof...(Args)};
  Parts parts_;
};

template <class T>
constexpr auto zip_argument(T&& arg) {
  using Plain = std::decay_t<T>;
  if constexpr (is_input<T>) {
    return std::tuple{input(std::forward<T>(arg))};
  } else if constexpr (std::same_as<Plain, ZipOptions>) {
    return std::tuple<>{};
  } else {
    return std::tuple{ZipLiteral<Plain>{std::forward<T>(arg)}};
  }
}

template <class... Args>
ZipOptions zip_options(const Args&... args) {
  ZipOptions options;
  const auto one = [&](const auto& arg) {
    if constexpr (std::same_as<std::decay_t<decltype(arg)>, ZipOptions>) options = arg;
  };
  (one(args), ...);
  return options;
}

template <class... Streams>
Graph& zip_graph(Streams&... args) {
  Graph* graph = nullptr;
  const auto one = [&](auto& arg) {
    if constexpr (is_input<decltype(arg)>) graph = graph ? &Graph::merge(*graph, arg.graph()) : &arg.graph();
  };
  (one(args), ...);
  return *graph;
}

}  // namespace detail

/// Tuples of one element of each stream, in order: the first ones, the second ones, and so on.
///
///     a    -1---2---3-|
///     b    ---x---y-----z-|
///          zip(a, b)
///     out  ---A---B-----C|     A = (1, x), B = (2, y), C = (3, z)
///
/// A function of all its streams; `a.zip(b, c)` is `zip(a, b, c)`. The same stream may be named twice. Ends
/// as soon as no further tuple can come: when a stream has ended, or was taken away, and all of its elements
/// have found partners. What the others have then and still get is dropped and counted.
///
/// Several functions of one and the same element need no zip: a map that returns a tuple costs less.
///
/// With a bound it can wait for ever when its streams come from one source: a stream that is `maxsize` ahead
/// makes the source wait, and its partners come only when the source goes on. So it is when one of the two
/// has fewer elements (behind a filter, or a queue that drops), or gets them later by more than `maxsize`
/// (behind a partition that is flattened again, or a queue that nobody drains meanwhile). Then let `maxsize`
/// be as large as they can be apart, `unlimited` where nobody knows, which costs memory instead; or use
/// zip_latest or combine_latest, which wait for nobody.
///
/// @param inputs  streams and chains; anything else is a literal that takes its place in every tuple, as in
///                `zip(0, a, 1, b)`; and a `ZipOptions`.
///
/// Back-pressure: an element that is more than `maxsize` ahead of its partners is taken and waits until it is
///                within that; the one that completes a tuple waits for the tuple.
/// Metadata:      held until emitted, joined in the order of the inputs; leftovers at the end are dropped.
/// Errors:        std::logic_error here when the streams belong to different event loops.
/// Cost:          O(1) an element, a move; nothing is allocated as long as no stream is two elements ahead.
/// Recovery:      state: the elements that wait for partners. While a checkpoint is on its way nobody waits.
/// Example:       examples/02_operators/zip.cpp
/// See also:      zip_all, zip_latest, combine_latest
template <class... Inputs>
auto zip(Inputs&&... inputs) {
  static_assert((detail::is_input<Inputs> || ...), "zip: at least one of the arguments must be a stream");
  if constexpr ((detail::is_input<Inputs> || ...)) {
    const ZipOptions options = detail::zip_options(inputs...);
    std::tuple<decltype(detail::zip_argument(std::forward<Inputs>(inputs)))...> in_order{
        detail::zip_argument(std::forward<Inputs>(inputs))...};
    auto all = std::apply([](auto&... each) { return std::tuple_cat(std::move(each)...); }, in_order);
    return std::apply(
        [&]<class... Args>(Args&... args) {
          Graph& graph = detail::zip_graph(args...);
          auto& node = graph.add(detail::make_box<detail::ZipNode<Args...>>(options, args...));
          detail::wire(node, [&] { node.connect(graph, args...); });
          return Stream{node.outlet};
        },
        all);
  }
}

}  // namespace penstock
