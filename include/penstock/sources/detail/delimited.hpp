// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "penstock/core/error.hpp"
#include "penstock/sources/detail/bytes_equal.hpp"
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
      : RecordBuffer(max_record, std::move(delimiter)), size_(line_end().size()), kept_(keep ? size_ : 0) {
    if (size_ == 0) bad_argument("the delimiter must not be empty");
  }

  Found next() {
    if (giving_up()) return given_up(skip_line());
    begin_line();
    const std::string_view text = rest();
    if (text.empty()) return Found::nothing;
    const std::size_t found = size_ == 1 ? find_one(text) : find_all(text);
    if (found <= max_record()) [[likely]] {
      const std::size_t end = found + size_;
      searched_ -= std::min(searched_, end);
      return whole(text.substr(0, found + kept_), end, true);
    }
    if (found == std::string_view::npos) {
      if (!finished() && text.size() < max_record() + size_) return Found::nothing;
      if (text.size() <= max_record()) {
        forget();
        return whole(text, text.size(), false);
      }
    }
    forget();
    return given_up(give_up_line());
  }

  /// True while the end of a record that is too long is looked for.
  bool giving_up() const noexcept { return skipping(); }
  /// False when the record that was found last ended where the text did.
  bool terminated() const noexcept { return terminated_; }

  /// Nothing but the delimiter ends a record.
  std::size_t end_in(std::string_view text) const noexcept { return RecordBuffer::end_in(text, line_end()); }

  void move_to(std::uint64_t offset, std::uint64_t line) noexcept {
    RecordBuffer::move_to(offset, line);
    forget();
  }

 private:
  /// Where the delimiter of the record is, of one character. Most lines are short: 64 bytes are looked at at
  /// once, and `ends_` has a bit for each delimiter in those before `searched_`.
  [[gnu::always_inline]] std::size_t find_one(std::string_view text) noexcept {
    while (ends_ == 0 && text.size() - searched_ >= 64) {
      ends_ = bytes_equal(text.data() + searched_, line_end().front());
      searched_ += 64;
    }
    if (ends_ == 0) return text.find(line_end().front(), searched_);
    const std::size_t found = searched_ - 64 + static_cast<std::size_t>(std::countr_zero(ends_));
    ends_ &= ends_ - 1;
    return found;
  }
  std::size_t find_all(std::string_view text) noexcept {
    const std::size_t found = text.find(line_end(), searched_);
    // The first part of a delimiter may stand at the end of what has been read.
    searched_ = found == std::string_view::npos ? text.size() - std::min(text.size(), size_ - 1) : 0;
    return found;
  }
  void forget() noexcept {
    searched_ = 0;
    ends_ = 0;
  }
  [[gnu::always_inline]] Found whole(std::string_view text, std::size_t size, bool terminated) noexcept {
    text_ = text;
    terminated_ = terminated;
    take(size, 1);
    return Found::record;
  }
  Found given_up(Found found) {
    if (found == Found::damaged) problem_ = "it has more than " + std::to_string(max_record()) + " bytes";
    return found;
  }

  std::size_t size_;  // of the delimiter
  std::size_t kept_;  // of it
  bool terminated_ = true;
  std::size_t searched_ = 0;  // bytes of the rest
  std::uint64_t ends_ = 0;
};

}  // namespace penstock::detail
