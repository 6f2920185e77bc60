// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "penstock/state/detail/kind.hpp"

// How each kind of type is saved: docs/reference/state.md says it in words.

namespace penstock::detail::coding {

/// Numbers whose bytes in memory are those in the file.
template <class T>
inline constexpr bool as_in_memory =
    (kind<T> == Kind::number || kind<T> == Kind::real) && sizeof(T) <= 8 && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
template <class T>
inline constexpr std::size_t coded_size = std::numeric_limits<T>::digits == 64 && kind<T> == Kind::real ? 10 : sizeof(T);
/// What an element of a container takes at least: a byte stands for one that takes none, so that no count lies.
template <class T>
inline constexpr std::size_t least_size = kind<T> == Kind::number || kind<T> == Kind::real ? coded_size<T> : 1;

/// Values within values of types with codecs of their own: damaged bytes must not overflow the stack.
template <class Bytes>
class Deeper {
 public:
  explicit Deeper(Bytes& in) : in_(in) {
    if (++in_.depth() > 1000) in_.refuse("its values stand within more than 1000 others");
  }
  Deeper(const Deeper&) = delete;
  ~Deeper() { --in_.depth(); }

 private:
  Bytes& in_;
};

template <class To, class T>
void write_number(To& to, const T& value) {
  char bytes[sizeof(T)];
  __builtin_memcpy(bytes, &value, sizeof(T));
  if constexpr (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__) {
    for (std::size_t i = 0; i < sizeof(T) / 2; ++i) std::swap(bytes[i], bytes[sizeof(T) - 1 - i]);
  }
  to.raw(bytes, coded_size<T>);
}
template <class T, class From>
T read_number(From& from) {
  char bytes[sizeof(T)] = {};
  __builtin_memcpy(bytes, from.raw(coded_size<T>), coded_size<T>);
  if constexpr (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__) {
    for (std::size_t i = 0; i < sizeof(T) / 2; ++i) std::swap(bytes[i], bytes[sizeof(T) - 1 - i]);
  }
  T value;
  __builtin_memcpy(&value, bytes, sizeof(T));
  return value;
}

template <class To, class T>
void write(To& to, const T& value);
template <class T, class From>
T read(From& from);
template <class From, class T>
void fill(From& from, T& into);

template <class T, class To>
void write_element(To& to, const T& value) {
  const std::size_t before = to.size();
  write(to, value);
  if (to.size() == before) to.byte(0);
}
/// What stands in a container: of a map a key and what it leads to.
template <class T, class To, class Entry>
void write_entry(To& to, const Entry& entry) {
  if constexpr (kind<T> == Kind::map) {
    write(to, entry.first);
    write_element<typename T::mapped_type>(to, entry.second);
  } else {
    write_element<typename T::value_type>(to, entry);
  }
}
template <class T, class From>
T read_element(From& from) {
  const std::size_t before = from.left();
  T value = read<T>(from);
  if (from.left() == before) from.byte();
  return value;
}

template <class T>
concept hash_table = !requires { typename T::key_compare; } && requires(const typename T::key_type& key) {
  { key < key } -> std::convertible_to<bool>;
};
/// Arrays and vectors of numbers.
template <class T>
concept lies_flat = requires(T& of) { requires as_in_memory<std::remove_reference_t<decltype(*of.data())>>; } &&
                    (kind<T> == Kind::array || requires(T& of) { of.resize(std::size_t{}); });

/// The entries of a hash table, ordered by key where keys have an order: the same entries are the same bytes then.
template <class To, class T>
void write_by_key(To& to, const T& table) {
  using Entry = typename T::value_type;
  std::vector<const Entry*> entries;
  entries.reserve(table.size());
  for (const Entry& entry : table) entries.push_back(&entry);
  if (entries.empty()) return;
  std::qsort(entries.data(), entries.size(), sizeof(const Entry*), [](const void* a, const void* b) {
    const Entry& one = **static_cast<const Entry* const*>(a);
    const Entry& other = **static_cast<const Entry* const*>(b);
    if constexpr (kind<T> == Kind::map) return one.first < other.first ? -1 : static_cast<int>(other.first < one.first);
    else return one < other ? -1 : static_cast<int>(other < one);
  });
  for (const Entry* entry : entries) write_entry<T>(to, *entry);
}

template <std::size_t I, class To, class T, class First, class... Rest>
void write_alternative(To& to, const T& value, Parts<First, Rest...>) {
  if (value.index() == I) return write(to, *get_if<I>(&value));
  if constexpr (sizeof...(Rest) > 0) write_alternative<I + 1>(to, value, Parts<Rest...>{});
}

template <class To, class T>
void write(To& to, const T& value) {
  constexpr Kind is = kind<T>;
  if constexpr (is == Kind::own) {
    const Deeper<To> deeper{to};
    Codec<T>::write(to, value);
  } else if constexpr (is == Kind::boolean) {
    to.byte(value);
  } else if constexpr (is == Kind::number || is == Kind::real) {
    write_number(to, value);
  } else if constexpr (is == Kind::text) {
    to.text(value);
  } else if constexpr (is == Kind::duration) {
    write(to, value.count());
  } else if constexpr (is == Kind::time) {
    write(to, value.time_since_epoch());
  } else if constexpr (is == Kind::optional) {
    to.byte(value.has_value());
    if (value.has_value()) write(to, *value);
  } else if constexpr (is == Kind::variant) {
    if (value.valueless_by_exception()) to.refuse("a variant that has lost its value in an exception cannot be saved");
    to.count(value.index());
    write_alternative<0>(to, value, parts_of<T>{});
  } else if constexpr (is == Kind::tuple) {
    std::apply([&](const auto&... parts) { (write(to, parts), ...); }, value);
  } else if constexpr (is == Kind::fields) {
    std::apply([&](const auto&... parts) { (write(to, parts), ...); }, T::fields(value));
  } else if constexpr (is == Kind::members) {
    with_members(value, [&](const auto&... parts) { (write(to, parts), ...); });
  } else {
    if constexpr (is != Kind::array) to.count(value.size());
    if constexpr (lies_flat<T>) {
      to.raw(value.data(), value.size() * sizeof(typename T::value_type));
    } else if constexpr (is == Kind::ring) {
      for (std::size_t i = 0; i < value.size(); ++i) write_element<typename T::value_type>(to, value[i]);
    } else if constexpr (hash_table<T>) {
      write_by_key(to, value);
    } else {
      for (const auto& entry : value) write_entry<T>(to, entry);
    }
  }
}

/// One of the alternatives of a variant, the `place`th.
template <class T, std::size_t I, class From, class First, class... Rest>
T read_alternative(From& from, std::uint64_t place, Parts<First, Rest...>) {
  if (place == I) return T(std::in_place_index<I>, read<First>(from));
  if constexpr (sizeof...(Rest) > 0) return read_alternative<T, I + 1>(from, place, Parts<Rest...>{});
  from.damaged("has no such alternative");
}
template <class T, class From, class... Ts>
T read_parts(From& from, Parts<Ts...>) {
  return T{read<Ts>(from)...};
}

template <class T, class From>
T read(From& from) {
  constexpr Kind is = kind<T>;
  if constexpr (is == Kind::own) {
    const Deeper<From> deeper{from};
    return Codec<T>::read(from, from.version_of(codec_name<T>(), codec_version<T>()));
  } else if constexpr (is == Kind::boolean) {
    return from.flag();
  } else if constexpr (is == Kind::number || is == Kind::real) {
    return read_number<T>(from);
  } else if constexpr (is == Kind::text) {
    return T(from.text());
  } else if constexpr (is == Kind::duration || is == Kind::time) {
    return read_parts<T>(from, parts_of<T>{});
  } else if constexpr (is == Kind::variant) {
    return read_alternative<T, 0>(from, from.count(), parts_of<T>{});
  } else if constexpr (is == Kind::tuple || is == Kind::members || !std::default_initializable<T>) {
    return read_parts<T>(from, parts_of<T>{});
  } else {
    T value{};
    fill(from, value);
    return value;
  }
}

/// Reads into what is there; of containers and structs everything that is no state of theirs stays.
template <class From, class T>
void fill(From& from, T& into) {
  constexpr Kind is = kind<T>;
  if constexpr (is == Kind::fields) {
    std::apply([&](auto&... parts) { (fill(from, parts), ...); }, T::fields(into));
  } else if constexpr (is == Kind::optional) {
    into.reset();
    if (from.flag()) into.emplace(read<typename T::value_type>(from));
  } else if constexpr (is == Kind::array) {
    for (auto& element : into) fill(from, element);
  } else if constexpr (is >= Kind::sequence && is <= Kind::ring) {
    using Element = typename T::value_type;
    into.clear();
    if constexpr (lies_flat<T>) {
      into.resize(from.count_of(sizeof(Element)));
      if (!into.empty()) __builtin_memcpy(into.data(), from.raw(into.size() * sizeof(Element)), into.size() * sizeof(Element));
      return;
    }
    const std::size_t size = from.count_of(least_size<Element>);
    if constexpr (requires { into.reserve(size); }) into.reserve(size < 4096 ? size : 4096);
    for (std::size_t left = size; left > 0; --left) {
      if constexpr (is == Kind::map) {
        auto key = read<typename T::key_type>(from);
        into.emplace(std::move(key), read_element<typename T::mapped_type>(from));
      } else if constexpr (is == Kind::set) {
        into.insert(read_element<Element>(from));
      } else if constexpr (is == Kind::ring) {
        into.push(read_element<Element>(from));
      } else {
        into.push_back(read_element<Element>(from));
      }
    }
    if (into.size() != size) from.damaged("the same key comes twice");
  } else {
    into = read<T>(from);
  }
}

}  // namespace penstock::detail::coding
