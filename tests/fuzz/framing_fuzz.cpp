// SPDX-License-Identifier: BSL-1.0
// What FrameReader finds does not depend on how the bytes were cut and is what a model finds that has them
// all at once; it keeps no more than a frame and what was fed last; frames that are written are read again.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "fuzz/fuzz.hpp"
#include "penstock/connect/net/framing.hpp"

using namespace penstock;
using namespace penstock::test;

namespace {

struct Seen {
  std::vector<std::string> frames;
  bool damaged = false;
  bool operator==(const Seen&) const = default;
};

Seen read(std::string_view bytes, std::size_t piece, const Framing& framing, std::size_t max_frame) {
  FrameReader reader{framing, max_frame};
  Seen seen;
  feed_in_pieces(reader, bytes, piece, [&] {
    for (Found found = reader.next(); found != Found::nothing; found = reader.next()) {
      require(!seen.damaged, "nothing comes behind what is damaged");
      if (found == Found::damaged) {
        require(!reader.problem().empty(), "what is damaged has a problem");
        seen.damaged = true;
      } else {
        require(reader.frame().size() <= max_frame + 4, "no frame is longer than the limit");
        seen.frames.emplace_back(reader.frame());
      }
    }
    require(seen.damaged || reader.left() <= max_frame + 16, "no more is kept than a frame");
  });
  return seen;
}

/// The same without any cleverness.
Seen model(std::string_view bytes, const Framing& framing, std::size_t max_frame) {
  Seen seen;
  std::size_t at = 0;
  while (at < bytes.size() && !seen.damaged) {
    const std::string_view rest = bytes.substr(at);
    if (const auto* delimited = std::get_if<Delimited>(&framing)) {
      const std::size_t end = rest.find(delimited->delimiter);
      const bool whole = end != std::string_view::npos;
      const std::string_view frame = rest.substr(0, end);
      seen.damaged = frame.size() > max_frame || (!whole && !delimited->rest);
      const std::size_t size = whole ? end + delimited->delimiter.size() : rest.size();
      if (!seen.damaged) seen.frames.emplace_back(delimited->keep ? rest.substr(0, size) : frame);
      at += size;
      continue;
    }
    std::size_t prefix = 0;
    unsigned __int128 length = 0;
    if (const auto* prefixed = std::get_if<LengthPrefixed>(&framing)) {
      prefix = prefixed->bytes;
      if (rest.size() >= prefix) {
        for (std::size_t i = 0; i < prefix; ++i) {
          const std::size_t place = prefixed->order == ByteOrder::big ? i : prefix - 1 - i;
          length = length * 256 + static_cast<unsigned char>(rest[place]);
        }
      }
    } else {
      for (unsigned char byte = 0x80; byte >= 0x80 && prefix < rest.size() && prefix < 10; ++prefix) {
        byte = static_cast<unsigned char>(rest[prefix]);
        length += static_cast<unsigned __int128>(byte % 128) << (7 * prefix);
      }
      if (static_cast<unsigned char>(rest[prefix - 1]) >= 0x80) seen.damaged = true;
    }
    if (prefix > rest.size() || length > max_frame || rest.size() - prefix < length) seen.damaged = true;
    if (seen.damaged) break;
    seen.frames.emplace_back(rest.substr(prefix, static_cast<std::size_t>(length)));
    at += prefix + static_cast<std::size_t>(length);
  }
  return seen;
}

Framing framing_of(unsigned kind) {
  const bool flag = kind & 64;
  switch (kind % 8) {
    case 0:
      return Delimited{"\n", flag, (kind & 32) != 0};
    case 1:
      return Delimited{"aab", flag, (kind & 32) != 0};
    case 2:
      return Delimited{"||", flag, (kind & 32) != 0};
    case 3:
      return VarintPrefixed{};
    default:
      return LengthPrefixed{std::size_t{1} << (kind % 4), flag ? ByteOrder::big : ByteOrder::little};
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const FuzzInput input{data, size, 3};
  if (!input.complete()) return 0;
  const Framing framing = framing_of(input.choice(0));
  const std::size_t max_frame = input.limit(1);
  const std::size_t piece = 1 + input.choice(2) % 32;
  const std::string_view bytes = input.text();

  const Seen expected = model(bytes, framing, max_frame);
  require(read(bytes, bytes.size() + 1, framing, max_frame) == expected, "in one piece it is the model's");
  require(read(bytes, piece, framing, max_frame) == expected, "cut in pieces it is the same");
  require(read(bytes, 1, framing, max_frame) == expected, "byte by byte it is the same");

  std::string unframed;
  for (const std::string& frame : read(bytes, piece, Unframed{}, max_frame).frames) unframed += frame;
  require(unframed == bytes, "without frames all bytes come");

  const FrameWriter writer{framing, max_frame};
  std::string again;
  std::vector<std::string> written;
  for (const std::string& frame : expected.frames) {
    try {
      writer.append(again, frame);
      written.push_back(frame);
    } catch (const FrameError&) {
      // A last frame that lacks the delimiter, or one that would make a delimiter together with it.
      require(std::holds_alternative<Delimited>(framing), "what was read can be written");
    }
  }
  const Seen second = read(again, piece, framing, max_frame);
  require(!second.damaged && second.frames == written, "what was written is read again");
  return 0;
}
