// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "penstock/state/codec.hpp"

namespace penstock {

/// What a graph remembers at one moment.
struct Snapshot {
  struct Entry {
    std::string uid;    ///< by which the operator is known
    std::string op;     ///< what it is
    std::string bytes;  ///< what it has saved
  };
  std::uint64_t epoch = 0;
  std::string graph;  ///< what the graph was made of
  std::vector<Entry> entries;
};

namespace detail {

inline constexpr std::string_view snapshot_magic{"penstock", 8};
inline constexpr std::uint32_t snapshot_format = 1;
inline constexpr std::size_t snapshot_head = 8 + sizeof(std::uint32_t) + sizeof(std::uint64_t);
inline constexpr std::size_t snapshot_tail = sizeof(std::uint32_t);

/// CRC-32 as zlib, PNG and IEEE 802.3 have it: what each byte makes of the last eight bits.
inline constexpr std::array<std::uint32_t, 256> crc_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    table[i] = i;
    for (int bit = 0; bit < 8; ++bit) table[i] = (table[i] >> 1) ^ (table[i] & 1 ? 0xEDB88320U : 0U);
  }
  return table;
}();
inline std::uint32_t crc_of(std::string_view bytes) noexcept {
  std::uint32_t crc = ~std::uint32_t{0};
  for (const char byte : bytes) crc = (crc >> 8) ^ crc_table[(crc ^ static_cast<unsigned char>(byte)) & 0xFF];
  return ~crc;
}

/// Bytes that a number is read from or written to, as state has it.
struct RawBytes {
  void raw(const char* from, std::size_t size) { to.append(from, size); }
  std::string to;
};
template <class T>
T number_at(std::string_view bytes, std::size_t place) {
  struct From {
    const char* raw(std::size_t) const { return here; }
    const char* here;
  } from{bytes.data() + place};
  return coding::read_number<T>(from);
}

}  // namespace detail

/// The bytes of a snapshot file. The same snapshot is the same bytes.
inline std::string encode(const Snapshot& snapshot) {
  StateWriter body;
  body.put(snapshot);
  const std::string state = body.take();
  detail::RawBytes file;
  file.to.reserve(detail::snapshot_head + state.size() + detail::snapshot_tail);
  file.to = detail::snapshot_magic;
  detail::coding::write_number(file, detail::snapshot_format);
  detail::coding::write_number(file, static_cast<std::uint64_t>(state.size()));
  file.to += state;
  detail::coding::write_number(file, detail::crc_of(file.to));
  return std::move(file.to);
}

/// @param whose  starts the sentence of the StateError that is thrown for bytes that are not those of a whole snapshot.
inline Snapshot decode_snapshot(std::string_view bytes, const std::string& whose) {
  using namespace detail;
  const auto refuse = [&](const std::string& why) { throw StateError(whose + " cannot be restored: " + why); };
  if (bytes.empty()) refuse("it is empty");
  if (!bytes.starts_with(snapshot_magic.substr(0, bytes.size()))) refuse("it is no snapshot");
  if (bytes.size() < snapshot_head) refuse("it ends after " + std::to_string(bytes.size()) + " bytes, within its head");
  const auto format = number_at<std::uint32_t>(bytes, snapshot_magic.size());
  if (format != snapshot_format) {
    refuse("it is of format " + std::to_string(format) + ", and this program reads format " + std::to_string(snapshot_format));
  }
  const auto told = number_at<std::uint64_t>(bytes, snapshot_head - sizeof(std::uint64_t));
  const std::uint64_t all = bytes.size() - snapshot_head;
  if (all < snapshot_tail || told > all - snapshot_tail) {
    const std::uint64_t size = told + snapshot_head + snapshot_tail;
    refuse("it ends after " + std::to_string(bytes.size()) + " bytes, and should have " + std::to_string(size));
  }
  if (told < all - snapshot_tail) refuse("it goes on behind its end");
  const std::size_t end = bytes.size() - snapshot_tail;
  if (number_at<std::uint32_t>(bytes, end) != crc_of(bytes.substr(0, end))) refuse("it is damaged, as its checksum tells");
  StateReader body(bytes.substr(snapshot_head, end - snapshot_head), whose);
  Snapshot snapshot = body.get<Snapshot>();
  body.end();
  return snapshot;
}

}  // namespace penstock
