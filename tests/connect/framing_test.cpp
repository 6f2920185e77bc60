// SPDX-License-Identifier: BSL-1.0
#include "penstock/connect/net/framing.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "catch.hpp"

using namespace penstock;
using namespace std::string_literals;
using Frames = std::vector<std::string>;

namespace {

/// What is found in text that comes in pieces of `piece` bytes. What is damaged stands at the end, as "!" and
/// what the reader says of it.
Frames read(std::string_view bytes, const Framing& framing, std::size_t piece = 1,
            std::size_t max_frame = 1 << 20) {
  FrameReader reader{framing, max_frame};
  Frames frames;
  const auto take_all = [&] {
    for (Found found = reader.next(); found != Found::nothing; found = reader.next()) {
      frames.push_back(found == Found::record ? std::string(reader.frame()) : "!" + reader.problem());
    }
  };
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    reader.feed(bytes.substr(at, piece));
    take_all();
  }
  reader.finish();
  take_all();
  return frames;
}

std::string written(const Frames& frames, const Framing& framing) {
  const FrameWriter writer{framing};
  std::string out;
  for (const std::string& frame : frames) writer.append(out, frame);
  return out;
}

}  // namespace

TEST_CASE("frames between delimiters are found however the bytes are cut") {
  for (const std::size_t piece : {1U, 2U, 3U, 100U}) {
    CAPTURE(piece);
    CHECK(read("a\nbc\n\nd\n", Delimited{}, piece) == Frames{"a", "bc", "", "d"});
    CHECK(read("a\nbc\n", Delimited{.keep = true}, piece) == Frames{"a\n", "bc\n"});
    CHECK(read("a\r\nb\nc\r\n", Delimited{"\r\n"}, piece) == Frames{"a", "b\nc"});
    CHECK(read("aaab-aab", Delimited{"aab"}, piece) == Frames{"a", "-"});
  }
}

TEST_CASE("what stands behind the last delimiter was cut off, unless it is said to be a frame") {
  CHECK(read("a\nbc", Delimited{}) == Frames{"a", "!a frame was cut off behind 2 bytes"});
  CHECK(read("a\nbc", Delimited{.rest = true}) == Frames{"a", "bc"});
  CHECK(read("a\nbc", Delimited{.keep = true, .rest = true}) == Frames{"a\n", "bc"});
  CHECK(read("a\n", Delimited{.rest = true}) == Frames{"a"});
}

TEST_CASE("frames behind their length are found in all sizes and orders of it") {
  for (const std::size_t piece : {1U, 2U, 3U, 100U}) {
    CAPTURE(piece);
    CHECK(read("\1a\0\2bc"s, LengthPrefixed{1}, piece) == Frames{"a", "", "bc"});
    CHECK(read("\0\1a\0\0"s, LengthPrefixed{2}, piece) == Frames{"a", ""});
    CHECK(read("\1\0a\0\0"s, LengthPrefixed{2, ByteOrder::little}, piece) == Frames{"a", ""});
    CHECK(read("\0\0\0\1a"s, LengthPrefixed{}, piece) == Frames{"a"});
    CHECK(read("\1\0\0\0a"s, LengthPrefixed{4, ByteOrder::little}, piece) == Frames{"a"});
    CHECK(read("\0\0\0\0\0\0\0\1a"s, LengthPrefixed{8}, piece) == Frames{"a"});
    CHECK(read("\1\0\0\0\0\0\0\0a"s, LengthPrefixed{8, ByteOrder::little}, piece) == Frames{"a"});
    const std::string longer(300, 'x');
    CHECK(read("\1a\xAC\2" + longer, VarintPrefixed{}, piece) == Frames{"a", longer});
  }
  CHECK(read("\0\2b"s, LengthPrefixed{2}) == Frames{"!a frame was cut off behind 3 bytes"});
  CHECK(read("\0"s, LengthPrefixed{2}) == Frames{"!a frame was cut off behind 1 byte"});
  CHECK(read(std::string(11, '\xFF'), VarintPrefixed{}) ==
        Frames{"!what stands before a frame is no length"});
}

TEST_CASE("a frame over the limit is damaged and nothing comes behind it") {
  CHECK(read("abcd\nabcde\nf\n", Delimited{}, 100, 4) == Frames{"abcd", "!a frame has more than 4 bytes"});
  CHECK(read("abcd\nabcde", Delimited{}, 1, 4) == Frames{"abcd", "!a frame has more than 4 bytes"});
  CHECK(read("\4abcd\5abcde\1f", LengthPrefixed{1}, 1, 4) ==
        Frames{"abcd", "!a frame of 5 bytes is announced, and the limit is 4"});
  CHECK(read(std::string(8, '\xFF'), LengthPrefixed{8}).size() == 1);
}

TEST_CASE("a length that is too long is refused before anything of the frame has come") {
  FrameReader reader{LengthPrefixed{}};
  reader.feed("\x7F\xFF\xFF\xFF");
  CHECK(reader.next() == Found::damaged);
  CHECK(reader.next() == Found::nothing);
}

TEST_CASE("without frames all that is there is one, up to the limit") {
  FrameReader reader{Unframed{}, 4};
  reader.feed("abcdef");
  REQUIRE(reader.next() == Found::record);
  CHECK(reader.frame() == "abcd");
  REQUIRE(reader.next() == Found::record);
  CHECK(reader.frame() == "ef");
  CHECK(reader.next() == Found::nothing);
  CHECK(reader.left() == 0);
}

TEST_CASE("frames that are written are read again") {
  std::mt19937 random{7};
  Frames frames;
  for (int i = 0; i < 200; ++i) {
    std::string frame(random() % 200, ' ');
    for (char& c : frame) c = static_cast<char>('a' + random() % 26);
    frames.push_back(std::move(frame));
  }
  for (const Framing& framing : {Framing{Delimited{}}, Framing{Delimited{"||"}}, Framing{VarintPrefixed{}},
                                 Framing{LengthPrefixed{1}}, Framing{LengthPrefixed{2, ByteOrder::little}},
                                 Framing{LengthPrefixed{4}}, Framing{LengthPrefixed{8}}}) {
    CAPTURE(framing.index());
    CHECK(read(written(frames, framing), framing, 7) == frames);
  }
  CHECK(written({"a\n", "b\n"}, Delimited{.keep = true}) == "a\nb\n");
  CHECK(written({"a", "", "b"}, Unframed{}) == "ab");
}

TEST_CASE("a frame that would be read as something else is not written") {
  std::string out = "x";
  CHECK_THROWS_AS(FrameWriter(Delimited{}).append(out, "a\nb"), FrameError);
  CHECK_THROWS_AS(FrameWriter(Delimited{"||"}).append(out, "a|"), FrameError);
  CHECK_THROWS_AS(FrameWriter(Delimited{.keep = true}).append(out, "a"), FrameError);
  CHECK_THROWS_AS(FrameWriter(Delimited{}, 2).append(out, "abc"), FrameError);
  CHECK_THROWS_AS(FrameWriter(LengthPrefixed{1}).append(out, std::string(256, 'a')), FrameError);
  CHECK_THROWS_AS(FrameWriter(VarintPrefixed{}, 2).append(out, "abc"), FrameError);
  CHECK(out == "x");
}

TEST_CASE("what is no framing is refused") {
  CHECK_THROWS_AS(FrameReader(Delimited{""}), std::invalid_argument);
  CHECK_THROWS_AS(FrameReader(LengthPrefixed{3}), std::invalid_argument);
  CHECK_THROWS_AS(FrameReader(Delimited{}, 0), std::invalid_argument);
  CHECK_THROWS_AS(FrameWriter(LengthPrefixed{0}), std::invalid_argument);
}

TEST_CASE("a long frame that comes byte by byte is looked through once") {
  // A reader that began anew with each byte would look at 5 * 10^11 bytes here, and never come to an end.
  constexpr std::size_t size = 1'000'000;
  FrameReader reader{Delimited{"\r\n"}, 2 * size};
  for (std::size_t i = 0; i < size; ++i) {
    reader.feed("\r");
    if (reader.next() != Found::nothing) FAIL("there is no frame");
  }
  reader.feed("\n");
  REQUIRE(reader.next() == Found::record);
  CHECK(reader.frame().size() == size - 1);
}
