// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "penstock/core/error.hpp"
#include "penstock/sources/detail/record_buffer.hpp"

// Not an operator: records between delimiters, wherever the text comes from.

namespace penstock::detail {

/// Finds the records between delimiters in text that comes in pieces of any size, cut anywhere. Looks at each
/// byte once, also when they come one by one. What stands behind the last delimiter is a record once the text
/// is finished, unless it is empty. A record of more than `max_record` bytes is damaged, and found to be when
/// it ends; until then no more than its start is kept. Here `line()` is the number of the record.
class DelimitedReader : public RecordBuffer {
 public:
  /// @param keep  a record is found with what ends it.
  DelimitedReader(std::string delimiter, bool keep, std::size_t max_record)
      : RecordBuffer(max_record), delimiter_(std::move(delimiter)), keep_(keep) {
    if (delimiter_.empty()) bad_argument("the delimiter must not be empty");
  }

  Found next() {
    const std::string_view text = rest();
    const std::size_t found = text.find(delimiter_, searched_);
    if (found != std::string_view::npos) {
      const std::size_t end = found + delimiter_.size();
      if (giving_up_ || found > max_record()) return given_up(text, end);
      return whole(text.substr(0, keep_ ? end : found), end, true);
    }
    if (finished()) {
      if (giving_up_ || text.size() > max_record()) return given_up(text, text.size());
      return text.empty() ? Found::nothing : whole(text, text.size(), false);
    }
    // The first part of a delimiter may stand at the end of what is here.
    searched_ = text.size() - std::min(text.size(), delimiter_.size() - 1);
    if (giving_up_ || searched_ > max_record()) {
      keep_start(text);
      take(std::exchange(searched_, 0), 0);
    }
    return Found::nothing;
  }

  /// True while the end of a record that is too long is looked for.
  bool giving_up() const noexcept { return giving_up_; }
  /// False when the record that was found last ended where the text did.
  bool terminated() const noexcept { return terminated_; }

  void move_to(std::uint64_t offset, std::uint64_t line) noexcept {
    RecordBuffer::move_to(offset, line);
    searched_ = 0;
    giving_up_ = false;
  }

 private:
  Found whole(std::string_view text, std::size_t size, bool terminated) noexcept {
    text_ = text;
    end_record(size, terminated);
    return Found::record;
  }
  Found given_up(std::string_view text, std::size_t size) {
    keep_start(text);
    text_ = start_;
    problem_ = "it has more than " + std::to_string(max_record()) + " bytes";
    end_record(size, size != text.size() || text.ends_with(delimiter_));
    giving_up_ = false;
    return Found::damaged;
  }
  void keep_start(std::string_view text) {
    if (!giving_up_) start_ = text.substr(0, max_record());
    giving_up_ = true;
  }
  void end_record(std::size_t size, bool terminated) noexcept {
    searched_ = 0;
    terminated_ = terminated;
    begin_line();
    take(size, 1);
  }

  std::string delimiter_;
  bool keep_;
  bool giving_up_ = false;
  bool terminated_ = true;
  std::size_t searched_ = 0;  // no delimiter begins before; from the start of the rest
  std::string start_;         // of a record that is given up
};

}  // namespace penstock::detail
