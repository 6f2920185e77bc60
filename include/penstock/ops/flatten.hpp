// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <exception>
#include <type_traits>
#include <utility>

#include "penstock/core/iterator.hpp"
#include "penstock/core/line.hpp"
#include "penstock/core/stream.hpp"
#include "penstock/core/view.hpp"

namespace penstock {
namespace detail {

namespace iteration {
using std::begin;
using std::end;
template <class R>
auto first(R& range) -> decltype(begin(range)) {
  return begin(range);
}
template <class R>
auto past(R& range) -> decltype(end(range)) {
  return end(range);
}
}  // namespace iteration

template <class R>
concept iterable = requires(R& range) {
  { iteration::first(range) != iteration::past(range) } -> std::convertible_to<bool>;
  *iteration::first(range);
};

template <class T>
struct ItemOf {
  using type = T;
};
/// The keys of maps are const inside of them, and not outside.
template <class K, class V>
struct ItemOf<std::pair<const K, V>> {
  using type = std::pair<K, V>;
};
template <class R>
using Iterator = decltype(iteration::first(std::declval<R&>()));
template <class R>
using RangeItem = typename ItemOf<std::iter_value_t<Iterator<R>>>::type;

}  // namespace detail

/// Containers, texts, views and whatever else a range-based `for` goes over.
template <class T>
concept range_of_items = detail::iterable<T> && element<detail::RangeItem<T>>;

namespace detail {

struct ItemMark {
  bool last = true;  // of its range
};

/// Emits items at once for as long as what follows takes them; the rest, and what comes meanwhile, stands in
/// the line.
template <element R>
class FlattenNode final : public LineNode<FlattenNode<R>, RangeItem<R>, ItemMark>,
                          public Receiver<R, FlattenNode<R>> {
  using Item = RangeItem<R>;
  using Line = LineNode<FlattenNode, Item, ItemMark>;

 public:
  explicit FlattenNode(const char* name) : Line(Info{name}) {
    PENSTOCK_KEEPS("flatten", Item);
    this->port(static_cast<InletBase&>(*this));
    this->port(this->outlet);
    this->info().recovery = Recovery::drained;
  }

  template <class V>
  Pending* take(V&& range, const Context* context) {
    this->info().took();
    if constexpr (!std::is_lvalue_reference_v<V>) {
      return emit_all<owns>(range, context);
    } else if constexpr (iterable<const R>) {
      return emit_all<false>(range, context);
    } else {
      R copy(range);
      return emit_all<owns>(copy, context);
    }
  }

  void leaving(const typename Line::Item& item) noexcept { under_way_is_last_ = item.mark.last; }
  // An item that fails takes the rest of its range with it, as it does when it fails at once.
  void pumped(std::exception_ptr error) noexcept {
    if (!error || under_way_is_last_) return Line::pumped(std::move(error));
    for (bool last = false; !last && !this->line_.empty();) {
      const auto item = this->line_.pop();
      this->elements(this->elements_ - 1);
      last = item.mark.last;
      if (!last) continue;
      item.context.fail(error);
      item.receipt.settle(error);
    }
  }

 protected:
  Pending* take_signal(const Signal& signal) override { return Line::add(signal); }

 private:
  // A view that is given away is not the owner of what it shows; containers let nobody change items of a
  // const one.
  static constexpr bool owns = [] {
    if constexpr (iterable<const R>) {
      return std::is_lvalue_reference_v<decltype(*std::declval<Iterator<R>&>())> &&
             std::is_const_v<std::remove_reference_t<decltype(*std::declval<Iterator<const R>&>())>>;
    } else {
      return false;
    }
  }();

  template <bool Move, class Iter>
  static decltype(auto) item(Iter& at) {
    using Reference = decltype(*at);
    if constexpr (std::is_same_v<std::remove_cvref_t<Reference>, Item> &&
                  std::is_lvalue_reference_v<Reference>) {
      if constexpr (Move) {
        return std::move(*at);
      } else {
        return std::as_const(*at);
      }
    } else if constexpr (Move && std::is_lvalue_reference_v<Reference>) {
      return Item(std::move(*at));
    } else {
      return Item(*at);
    }
  }

  template <bool Move, class Range>
  Pending* emit_all(Range& range, const Context* context) {
    auto at = iteration::first(range);
    const auto end = iteration::past(range);
    if (!(at != end)) return nullptr;
    if (Line::busy()) return keep<Move>(at, end, context);
    if constexpr (std::forward_iterator<decltype(at)>) {
      for (;;) {
        auto current = at;
        const bool last = !(++at != end);
        this->info().passed();
        Pending* pending = this->outlet.push(item<Move>(current), last ? context : nullptr);
        if (last) return pending;
        if (pending) return wait<Move>(pending, at, end, context);
      }
    } else {
      for (;;) {
        Item current(item<Move>(at));
        const bool last = !(++at != end);
        this->info().passed();
        Pending* pending = this->outlet.push(std::move(current), last ? context : nullptr);
        if (last) return pending;
        if (pending) return wait<Move>(pending, at, end, context);
      }
    }
  }

  template <bool Move, class Iter, class End>
  [[gnu::noinline, gnu::cold]] Pending* wait(Pending* pending, Iter& at, const End& end,
                                             const Context* context) {
    under_way_is_last_ = false;
    this->pump_.rest_until(Receipt{pending});
    return keep<Move>(at, end, context);
  }
  template <bool Move, class Iter, class End>
  [[gnu::noinline, gnu::cold]] Pending* keep(Iter& at, const End& end, const Context* context) {
    bool some = false;
    try {
      for (;; some = true) {
        Item kept(item<Move>(at));
        const bool last = !(++at != end);
        if (!last) {
          Line::add(std::move(kept), Context{}, ItemMark{false});
          continue;
        }
        const Receipt receipt = Receipt::waiting(this->strand(), &this->info(), Why::order);
        Line::add(std::move(kept), Context::of(context), ItemMark{true}, receipt);
        return receipt.share();
      }
    } catch (...) {
      // The range ends there: the next one is not the rest of it.
      if (some) {
        this->line_.back().mark.last = true;
      } else if (this->line_.empty()) {
        under_way_is_last_ = true;
      }
      throw;
    }
  }

  bool under_way_is_last_ = true;
};

inline auto make_flatten(const char* name) {
  return [name](auto&& stream) {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    static_assert(range_of_items<T>, "flatten: the elements must be ranges, such as vectors, maps or texts");
    if constexpr (range_of_items<T>) {
      return Stream<RangeItem<T>>{attach<FlattenNode<T>>(stream.stream(), name).outlet};
    }
  };
}

}  // namespace detail

/// Emits the items of every element one by one.
///
///     in   -[1,2]---[]-[3]-|
///          flatten()
///     out  -(12)-------3---|
///
/// The elements may be anything that a range-based `for` goes over: vectors, lists, texts, views, and maps,
/// whose items are `std::pair(key, value)` (Streamz: keys only). Items are moved out of a container that
/// nobody else uses. One level is flattened; `flatten().flatten()` flattens two.
///
/// Back-pressure: passes through: when an item waits, the rest of its range waits behind it, and so does what
///                comes meanwhile.
/// Metadata:      with the last item; an empty range is done.
/// Errors:        an item that fails further down takes the rest of its range with it; the element has
///                failed.
/// Cost:          one call an item; memory only for what waits.
/// Recovery:      drained: a checkpoint waits for the items that wait.
/// Example:       examples/02_operators/flatten.cpp
/// See also:      map, partition
template <class>
auto flatten() {
  return detail::make_flatten("flatten");
}

/// Emits the items of every element one by one: another name of `flatten`.
///
/// Back-pressure: passes through: when an item waits, the rest of its range waits behind it, and so does what
///                comes meanwhile.
/// Metadata:      with the last item; an empty range is done.
/// Errors:        an item that fails further down takes the rest of its range with it; the element has
///                failed.
/// Cost:          one call an item; memory only for what waits.
/// Recovery:      drained: a checkpoint waits for the items that wait.
/// Example:       examples/02_operators/flatten.cpp
/// See also:      flatten
template <class>
auto concat() {
  return detail::make_flatten("concat");
}

}  // namespace penstock
