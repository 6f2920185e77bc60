// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <tuple>
#include <type_traits>
#include <utility>

#include "penstock/core/box.hpp"
#include "penstock/core/line.hpp"
#include "penstock/core/view.hpp"
#include "penstock/ops/detail/inputs.hpp"

namespace penstock {
namespace detail {

inline constexpr const char* zip_latest_over = "zip_latest: another stream has ended without an element";

template <class Owner, std::size_t I, class T>
class ZipLatestSide final : public AlignedReceiver<T, ZipLatestSide<Owner, I, T>> {
 public:
  explicit ZipLatestSide(Owner* owner) : owner_(*owner) {}
  template <class V>
  Pending* take(V&& value, const Context* context) {
    return owner_.template take_other<I>(std::forward<V>(value), context);
  }

  Current<T> newest;

 protected:
  Pending* take_signal(const Signal& signal) override { return owner_.signal(I + 1, signal); }

 private:
  Owner& owner_;
};

/// Elements of the first stream wait in `early_` until all others have had one; then they stand, with what
/// was newest at that moment, in the line of tuples, and later ones behind them as long as the line is not
/// empty.
template <class T, class... Others>
class ZipLatestNode final : public LineNode<ZipLatestNode<T, Others...>, std::tuple<T, Others...>>,
                            public AlignedReceiver<T, ZipLatestNode<T, Others...>>,
                            public Remembers<ZipLatestNode<T, Others...>> {
  using Line = LineNode<ZipLatestNode<T, Others...>, std::tuple<T, Others...>>;

 public:
  using Out = std::tuple<T, Others...>;

  ZipLatestNode()
      : Line(Info{"zip_latest", {}, Shape::join}), sides_((static_cast<void>(sizeof(Others)), this)...) {
    PENSTOCK_KEEPS("zip_latest", std::tuple<T, Others...>);
    this->port(static_cast<InletBase&>(*this));
    each_side([&](auto, auto& side) { this->port(static_cast<InletBase&>(side)); });
    this->port(this->outlet);
    this->remember(this->info());
  }

  void connect(Graph& graph, Stream<T>& first, Stream<Others>&... others) {
    graph.connect(first.outlet(), static_cast<Inlet<T>&>(*this));
    std::apply([&](auto&... sides) { (graph.connect(others.outlet(), sides), ...); }, sides_);
  }

  template <class V>
  [[gnu::always_inline]] Pending* take(V&& value, const Context* context) {
    if (context || !plain_ || Line::busy()) [[unlikely]] {
      return take_with_care<V>(std::forward<V>(value), context);
    }
    each_side([](auto, auto& side) { side.newest.emitted(true); });
    Info& info = this->info();
    info.took();
    Out out = gather(std::forward<V>(value));
    info.passed();
    return this->outlet.push(std::move(out), nullptr);
  }

  template <std::size_t I, class V>
  [[gnu::always_inline]] Pending* take_other(V&& value, const Context* context) {
    if (context || !plain_) [[unlikely]] return take_other_with_care<I, V>(std::forward<V>(value), context);
    const bool left_out = std::get<I>(sides_).newest.replace_plain(std::forward<V>(value));
    this->info().took();
    if (left_out) this->info().leaves_out();
    return nullptr;
  }

  template <class V>
  [[gnu::noinline]] Pending* take_with_care(Aside<V> value, const Context* context) {
    this->info().took();
    if (over_) return drop(context);
    if (missing_ != 0) {
      early_.push(std::forward<V>(value), Context::of(context));
      count_held();
      return nullptr;
    }
    each_side([](auto, auto& side) { side.newest.emitted(true); });
    return emit_with_contexts(std::forward<V>(value), context);
  }

  template <std::size_t I, class V>
  [[gnu::noinline]] Pending* take_other_with_care(Aside<V> value, const Context* context) {
    this->info().took();
    if (over_) return drop(context);
    auto& newest = std::get<I>(sides_).newest;
    const bool first = newest.empty();
    if (newest.replace(std::forward<V>(value), context)) this->info().leaves_out();
    if (first) --missing_;
    review();
    if (!first) return nullptr;
    count_held();
    if (missing_ != 0 || early_.empty()) return nullptr;
    each_side([](auto, auto& side) { side.newest.emitted(true); });
    const std::exception_ptr error = let_early_go();
    count_held();
    if (error) {
      if (over()) static_cast<void>(Receipt{end()});
      std::rethrow_exception(error);
    }
    const Receipt last = Receipt::waiting(this->strand(), &this->info(), Why::order);
    this->line_.back().receipt = last;
    Join join{this->strand()};
    join.add(last.share());
    if (over()) join.add(end());
    return join.finish();
  }

  Pending* signal(std::size_t i, const Signal& signal) {
    Join join{this->strand()};
    signals_.take(i, signal, [&](const Signal& merged) {
      join.add(this->at_barrier(merged));
      join.add(this->add(merged));
    });
    if (over_ && !over()) {
      over_ = false;
      join.add(this->add(Signal{Signal::reopen}));
    } else if (!over_ && over()) {
      join.add(end());
    }
    return join.finish();
  }

  void disconnected(InletBase& inlet) override {
    const auto gone = [&](std::size_t place, InletBase& mine) {
      if (&mine != &inlet || !inlet.upstreams().empty() || signals_.ended(place)) return;
      run_detached(*this, [&] { return Receipt{signal(place, {Signal::end})}; });
    };
    gone(0, *this);
    each_side([&](auto place, auto& side) { gone(place + 1, side); });
  }

  void shut_down() noexcept override {
    drop_all("the operator that held it was stopped");
    Line::shut_down();
  }

  static constexpr bool saved = has_codec<T> && (has_codec<Others> && ...);
  void write(StateWriter& to) {
    to.put(std::uint64_t{early_.size()});
    for (std::size_t i = 0; i < early_.size(); ++i) to.put(early_[i]);
    each_side([&](auto, auto& side) { write_tied(to, side.newest.state()); });
  }
  void read(StateReader& from) {
    early_.clear();
    for (auto left = from.get<std::uint64_t>(); left > 0; --left) early_.push(from.get<Beside<T>>());
    missing_ = sizeof...(Others);
    each_side([&](auto, auto& side) {
      read_tied(from, side.newest.state());
      missing_ -= !side.newest.empty();
    });
    review();
    count_held();
  }

 protected:
  Pending* take_signal(const Signal& signal) override { return this->signal(0, signal); }

 private:
  template <class Fn>
  void each_side(Fn fn) {
    std::size_t place = 0;
    std::apply([&](auto&... sides) { (fn(place++, sides), ...); }, sides_);
  }
  template <class V>
  Out gather(V&& value) {
    return std::apply([&](auto&... sides) { return Out(std::forward<V>(value), sides.newest.value()...); },
                      sides_);
  }
  /// Puts what waited for the others into the line. An element of which no tuple can be made fails, with the others' newest,
  /// and those behind it go on; gives the first error.
  std::exception_ptr let_early_go() {
    std::exception_ptr first;
    for (std::size_t i = 0; i < early_.size(); ++i) {
      Beside<T>& early = early_[i];
      try {
        Context all = joined(early.context);
        this->add(gather(std::move(early.value)), std::move(all));
      } catch (...) {
        const std::exception_ptr error = std::current_exception();
        early.context.fail(error);
        each_side([&](auto, auto& side) { side.newest.context().fail(error); });
        if (!first) first = error;
      }
      early.context.clear();
    }
    early_.clear();
    return first;
  }
  Context joined(const Context& first) {
    Context all = first;
    each_side([&](auto, auto& side) { all.append(side.newest.context()); });
    return all;
  }

  template <class V>
  [[gnu::noinline]] Pending* emit_with_contexts(V&& value, const Context* context) {
    Out out = gather(std::forward<V>(value));
    Context all = joined(Context::of(context));
    if (Line::busy()) {
      auto& item = this->add(std::move(out), std::move(all));
      item.receipt = Receipt::waiting(this->strand(), &this->info(), Why::order);
      return item.receipt.share();
    }
    this->info().passed();
    try {
      return this->outlet.push(std::move(out), all.or_null());
    } catch (...) {
      all.fail(std::current_exception());
      throw;
    }
  }

  /// True when no further tuple can come.
  bool over() {
    bool ended = signals_.ended(0) && early_.empty();
    each_side(
        [&](auto place, auto& side) { ended = ended || (signals_.ended(place + 1) && side.newest.empty()); });
    return ended;
  }
  Pending* end() {
    over_ = true;
    if (missing_ == 0) each_side([&](auto, auto& side) { this->info().leaves_out(side.newest.leave_out()); });
    drop_all(zip_latest_over);
    return this->add(Signal{Signal::end});
  }
  Pending* drop(const Context* context) {
    if (context) context->drop(zip_latest_over);
    this->info().drops();
    return nullptr;
  }
  void drop_all(const char* reason) noexcept {
    for (std::size_t i = 0; i < early_.size(); ++i) this->lose(early_[i].context, reason);
    early_.clear();
    each_side([&](auto, auto& side) {
      if (side.newest.drop(reason)) this->info().drops();
    });
    missing_ = sizeof...(Others);
    plain_ = false;
    count_held();
  }
  void review() noexcept {
    plain_ = missing_ == 0;
    each_side([&](auto, auto& side) { plain_ = plain_ && side.newest.context().empty(); });
  }
  void count_held() noexcept { this->besides(early_.size() + sizeof...(Others) - missing_); }

  template <std::size_t... Is>
  static auto sides_type(std::index_sequence<Is...>)
      -> std::type_identity<std::tuple<ZipLatestSide<ZipLatestNode, Is, Others>...>>;

  Ring<Beside<T>> early_;
  std::size_t missing_ = sizeof...(Others);  // other streams that have had nothing yet
  bool plain_ = false;  // each of them has one, none came with a Context, and more may come
  bool over_ = false;
  InputSignals signals_{1 + sizeof...(Others)};
  typename decltype(sides_type(std::index_sequence_for<Others...>{}))::type sides_;
};

template <class T, class... Others>
auto zip_latest_streams(Stream<T> first, Stream<Others>... others) {
  Graph& graph = joined_graph(first, others...);
  auto& node = graph.add(make_box<ZipLatestNode<T, Others...>>());
  wire(node, [&] { node.connect(graph, first, others...); });
  return Stream{node.outlet};
}

}  // namespace detail

/// Every element of the first stream with the newest of each of the others.
///
///     a    -1-2---3---4-|
///     b    -----x---y---|
///          zip_latest(a, b)
///     out  -----A-B---C-|     A = (1, x) and then (2, x), B = (3, x), C = (4, y)
///
/// A function of all its streams; `a.zip_latest(b)` is `zip_latest(a, b)`. Nothing of the first one is lost:
/// its elements wait until each of the others has had one. The same stream may be named twice. Ends when no
/// further tuple can come: when the first stream has ended and none of its elements waits, or another one has
/// ended without an element.
///
/// @param inputs  at least two streams or chains; elements of all but the first are copied.
///
/// Back-pressure: passes through; elements that wait for the others do not hold up their stream, and the
///                element that lets them go waits until they are through.
/// Metadata:      held until emitted and joined in the order of the inputs; the newest of the others until it
///                is replaced. An element that was replaced before it was emitted is done; what waits when
///                the end comes, and what was not emitted when it is stopped, is dropped.
/// Errors:        std::logic_error here when the streams belong to different event loops.
/// Cost:          O(inputs) an element: a copy of the newest of each of the others. Memory grows with the
///                elements of the first stream that come before all others have had one.
/// Recovery:      state: the waiting elements and the newest of each of the others.
/// Example:       examples/02_operators/zip_latest.cpp
/// See also:      combine_latest, zip
template <class... Inputs>
auto zip_latest(Inputs&&... inputs) {
  constexpr bool understood = sizeof...(Inputs) > 1 && (detail::is_input<Inputs> && ...);
  static_assert(understood, "zip_latest: the arguments must be at least two streams");
  if constexpr (understood) {
    std::tuple streams{std::tuple<>{}, detail::input(std::forward<Inputs>(inputs))...};
    return std::apply([](auto&, auto&... each) { return detail::zip_latest_streams(std::move(each)...); },
                      streams);
  }
}

}  // namespace penstock
