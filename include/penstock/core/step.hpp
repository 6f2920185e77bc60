// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/core/element.hpp"
#include "penstock/core/graph.hpp"

namespace penstock {

/// The base of steps: operators with one input that never wait by themselves. A step is written once and runs fused with its
/// neighbours or alone. It has
///
///     template <class In> using output = …;              // the element type it emits, void when it ends the chain
///     template <class V, class Next>
///     Pending* operator()(V&& value, const Context* context, Next& next);   // V&& is T&& or const T&
///
/// and answers by calling `next(result, context)` and returning what that returned, or nullptr when it emits nothing. A
/// step that holds elements overrides `signal` to flush them at the end, and `shut_down` to drop them.
class Step {
 public:
  /// Called once the step has its final place.
  void place(Node& node, Info& info) noexcept {
    node_ = &node;
    info_ = &info;
  }

  template <class Next>
  Pending* signal(const Signal& signal, Next& next) {
    return next.signal(signal);
  }
  void shut_down() noexcept {}
  /// Of a step that is Managed: what it remembers goes into the snapshot.
  void at_barrier(const Signal& signal) const {
    if (signal.kind != Signal::barrier || !info_->state) return;
    if (Epochs* epochs = node_->graph().epochs()) epochs->passes(*info_, signal.value);
  }

 protected:
  Node& node() const noexcept { return *node_; }
  Info& info() const noexcept { return *info_; }

  /// Calls a user's function and counts it when it throws.
  template <class Fn, class... Args>
  [[gnu::always_inline]] decltype(auto) run(Fn& fn, Args&&... args) const {
    if constexpr (std::is_nothrow_invocable_v<Fn&, Args...>) {
      return detail::call(fn, std::forward<Args>(args)...);
    } else {
      try {
        return detail::call(fn, std::forward<Args>(args)...);
      } catch (...) {
        info_->fails();
        throw;
      }
    }
  }
  /// The same with the arguments that were bound behind the others.
  template <class Fn, class... Bound, class... Args>
  [[gnu::always_inline]] decltype(auto) run_bound(Fn& fn, std::tuple<Bound...>& bound, Args&&... args) const {
    return run_bound(std::index_sequence_for<Bound...>{}, fn, bound, std::forward<Args>(args)...);
  }

 private:
  // No std::apply: its three calls are not always inlined, and then a step is no longer part of its chain.
  template <std::size_t... I, class Fn, class Bound, class... Args>
  [[gnu::always_inline]] decltype(auto) run_bound(std::index_sequence<I...>, Fn& fn, Bound& bound,
                                                  Args&&... args) const {
    return run(fn, std::forward<Args>(args)..., std::get<I>(bound)...);
  }

  Node* node_ = nullptr;
  Info* info_ = nullptr;
};

namespace detail {

/// How many Infos a step has: its own, and those of steps inside of it.
template <class S>
inline constexpr std::size_t infos_of = 1;
template <class S>
  requires requires { S::infos; }
inline constexpr std::size_t infos_of<S> = S::infos;

[[gnu::noinline]] inline void add_info(std::vector<Info>& infos, Info&& info) {
  if (!infos.empty()) info.after = static_cast<std::size_t>(&infos.back() - &last_of(infos)) + 1;
  infos.push_back(std::move(info));
}
/// Puts what is known of one more step behind what is known of a chain.
template <class S>
void add_info(std::vector<Info>& infos, Info&& info, S& step) {
  add_info(infos, std::move(info));
  if constexpr (infos_of<S> > 1) step.add_infos(infos);
}

/// Takes the last step away: returns `fn(the steps before it, the step, its Info)`.
template <class... Steps, class Fn>
auto split_last(std::vector<Info>& infos, std::tuple<Steps...>& steps, Fn fn) {
  constexpr std::size_t last = sizeof...(Steps) - 1;
  Info info = std::move(infos.back());
  infos.pop_back();
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    return fn(std::tuple<std::tuple_element_t<I, std::tuple<Steps...>>...>(std::move(std::get<I>(steps))...),
              std::move(std::get<last>(steps)), std::move(info));
  }(std::make_index_sequence<last>{});
}
/// Whether there is one that has but one Info.
template <class... Steps>
inline constexpr bool has_last = false;
template <class First, class... Rest>
inline constexpr bool has_last<First, Rest...> = has_last<Rest...>;
template <class Last>
inline constexpr bool has_last<Last> = infos_of<Last> == 1;

/// A step and all that follow it, nested by value: what the compiler sees is one function.
template <class Step, class Next>
class Link {
 public:
  template <class... Rest>
  explicit Link(Step&& step, Rest&&... rest) : step_(std::move(step)), next_(std::forward<Rest>(rest)...) {}

  template <class V>
  [[gnu::always_inline]] Pending* operator()(V&& value, const Context* context) {
    return step_(std::forward<V>(value), context, next_);
  }
  Pending* signal(const Signal& signal) {
    if constexpr (std::is_base_of_v<Managed, Step>) step_.at_barrier(signal);
    return step_.signal(signal, next_);
  }

  void place(Node& node, Info* info) noexcept {
    step_.place(node, *info);
    next_.place(node, info + infos_of<Step>);
  }
  void shut_down() noexcept {
    step_.shut_down();
    next_.shut_down();
  }
  auto& tail() noexcept { return next_.tail(); }

 private:
  Step step_;
  Next next_;
};

/// The end of a chain that others go on from.
template <element T>
class ToOutlet {
 public:
  template <class V>
  [[gnu::always_inline]] Pending* operator()(V&& value, const Context* context) {
    return outlet_.push(std::forward<V>(value), context);
  }
  Pending* signal(const Signal& signal) { return outlet_.signal(signal); }
  void place(Node&, Info*) noexcept {}
  void shut_down() noexcept {}
  Outlet<T>& tail() noexcept { return outlet_; }

 private:
  Outlet<T> outlet_;
};

/// Behind a step that ends its chain.
struct Nowhere {
  Pending* signal(const Signal&) noexcept { return nullptr; }
  void place(Node&, Info*) noexcept {}
  void shut_down() noexcept {}
  Nowhere& tail() noexcept { return *this; }
};

template <class In, class... Steps>
struct Fold {
  using value = In;
};
template <class In, class First, class... Rest>
struct Fold<In, First, Rest...> {
  using value = typename Fold<typename First::template output<In>, Rest...>::value;
};

template <class Tail, class... Steps>
struct Links {
  using type = Tail;
};
template <class Tail, class First, class... Rest>
struct Links<Tail, First, Rest...> {
  using type = Link<First, typename Links<Tail, Rest...>::type>;
};

/// A chain of fused steps as one node.
template <element In, class... Steps>
class ChainNode final : public Node, public Receiver<In, ChainNode<In, Steps...>> {
 public:
  using Out = typename Fold<In, Steps...>::value;
  using Tail = typename std::conditional_t<std::is_void_v<Out>, std::type_identity<Nowhere>,
                                           std::type_identity<ToOutlet<std::conditional_t<std::is_void_v<Out>, In, Out>>>>::type;

  ChainNode(std::vector<Info>&& infos, std::tuple<Steps...>&& steps)
      : Node(std::move(infos)),
        links_(std::apply([](Steps&... each) { return typename Links<Tail, Steps...>::type(std::move(each)...); }, steps)) {
    this->port(static_cast<InletBase&>(*this));
    if constexpr (!std::is_void_v<Out>) this->port(tail());
  }

  void added() override { links_.place(*this, infos().data()); }
  void shut_down() noexcept override { links_.shut_down(); }
  auto& tail() noexcept { return links_.tail(); }

  /// While elements are counted they come in by `counted_`; otherwise counting costs nothing.
  InletBase& entry() noexcept override {
    if (infos().front().counting) return counted_;
    return *this;
  }

  template <class V>
  [[gnu::always_inline]] Pending* take(V&& value, const Context* context) {
    return links_(std::forward<V>(value), context);
  }

 protected:
  Pending* take_signal(const Signal& signal) override { return links_.signal(signal); }

 private:
  class Counted final : public Receiver<In, Counted> {
   public:
    explicit Counted(ChainNode& chain) : in_(chain.infos().front().in), chain_(chain) {}
    template <class V>
    [[gnu::always_inline]] Pending* take(V&& value, const Context* context) {
      in_.add();
      return chain_.push(std::forward<V>(value), context);
    }
    Pending* push_all(Batch<In>& batch) override {
      const CountTaken count{in_, batch};
      return chain_.push_all(batch);
    }

   protected:
    Pending* take_signal(const Signal&) override { return nullptr; }

   private:
    Counter& in_;
    ChainNode& chain_;
  };

  Counted counted_{*this};
  typename Links<Tail, Steps...>::type links_;
};

}  // namespace detail
}  // namespace penstock
