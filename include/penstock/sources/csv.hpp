// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Not an operator: records of comma-separated values, for map and the like.

namespace penstock {

/// A record that is not what RFC 4180 allows. Says why.
class CsvError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// One record of a CSV file, split as RFC 4180 says: commas part fields, and a field in double quotes may
/// hold commas, line ends and, doubled, quotes. A carriage return at the end is left out; a quote inside a
/// field that does not begin with one stands for itself, as most programs have it.
///
///     lines.map([](std::string line) { return CsvRecord{std::move(line)}; })
///
/// Keeps the text and where the fields lie in it; a quoted field is unquoted in place, so that no field is
/// copied.
class CsvRecord {
 public:
  /// Throws CsvError for a quote that is not closed, or that something other than a separator follows.
  explicit CsvRecord(std::string text, char separator = ',') : text_(std::move(text)) {
    if (text_.ends_with('\r')) text_.pop_back();
    std::size_t at = 0;
    while (at < text_.size() && text_[at] == '"' ? quoted(at, separator) : plain(at, separator)) {
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

  // Each takes the field that begins at `at` and the separator behind it, and says whether another field
  // follows.
  bool plain(std::size_t& at, char separator) {
    const std::size_t end = std::min(text_.find(separator, at), text_.size());
    fields_.push_back({at, end - at});
    at = end + 1;
    return end != text_.size();
  }
  bool quoted(std::size_t& at, char separator) {
    const std::size_t begin = at;
    std::size_t written = begin;
    for (++at;; ++at) {
      if (at == text_.size()) {
        throw CsvError("csv: the quote of field " + std::to_string(size() + 1) + " is not closed");
      }
      if (text_[at] == '"' && (++at == text_.size() || text_[at] != '"')) break;
      text_[written++] = text_[at];
    }
    fields_.push_back({begin, written - begin});
    if (at == text_.size()) return false;
    if (text_[at] != separator) {
      throw CsvError("csv: text follows the quotes of field " + std::to_string(size()));
    }
    ++at;
    return true;
  }

  std::string text_;
  std::vector<Field> fields_;
};

/// `text` as a field of a CSV file: in quotes where it needs them.
inline std::string csv_field(std::string_view text, char separator = ',') {
  const char special[] = {separator, '"', '\r', '\n'};
  if (text.find_first_of(std::string_view(special, sizeof special)) == std::string_view::npos) {
    return std::string(text);
  }
  std::string field = "\"";
  for (const char c : text) field.append(c == '"' ? 2 : 1, c);
  return field + '"';
}

}  // namespace penstock
