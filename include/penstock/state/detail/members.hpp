// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

// The members of an aggregate, found without a description of it. Where there is doubt it has none that can be told: a
// wrong guess would not compile, in programs that never asked for it.

namespace penstock::detail {

inline constexpr std::size_t most_members = 24;
inline constexpr std::size_t untold = most_members + 1;

/// Initialises a member of any type, but not the whole or a base of it.
template <class Whole>
struct AnyMember {
  template <class M>
    requires(!std::is_base_of_v<M, Whole>)
  operator M() const {
    __builtin_unreachable();  // is asked about and never called
  }
};
struct AnyUnion {
  template <class M>
    requires(std::is_union_v<M>)
  operator M() const {
    __builtin_unreachable();
  }
};
template <class Whole>
struct AnyBase {
  template <class M>
    requires(std::is_base_of_v<M, Whole> && !std::is_same_v<M, Whole>)
  operator M() const {
    __builtin_unreachable();
  }
};
template <class T, std::size_t>
using AnyOf = AnyMember<T>;

template <class T, std::size_t... I>
constexpr bool takes(std::index_sequence<I...>) {
  return requires { T{AnyOf<T, I>{}...}; };
}
template <class T, std::size_t... I, std::size_t... J>
constexpr bool takes_union(std::index_sequence<I...>, std::index_sequence<J...>) {
  return requires { T{AnyOf<T, I>{}..., AnyUnion{}, AnyOf<T, J>{}...}; };
}
template <class T, std::size_t... I>
constexpr bool takes_base(std::index_sequence<I...>) {
  return requires { T{AnyBase<T>{}, AnyOf<T, I>{}...}; };
}
template <class T, std::size_t... I, std::size_t... K, std::size_t... J>
constexpr bool takes_group(std::index_sequence<I...>, std::index_sequence<K...>, std::index_sequence<J...>) {
  return requires { T{AnyOf<T, I>{}..., {AnyOf<T, K>{}...}, AnyOf<T, J>{}...}; };
}

/// What can be listed for a `T` at most: its members, and in place of an array its elements.
template <class T, std::size_t N = untold>
constexpr std::size_t most_listed() {
  if constexpr (N == 0 || takes<T>(std::make_index_sequence<N>{})) {
    return N;
  } else {
    return most_listed<T, N - 1>();
  }
}

/// Whether the I-th of N is a union, which nobody can read, or the first of the elements of an array: K of them may
/// stand in braces of their own, but then not as many may follow as behind one member.
template <class T, std::size_t N, std::size_t I, std::size_t K = 2>
constexpr bool doubtful() {
  if constexpr (I + K <= N) {
    using Before = std::make_index_sequence<I>;
    using Group = std::make_index_sequence<K>;
    return (takes_group<T>(Before{}, Group{}, std::make_index_sequence<N - I - K>{}) &&
            !takes_group<T>(Before{}, Group{}, std::make_index_sequence<N - I - 1>{})) ||
           doubtful<T, N, I, K + 1>();
  } else {
    return takes_union<T>(std::make_index_sequence<I>{}, std::make_index_sequence<N - I - 1>{});
  }
}
template <class T, std::size_t... I>
constexpr bool any_doubtful(std::index_sequence<I...>) {
  return ((takes_base<T>(std::make_index_sequence<I>{}) || doubtful<T, sizeof...(I), I>()) || ...) ||
         takes_base<T>(std::index_sequence<I...>{});
}

/// How many members a `T` has; `untold` when that is not certain, or it is no aggregate.
template <class T>
constexpr std::size_t count_members() {
  if constexpr (!std::is_class_v<T> || !std::is_aggregate_v<T>) {
    return untold;
  } else if constexpr (std::is_empty_v<T>) {
    return 0;
  } else {
    constexpr std::size_t listed = most_listed<T>();
    if constexpr (listed == 0 || listed == untold) return untold;
    else return any_doubtful<T>(std::make_index_sequence<listed>{}) ? untold : listed;
  }
}
template <class T>
inline constexpr std::size_t member_count = count_members<T>();

/// Calls `fn` with the members of an aggregate, one after the other.
template <class T, class Fn>
constexpr decltype(auto) with_members(const T& whole, Fn&& fn) {
  constexpr std::size_t count = member_count<T>;
#define PENSTOCK_MEMBERS(n, ...)           \
  if constexpr (count == n) {              \
    const auto& [__VA_ARGS__] = whole;     \
    return fn(__VA_ARGS__);                \
  } else
  PENSTOCK_MEMBERS(1, a)
  PENSTOCK_MEMBERS(2, a, b)
  PENSTOCK_MEMBERS(3, a, b, c)
  PENSTOCK_MEMBERS(4, a, b, c, d)
  PENSTOCK_MEMBERS(5, a, b, c, d, e)
  PENSTOCK_MEMBERS(6, a, b, c, d, e, f)
  PENSTOCK_MEMBERS(7, a, b, c, d, e, f, g)
  PENSTOCK_MEMBERS(8, a, b, c, d, e, f, g, h)
  PENSTOCK_MEMBERS(9, a, b, c, d, e, f, g, h, i)
  PENSTOCK_MEMBERS(10, a, b, c, d, e, f, g, h, i, j)
  PENSTOCK_MEMBERS(11, a, b, c, d, e, f, g, h, i, j, k)
  PENSTOCK_MEMBERS(12, a, b, c, d, e, f, g, h, i, j, k, l)
  PENSTOCK_MEMBERS(13, a, b, c, d, e, f, g, h, i, j, k, l, m)
  PENSTOCK_MEMBERS(14, a, b, c, d, e, f, g, h, i, j, k, l, m, n)
  PENSTOCK_MEMBERS(15, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o)
  PENSTOCK_MEMBERS(16, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)
  PENSTOCK_MEMBERS(17, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q)
  PENSTOCK_MEMBERS(18, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r)
  PENSTOCK_MEMBERS(19, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s)
  PENSTOCK_MEMBERS(20, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t)
  PENSTOCK_MEMBERS(21, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u)
  PENSTOCK_MEMBERS(22, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v)
  PENSTOCK_MEMBERS(23, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w)
  PENSTOCK_MEMBERS(24, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x)
  return fn();
#undef PENSTOCK_MEMBERS
}

/// The types of the members, as the arguments of `List`.
template <template <class...> class List>
struct ListMembers {
  template <class... Ms>
  List<Ms...> operator()(const Ms&...) const;
};
template <class T, template <class...> class List>
using members_of = decltype(with_members(std::declval<const T&>(), ListMembers<List>{}));

}  // namespace penstock::detail
