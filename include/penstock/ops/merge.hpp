// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <exception>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/core/box.hpp"
#include "penstock/ops/detail/inputs.hpp"
#include "penstock/state/detail/gate.hpp"

namespace penstock {
namespace detail {

template <element T>
class MergeNode final : public Node {
  class Side final : public AlignedReceiver<T, Side> {
   public:
    Side(MergeNode& owner, std::size_t place) : owner_(owner), place_(place) {}
    template <class V>
    Pending* take(V&& value, const Context* context) {
      owner_.info().took();
      return owner_.outlet.push(std::forward<V>(value), context);
    }

   protected:
    Pending* take_signal(const Signal& signal) override { return owner_.signal(place_, signal); }

   private:
    MergeNode& owner_;
    std::size_t place_;
  };

 public:
  explicit MergeNode(std::size_t n) : Node(Info{"merge", {}, Shape::join}), signals_(n) {
    for (std::size_t i = 0; i < n; ++i) {
      sides_.push_back(make_box<Side>(*this, i));
      port(*sides_.back());
    }
    port(outlet);
  }

  Inlet<T>& side(std::size_t i) noexcept { return *sides_[i]; }

  Pending* signal(std::size_t place, const Signal& signal) {
    Join join{strand()};
    signals_.take(place, signal, [&](const Signal& merged) { join.add(outlet.signal(merged)); });
    if (signals_.all_ended() != outlet.ended()) {
      join.add(outlet.signal({outlet.ended() ? Signal::reopen : Signal::end}));
    }
    return join.finish();
  }

  void disconnected(InletBase& inlet) override {
    for (std::size_t i = 0; i < sides_.size(); ++i) {
      if (sides_[i].get() == &inlet && inlet.upstreams().empty() && !signals_.ended(i)) {
        run_detached(*this, [&] { return Receipt{signal(i, {Signal::end})}; });
      }
    }
  }

  Outlet<T> outlet;

 private:
  std::vector<Box<Side>> sides_;
  InputSignals signals_;
};

template <class T, class... Others>
Stream<T> merge_streams(Stream<T> first, Others... others) {
  Graph& graph = joined_graph(first, others...);
  std::vector<Outlet<T>*> from{&first.outlet()};
  const auto add = [&](Outlet<T>& outlet) {
    for (const Outlet<T>* known : from) {
      if (known == &outlet) return;
    }
    from.push_back(&outlet);
  };
  (add(others.outlet()), ...);
  auto& node = graph.add(make_box<MergeNode<T>>(from.size()));
  wire(node, [&] {
    for (std::size_t i = 0; i < from.size(); ++i) graph.connect(*from[i], node.side(i));
  });
  return Stream<T>{node.outlet};
}

template <class First, class... Others>
inline constexpr bool same_elements = (std::same_as<typename std::remove_cvref_t<First>::value_type,
                                                    typename std::remove_cvref_t<Others>::value_type> &&
                                       ...);

}  // namespace detail

/// The elements of all streams, each as soon as it comes. Streamz: union, which is a word of C++.
///
///     a    -1---2---3-|
///     b    ---7---8-----9-|
///          merge(a, b)
///     out  -1-7-2-8-3---9-|
///
/// A function of all its streams; `a.merge(b, c)` is `merge(a, b, c)`. A stream that is named twice is merged
/// once. Ends when all of them have ended.
///
/// @param inputs  streams and chains of one element type; map others to it first.
///
/// Back-pressure: passes through.
/// Metadata:      follows its element.
/// Errors:        std::logic_error here when the streams belong to different event loops.
/// Cost:          one call an element.
/// Recovery:      no state.
/// Example:       examples/02_operators/merge.cpp
/// See also:      zip, combine_latest, split
template <class... Inputs>
auto merge(Inputs&&... inputs) {
  static_assert(sizeof...(Inputs) > 0 && (detail::is_input<Inputs> && ...),
                "merge: all arguments must be streams");
  if constexpr (sizeof...(Inputs) > 0 && (detail::is_input<Inputs> && ...)) {
    static_assert(detail::same_elements<Inputs...>,
                  "merge: all streams must have the same element type; map them to one type, such as a std::variant, "
                  "first");
    if constexpr (detail::same_elements<Inputs...>) {
      std::tuple streams{std::tuple<>{}, detail::input(std::forward<Inputs>(inputs))...};
      return std::apply([](auto&, auto&... each) { return detail::merge_streams(std::move(each)...); },
                        streams);
    }
  }
}

}  // namespace penstock
