// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>
#include <system_error>

#include <sqlite3.h>

// Not an operator: errors of SQLite.

namespace penstock {
namespace detail {

class SqliteCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "sqlite"; }
  std::string message(int code) const override { return sqlite3_errstr(code); }
};

}  // namespace detail

/// Its values are SQLite's extended result codes, such as SQLITE_CONSTRAINT_UNIQUE.
inline const std::error_category& sqlite_category() noexcept {
  static const detail::SqliteCategory category;
  return category;
}

}  // namespace penstock
