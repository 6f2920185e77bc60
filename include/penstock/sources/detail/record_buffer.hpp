// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "penstock/core/error.hpp"

// Not an operator: text that comes in pieces, for those who look for records in it.

namespace penstock {

/// What a reader finds next.
enum class Found : std::uint8_t {
  nothing,  ///< before more text is fed; after `finish`, no more
  record,   ///< a record
  damaged   ///< one that is none: see `problem`; the next one follows all the same
};

namespace detail {

/// What is common to readers of records: the text that was fed and not read yet, where it stands in the file,
/// and how a reader gets over a line that is no record.
class RecordBuffer {
 public:
  /// More text.
  void feed(std::string_view text) {
    if (text.empty()) return;
    std::memcpy(room(text.size()), text.data(), text.size());
    added(text.size());
  }
  /// The same without copying: memory for `n` bytes, of which then so many were `added`.
  char* room(std::size_t n) {
    if (begin_ != 0) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    if (buffer_.size() - end_ < n) {
      buffer_.resize(std::max(end_ + n, std::min(buffer_.size() * 2, max_record_ + n)));
    }
    return buffer_.data() + end_;
  }
  void added(std::size_t n) noexcept { end_ += n; }
  /// That was all: what is left is the last record.
  void finish() noexcept {
    if (skipping_ || begin_ != end_) open_ = !rest().ends_with(line_end_);
    finished_ = true;
  }
  bool finished() const noexcept { return finished_; }
  /// More may come after all.
  void unfinish() noexcept {
    if (finished_ && begin_ != end_) open_ = false;  // the record is not read yet
    finished_ = false;
  }
  /// Whether the record in front of what comes next had no end when it was read, as the text stopped there.
  bool open() const noexcept { return open_; }
  void leave_open() noexcept { open_ = true; }
  /// How many bytes of `text`, which stands behind an open record, are its end: 0 when it goes on, npos when more text
  /// will tell.
  std::size_t end_in(std::string_view text) const noexcept {
    return end_in(text, text.starts_with('\r') ? std::string_view{"\r\n"} : std::string_view{"\n"});
  }
  /// The open record ended with the next `n` bytes.
  void close(std::size_t n) noexcept {
    take(n, 0);
    open_ = false;
  }
  /// Whether a record ended where `text` does.
  bool ends_in(std::string_view text) const noexcept { return text.ends_with(line_end_); }
  std::size_t longest_end() const noexcept { return line_end_.size() + 1; }
  /// What was fed and belongs to no record that was found.
  std::string_view rest() const noexcept { return {buffer_.data() + begin_, end_ - begin_}; }
  /// What is fed next stands at byte `offset`, in line `line`.
  void move_to(std::uint64_t offset, std::uint64_t line) noexcept {
    begin_ = end_ = 0;
    offset_ = offset;
    next_line_ = line;
    skipping_ = finished_ = open_ = false;
  }

  /// The line that the record begins in, from 1 on.
  std::uint64_t line() const noexcept { return line_; }
  /// The first byte that belongs to no record that was found, and its line.
  std::uint64_t offset() const noexcept { return offset_; }
  std::uint64_t next_line() const noexcept { return next_line_; }
  /// Behind the last byte that was fed.
  std::uint64_t fed() const noexcept { return offset_ + (end_ - begin_); }
  /// The record as it stands in the file, without its line end; of a damaged one what is given up, and no
  /// more than `max_record`.
  std::string_view text() const noexcept { return text_; }
  /// What is wrong with a damaged one.
  const std::string& problem() const noexcept { return problem_; }

 protected:
  explicit RecordBuffer(std::size_t max_record, std::string line_end = "\n")
      : max_record_(max_record), line_end_(std::move(line_end)) {
    if (max_record == 0 || max_record >= (std::size_t{1} << 31)) {
      bad_argument("max_record: a record has at least 1 byte, and less than 2 GiB");
    }
  }

  std::size_t max_record() const noexcept { return max_record_; }
  const std::string& line_end() const noexcept { return line_end_; }
  static std::size_t end_in(std::string_view text, std::string_view end) noexcept {
    if (text.starts_with(end)) return end.size();
    return end.starts_with(text) ? std::string_view::npos : 0;
  }

  /// Gets to where a record begins; false when that is not there yet.
  bool begin_record() {
    if (offset_ == 0) {
      constexpr std::string_view mark = "\xEF\xBB\xBF";
      if (rest().substr(0, 3) == mark) {
        take(3, 0);
      } else if (!finished_ && rest().size() < 3 && mark.substr(0, rest().size()) == rest()) {
        return false;
      }
    }
    begin_line();
    return true;
  }
  void begin_line() noexcept { line_ = next_line_; }
  /// The record was `n` bytes with its line end.
  void take(std::size_t n, std::size_t lines) noexcept {
    begin_ += n;
    offset_ += n;
    next_line_ += lines;
  }
  /// The record is damaged and ends where its first line does, which may be far behind what is here.
  Found give_up_line() {
    const std::string_view text = rest();
    const std::size_t end = std::min(text.find(line_end_), text.size());
    given_up_ = text.substr(0, std::min(end, max_record_));
    if (given_up_.size() == end && given_up_.ends_with('\r')) given_up_.pop_back();
    text_ = given_up_;
    skipping_ = true;
    return skip_line();
  }
  bool skipping() const noexcept { return skipping_; }
  Found skip_line() {
    const std::size_t end = rest().find(line_end_);
    const bool found = end != std::string_view::npos;
    skipping_ = !found && !finished_;
    // The first part of a line end may stand at the end of what is here.
    const std::size_t kept = skipping_ ? std::min(rest().size(), line_end_.size() - 1) : 0;
    take(found ? end + line_end_.size() : rest().size() - kept, found);
    return skipping_ ? Found::nothing : Found::damaged;
  }
  static std::string_view without_line_end(std::string_view text, bool complete) noexcept {
    if (complete && text.ends_with('\n')) text.remove_suffix(1);
    if (complete && text.ends_with('\r')) text.remove_suffix(1);
    return text;
  }

  std::string_view text_;
  std::string problem_;

 private:
  std::string buffer_;
  std::size_t begin_ = 0;  // of what was not read yet
  std::size_t end_ = 0;
  std::size_t max_record_;
  std::string line_end_;  // what a line that is given up ends with
  std::uint64_t offset_ = 0;  // of `begin_` in the file
  std::uint64_t line_ = 1;
  std::uint64_t next_line_ = 1;
  bool finished_ = false;
  bool open_ = false;      // the last record
  bool skipping_ = false;  // the rest of a line that is given up
  std::string given_up_;
};

}  // namespace detail
}  // namespace penstock
