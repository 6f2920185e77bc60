// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "penstock/core/error.hpp"
#include "penstock/core/search.hpp"
#include "penstock/sources/detail/bytes_equal.hpp"
#include "penstock/sources/detail/record_buffer.hpp"

// Not an operator: records of comma-separated values, for from_csv, for map and the like.

namespace penstock {

/// A record that is not what RFC 4180 allows, or a file whose columns are not those of its rows. Says why.
class CsvError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// How a CSV file is written: the characters, and how long a record may be.
struct CsvFormat {
  char separator = ',';
  char quote = '"';
  std::size_t max_record = std::size_t{1} << 20;  ///< bytes of a record, its line end left out, below 2 GiB
  bool empty_lines = false;                       ///< are records of one empty field; else left out
};

namespace detail {

/// The only place that knows where the fields of a CSV record lie. It looks at every byte once, however the
/// text comes in, and changes none of them.
class CsvSplitter {
 public:
  struct Field {
    std::uint32_t begin;  // from the record's begin on
    std::uint32_t size;
    bool quoted;
    bool doubled;  // there are doubled quotes in it
  };
  enum class Damage : std::uint8_t { none, unclosed, behind_quotes };

  CsvSplitter() = default;
  CsvSplitter(char separator, char quote) : separator_(separator), quote_(quote) {}

  void reset() noexcept {
    state_ = State::start;
    at_ = 0;
    count_ = 0;
    damage_ = Damage::none;
    any_quotes_ = false;
  }

  /// The record that begins at `text`. False: it does not end within `n` bytes, and more may come; then it is
  /// called again with the same text, and more behind it.
  bool split(const char* text, std::size_t n, bool last) {
    std::size_t at = at_;
    for (;;) {
      switch (state_) {
        case State::start:
          if (at < n && text[at] == quote_) {
            begin_ = ++at;
            state_ = State::quoted;
            doubled_ = false;
            any_quotes_ = true;
            break;
          }
          if (at == n && !last) return more(at);
          begin_ = at;
          state_ = State::plain;
          [[fallthrough]];
        case State::plain:
          // Most records have no quotes at all: the loop over their fields. `ends` has a bit for each
          // separator and line feed of the 64 bytes before `window`.
          for (std::uint64_t ends = 0, window = at;;) {
            while (ends == 0 && n - window >= 64) {
              ends = ends_in(text + window);
              window += 64;
            }
            if (ends != 0) {
              at = window - 64 + static_cast<std::size_t>(std::countr_zero(ends));
              ends &= ends - 1;
            } else {
              at = find_end(text, std::max<std::size_t>(at, window), n);
              window = at < n ? at + 1 : n;
            }
            if (at == n) {
              if (!last) return more(at);
              add(begin_, n - (n > begin_ && text[n - 1] == '\r'));
              return whole(n);
            }
            if (text[at] == '\n') {
              add(begin_, at - (at > begin_ && text[at - 1] == '\r'));
              return whole(at + 1);
            }
            add(begin_, at);
            ++at;
            if (at == n || text[at] == quote_) break;
            begin_ = at;
          }
          state_ = State::start;
          break;
        case State::quoted: {
          const auto* found = static_cast<const char*>(std::memchr(text + at, quote_, n - at));
          if (!found) {
            if (!last) return more(n);
            damage(Damage::unclosed);
            add(begin_, n);
            return whole(n);
          }
          close_ = static_cast<std::size_t>(found - text);
          at = close_ + 1;
          state_ = State::quote;
          [[fallthrough]];
        }
        case State::quote:
          if (at == n) {
            if (!last) return more(at);
            add_quoted();
            return whole(at);
          }
          if (text[at] == quote_) {
            doubled_ = true;
            ++at;
            state_ = State::quoted;
          } else if (text[at] == separator_) {
            add_quoted();
            ++at;
            state_ = State::start;
          } else if (text[at] == '\n') {
            add_quoted();
            return whole(at + 1);
          } else if (text[at] == '\r' && at + 1 == n) {
            if (!last) return more(at);
            add_quoted();
            return whole(n);
          } else if (text[at] == '\r' && text[at + 1] == '\n') {
            add_quoted();
            return whole(at + 2);
          } else {
            damage(Damage::behind_quotes);
            --begin_;
            state_ = State::plain;  // the rest of the record shows where the next one begins
          }
      }
    }
  }

  // Of the record that was split.
  std::size_t count() const noexcept { return count_; }
  const Field& field(std::size_t i) const noexcept { return fields_[i]; }
  Field& field(std::size_t i) noexcept { return fields_[i]; }
  std::size_t end() const noexcept { return at_; }  // behind its line end
  Damage damage() const noexcept { return damage_; }
  std::size_t damaged_field() const noexcept { return damaged_; }
  bool any_quotes() const noexcept { return any_quotes_; }
  bool any_doubled() const noexcept {
    for (std::size_t i = 0; any_quotes_ && i < count_; ++i) {
      if (fields_[i].doubled) return true;
    }
    return false;
  }

 private:
  enum class State : std::uint8_t { start, plain, quoted, quote };

  bool more(std::size_t at) noexcept {
    at_ = at;
    return false;
  }
  bool whole(std::size_t end) noexcept {
    at_ = end;
    return true;
  }
  void damage(Damage damage) noexcept {
    if (damage_ == Damage::none) damaged_ = count_;
    damage_ = damage;
  }
  [[gnu::always_inline]] void add(std::size_t begin, std::size_t end) {
    if (count_ == fields_.size()) [[unlikely]] fields_.resize(count_ * 2 + 8);
    fields_[count_++] = {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end - begin), false,
                         false};
  }
  void add_quoted() {
    add(begin_, close_);
    fields_[count_ - 1].quoted = true;
    fields_[count_ - 1].doubled = doubled_;
  }

  std::size_t find_end(const char* text, std::size_t at, std::size_t n) const noexcept {
    while (at < n && text[at] != separator_ && text[at] != '\n') ++at;
    return at;
  }
  [[gnu::always_inline]] std::uint64_t ends_in(const char* text) const noexcept {
    return bytes_equal(text, separator_, '\n');
  }

  char separator_ = ',';
  char quote_ = '"';
  State state_ = State::start;
  Damage damage_ = Damage::none;
  bool doubled_ = false;
  bool any_quotes_ = false;
  std::size_t at_ = 0;
  std::size_t begin_ = 0;  // of the field
  std::size_t close_ = 0;  // the quote that may end it
  std::size_t damaged_ = 0;
  std::size_t count_ = 0;
  std::vector<Field> fields_;
};

/// `text` without the second one of doubled quotes, written to `into`, which may be `text`. Returns its size.
inline std::size_t undouble(std::string_view text, char quote, char* into) noexcept {
  std::size_t written = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    into[written++] = text[i];
    if (text[i] == quote) ++i;
  }
  return written;
}

inline std::string csv_damage(CsvSplitter::Damage damage, std::size_t field) {
  const std::string number = std::to_string(field + 1);
  return damage == CsvSplitter::Damage::unclosed ? "the quote of field " + number + " is not closed"
                                                 : "text follows the quotes of field " + number;
}

inline void check_csv_characters(const char* who, char separator, char quote) {
  if (separator == quote || separator == '\n' || separator == '\r' || quote == '\n' || quote == '\r') {
    bad_argument(std::string{who} + ": the separator and the quote must differ, and be no line end");
  }
}

}  // namespace detail

/// One record of a CSV file, split as RFC 4180 says: commas part fields, and a field in double quotes may
/// hold commas, line ends and, doubled, quotes. A line end behind it is left out; a quote inside a field that
/// does not begin with one stands for itself, as most programs have it.
///
///     lines.map([](std::string line) { return CsvRecord{std::move(line)}; })
///
/// Keeps the text and where the fields lie in it; a quoted field is unquoted in place, so that no field is
/// copied.
class CsvRecord {
 public:
  /// Throws CsvError for a quote that is not closed, or that something other than a separator follows, and
  /// for text behind the end of the record.
  explicit CsvRecord(std::string text, char separator = ',') : text_(std::move(text)) {
    detail::CsvSplitter splitter{separator, '"'};
    splitter.split(text_.data(), text_.size(), true);
    if (splitter.damage() != detail::CsvSplitter::Damage::none) {
      throw CsvError("csv: " + detail::csv_damage(splitter.damage(), splitter.damaged_field()));
    }
    if (splitter.end() != text_.size()) throw CsvError("csv: text follows the end of the record");
    fields_.reserve(splitter.count());
    for (std::size_t i = 0; i < splitter.count(); ++i) {
      const detail::CsvSplitter::Field& field = splitter.field(i);
      char* const begin = text_.data() + field.begin;
      const std::size_t size = field.doubled ? detail::undouble({begin, field.size}, '"', begin) : field.size;
      fields_.push_back({field.begin, size});
    }
  }

  std::size_t size() const noexcept { return fields_.size(); }
  std::string_view operator[](std::size_t i) const noexcept {
    return std::string_view{text_}.substr(fields_[i].begin, fields_[i].size);
  }
  /// Throws std::out_of_range.
  std::string_view at(std::size_t i) const {
    if (i >= size()) {
      throw std::out_of_range("csv: field " + std::to_string(i) + " of a record of " +
                              std::to_string(size()));
    }
    return (*this)[i];
  }

 private:
  struct Field {
    std::size_t begin;
    std::size_t size;
  };

  std::string text_;
  std::vector<Field> fields_;
};

/// Finds the records of a CSV file in text that comes in pieces of any size, cut anywhere.
///
///     CsvReader reader;
///     for (std::string_view piece : pieces) {
///       reader.feed(piece);
///       while (reader.next() == Found::record) use(reader[0], reader[1]);
///     }
///     reader.finish();  // there may be one more: a last record without a line end
///
/// Records end with LF or CRLF; a byte order mark at the start is left out, and so are empty lines unless the
/// format says otherwise. What `next` finds does not depend on how the text was cut.
///
/// A damaged record does no harm to others. One whose quote is never closed, or not within `max_record`, is
/// given up at the end of its first line; one with text behind closing quotes, where it ends.
class CsvReader : public detail::RecordBuffer {
 public:
  explicit CsvReader(CsvFormat format = {})
      : RecordBuffer(format.max_record), format_(format), splitter_(format.separator, format.quote) {
    detail::check_csv_characters("CsvReader", format.separator, format.quote);
  }

  /// What is fed next stands at byte `offset`, in line `line`.
  void move_to(std::uint64_t offset, std::uint64_t line) noexcept {
    RecordBuffer::move_to(offset, line);
    splitter_.reset();
  }

  /// The next record. Its fields are valid until the reader is called again.
  Found next() {
    if (skipping()) return skip_line();
    for (;;) {
      if (!begin_record()) return Found::nothing;
      // No more than the longest record, so that an open quote costs no look at all that follows it.
      const std::string_view text = rest().substr(0, max_record() + 3);
      if (text.empty()) return Found::nothing;
      const bool last = finished() && text.size() == rest().size();
      const bool complete = splitter_.split(text.data(), text.size(), last);
      if (!complete && text.size() <= max_record() + 2) return Found::nothing;
      const std::size_t end = complete ? splitter_.end() : text.size();
      std::string_view record = without_line_end(text.substr(0, end), complete);
      const bool too_long = !complete || record.size() > max_record();
      if (too_long || splitter_.damage() == detail::CsvSplitter::Damage::unclosed) {
        problem_ = too_long ? "the record is longer than " + std::to_string(max_record()) + " bytes"
                            : detail::csv_damage(splitter_.damage(), splitter_.damaged_field());
        problem_field_ = too_long ? 0 : splitter_.damaged_field() + 1;
        splitter_.reset();
        return give_up_line();
      }
      if (record.empty() && !format_.empty_lines) {
        splitter_.reset();
        take(end, 1);
        continue;
      }
      const std::string_view all = text.substr(0, end);
      std::size_t lines = !splitter_.any_quotes();
      for (std::size_t i = 0; splitter_.any_quotes() && i < all.size(); ++i) lines += all[i] == '\n';
      fields_ = text.data();
      text_ = record;
      count_ = splitter_.count();
      if (splitter_.any_doubled()) [[unlikely]] undouble();
      const bool damaged = splitter_.damage() != detail::CsvSplitter::Damage::none;
      if (damaged) {
        problem_ = detail::csv_damage(splitter_.damage(), splitter_.damaged_field());
        problem_field_ = splitter_.damaged_field() + 1;
      }
      splitter_.reset();
      take(end, lines);
      return damaged ? Found::damaged : Found::record;
    }
  }

  /// The fields of the record.
  std::size_t size() const noexcept { return count_; }
  std::string_view operator[](std::size_t i) const noexcept {
    const detail::CsvSplitter::Field& field = splitter_.field(i);
    return field.doubled ? std::string_view{unquoted_}.substr(field.begin, field.size)
                         : std::string_view{fields_ + field.begin, field.size};
  }
  /// Whether it stood in quotes.
  bool quoted(std::size_t i) const noexcept { return splitter_.field(i).quoted; }
  /// The number, from 1 on, of the damaged field; 0 when it is the whole record.
  std::size_t problem_field() const noexcept { return problem_field_; }

 private:
  void undouble() {
    unquoted_.clear();
    for (std::size_t i = 0; i < count_; ++i) {
      detail::CsvSplitter::Field& field = splitter_.field(i);
      if (!field.doubled) continue;
      const std::string_view text{fields_ + field.begin, field.size};
      const std::size_t begin = unquoted_.size();
      unquoted_.resize(begin + text.size());
      const std::size_t size = detail::undouble(text, format_.quote, unquoted_.data() + begin);
      unquoted_.resize(begin + size);
      field.begin = static_cast<std::uint32_t>(begin);
      field.size = static_cast<std::uint32_t>(size);
    }
  }

  CsvFormat format_;
  detail::CsvSplitter splitter_;
  const char* fields_ = nullptr;
  std::size_t count_ = 0;
  std::size_t problem_field_ = 0;
  std::string unquoted_;
};

/// Appends `text` as a field of a CSV file: in quotes where it needs them.
inline void append_csv_field(std::string& into, std::string_view text, char separator = ',',
                             char quote = '"') {
  const auto special = [=](char c) { return c == separator || c == quote || c == '\r' || c == '\n'; };
  if (!detail::any_of(text, special)) {
    into.append(text);
    return;
  }
  into += quote;
  for (const char c : text) into.append(c == quote ? 2 : 1, c);
  into += quote;
}

/// `text` as a field of a CSV file: in quotes where it needs them.
inline std::string csv_field(std::string_view text, char separator = ',') {
  std::string field;
  append_csv_field(field, text, separator);
  return field;
}

}  // namespace penstock
