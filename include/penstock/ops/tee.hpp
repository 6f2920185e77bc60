// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/core/stream.hpp"
#include "penstock/ops/detail/joined.hpp"

namespace penstock {
namespace detail {

/// The steps of a branch that has its end.
template <class... Steps>
class [[nodiscard("a branch of a tee is what its function returns")]] TeeEnd {
 public:
  using links = typename Links<Nowhere, Steps...>::type;
  static constexpr std::size_t size = (infos_of<Steps> + ...);

  TeeEnd(std::vector<Info> infos, std::tuple<Steps...> steps) : infos_(std::move(infos)), steps_(std::move(steps)) {}

  TeeEnd named(std::string name) && {
    last_of(infos_).name = std::move(name);
    return std::move(*this);
  }
  /// What sink_to_vector() needs for the handle that it returns.
  operator Sink() const {  // NOLINT: see above
    static_assert(sizeof(TeeEnd) == 0, "tee: a branch gives no handle; sink_to_vector takes the vector to append to there");
    misuse("tee: a branch gives no handle");
  }

  links take_steps() {
    return std::apply([](Steps&... each) { return links(std::move(each)...); }, steps_);
  }
  /// Its Infos, for a tee that stands `after` places before them, behind those of the branches before it.
  void take_infos(std::vector<Info>& infos, std::size_t after) {
    infos_.front().after = after;
    for (Info& info : infos_) {
      ++info.depth;
      infos.push_back(std::move(info));
    }
  }

 private:
  std::vector<Info> infos_;
  std::tuple<Steps...> steps_;
};

/// What the function of a branch is given: a chain that never becomes a node of its own.
template <element In, class... Steps>
class [[nodiscard("a branch of a tee does nothing until a sink ends it")]] TeeBranch
    : public Operators<TeeBranch<In, Steps...>> {
 public:
  using value_type = typename Fold<In, Steps...>::value;
  static constexpr bool single_use = true;

  TeeBranch()
    requires(sizeof...(Steps) == 0)
  = default;
  TeeBranch(std::vector<Info> infos, std::tuple<Steps...> steps) : infos_(std::move(infos)), steps_(std::move(steps)) {}
  TeeBranch(TeeBranch&&) = default;
  TeeBranch& operator=(TeeBranch&&) = default;

  template <class S>
  auto then(S step, Info info) && {
    use();
    add_info(infos_, std::move(info), step);
    auto steps = std::tuple_cat(std::move(steps_), std::tuple<S>(std::move(step)));
    if constexpr (std::is_void_v<typename Fold<In, Steps..., S>::value>) {
      return TeeEnd<Steps..., S>{std::move(infos_), std::move(steps)};
    } else {
      return TeeBranch<In, Steps..., S>{std::move(infos_), std::move(steps)};
    }
  }
  template <class Fn>
    requires(has_last<Steps...>)
  auto without_last(Fn fn) && {
    use();
    return split_last(infos_, steps_, [&]<class... Before>(std::tuple<Before...> before, auto step, Info info) {
      return fn(TeeBranch<In, Before...>{std::move(infos_), std::move(before)}, std::move(step), std::move(info));
    });
  }
  TeeBranch named(std::string name) &&
    requires(sizeof...(Steps) > 0)
  {
    last_of(infos_).name = std::move(name);
    return std::move(*this);
  }

  /// What operators that need a node ask for.
  Stream<value_type> stream() {
    static_assert(sizeof(TeeBranch) == 0,
                  "tee: a branch holds only operators that never wait; use the stream by its name for the others");
    misuse("tee: a branch holds only operators that never wait");
  }
  operator Stream<value_type>() { return stream(); }  // NOLINT: refused with the same sentence

 private:
  void use() {
    if (std::exchange(used_, true)) misuse("tee: a branch is used once; a tee inside of it makes several");
  }

  std::vector<Info> infos_;
  std::tuple<Steps...> steps_;
  bool used_ = false;
};

template <class T>
inline constexpr bool is_tee_end = false;
template <class... Steps>
inline constexpr bool is_tee_end<TeeEnd<Steps...>> = true;

/// All branches as one step. Its Infos are its own and then those of every branch.
template <class... Ends>
class TeeStep : public Step {
 public:
  template <class In>
  using output = In;
  static constexpr std::size_t infos = (1 + ... + Ends::size);

  explicit TeeStep(Ends... ends) : branches_(ends.take_steps()...) {
    (ends.take_infos(infos_, infos_.size() + 1), ...);
  }

  void add_infos(std::vector<Info>& chain) {
    for (Info& info : infos_) chain.push_back(std::move(info));
    infos_.clear();
  }
  void place(Node& node, Info& info) noexcept {
    Step::place(node, info);
    each([&, own = &info]<std::size_t I>(auto& branch) { branch.place(node, own + first[I]); });
  }
  void shut_down() noexcept {
    each([]<std::size_t>(auto& branch) { branch.shut_down(); });
  }

  template <class V, class Next>
  [[gnu::always_inline]] Pending* operator()(V&& value, const Context* context, Next& next) {
    return from<0>(std::forward<V>(value), context, next);
  }

  /// As at the outlet of a node: every branch gets it, and what is thrown comes after that.
  template <class Next>
  Pending* signal(const Signal& signal, Next& next) {
    const auto on = [&](auto&... to) { return send_all(node().strand(), [&] { return to.signal(signal); }...); };
    return std::apply([&](auto&... branch) { return on(branch..., next); }, branches_);
  }

 private:
  /// Where the Infos of each branch begin, behind its own.
  static constexpr std::array<std::size_t, sizeof...(Ends)> first = [] {
    std::array<std::size_t, sizeof...(Ends)> begins{};
    std::size_t i = 0;
    std::size_t at = 1;
    ((begins[i++] = at, at += Ends::size), ...);
    return begins;
  }();

  template <class Fn>
  void each(Fn fn) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (fn.template operator()<I>(std::get<I>(branches_)), ...);
    }(std::index_sequence_for<Ends...>{});
  }

  template <std::size_t I, class V, class Next>
  [[gnu::always_inline]] Pending* from(V&& value, const Context* context, Next& next) {
    if constexpr (I == sizeof...(Ends)) {
      return next(std::forward<V>(value), context);
    } else {
      if (Pending* pending = give<I>(std::as_const(value), context)) [[unlikely]] {
        return join<V>(pending, I, std::forward<V>(value), context, next);
      }
      return from<I + 1>(std::forward<V>(value), context, next);
    }
  }
  template <std::size_t I, class T>
  [[gnu::always_inline]] Pending* give(const T& value, const Context* context) {
    try {
      return std::get<I>(branches_)(value, context);
    } catch (...) {
      thrown_by(I);
      throw;
    }
  }

  /// Goes on behind branch `at`, which has something that waits.
  template <class V, class Next>
  [[gnu::noinline, gnu::cold]] Pending* join(Pending* first_one, std::size_t at, Aside<V> value, const Context* context,
                                             Next& next) {
    Join join{node().strand()};
    join.add(first_one);
    each([&]<std::size_t I>(auto&) {
      if (I > at) join.add(give<I>(std::as_const(value), context));
    });
    join.add(next(std::forward<V>(value), context));
    return join.finish();
  }

  /// What follows, the branches behind and the rest of the chain, does not get the element.
  [[gnu::noinline, gnu::cold]] void thrown_by(std::size_t at) noexcept {
    info().fails();
    if (!info().counting) return;
    for (++at; at < first.size(); ++at) (&info() + first[at])->missed.add();
  }

  std::tuple<typename Ends::links...> branches_;
  std::vector<Info> infos_;  // of the branches, until they have found their place
};

template <class Fn, class T>
struct TeeResult {
  using type = void;
};
template <class Fn, class T>
  requires(std::is_invocable_v<Fn&, TeeBranch<T>>)
struct TeeResult<Fn, T> {
  using type = std::remove_cvref_t<std::invoke_result_t<Fn&, TeeBranch<T>>>;
};

/// It asked its chain for a stream, or made something of a stream of its own.
template <class Fn, class T>
concept leaves_tee = std::derived_from<typename TeeResult<Fn, T>::type, Handle>;

}  // namespace detail

/// `Fn` can be called with a chain of `T` and returns it with a sink at its end.
template <class Fn, class T>
concept branch_of = detail::is_tee_end<typename detail::TeeResult<Fn, T>::type>;

/// Hangs branches on a chain: every element goes through all of them, and then on. They are fused with the chain into one
/// node, and an element that passes them costs no call but those of their functions. New here: in Streamz, as for a
/// `Stream` with a name here, whatever is used twice has two nodes behind it.
///
///     in     -1-2-3-|
///            tee([](auto s) { return s.map(x -> x * 10).sink(k); })
///     out    -1-2-3-|
///     taken  -a-b-c-|        a = 10, b = 20, c = 30
///
///     source.map(parse)
///         .tee([](auto s) { return s.filter(bad).sink(log); },
///              [](auto s) { return s.map(size).sink(count); })
///         .sink(store);
///
/// The branches take an element in the order in which they are written, each down to its sink, and then the rest of the
/// chain does. They borrow it, and the rest of the chain gets it: nothing is copied, and elements may be move-only.
///
/// @param branches  each called once, as `branch(chain)`; uses the chain once, with operators that never wait by
///                  themselves, and returns it with a sink at its end. A tee may stand in a branch.
///
/// Back-pressure: passes through; joined when a step of a branch waits.
/// Metadata:      follows its element, in every branch.
/// Errors:        what a branch throws comes back through emit, and what follows that branch does not get the element;
///                std::logic_error here for a chain that is used twice in its branch or not at all.
/// Cost:          nothing of its own.
/// Recovery:      that of the operators in the branches.
/// Example:       examples/02_operators/tee.cpp
/// See also:      tap, split, sink
template <class... Branches>
auto tee(Branches... branches) {
  return [branches = std::tuple<Branches...>(std::move(branches)...)](auto&& stream) mutable {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    constexpr bool right = sizeof...(Branches) > 0 && ((branch_of<Branches, T> || detail::leaves_tee<Branches, T>) && ...);
    static_assert(right, "tee: every branch is a function that takes a chain and returns it with a sink at its end");
    if constexpr (right && (branch_of<Branches, T> && ...)) {
      using Tee = detail::TeeStep<typename detail::TeeResult<Branches, T>::type...>;
      return std::apply(
          [&](Branches&... branch) {
            return std::forward<decltype(stream)>(stream).then(Tee{branch(detail::TeeBranch<T>{})...}, Info{"tee"});
          },
          branches);
    } else {
      if constexpr (right) {  // the call of a branch that asked for a stream says so, when compiling
        std::apply([](Branches&... branch) { (static_cast<void>(branch(detail::TeeBranch<T>{})), ...); }, branches);
      }
      detail::misuse("tee: a branch must return what it is given, with a sink at its end");
      return std::forward<decltype(stream)>(stream);
    }
  };
}

}  // namespace penstock
