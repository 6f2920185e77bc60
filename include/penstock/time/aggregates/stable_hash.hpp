// SPDX-License-Identifier: BSL-1.0
#pragma once

// Not an operator: hashes that are the same everywhere.

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "penstock/core/loop.hpp"

namespace penstock {
namespace detail {

/// XXH64, the 64-bit xxHash of Y. Collet (specification 0.1.1): the same on every machine.
class Xxh64 {
 public:
  static std::uint64_t of(std::string_view bytes, std::uint64_t seed = 0) noexcept {
    const char* at = bytes.data();
    std::size_t left = bytes.size();
    std::uint64_t hash = seed + p5;
    if (left >= 32) {
      std::uint64_t lane[4] = {seed + p1 + p2, seed + p2, seed, seed - p1};
      for (; left >= 32; left -= 32) {
        for (std::uint64_t& each : lane) {
          each = round(each, read<std::uint64_t>(at));
          at += 8;
        }
      }
      hash = std::rotl(lane[0], 1) + std::rotl(lane[1], 7) + std::rotl(lane[2], 12) + std::rotl(lane[3], 18);
      for (const std::uint64_t each : lane) hash = (hash ^ round(0, each)) * p1 + p4;
    }
    hash += bytes.size();
    for (; left >= 8; left -= 8, at += 8) hash = take8(hash, read<std::uint64_t>(at));
    if (left >= 4) {
      hash = std::rotl(hash ^ read<std::uint32_t>(at) * p1, 23) * p2 + p3;
      left -= 4;
      at += 4;
    }
    for (; left > 0; --left, ++at) hash = std::rotl(hash ^ static_cast<unsigned char>(*at) * p5, 11) * p1;
    return avalanche(hash);
  }
  /// Of the eight bytes of a number, the lowest first.
  static std::uint64_t of(std::uint64_t number, std::uint64_t seed = 0) noexcept {
    return avalanche(take8(seed + p5 + 8, number));
  }

 private:
  static constexpr std::uint64_t p1 = 0x9E3779B185EBCA87;
  static constexpr std::uint64_t p2 = 0xC2B2AE3D27D4EB4F;
  static constexpr std::uint64_t p3 = 0x165667B19E3779F9;
  static constexpr std::uint64_t p4 = 0x85EBCA77C2B2AE63;
  static constexpr std::uint64_t p5 = 0x27D4EB2F165667C5;

  static std::uint64_t round(std::uint64_t lane, std::uint64_t input) noexcept {
    return std::rotl(lane + input * p2, 31) * p1;
  }
  static std::uint64_t take8(std::uint64_t hash, std::uint64_t input) noexcept {
    return std::rotl(hash ^ round(0, input), 27) * p1 + p4;
  }
  static std::uint64_t avalanche(std::uint64_t hash) noexcept {
    hash = (hash ^ (hash >> 33)) * p2;
    hash = (hash ^ (hash >> 29)) * p3;
    return hash ^ (hash >> 32);
  }
  template <class Word>
  static std::uint64_t read(const char* at) noexcept {
    Word word;
    std::memcpy(&word, at, sizeof word);
    if constexpr (std::endian::native == std::endian::big) {
      Word turned = 0;
      for (std::size_t i = 0; i < sizeof word; ++i) {
        turned = static_cast<Word>(turned << 8 | ((word >> (8 * i)) & 0xFF));
      }
      word = turned;
    }
    return word;
  }
};

template <class V>
inline constexpr bool is_chrono = false;
template <class Rep, class Period>
inline constexpr bool is_chrono<std::chrono::duration<Rep, Period>> = true;
template <class Clock, class Duration>
inline constexpr bool is_chrono<std::chrono::time_point<Clock, Duration>> = true;

template <class V>
inline constexpr bool is_some = false;
template <class V>
inline constexpr bool is_some<std::optional<V>> = true;

template <class V>
concept hashes_itself = requires(const V& value) {
  { stable_hash(value) } -> std::same_as<std::uint64_t>;
};
template <class V>
concept hashed_as_range = requires(const V& values) {
  values.begin() != values.end();
  *values.begin();
};

/// The hash that sketches go by. See `stable_hash_of`.
struct StableHash {
  template <class V>
  static constexpr bool can() {
    using Value = std::remove_cvref_t<V>;
    if constexpr (hashes_itself<Value>) {
      return true;
    } else if constexpr (std::integral<Value>) {
      return sizeof(Value) <= 8;
    } else if constexpr (std::floating_point<Value>) {
      return sizeof(Value) <= 8;
    } else if constexpr (std::is_enum_v<Value> || std::convertible_to<const Value&, std::string_view>) {
      return true;
    } else if constexpr (is_chrono<Value>) {
      return true;
    } else if constexpr (is_some<Value>) {
      return can<typename Value::value_type>();
    } else if constexpr (hashed_as_range<Value>) {
      using Member = std::remove_cvref_t<decltype(*std::declval<const Value&>().begin())>;
      if constexpr (std::same_as<Member, Value>) {  // such as std::filesystem::path
        return false;
      } else {
        return can<Member>();
      }
    } else if constexpr (requires { std::tuple_size<Value>::value; }) {
      return []<std::size_t... I>(std::index_sequence<I...>) {
        return (can<std::tuple_element_t<I, Value>>() && ...);
      }(std::make_index_sequence<std::tuple_size_v<Value>>{});
    } else {
      return false;
    }
  }

  template <class V>
  static std::uint64_t of(const V& value) {
    if constexpr (hashes_itself<V>) {
      return stable_hash(value);
    } else if constexpr (std::integral<V>) {
      return Xxh64::of(static_cast<std::uint64_t>(value));
    } else if constexpr (std::floating_point<V>) {
      double number = static_cast<double>(value);
      if (number == 0) number = 0;
      return Xxh64::of(number == number ? std::bit_cast<std::uint64_t>(number) : 0x7FF8000000000000);
    } else if constexpr (std::is_enum_v<V>) {
      return of(static_cast<std::underlying_type_t<V>>(value));
    } else if constexpr (std::convertible_to<const V&, std::string_view>) {
      return Xxh64::of(static_cast<std::string_view>(value));
    } else if constexpr (requires { value.time_since_epoch(); }) {
      return of(value.time_since_epoch().count());
    } else if constexpr (is_chrono<V>) {
      return of(value.count());
    } else if constexpr (is_some<V>) {
      return value ? Xxh64::of(of(*value), 1) : Xxh64::of(std::string_view{});
    } else if constexpr (hashed_as_range<V>) {
      std::uint64_t hash = 0;
      for (const auto& each : value) hash = Xxh64::of(of(each), hash);
      return hash;
    } else {
      return std::apply(
          [](const auto&... each) {
            std::uint64_t hash = 0;
            ((hash = Xxh64::of(of(each), hash)), ...);
            return hash;
          },
          value);
    }
  }
};

}  // namespace detail

/// `V` has a hash that is the same in every program and on every machine.
template <class V>
concept stably_hashable = detail::StableHash::can<V>();

/// The 64-bit hash that sketches such as `approx_distinct` go by. It is the same in every program and on
/// every machine, and does not change with the version of the library, as sketches are stored. It is XXH64,
/// with the seed 0 where no other is said, of
/// - integers, bool, characters and enumerations: the value as 64 bits, sign-extended, the lowest byte first,
///   so that equal values of different types have equal hashes;
/// - float and double: the 8 bytes of the double, -0 as 0, and all NaN as 0x7FF8000000000000;
/// - durations and times of <chrono>: the count, as of the number that it is;
/// - texts: their bytes;
/// - pairs, tuples and ranges: one after the other the hash of the member with the hash so far, at first 0,
///   as the seed;
/// - optionals: the hash of the value with seed 1; of the empty text for nothing;
/// - and for other types what `std::uint64_t stable_hash(const V&)`, found by the type, returns.
template <stably_hashable V>
std::uint64_t stable_hash_of(const V& value) {
  return detail::StableHash::of(value);
}

}  // namespace penstock
