// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/core/stream.hpp"
#include "penstock/ops/detail/key.hpp"

namespace penstock {
namespace detail {

/// Picks known when compiling: tuple indices, and pointers to members.
template <auto Pick, class T>
decltype(auto) pick_static(T&& from) {
  if constexpr (std::is_member_pointer_v<decltype(Pick)>) {
    auto member = Pick;
    return call(member, std::forward<T>(from));
  } else {
    return std::get<static_cast<std::size_t>(Pick)>(std::forward<T>(from));
  }
}

template <auto Pick, class T>
constexpr bool has_pick() {
  if constexpr (std::is_member_pointer_v<decltype(Pick)>) {
    return std::is_invocable_v<decltype(Pick), const T&>;
  } else if constexpr (requires { std::tuple_size<T>::value; }) {
    return static_cast<std::size_t>(Pick) < std::tuple_size_v<T>;
  } else {
    return false;
  }
}

template <auto... Picks>
class StaticPluck {
 public:
  template <class T>
  static constexpr bool fits = (has_pick<Picks, T>() && ...);

  template <class V>
  auto operator()(V&& from) const {
    if constexpr (sizeof...(Picks) == 1) {
      return std::decay_t<decltype(pick_static<Picks...>(std::forward<V>(from)))>(
          pick_static<Picks...>(std::forward<V>(from)));
    } else {
      return std::tuple<std::decay_t<decltype(pick_static<Picks>(std::as_const(from)))>...>(
          pick_static<Picks>(std::as_const(from))...);
    }
  }
  std::string text() const {
    std::string all;
    ((all += all.empty() ? text_of(Picks) : ", " + text_of(Picks)), ...);
    return all;
  }

 private:
  static std::string text_of(auto pick) {
    if constexpr (std::integral<decltype(pick)>) {
      return std::to_string(pick);
    } else {
      return "member";
    }
  }
};

template <class... Picks>
class Pluck {
 public:
  template <class T>
  static constexpr bool fits = (picked_by<T, Picks> && ...);

  explicit Pluck(Picks... picks) : picks_(std::move(picks)...) {}

  template <class V>
  auto operator()(V&& from) {
    return std::apply(
        [&](Picks&... picks) {
          if constexpr (sizeof...(Picks) == 1) {
            using Out = std::decay_t<decltype(pick_from("pluck", std::forward<V>(from), picks...))>;
            return Out(pick_from("pluck", std::forward<V>(from), picks...));
          } else {
            return std::tuple<std::decay_t<decltype(pick_from("pluck", std::as_const(from), picks))>...>(
                pick_from("pluck", std::as_const(from), picks)...);
          }
        },
        picks_);
  }
  std::string text() const {
    std::string all;
    std::apply([&](const Picks&... picks) { ((all += (all.empty() ? "" : ", ") + pick_text(picks)), ...); },
               picks_);
    return all;
  }

 private:
  std::tuple<Picks...> picks_;
};

template <class Pick>
class PluckList {
 public:
  template <class T>
  static constexpr bool fits = picked_by<T, Pick>;

  explicit PluckList(std::vector<Pick> picks) : picks_(std::move(picks)) {}

  template <class V>
  auto operator()(V&& from) {
    std::vector<std::decay_t<decltype(pick_from("pluck", std::as_const(from), picks_.front()))>> items;
    items.reserve(picks_.size());
    for (Pick& pick : picks_) items.push_back(pick_from("pluck", std::as_const(from), pick));
    return items;
  }
  std::string text() const {
    std::string all;
    for (const Pick& pick : picks_) all += (all.empty() ? "" : ", ") + pick_text(pick);
    return all;
  }

 private:
  std::vector<Pick> picks_;
};

template <class Pick>
class PluckStep : public Step {
 public:
  template <class In>
  using output = std::decay_t<std::invoke_result_t<Pick&, In>>;

  explicit PluckStep(Pick pick) : pick_(std::move(pick)) {}

  template <class V, class Next>
  [[gnu::always_inline]] Pending* operator()(V&& value, const Context* context, Next& next) {
    return next(this->run(pick_, std::forward<V>(value)), context);
  }

 private:
  [[no_unique_address]] Pick pick_;
};

template <class Pick>
auto make_pluck(Pick pick) {
  return [pick = std::move(pick)](auto&& stream) {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    static_assert(
        Pick::template fits<T>,
        "pluck: the elements have no such members: maps take keys; vectors, arrays and texts take indices; structs "
        "take pluck(&T::member); tuples take pluck<0>(), whose index must lie inside");
    if constexpr (Pick::template fits<T>) {
      return std::forward<decltype(stream)>(stream).then(PluckStep<Pick>(pick), Info{"pluck", pick.text()});
    }
  };
}

template <class>
inline constexpr bool is_list = false;
template <class T>
inline constexpr bool is_list<std::vector<T>> = true;

}  // namespace detail

/// Picks one thing, or several, out of every element.
///
///     in   -{a,1}-{b,2}-|
///          pluck<0>()
///     out  -a-----b-----|
///
/// @param picks  a key of the elements, which are maps; an index into them, counted from 0; a pointer to a
///               member, or to a member function without arguments. Several emit a `std::tuple` of what they
///               pick, and one `std::vector` of keys or indices a `std::vector`.
///
/// `pluck<0>()`, `pluck<0, 2>()` and `pluck<&T::a>()` pick what is known when compiling: that is how tuples
/// are taken apart.
///
/// Back-pressure: passes through.
/// Metadata:      follows its element.
/// Errors:        std::out_of_range through emit when an element has no such key or index; that element has
///                failed.
/// Cost:          one look-up; a single pick moves out of an element that nobody else uses, several copy.
/// Recovery:      no state.
/// Example:       examples/02_operators/pluck.cpp
/// See also:      map, starmap
template <class... Picks>
auto pluck(Picks... picks) {
  static_assert(sizeof...(Picks) > 0,
                "pluck: takes what to pick, such as pluck(1), pluck(\"name\") or pluck<0>()");
  if constexpr (sizeof...(Picks) == 1 && (detail::is_list<Picks> && ...)) {
    return detail::make_pluck(detail::PluckList(std::move(picks)...));
  } else if constexpr (sizeof...(Picks) > 0) {
    return detail::make_pluck(detail::Pluck(detail::owned(std::move(picks))...));
  }
}
template <auto... Indices>
  requires(sizeof...(Indices) > 0)
auto pluck() {
  return detail::make_pluck(detail::StaticPluck<Indices...>{});
}

}  // namespace penstock
