// SPDX-License-Identifier: BSL-1.0
#pragma once

// What fuzz targets, and tests of readers that are fed in pieces, have in common.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace penstock::test {

/// What has to hold for every input.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::abort();
}

/// An input: bytes that choose what is done, and then the text that it is done with.
class FuzzInput {
 public:
  FuzzInput(const std::uint8_t* data, std::size_t size, std::size_t choices)
      : all_(reinterpret_cast<const char*>(data), size), choices_(choices) {}

  bool complete() const noexcept { return all_.size() >= choices_; }
  unsigned choice(std::size_t i) const noexcept { return static_cast<unsigned char>(all_[i]); }
  /// A limit that most texts reach, or one that none does.
  std::size_t limit(std::size_t i) const noexcept {
    return choice(i) % 2 != 0 ? 1 + choice(i) : std::size_t{1} << 20;
  }
  std::string_view text() const noexcept { return all_.substr(choices_); }

 private:
  std::string_view all_;
  std::size_t choices_;
};

/// Feeds `reader` with `text` in pieces of `piece` bytes, the first of them of `first`; calls `found()` behind
/// each, and behind the end.
template <class Reader, class Fn>
void feed_in_pieces(Reader& reader, std::string_view text, std::size_t first, std::size_t piece, Fn found) {
  for (std::size_t at = 0; at < text.size(); first = piece) {
    const std::string_view part = text.substr(at, std::max(first, std::size_t{1}));
    reader.feed(part);
    found();
    at += part.size();
  }
  reader.finish();
  found();
}
template <class Reader, class Fn>
void feed_in_pieces(Reader& reader, std::string_view text, std::size_t piece, Fn found) {
  feed_in_pieces(reader, text, piece, piece, found);
}

}  // namespace penstock::test
