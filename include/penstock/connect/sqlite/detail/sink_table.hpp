// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "penstock/connect/sqlite/detail/database.hpp"
#include "penstock/connect/sqlite/detail/rows.hpp"
#include "penstock/core/loop.hpp"
#include "penstock/state/failpoint.hpp"

// A table of SQLite as the sinks have it: made when it is not there, looked at when it is.

namespace penstock::detail {

struct SqliteColumn {
  std::string name;
  std::string type;
  bool key = false;
};
template <csv_row T>
std::vector<SqliteColumn> sqlite_columns(const std::vector<std::size_t>& key) {
  std::vector<SqliteColumn> columns;
  each_column<T>([&](auto i) {
    columns.push_back({column_name<T>(i), sqlite_type<column_type<T, i>>(), false});
    return true;
  });
  for (const std::size_t i : key) columns[i].key = true;
  return columns;
}

inline std::vector<bool> sqlite_keys(const std::vector<SqliteColumn>& columns) {
  std::vector<bool> keys;
  for (const SqliteColumn& column : columns) keys.push_back(column.key);
  return keys;
}

/// What a column that is declared so holds, by SQLite's own rules.
inline std::string sqlite_affinity(std::string declared) {
  for (char& c : declared) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  const auto has = [&](const char* part) { return declared.find(part) != declared.npos; };
  if (has("INT")) return "INTEGER";
  if (has("CHAR") || has("CLOB") || has("TEXT")) return "TEXT";
  if (has("REAL") || has("FLOA") || has("DOUB")) return "REAL";
  return declared.empty() || has("BLOB") ? "BLOB" : "NUMERIC";
}

class SqliteSinkTable {
 public:
  SqliteSinkTable(const char* who, const std::string& file, std::string table, const std::vector<SqliteColumn>& columns,
                  const std::string& vfs, Duration busy)
      : name_(std::move(table)), db_(file, vfs, busy) {
    make(columns);
    const std::string has = told(found());
    if (has != told(columns)) {
      throw std::runtime_error(std::string{who} + ": the table '" + name_ + "' of the database '" + file + "' has the columns " + has +
                               " and not " + told(columns));
    }
    std::string names, places, changes, differs;
    std::string key;
    for (const SqliteColumn& column : columns) {
      const std::string q = quoted(column.name);
      add(names, ", ", q);
      add(places, ", ", "?");
      if (column.key) {
        add(key, ", ", q);
      } else {
        add(changes, ", ", q + " = excluded." + q);
        add(differs, " OR ", q + " IS NOT excluded." + q);
      }
    }
    std::string sql = "INSERT INTO " + quoted(name_) + " (" + names + ") VALUES (" + places + ")";
    if (!key.empty()) sql += " ON CONFLICT (" + key + ") DO ";
    if (!key.empty()) sql += changes.empty() ? "NOTHING" : "UPDATE SET " + changes + " WHERE " + differs;
    put_.emplace(db_.prepare(sql));
  }
  SqliteSinkTable(const SqliteSinkTable&) = delete;
  SqliteSinkTable& operator=(const SqliteSinkTable&) = delete;

  const std::string& name() const noexcept { return name_; }
  SqliteDatabase& db() noexcept { return db_; }
  bool empty() { return !db_.prepare("SELECT 1 FROM " + quoted(name_) + " LIMIT 1").step(); }

  /// The first `n` rows, and what `also` does, or nothing.
  template <class Fn>
  void write(const SqliteRows& rows, std::size_t n, Fn also) {
    PENSTOCK_FAILPOINT("sink.sqlite.begin");
    SqliteTransaction transaction{db_};
    for (std::size_t i = 0; i < n; ++i) {
      rows.bind(i, *put_);
      put_->step();
    }
    also();
    PENSTOCK_FAILPOINT("sink.sqlite.commit.before");
    transaction.commit();
    PENSTOCK_FAILPOINT("sink.sqlite.commit.after");
  }

 private:
  static void add(std::string& to, const char* between, const std::string& text) { to += (to.empty() ? "" : between) + text; }
  static std::string quoted(std::string_view name) {
    std::string text{"\""};
    for (const char c : name) text.append(c == '"' ? 2 : 1, c);
    return text + '"';
  }
  static std::string told(const std::vector<SqliteColumn>& columns) {
    std::string text;
    for (const SqliteColumn& column : columns) {
      add(text, ", ", column.name + " " + sqlite_affinity(column.type) + (column.key ? " KEY" : ""));
    }
    return '(' + text + ')';
  }

  void make(const std::vector<SqliteColumn>& columns) {
    std::string all, key;
    for (const SqliteColumn& column : columns) {
      add(all, ", ", quoted(column.name) + " " + column.type + (column.key ? " NOT NULL" : ""));
      if (column.key) add(key, ", ", quoted(column.name));
    }
    if (!key.empty()) all += ", PRIMARY KEY (" + key + ")";
    db_.run("CREATE TABLE IF NOT EXISTS " + quoted(name_) + " (" + all + ")");
  }
  std::vector<SqliteColumn> found() {
    std::vector<SqliteColumn> columns;
    SqliteStatement info = db_.prepare("SELECT name, type, pk FROM pragma_table_info(?) ORDER BY cid");
    info.bind(name_);
    while (info.step()) {
      columns.push_back({std::string{info.bytes(0)}, std::string{info.bytes(1)}, info.integer(2) != 0});
    }
    return columns;
  }

  std::string name_;
  SqliteDatabase db_;
  std::optional<SqliteStatement> put_;  // ends before its database
};

}  // namespace penstock::detail
