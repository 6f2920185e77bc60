// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/core/stream.hpp"
#include "penstock/core/view.hpp"
#include "penstock/ops/detail/joined.hpp"
#include "penstock/ops/detail/key.hpp"
#include "penstock/state/detail/remembers.hpp"
#include "penstock/ops/detail/table.hpp"
#include "penstock/ops/keep.hpp"

namespace penstock {
namespace detail {

template <class T, class Fn>
class PartitionUniqueStep : public StateStep<PartitionUniqueStep<T, Fn>> {
 public:
  template <class>
  using output = std::vector<T>;

  PartitionUniqueStep(std::size_t n, Keep keep, Fn key) : n_(n), keep_(keep), key_(std::move(key)) {}

  template <class V, class Next>
  Pending* operator()(V&& value, const Context* context, Next& next) {
    PENSTOCK_KEEPS("partition_unique", T);
    auto&& key = this->run(key_, std::as_const(value));
    if (const auto place = elements_.find(key); place != elements_.nowhere) {
      this->info().leaves_out();
      if (keep_ == Keep::first) return nullptr;
      replace(place, std::forward<decltype(key)>(key), std::forward<V>(value), context);
      return nullptr;
    }
    KeyType<Fn, T> kept(std::forward<decltype(key)>(key));
    const auto place = elements_.add(std::move(kept), Element{std::forward<V>(value), Context::of(context)});
    if constexpr (moves_safely) {
      this->info().holds(elements_.size());
      return elements_.size() >= n_ ? flush(next) : nullptr;
    } else {
      return added(place, next);
    }
  }

  template <class Next>
  Pending* signal(const Signal& signal, Next& next) {
    if (signal.kind != Signal::end || elements_.empty()) return next.signal(signal);
    return send_all(this->node().strand(), [&] { return flush(next); }, [&] { return next.signal(signal); });
  }
  void shut_down() noexcept {
    elements_.for_each([](const auto& item) {
      item.value.context.drop("partition_unique was stopped before its vector was full");
    });
    this->info().drops(elements_.size());
    this->info().holds(0);
    elements_.clear();
  }

  auto state() noexcept { return std::tie(elements_); }
  void restored() noexcept { this->info().holds(elements_.size()); }

 private:
  using Element = Beside<T>;

  static constexpr bool moves_safely =
      std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_constructible_v<KeyType<Fn, T>>;

  /// The old one goes when there is nothing left that can fail.
  template <class K, class V>
  void replace(std::uint32_t place, K&& key, V&& value, const Context* context) {
    KeyType<Fn, T> kept(std::forward<K>(key));
    Element element{std::forward<V>(value), Context::of(context)};
    if constexpr (!moves_safely && can_copy<T>) {
      auto elements = elements_;
      elements.erase(place);
      elements.add(std::move(kept), std::move(element));
      elements_ = std::move(elements);
    } else {
      elements_.erase(place);
      elements_.add(std::move(kept), std::move(element));
    }
  }
  /// Of elements whose moving may throw: the one that fills a vector which cannot be made leaves again.
  template <class Next>
  Pending* added(std::uint32_t place, Next& next) {
    if (elements_.size() < n_) {
      this->info().holds(elements_.size());
      return nullptr;
    }
    Context joined;
    std::vector<T> full;
    try {
      full = all(joined);
    } catch (...) {
      elements_.erase(place);
      throw;
    }
    return flush(std::move(full), joined, next);
  }
  std::vector<T> all(Context& joined) {
    std::vector<T> full;
    full.reserve(elements_.size());
    elements_.for_each([&](auto& item) {
      full.push_back(std::move_if_noexcept(item.value.value));
      joined.append(item.value.context);
    });
    return full;
  }
  template <class Next>
  Pending* flush(Next& next) {
    Context joined;
    std::vector<T> full = all(joined);
    return flush(std::move(full), joined, next);
  }
  template <class Next>
  Pending* flush(std::vector<T>&& full, const Context& joined, Next& next) {
    elements_.clear();
    this->info().holds(0);
    this->info().passed();
    return emit_joined(next, std::move(full), joined);
  }

  std::size_t n_;
  Keep keep_;
  [[no_unique_address]] KeyOf<Fn> key_;
  Table<KeyType<Fn, T>, Element> elements_;
};

template <class Fn>
auto make_partition_unique(std::size_t n, Keep keep, Fn key) {
  return [n, keep, key = std::move(key)](auto&& stream) {
    using T = typename std::remove_cvref_t<decltype(stream)>::value_type;
    constexpr bool is_key = key_of<Fn, T>;
    static_assert(
        is_key,
        "partition_unique: the key must be callable with a const element of the stream and return a value, or be a "
        "member, key or index of the elements");
    if constexpr (is_key) {
      using Key = KeyType<Fn, T>;
      constexpr bool kept = std::equality_comparable<Key> &&
                            std::constructible_from<Key, std::invoke_result_t<KeyOf<Fn>&, const T&>>;
      static_assert(
          kept,
          "partition_unique: the keys, or without a key function the elements, must be comparable with == and "
          "copyable");
      if constexpr (kept) {
        Info info{"partition_unique", std::to_string(n), Shape::collect};
        info.one_to_one = false;
        return std::forward<decltype(stream)>(stream).then(PartitionUniqueStep<T, Fn>(n, keep, key),
                                                           std::move(info));
      }
    }
  };
}

}  // namespace detail

/// Gathers elements with different keys into vectors of `n`, of several with one key only one.
///
///     in   -1-2-1-3-1-3-3-2-|
///          partition_unique(3)
///     out  -------a-------b-|        a = [1,2,3], b = [1,3,2]
///
/// @param n        different keys in a vector, at least 1.
/// @param options  in any order
///                 - the key: a function of a const element, a pointer to a member, or an index or key as
///                   `pluck` takes them; the elements themselves without one;
///                 - `Keep::first`, the usual: a later element with the same key is left out;
///                   `Keep::last`: it replaces the earlier one, and stands where it came.
///
/// What is held when the stream ends is emitted as a shorter vector.
///
/// Back-pressure: the element that fills a vector waits for it; the others do not.
/// Metadata:      joined, in the order of the vector; held until emitted; an element that is left out or
///                replaced is done.
/// Errors:        std::invalid_argument here when n is 0; what the key function throws comes back through
///                emit.
/// Cost:          one look-up an element; one allocation a vector.
/// Recovery:      state: the elements of the unfinished vector.
/// Example:       examples/02_operators/partition_unique.cpp
/// See also:      partition, unique, timed_window_unique
template <class... Options>
auto partition_unique(std::size_t n, Options... options) {
  static_assert(sizeof...(Options) <= 2,
                "partition_unique: takes n, at most one key, and Keep::first or Keep::last");
  detail::at_least_one("partition_unique", n);
  if constexpr (sizeof...(Options) == 0) {
    return detail::make_partition_unique(n, Keep::first, detail::Identity{});
  } else {
    return [n](auto first, auto... rest) {
      if constexpr (std::same_as<decltype(first), Keep>) {
        if constexpr (sizeof...(rest) == 0) {
          return detail::make_partition_unique(n, first, detail::Identity{});
        } else {
          return detail::make_partition_unique(n, first, detail::owned(std::move(rest))...);
        }
      } else {
        if constexpr (sizeof...(rest) == 0) {
          return detail::make_partition_unique(n, Keep::first, detail::owned(std::move(first)));
        } else {
          return detail::make_partition_unique(n, rest..., detail::owned(std::move(first)));
        }
      }
    }(std::move(options)...);
  }
}

}  // namespace penstock
