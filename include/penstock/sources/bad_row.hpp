// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "penstock/core/error.hpp"

// Not an operator: what the sources that read files say of a place in them, and of rows that are damaged.

namespace penstock {

/// A row that could not be read.
struct BadRow {
  std::string file;
  std::uint64_t line = 0;  ///< the one it begins in, from 1 on
  std::string column;      ///< its name, or its number from 1 on; empty when the row as a whole is wrong
  std::string reason;      ///< `"abc" is not a number`
  std::string text;        ///< the row as it stands in the file

  friend bool operator==(const BadRow&, const BadRow&) = default;
};

/// What a row that cannot be read is where nobody takes the bad rows.
class BadRowError : public std::runtime_error {
 public:
  explicit BadRowError(BadRow row)
      : std::runtime_error(row.file + ":" + std::to_string(row.line) + ": " +
                           (row.column.empty() ? "" : "column " + row.column + ": ") + row.reason),
        row_(std::move(row)) {}
  const BadRow& row() const noexcept { return row_; }

 private:
  BadRow row_;
};

/// What happens to rows that cannot be read, when nobody asked for `bad_rows()`.
enum class BadRows : std::uint8_t {
  report,  ///< each is an error, a BadRowError, like those of what stands behind the source
  skip     ///< they are left out and counted as dropped
};

/// Where to go on: a byte that a row begins at, and the number of its line; in a set of files also the file.
/// As text it is `1234:56:events/march.csv`.
struct RowPosition {
  std::int64_t offset = 0;
  std::uint64_t line = 1;
  std::string file{};  ///< of a set of files; empty: before the first one, or of a single file

  friend bool operator==(const RowPosition&, const RowPosition&) = default;
  friend std::string to_string(const RowPosition& position) {
    return std::to_string(position.offset) + ":" + std::to_string(position.line) + ":" + position.file;
  }
  /// Reads what `to_string` wrote. Throws std::invalid_argument for anything else.
  static RowPosition parse(std::string_view text) {
    RowPosition position;
    const char* const end = text.data() + text.size();
    const auto [colon, error] = std::from_chars(text.data(), end, position.offset);
    if (error == std::errc{} && position.offset >= 0 && colon != end && *colon == ':') {
      const auto [second, wrong] = std::from_chars(colon + 1, end, position.line);
      if (wrong == std::errc{} && position.line > 0 && second != end && *second == ':') {
        position.file.assign(second + 1, end);
        return position;
      }
    }
    detail::bad_argument("RowPosition: \"" + std::string(text) + "\" is not a byte, a line and a file");
  }
};

}  // namespace penstock
