// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <exception>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/core/box.hpp"
#include "penstock/core/search.hpp"
#include "penstock/core/view.hpp"
#include "penstock/ops/detail/inputs.hpp"

namespace penstock {

/// Of `combine_latest`: which inputs make it emit, as numbers from 0 or as streams. Made by `emit_on`.
class EmitOn {
 public:
  template <class... Inputs>
  explicit EmitOn(Inputs&&... inputs) {
    (add(std::forward<Inputs>(inputs)), ...);
  }

  /// Whether input number `place`, which is `from`, is meant; every input is when nothing was named.
  bool names(std::size_t place, const OutletBase& from) const noexcept {
    return all() || detail::find_item(places_, place) != places_.end() ||
           detail::any_of(streams_, [&](const Named& named) { return named.outlet == &from; });
  }
  bool all() const noexcept { return places_.empty() && streams_.empty(); }

  /// Throws std::invalid_argument when something is named that is not among the inputs of `op`.
  void check(const char* op, const std::vector<OutletBase*>& inputs) const {
    for (const std::size_t place : places_) {
      if (place >= inputs.size()) {
        detail::bad_argument(std::string{op} + ": emit_on names input " + std::to_string(place) + " of " +
                             std::to_string(inputs.size()) + ", counted from 0");
      }
    }
    for (const Named& named : streams_) {
      if (detail::find_item(inputs, named.outlet) == inputs.end()) {
        detail::bad_argument(std::string{op} + ": emit_on names a stream that is not one of its inputs");
      }
    }
  }

 private:
  struct Named {
    detail::NodeHandle node;
    OutletBase* outlet;
  };

  template <class S>
    requires(detail::is_input<S>)
  void add(S&& stream) {
    const auto named = detail::input(std::forward<S>(stream));
    streams_.push_back({detail::NodeHandle{named.node()}, &named.outlet()});
  }
  void add(std::integral auto place) {
    if constexpr (std::is_signed_v<decltype(place)>) {
      if (place < 0) detail::bad_argument("emit_on: inputs are counted from 0");
    }
    places_.push_back(static_cast<std::size_t>(place));
  }

  std::vector<std::size_t> places_;
  std::vector<Named> streams_;
};

/// For `combine_latest`: emits only when one of these has a new element.
template <class... Inputs>
EmitOn emit_on(Inputs&&... inputs) {
  static_assert(sizeof...(Inputs) > 0 &&
                    ((detail::is_input<Inputs> || std::integral<std::remove_cvref_t<Inputs>>) && ...),
                "emit_on: give streams, or numbers of inputs counted from 0");
  return EmitOn(std::forward<Inputs>(inputs)...);
}

namespace detail {

inline constexpr const char* combine_over = "combine_latest: a stream has ended without an element";

template <class Owner, std::size_t I, class T>
class CombineSide final : public AlignedReceiver<T, CombineSide<Owner, I, T>> {
 public:
  explicit CombineSide(Owner* owner) : owner_(*owner) {}
  template <class V>
  Pending* take(V&& value, const Context* context) {
    return owner_.template take<I>(std::forward<V>(value), context);
  }

  Current<T> newest;

 protected:
  Pending* take_signal(const Signal& signal) override { return owner_.signal(I, signal); }

 private:
  Owner& owner_;
};

template <class... Ts>
class CombineLatestNode final : public Node, public Remembers<CombineLatestNode<Ts...>> {
 public:
  using Out = std::tuple<Ts...>;

  CombineLatestNode(const EmitOn& emit_on, const std::vector<OutletBase*>& inputs)
      : Node(Info{"combine_latest", {}, Shape::join}), sides_((static_cast<void>(sizeof(Ts)), this)...) {
    info().one_to_one = false;
    for (std::size_t i = 0; i < sizeof...(Ts); ++i) emits_[i] = emit_on.names(i, *inputs[i]);
    each_side([&](auto, auto& side) { port(static_cast<InletBase&>(side)); });
    PENSTOCK_KEEPS("combine_latest", std::tuple<Ts...>);
    port(outlet);
    this->remember(info());
  }

  void connect(Graph& graph, Stream<Ts>&... streams) {
    std::apply([&](auto&... sides) { (graph.connect(streams.outlet(), sides), ...); }, sides_);
  }

  template <std::size_t I, class V>
  [[gnu::always_inline]] Pending* take(V&& value, const Context* context) {
    if (context || !plain_) [[unlikely]] return take_with_care<I, V>(std::forward<V>(value), context);
    const bool left_out = std::get<I>(sides_).newest.replace_plain(std::forward<V>(value));
    Info& info = this->info();
    info.took();
    if (left_out) info.leaves_out();
    if (!emits_[I]) return nullptr;
    Out out = gather();
    info.passed();
    return outlet.push(std::move(out), nullptr);
  }

  Pending* signal(std::size_t i, const Signal& signal) {
    Join join{strand()};
    signals_.take(i, signal, [&](const Signal& merged) {
      join.add(this->at_barrier(merged));
      join.add(outlet.signal(merged));
    });
    if (over_ && !over()) {
      over_ = false;
      join.add(outlet.signal({Signal::reopen}));
    } else if (!over_ && over()) {
      over_ = true;
      if (missing_ == 0) each_side([&](auto, auto& side) { info().leaves_out(side.newest.leave_out()); });
      drop_all(combine_over);
      join.add(outlet.signal({Signal::end}));
    }
    return join.finish();
  }

  void disconnected(InletBase& inlet) override {
    each_side([&](auto place, auto& side) {
      if (&static_cast<InletBase&>(side) != &inlet || !inlet.upstreams().empty() || signals_.ended(place)) {
        return;
      }
      run_detached(*this, [&] { return Receipt{signal(place, {Signal::end})}; });
    });
  }

  void shut_down() noexcept override { drop_all("the operator that held it was stopped"); }

  auto state() noexcept {
    return std::apply([](auto&... sides) { return std::tuple_cat(sides.newest.state()...); }, sides_);
  }
  void restored() noexcept {
    missing_ = sizeof...(Ts);
    each_side([&](auto, auto& side) { missing_ -= !side.newest.empty(); });
    review();
    info().holds(sizeof...(Ts) - missing_);
  }

  Outlet<Out> outlet;

 private:
  template <class Fn>
  void each_side(Fn fn) {
    std::size_t place = 0;
    std::apply([&](auto&... sides) { (fn(place++, sides), ...); }, sides_);
  }

  template <std::size_t I, class V>
  [[gnu::noinline]] Pending* take_with_care(Aside<V> value, const Context* context) {
    info().took();
    if (over_) {
      if (context) context->drop(combine_over);
      info().drops();
      return nullptr;
    }
    auto& newest = std::get<I>(sides_).newest;
    const bool first = newest.empty();
    if (newest.replace(std::forward<V>(value), context)) info().leaves_out();
    if (first) info().holds(sizeof...(Ts) - --missing_);
    review();
    if (missing_ != 0 || !emits_[I]) return nullptr;
    Out out = gather();
    info().passed();
    return plain_ ? outlet.push(std::move(out), nullptr) : emit_with_contexts(std::move(out));
  }
  /// The tuple, of which all of the newest are a part then.
  [[gnu::always_inline]] Out gather() {
    Out out = std::apply([](auto&... sides) { return Out(sides.newest.value()...); }, sides_);
    each_side([](auto, auto& side) { side.newest.emitted(true); });
    return out;
  }
  void review() noexcept {
    plain_ = missing_ == 0 && !over_;
    each_side([&](auto, auto& side) { plain_ = plain_ && side.newest.context().empty(); });
  }

  [[gnu::noinline]] Pending* emit_with_contexts(Out&& out) {
    Context all;
    each_side([&](auto, auto& side) { all.append(side.newest.context()); });
    try {
      return outlet.push(std::move(out), all.or_null());
    } catch (...) {
      all.fail(std::current_exception());
      throw;
    }
  }

  /// True when no further tuple can come.
  bool over() {
    bool emits = false;
    bool complete = true;
    each_side([&](auto place, auto& side) {
      const bool ended = signals_.ended(place);
      emits = emits || (emits_[place] && !ended);
      complete = complete && !(ended && side.newest.empty());
    });
    return !emits || !complete;
  }
  void drop_all(const char* reason) noexcept {
    each_side([&](auto, auto& side) {
      if (side.newest.drop(reason)) info().drops();
    });
    missing_ = sizeof...(Ts);
    plain_ = false;
    info().holds(0);
  }

  template <std::size_t... Is>
  static auto sides_type(std::index_sequence<Is...>)
      -> std::type_identity<std::tuple<CombineSide<CombineLatestNode, Is, Ts>...>>;

  std::array<bool, sizeof...(Ts)> emits_{};
  std::size_t missing_ = sizeof...(Ts);  // sides that have nothing yet
  bool plain_ = false;  // each side has one, none came with a Context, and more may come
  bool over_ = false;
  InputSignals signals_{sizeof...(Ts)};
  typename decltype(sides_type(std::index_sequence_for<Ts...>{}))::type sides_;
};

template <class... Ts>
auto combine_latest_streams(const EmitOn& emit_on, Stream<Ts>... streams) {
  const std::vector<OutletBase*> inputs{&streams.outlet()...};
  emit_on.check("combine_latest", inputs);
  Graph& graph = joined_graph(streams...);
  auto& node = graph.add(make_box<CombineLatestNode<Ts...>>(emit_on, inputs));
  wire(node, [&] { node.connect(graph, streams...); });
  return Stream{node.outlet};
}

template <class T>
auto combine_argument(T&& arg) {
  if constexpr (is_input<T>) {
    return std::tuple{input(std::forward<T>(arg))};
  } else {
    return std::tuple<>{};
  }
}

}  // namespace detail

/// Tuples of the newest element of each stream, one whenever a stream has a new one and all have had their
/// first.
///
///     a    -1---2---3---|
///     b    ---x---y---z-|
///          combine_latest(a, b)
///     out  ---A-B-C-D-E-|     A = (1, x), B = (2, x), C = (2, y), D = (3, y), E = (3, z)
///
/// A function of all its streams; `a.combine_latest(b)` is `combine_latest(a, b)`. The same stream may be
/// named twice. Ends when no further tuple can come: when all streams that make it emit have ended, or one
/// without an element.
///
/// @param inputs  streams and chains of elements that can be copied; and `emit_on(a)`, `emit_on(0, 2)`, to
///                name the ones whose elements make it emit; without it all do.
///
/// Back-pressure: passes through.
/// Metadata:      joined in the order of the inputs and held until the next element of the same stream; an
///                element that was replaced before it was emitted is done. Dropped when the end comes before
///                all had an element, or when it is stopped before it was emitted.
/// Errors:        std::invalid_argument here when emit_on names what is not an input; std::logic_error when
///                the streams belong to different event loops.
/// Cost:          O(inputs) an element: a copy of each of the newest.
/// Recovery:      state: the newest element of each stream.
/// Example:       examples/02_operators/combine_latest.cpp
/// See also:      combine_latest_all, zip_latest, zip
template <class... Inputs>
auto combine_latest(Inputs&&... inputs) {
  constexpr bool understood =
      (detail::is_input<Inputs> || ...) &&
      ((detail::is_input<Inputs> || std::same_as<std::remove_cvref_t<Inputs>, EmitOn>) && ...);
  static_assert(understood, "combine_latest: the arguments must be streams, and at most one emit_on(...)");
  if constexpr (understood) {
    EmitOn emit_on;
    const auto option = [&](auto& arg) {
      if constexpr (std::same_as<std::remove_cvref_t<decltype(arg)>, EmitOn>) emit_on = arg;
    };
    (option(inputs), ...);
    std::tuple<decltype(detail::combine_argument(std::forward<Inputs>(inputs)))...> in_order{
        detail::combine_argument(std::forward<Inputs>(inputs))...};
    auto streams = std::apply([](auto&... each) { return std::tuple_cat(std::move(each)...); }, in_order);
    return std::apply(
        [&](auto&... each) { return detail::combine_latest_streams(emit_on, std::move(each)...); }, streams);
  }
}

}  // namespace penstock
