// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "penstock/core/error.hpp"
#include "penstock/sources/detail/delimited.hpp"

// Not an operator: where messages begin and end in a stream of bytes.

namespace penstock {

/// A text stands behind every frame that does not occur in one.
struct Delimited {
  std::string delimiter = "\n";  ///< one or more characters
  bool keep = false;             ///< frames are read, and given to be written, with what ends them
  bool rest = false;  ///< what stands behind the last one is a frame too; false: one that was cut off
};

enum class ByteOrder : std::uint8_t { big, little };

/// The number of its bytes stands before every frame.
struct LengthPrefixed {
  std::size_t bytes = 4;             ///< of the number: 1, 2, 4 or 8
  ByteOrder order = ByteOrder::big;  ///< of its bytes
};

/// The same with a number of 7 bits a byte, the lowest first, and the eighth bit set in all but the last: as
/// Protocol Buffers have it.
struct VarintPrefixed {};

/// There are no frames: bytes are passed on as they come.
struct Unframed {};

/// How frames stand in a stream of bytes.
using Framing = std::variant<Delimited, LengthPrefixed, VarintPrefixed, Unframed>;

/// A frame that cannot be written as the framing has it.
class FrameError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace detail {

/// Throws std::invalid_argument, in the name of `who`, for what is no framing.
inline void check_framing(const char* who, const Framing& framing, std::size_t max_frame) {
  if (max_frame == 0 || max_frame >= (std::size_t{1} << 31)) {
    bad_argument(std::string{who} + ": max_frame must be at least 1 byte, and less than 2 GiB");
  }
  if (const auto* delimited = std::get_if<Delimited>(&framing); delimited && delimited->delimiter.empty()) {
    bad_argument(std::string{who} + ": the delimiter must not be empty");
  }
  if (const auto* prefixed = std::get_if<LengthPrefixed>(&framing)) {
    const std::size_t n = prefixed->bytes;
    if (n != 1 && n != 2 && n != 4 && n != 8) {
      bad_argument(std::string{who} + ": a length has 1, 2, 4 or 8 bytes");
    }
  }
}

}  // namespace detail

/// Finds the frames in bytes that come in pieces of any size, cut anywhere.
///
///     FrameReader reader{LengthPrefixed{.bytes = 2}};
///     reader.feed(piece);
///     while (reader.next() == Found::record) use(reader.frame());
///     reader.finish();  // `next` tells of a frame that was cut off
///
/// Keeps what was fed and belongs to no frame that was found. A frame that is longer than `max_frame`, or cut
/// off, is damaged, and nothing comes behind it: there is no telling where the next one begins.
class FrameReader : private detail::DelimitedReader {
 public:
  explicit FrameReader(const Framing& framing, std::size_t max_frame = std::size_t{1} << 20)
      : FrameReader(framing, max_frame, std::get_if<Delimited>(&framing)) {
    detail::check_framing("FrameReader", framing, max_frame);
  }

  using RecordBuffer::added;
  using RecordBuffer::feed;
  using RecordBuffer::finish;
  using RecordBuffer::finished;
  using RecordBuffer::offset;
  using RecordBuffer::problem;
  using RecordBuffer::room;

  /// The frame that was found last, until more is fed.
  std::string_view frame() const noexcept { return text(); }
  /// Bytes that belong to no frame that was found.
  std::size_t left() const noexcept { return rest().size(); }

  Found next() {
    if (broken_) return Found::nothing;
    switch (kind_) {
      case Kind::delimited:
        return next_delimited();
      case Kind::prefixed:
        return next_prefixed(rest().size() < prefix_ ? 0 : prefix_, fixed_length());
      case Kind::varint: {
        const auto [size, length] = varint_length();
        return next_prefixed(size, length);
      }
      case Kind::none:
        break;
    }
    if (rest().empty()) return Found::nothing;
    return found(0, std::min(rest().size(), max_record()));
  }

 private:
  enum class Kind : std::uint8_t { delimited, prefixed, varint, none };  // as in Framing

  FrameReader(const Framing& framing, std::size_t max_frame, const Delimited* delimited)
      : DelimitedReader(delimited && !delimited->delimiter.empty() ? delimited->delimiter : "\n",
                        delimited && delimited->keep, max_frame),
        kind_(static_cast<Kind>(framing.index())),
        rest_is_frame_(delimited && delimited->rest) {
    if (const auto* prefixed = std::get_if<LengthPrefixed>(&framing)) {
      prefix_ = prefixed->bytes;
      order_ = prefixed->order;
    }
  }

  Found next_delimited() {
    const Found found = DelimitedReader::next();
    if (found == Found::damaged || giving_up()) {
      return broken("a frame has more than " + std::to_string(max_record()) + " bytes");
    }
    if (found == Found::record && !terminated() && !rest_is_frame_) return cut_off(text().size());
    return found;
  }
  /// @param prefix  how many bytes stand before the frame, 0 when they are not all there.
  Found next_prefixed(std::size_t prefix, std::uint64_t length) {
    if (broken_) return Found::damaged;
    if (prefix != 0 && length > max_record()) {
      return broken("a frame of " + std::to_string(length) + " bytes is announced, and the limit is " +
                    std::to_string(max_record()));
    }
    if (prefix != 0 && rest().size() - prefix >= length) {
      return found(prefix, static_cast<std::size_t>(length));
    }
    return finished() && !rest().empty() ? cut_off(rest().size()) : Found::nothing;
  }
  std::uint64_t fixed_length() const noexcept {
    const std::string_view bytes = rest().substr(0, prefix_);
    std::uint64_t length = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const std::size_t at = order_ == ByteOrder::big ? i : bytes.size() - 1 - i;
      length = length << 8 | static_cast<unsigned char>(bytes[at]);
    }
    return length;
  }
  std::pair<std::size_t, std::uint64_t> varint_length() {
    constexpr std::size_t longest = 10;
    const std::string_view bytes = rest();
    std::uint64_t length = 0;
    for (std::size_t i = 0; i < std::min(bytes.size(), longest); ++i) {
      const auto byte = static_cast<unsigned char>(bytes[i]);
      if (i + 1 == longest && byte > 1) break;
      length |= std::uint64_t{byte & 0x7FU} << (7 * i);
      if (byte < 0x80) return {i + 1, length};
    }
    if (bytes.size() >= longest) static_cast<void>(broken("what stands before a frame is no length"));
    return {0, 0};
  }

  Found found(std::size_t prefix, std::size_t size) noexcept {
    text_ = rest().substr(prefix, size);
    take(prefix + size, 1);
    return Found::record;
  }
  Found cut_off(std::size_t size) {
    return broken("a frame was cut off behind " + std::to_string(size) + (size == 1 ? " byte" : " bytes"));
  }
  Found broken(std::string problem) {
    broken_ = true;
    problem_ = std::move(problem);
    return Found::damaged;
  }

  Kind kind_;
  bool rest_is_frame_;
  bool broken_ = false;
  std::size_t prefix_ = 0;
  ByteOrder order_ = ByteOrder::big;
};

/// The other direction: puts frames behind each other.
class FrameWriter {
 public:
  explicit FrameWriter(Framing framing, std::size_t max_frame = std::size_t{1} << 20)
      : framing_(std::move(framing)), max_frame_(max_frame) {
    detail::check_framing("FrameWriter", framing_, max_frame_);
  }

  /// Throws FrameError, and leaves `out` as it was, for a frame that a FrameReader would not read as it is:
  /// one that is too long, or that has the delimiter in it.
  void append(std::string& out, std::string_view frame) const {
    if (const auto* delimited = std::get_if<Delimited>(&framing_)) {
      const std::string& delimiter = delimited->delimiter;
      // A delimiter that begins in the frame and ends in the one behind it counts as well.
      const std::size_t before = out.size();
      out += frame;
      if (!delimited->keep) out += delimiter;
      const std::string_view written = std::string_view{out}.substr(before);
      const std::size_t end = written.find(delimiter);
      const bool right = end != std::string_view::npos && end + delimiter.size() == written.size();
      const bool fits = written.size() <= max_frame_ + delimiter.size();
      if (right && fits) return;
      out.resize(before);
      if (!fits) too_long(frame.size(), max_frame_);
      throw FrameError(end == std::string_view::npos ? "a frame lacks the delimiter at its end"
                                                     : "a frame has the delimiter in it");
    }
    if (std::holds_alternative<Unframed>(framing_)) {
      out += frame;
      return;
    }
    if (frame.size() > max_frame_) too_long(frame.size(), max_frame_);
    if (const auto* prefixed = std::get_if<LengthPrefixed>(&framing_)) {
      const std::size_t n = prefixed->bytes;
      if (n < 8 && frame.size() >> (8 * n) != 0) too_long(frame.size(), (std::size_t{1} << (8 * n)) - 1);
      for (std::size_t i = 0; i < n; ++i) {
        const std::size_t place = prefixed->order == ByteOrder::big ? n - 1 - i : i;
        out += static_cast<char>(std::uint64_t{frame.size()} >> (8 * place) & 0xFF);
      }
    } else {
      std::size_t length = frame.size();
      for (; length >= 0x80; length >>= 7) out += static_cast<char>((length & 0x7F) | 0x80);
      out += static_cast<char>(length);
    }
    out += frame;
  }

 private:
  [[noreturn]] static void too_long(std::size_t size, std::size_t limit) {
    throw FrameError("a frame has " + std::to_string(size) + " bytes, and the limit is " +
                     std::to_string(limit));
  }

  Framing framing_;
  std::size_t max_frame_;
};

}  // namespace penstock
